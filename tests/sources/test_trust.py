"""A run.json of somebody else never runs code by itself, whichever of its entries names it."""

import sys

import numpy as np
import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.models import save_model
from gapkit.models.reference import build
from gapkit.sources import DataSource, ModelSource, Source

CODE = """
from pathlib import Path
import numpy as np
Path("canary").touch()
def build():
    from gapkit.models.reference import build
    return build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
def make():
    return np.eye(4, dtype=np.float32)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "evil", raising=False)
    (tmp_path / "evil.py").write_text(CODE)
    model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
    save_model(model, tmp_path / "vae.pt")
    save_model(model, tmp_path / "trained.pt", extra={"data": "evil.py:make"})
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    torch.save(model, tmp_path / "whole.pt")
    np.save(tmp_path / "x.npy", np.eye(4, dtype=np.float32))
    return tmp_path


PLAIN = ModelSource(checkpoint="vae.pt")
DATA = DataSource(source="x.npy")
CASES = {
    "factory": (ModelSource(checkpoint="weights.pt", factory="evil.py:build"), DATA, {}, "the factory evil.py:build"),
    "module": (ModelSource(checkpoint="weights.pt", factory="evil:build"), DATA, {}, "the factory evil:build"),
    "pickle": (ModelSource(checkpoint="whole.pt", trust_pickle=True), DATA, {}, "the pickle"),
    "data function": (PLAIN, DataSource(source="evil.py:make"), {}, "the data function evil.py:make"),
    "data module": (PLAIN, DataSource(source="evil:make"), {}, "the data function evil:make"),
    "data that the checkpoint names": (ModelSource(checkpoint="trained.pt"), DataSource(), {}, "evil.py:make"),
    "encoder": (PLAIN, DATA, {"new": ModelSource(checkpoint="weights.pt", factory="evil.py:build")}, "evil.py:build"),
}


@pytest.mark.parametrize("name", CASES)
def test_recorded_code_runs_only_with_trust(name, here, monkeypatch):
    model, data, encoders, named = CASES[name]
    (here / "elsewhere").mkdir()
    recorded = Source(model=model, data=data, encoders=encoders).to_dict()
    for folder, working in ((here, here), (here, here / "elsewhere")):
        monkeypatch.chdir(working)
        source = Source.of(recorded, folder=folder)
        with pytest.raises(InputError, match=r"name it yourself \(--data, --model\) or pass trust=True") as refusal:
            source.open()
        assert named in str(refusal.value)
        assert "nothing was executed" in str(refusal.value)
        assert not list(here.rglob("canary"))
    assert source.open(trust=True).data.x["test"].shape == (4, 4)
    assert (here / "canary").exists() == (name != "pickle")  # in its own folder, to which the code belongs
    assert not (here / "elsewhere" / "canary").exists()


def test_a_file_here_does_not_make_a_function_there_one(here, monkeypatch):
    """What is loaded is looked at, not what the working directory has under the same name."""
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "evil.py:make").touch()
    recorded = Source(model=PLAIN, data=DataSource(source="evil.py:make")).to_dict()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(InputError, match="pass trust=True"):
        Source.of(recorded, folder=here).open()
    assert not list(here.rglob("canary"))


def test_what_the_user_writes_needs_no_further_word(here):
    source = Source(
        model=ModelSource(checkpoint="weights.pt", factory="evil.py:build"), data=DataSource(source="evil.py:make")
    )
    assert source.open().data.x["test"].shape == (4, 4)


def test_a_folder_that_is_gone_is_told(here):
    recorded = Source(model=ModelSource(checkpoint=str(here / "weights.pt"), factory="evil:build")).to_dict()
    recorded["model"]["folder"] = str(here / "gone")
    with pytest.raises(InputError, match="folder="):
        Source.of(recorded).open(trust=True)


def test_a_module_that_another_folder_has_too_is_that_of_the_run(here, monkeypatch):
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "evil.py").write_text("def make():\n    raise AssertionError\n")
    recorded = Source(model=PLAIN, data=DataSource(source="evil:make")).to_dict()
    monkeypatch.chdir(here / "elsewhere")
    monkeypatch.syspath_prepend(here / "elsewhere")
    __import__("evil")
    assert Source.of(recorded, folder=here).open(trust=True).data.x["test"].shape == (4, 4)


def test_what_a_checkpoint_names_is_not_run_either(here):
    source = Source(model=ModelSource(checkpoint="trained.pt"), data=DataSource())
    with pytest.raises(InputError, match=r"evil\.py:make") as refusal:
        source.open()
    assert "name it yourself (--data" in refusal.value.do
    assert not (here / "canary").exists()
    named = Source(model=ModelSource(checkpoint="trained.pt"), data=DataSource(source="evil.py:make"))
    assert named.open().data.x["test"].shape == (4, 4)
