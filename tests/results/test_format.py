"""Files say which version of their form they have: older ones are read, newer ones refused in words."""

import json

import pyarrow.parquet as pq
import pytest
import torch

import gapkit
from gapkit import InputError
from gapkit.models.reference import build
from gapkit.results import Result
from gapkit.results.format import FORMAT, NOTE


@pytest.fixture(scope="module")
def built():
    torch.manual_seed(0)
    return gapkit.analyze(build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)), torch.ones(5, 6), effort="quick")


@pytest.fixture
def folder(built, tmp_path):
    return built.save(tmp_path / "run")


def test_every_file_has_the_version_and_no_result_does(folder, built):
    for name in ("summary.json", "run.json"):
        assert json.loads((folder / name).read_text())["format"] == FORMAT
    assert pq.read_schema(folder / "datapoints.parquet").metadata[NOTE.encode()] == str(FORMAT).encode()
    again = Result.load(folder)
    assert "format" not in again.summary_values.to_dict()
    assert "format" not in again.run
    assert again.datapoints.equals(built.datapoints)


def test_files_without_a_version_are_read(folder, built):
    for name in ("summary.json", "run.json"):
        values = json.loads((folder / name).read_text())
        del values["format"]
        (folder / name).write_text(json.dumps(values))
    built.datapoints.to_parquet(folder / "datapoints.parquet", index=False)
    assert Result.load(folder).datapoints.equals(built.datapoints)


@pytest.mark.parametrize("name", ["summary.json", "run.json", "datapoints.parquet"])
def test_a_later_version_is_refused_in_words(folder, name):
    stamp(folder / name, FORMAT + 1)
    with pytest.raises(InputError, match=rf"{name}(.|\n)*version {FORMAT + 1}.*up to version {FORMAT}") as refused:
        Result.load(folder)
    assert "newer" in refused.value.do


@pytest.mark.parametrize("version", ["two", -1, 1.5, True, None])
def test_a_version_that_is_no_number_is_a_damaged_file(folder, version):
    stamp(folder / "summary.json", version)
    with pytest.raises(InputError, match="damaged"):
        Result.load(folder)


def stamp(path, version):
    if path.suffix == ".json":
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": version}))
    else:
        table = pq.read_table(path)
        notes = {**table.schema.metadata, NOTE.encode(): str(version).encode()}
        pq.write_table(table.replace_schema_metadata(notes), path)
