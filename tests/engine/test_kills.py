"""Thirty kills at random moments, and ten files that were torn or changed: the table in the end is always the same."""

import multiprocessing
import random
import time

import pytest
import torch

import gapkit
from gapkit.engine import Disk, spec_for
from gapkit.models.reference import build

SPEC = spec_for("quick", unit_size=8, details=2, families=("mean_field", "low_rank"), semi_amortized=8)
KILLS, DAMAGES = 30, 10


def analyze(folder):
    torch.set_num_threads(1)
    torch.manual_seed(3)
    model = build("mlp_vae", x_shape=(6,), latent=3, hidden=(8,))
    x = (torch.rand(60, 6, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    return gapkit.analyze(model, x, SPEC, store=Disk(folder))


def in_a_process(folder, marker):
    marker.touch()
    analyze(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Never interrupted; how long it took."""
    threads = torch.get_num_threads()
    began = time.monotonic()
    result = analyze(tmp_path_factory.mktemp("whole"))
    took = time.monotonic() - began
    yield result, took
    torch.set_num_threads(threads)


def assert_same(result, whole):
    assert result.to_frame().equals(whole.to_frame())
    assert result.summary_values == whole.summary_values
    assert result.run["decoder_evaluations"] == whole.run["decoder_evaluations"]


@pytest.mark.slow
def test_killed_thirty_times(whole, tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gapkit.engine"])
    generator, kept = random.Random(0), []
    for number in range(KILLS):
        folder, marker = tmp_path / f"run{number // 5}", tmp_path / f"began{number}"
        process = context.Process(target=in_a_process, args=(folder, marker))
        process.start()
        while not marker.exists():  # of starting Python nothing is learned
            time.sleep(0.01)
        time.sleep(generator.uniform(0.05, 0.4) * whole[1])
        process.kill()
        process.join()
        kept.append(len(list(folder.rglob("*.safetensors"))))
        if number % 5 == 4:
            assert_same(analyze(folder), whole[0])
    assert len(set(kept)) > 5  # they were killed at different moments


@pytest.mark.slow
def test_ten_files_torn_or_changed(whole, tmp_path):
    analyze(tmp_path)
    generator = random.Random(1)
    for number in range(DAMAGES):
        files = sorted(tmp_path.rglob("*.safetensors"))
        for rows in tmp_path.rglob("rows-*.safetensors"):
            rows.unlink()  # with the rows of a unit at hand, nobody would read the rest
        path = generator.choice([file for file in files if file.exists()])
        content = bytearray(path.read_bytes())
        if number % 2:
            content = content[: generator.randrange(len(content))]
        else:
            content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        path.write_bytes(content)
        result = analyze(tmp_path)
        assert_same(result, whole[0])
        assert not path.exists()  # what was made again has another checksum, for it took other seconds
