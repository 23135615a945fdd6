"""Units on workers of the real Ray: the numbers of one process, whatever happens to the workers."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
import torch

import gapkit
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.engine import Disk, Ray
from tests.engine.executors import Ordered
from tests.engine.five_units import SPEC, made

ray = pytest.importorskip("ray")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::FutureWarning:ray", "ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def cluster():
    """Ray with four workers' room, for all tests of this file."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def problem(cluster):
    """A model, data of five units, and what one process gives."""
    model, x = made()
    return model, x, gapkit.analyze(model, x, SPEC)


class Shuffled(Ray):
    """Hands the units out in another order."""

    def map(self, work, units, tell, store):
        return super().map(work, units[::-1], tell, store)


class Deadly(gapkit.Estimator):
    """Kills its process at a datapoint: once, if it is given a file to remember that, or always."""

    def __init__(self, x, memory=None):
        self.x, self.memory = x, memory

    def on(self, target, q, key):
        if (target.x == self.x).all(-1).any() and not (self.memory and self.memory.exists()):
            if self.memory:
                self.memory.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        value = torch.zeros(target.num_datapoints, dtype=torch.float64)
        return gapkit.Estimate(value, value, gapkit.Bound.LOWER)


def test_four_workers_give_what_one_process_gives(problem, tmp_path):
    model, x, plain = problem
    told = []
    result = gapkit.analyze(model, x, SPEC, executor=Shuffled(4), store=Disk(tmp_path), progress=told.append)
    pd.testing.assert_frame_equal(result.to_frame(), plain.to_frame(), check_exact=True)
    assert result.summary_values == plain.summary_values
    assert result.run["decoder_evaluations"] == plain.run["decoder_evaluations"]
    assert told[-1].done == told[-1].total
    backwards = gapkit.analyze(model, x, SPEC, executor=Ordered(lambda units: units[::-1]))
    pd.testing.assert_frame_equal(backwards.to_frame(), plain.to_frame(), check_exact=True)
    again = gapkit.analyze(model, x, SPEC, store=Disk(tmp_path))
    assert "fits" not in again.run["seconds"]


def test_a_worker_that_dies_is_replaced_and_its_unit_run_again(problem, tmp_path):
    model, x, plain = problem
    bounds = {"deadly": Deadly(x[11], tmp_path / "killed")}
    result = gapkit.analyze(model, x, SPEC, executor=Ray(2), bounds=bounds)
    assert (tmp_path / "killed").exists()
    frame = result.to_frame()
    for name in plain.to_frame():
        assert frame[name].equals(plain.to_frame()[name]), name


def test_a_unit_whose_workers_die_each_time_is_given_up_and_the_others_stand(problem):
    model, x, plain = problem
    index = next(i for i in range(8, 16) if not (x[:8] == x[i]).all(-1).any() and not (x[16:] == x[i]).all(-1).any())
    with pytest.warns(GapkitWarning, match=r"no numbers for datapoints 8 to 15 of test: the worker died 3 times"):
        result = gapkit.analyze(model, x, SPEC, executor=Ray(2), bounds={"deadly": Deadly(x[index])})
    frame, whole = result.to_frame(), plain.to_frame()
    failed = frame["status"] == "failed"
    assert frame.loc[failed, "index"].tolist() == list(range(8, 16))
    assert frame.loc[~failed, "log_px"].tolist() == whole.loc[~failed, "log_px"].tolist()


@pytest.mark.filterwarnings(  # an untrained model fits no data
    "ignore:a model that fits:gapkit.GapkitWarning", "ignore:data on the scale:gapkit.GapkitWarning"
)
def test_code_of_the_users_own_is_sent_along(problem, tmp_path):
    """Its file is on no path of the workers."""
    from gapkit.inputs.usercode import load_factory

    text = (
        "from torch.distributions import Independent, Normal\nimport torch\nfrom torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.enc, self.dec = nn.Linear(6, 2), nn.Linear(2, 6)\n"
        "    def encode(self, x):\n"
        "        return Independent(Normal(self.enc(x), 1.0), 1)\n"
        "    def decode(self, z):\n"
        "        return Independent(Normal(self.dec(z), 1.0), 1)\n"
        "    def prior(self):\n"
        "        return Independent(Normal(torch.zeros(2), 1.0), 1)\n"
    )
    (tmp_path / "mine.py").write_text(text)
    torch.manual_seed(0)
    model = load_factory(f"{tmp_path / 'mine.py'}:Net")
    _, x, _ = problem
    spec = replace(SPEC, families=())
    result = gapkit.analyze(model, x, spec, executor=Ray(2))
    plain = gapkit.analyze(model, x, spec)
    pd.testing.assert_frame_equal(result.to_frame(), plain.to_frame(), check_exact=True)


def test_what_ray_cannot_do_is_refused():
    with pytest.raises(InputError, match="0 workers"):
        Ray(0)
    with pytest.raises(InputError, match="less than none"):
        Ray(1, gpus_per_worker=-1)


def test_a_driver_that_is_killed_is_continued(tmp_path):
    """With Ray of its own, which ends with it; the second one finds what the workers of the first have kept."""
    code = (
        "import os, signal, sys, torch, gapkit\n"
        "from pathlib import Path\n"
        "from gapkit.engine import Disk, Ray\n"
        "from tests.engine.five_units import SPEC, made\n"
        "torch.set_num_threads(1)\n"
        "model, x = made()\n"
        "folder, dies = Path(sys.argv[1]), sys.argv[2] == 'dies'\n"
        "def progress(step):\n"
        "    if dies and step.done > 8:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "result = gapkit.analyze(model, x, SPEC, executor=Ray(2), store=Disk(folder / 'units'), progress=progress)\n"
        "result.save(folder / 'result')\n"
        "print(sorted(result.run['seconds']))\n"
    )

    def run(word):
        words = [sys.executable, "-c", code, str(tmp_path), word]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    assert run("dies").returncode == -signal.SIGKILL
    kept = len(list((tmp_path / "units").rglob("rows-*.safetensors")))
    assert 1 <= kept < 5
    done = run("lives")
    assert done.returncode == 0, done.stderr
    model, x = made()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    plain = gapkit.analyze(model, x, SPEC)
    torch.set_num_threads(threads)
    result = gapkit.Result.load(tmp_path / "result")
    pd.testing.assert_frame_equal(result.to_frame(), plain.to_frame(), check_exact=True)
