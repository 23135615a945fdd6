"""An analysis in shares, as an array of a cluster runs it, and one result of all of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from gapkit.core.errors import InputError
from gapkit.engine import Shard

RUN = ("--data", "x.npz", "--effort", "quick", "--format", "none", "--threads", "1")


def read(folder):
    return pd.read_parquet(folder / "datapoints.parquet"), json.loads((folder / "summary.json").read_text())


@pytest.mark.slow
def test_shards_make_the_same_result_in_any_order_and_place(gapkit, three_units, tmp_path):
    assert gapkit("analyze", three_units, *RUN, "--out", "whole")[0] == 0
    table, numbers = read(tmp_path / "whole")
    for number in (2, 0):
        code, out, _ = gapkit("analyze", three_units, *RUN, "--out", "run", "--shard", f"{number}/3")
        assert code == 0
        assert "gapkit merge run" in out
    code, _, err = gapkit("merge", "run")
    assert code == 2
    assert "shard 1/3 is missing" in err
    assert gapkit("analyze", three_units, *RUN, "--out", "elsewhere", "--shard", "1/3")[0] == 0
    code, out, err = gapkit("merge", "run", "elsewhere", "--format", "html", "--out", "all")
    assert code == 0, err
    assert out.strip().endswith("report: all/report.html")
    again, same = read(tmp_path / "all")
    assert again.equals(table)
    assert same == numbers
    run = json.loads((tmp_path / "all" / "run.json").read_text())
    assert {"bounds", "fits", "evidence", "route"}.isdisjoint(run["seconds"])
    assert gapkit("merge", "run", "--complete", "--format", "none")[0] == 0
    assert read(tmp_path / "run")[0].equals(table)


def test_shards_of_different_runs_are_not_merged(gapkit, three_units):
    assert gapkit("analyze", three_units, *RUN, "--out", "run", "--shard", "0/2")[0] == 0
    assert gapkit("analyze", three_units, *RUN, "--seed", "5", "--out", "other", "--shard", "1/2")[0] == 0
    code, _, err = gapkit("merge", "run", "other")
    assert code == 2
    assert "shards of different runs: seed 5 (it was 0)" in err
    code, _, err = gapkit("merge", "nowhere")
    assert code == 2
    assert "none there" in err


def test_a_shard_without_units_says_so_and_merges(gapkit, three_units, tmp_path):
    for number in (0, 1):
        code, out, _ = gapkit("analyze", three_units, *RUN, "--limit", "5", "--out", "run", "--shard", f"{number}/2")
        assert code == 0
        assert ("fewer units than shards" in out) == (number == 1)
    assert gapkit("merge", "run", "--format", "none")[0] == 0
    assert len(read(tmp_path / "run")[0]) == 5


def test_a_shard_that_was_run_in_two_places_is_taken_from_both(gapkit, three_units, tmp_path):
    """What one of them lacks, the other has; a damaged file in a folder that is not this run's stays there."""
    for place in ("one", "two"):
        assert gapkit("analyze", three_units, *RUN, "--limit", "210", "--out", place, "--shard", "0/1")[0] == 0
    kept = {place: sorted((tmp_path / place).rglob("*.safetensors")) for place in ("one", "two")}
    for path in kept["two"][:5]:
        path.unlink()
    torn = next(path for path in kept["one"] if path.name.startswith("rows-"))
    torn.write_bytes(torn.read_bytes()[:-10])
    code, _, err = gapkit("merge", "one", "two", "--format", "none", "--out", "all")
    assert code == 0, err
    assert torn.exists()
    assert "was damaged" in err
    run = json.loads((tmp_path / "all" / "run.json").read_text())
    assert {"fits", "evidence"}.isdisjoint(run["seconds"])


@pytest.mark.slow
def test_the_script_for_a_cluster(gapkit, three_units, tmp_path):
    """As SLURM would run it, with its variables; one job twice, as after it was stopped."""
    script = Path(__file__).parents[2] / "docs" / "submit.sh"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    array = {"SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_CPUS_PER_TASK": "1", "PATH": path}
    for number in ("1", "0", "1"):
        words = ["bash", script, three_units, "run", "--data", "x.npz", "--effort", "quick"]
        environment = {**os.environ, **array, "SLURM_ARRAY_TASK_ID": number}
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert f"shard {number} of 2" in done.stdout
    assert gapkit("merge", "run", "--format", "none")[0] == 0
    assert gapkit("analyze", three_units, *RUN, "--out", "whole")[0] == 0
    assert read(tmp_path / "run")[0].equals(read(tmp_path / "whole")[0])


TOLD = {
    "slurm array": ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1"}, (2, 4)),
    "slurm steps": ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, (1, 2)),
    "torchrun": ({"RANK": "0", "WORLD_SIZE": "8", "LOCAL_RANK": "0"}, (0, 8)),
}


@pytest.mark.parametrize("cluster", TOLD)
def test_a_cluster_tells_which_shard(cluster):
    environment, (number, of) = TOLD[cluster]
    assert Shard.read("auto", environment) == Shard(number, of)


@pytest.mark.parametrize(
    ("word", "environment"),
    [
        ("auto", {}),
        ("auto", {"RANK": "many", "WORLD_SIZE": "2"}),
        ("auto", {"RANK": "2", "WORLD_SIZE": "2"}),
        ("3/3", {}),
        ("1", {}),
        ("1/0", {}),
        ("-1/2", {}),
    ],
)
def test_no_shard(word, environment):
    with pytest.raises(InputError):
        Shard.read(word, environment)


def test_a_cluster_runs_its_shard(gapkit, three_units, monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("SLURM") or name in ("RANK", "WORLD_SIZE")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    assert gapkit("analyze", three_units, *RUN, "--out", "run", "--shard", "auto", "--limit", "10")[0] == 0
    done = json.loads((tmp_path / "run" / "shard-1-of-2" / "done.json").read_text())
    assert done == {"units": 0, "datapoints": 0, "failed": []}
