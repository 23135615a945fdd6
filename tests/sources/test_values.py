"""Sources are plain values: they go through JSON and come back equal, and what was damaged on the way is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gapkit.core.errors import InputError
from gapkit.sources import DataSource, ModelSource, Source

MODEL = ModelSource(
    checkpoint="vae.pt",
    factory="net.py:build",
    model_args=("latent=50", "hidden=(200, 200)"),
    state_keys=("encoder=a", "decoder=b"),
    ignore_keys=("loss.*",),
    trust_pickle="3fa2c19b",
    allow_globals=("argparse.Namespace",),
    likelihood="gaussian:scale=global",
    likelihood_param="log_scale",
    encoder_output="mean_std",
    latent_shape="4,8,8",
    folder="/project",
    sha256="ab" * 32,
)
DATA = DataSource(
    source="x.npz",
    key="x",
    limit=7,
    scale="-1,1",
    label_column="none",
    splits=("train", "test"),
    binarize="sample",
    encode_from="original",
    seed=2**70,
    bank_data=100,
    counts=False,
    folder="/data",
    sha256={"train": "cd" * 32},
)
SOURCE = Source(model=MODEL, data=DATA, encoders={"refit": replace(MODEL, checkpoint="refit.pt")})


def test_all_of_a_source_comes_back_from_json():
    values = json.loads(json.dumps(SOURCE.to_dict()))
    assert Source.of(values) == SOURCE
    assert Source.of({"settings": {}, "source": values}) == SOURCE
    assert Source.of({"verdict": [], "run": {"source": values}}) == SOURCE
    assert hash(Source.of(values).data) == hash(DATA)
    assert "recorded" not in json.dumps(values)


def test_what_comes_from_a_file_is_marked_and_what_a_user_writes_is_not():
    read = Source.of(SOURCE.to_dict())
    assert [part.recorded for part in (read.model, read.data, *read.encoders.values())] == [True] * 3
    assert [part.recorded for part in (MODEL, DATA, MODEL.at("b.pt"), MODEL.of_encoder("b.pt"))] == [False] * 4
    assert read.model.at("b.pt").recorded  # the factory is still the file's


def test_paths_and_lists_become_plain():
    model = ModelSource(checkpoint=Path("vae.pt"), model_args=["a=1"], state_keys="ema", folder=Path("/project"))
    assert model == ModelSource(checkpoint="vae.pt", model_args=("a=1",), state_keys=("ema",), folder="/project")
    data = DataSource(source=Path("x.npz"), splits="train")
    assert json.loads(json.dumps(data.to_dict())) == DataSource(source="x.npz", splits=("train",)).to_dict()


def test_another_folder_is_said_for_all_parts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    moved = Source.of(SOURCE.to_dict(), folder=".")
    assert {part.folder for part in (moved.model, moved.data, *moved.encoders.values())} == {str(tmp_path)}


def test_the_working_directory_is_that_of_the_beginning(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    source = ModelSource(checkpoint="vae.pt")
    monkeypatch.chdir("other")
    assert source.folder == str(tmp_path)


def change(part, **values):
    return {**SOURCE.to_dict(), part: {**SOURCE.to_dict()[part], **values}}


BAD = {
    "a run of an older version": (
        {"checkpoint": {"name": "vae.pt"}, "model": "net.py:build"},
        "an older gapkit made it",
    ),
    "nothing": ({}, "no source in it"),
    "a list": ([], "no source in it"),
    "scores": ({"run": {"source": {"other": SOURCE.to_dict(), "reference": SOURCE.to_dict()}}}, "['source']['other']"),
    "a number for a factory": (change("model", factory=3), "factory is no text or null"),
    "a text for a list": (change("model", model_args="latent=50"), "model_args is no list of texts"),
    "a text for a flag": (change("model", trust_pickle="no"), "trust_pickle is no true or false"),
    "a zero byte": (change("model", checkpoint="vae\0.pt"), "checkpoint is no text"),
    "a negative seed": (change("data", seed=-1), "seed is no whole number"),
    "a flag for a number": (change("data", limit=True), "limit is no whole number or null"),
    "numbers for checksums": (change("data", sha256={"test": 3}), "sha256 is no texts by name"),
    "no folder": (change("model", folder=None), "no absolute folder"),
    "a relative folder": (change("data", folder="."), "no absolute folder"),
    "no data": ({**SOURCE.to_dict(), "data": None}, "in the place of a mapping"),
    "a list of encoders": ({**SOURCE.to_dict(), "encoders": []}, "in the place of encoders by name"),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_values_are_refused(name):
    values, expected = BAD[name]
    with pytest.raises(InputError) as refusal:
        Source.of(values)
    assert expected in str(refusal.value)


def test_a_file_that_is_none_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="no such file"):
            Source.of(path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match="no valid JSON"):
        Source.of(str(tmp_path))
