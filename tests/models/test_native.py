"""Saving and loading reference models: bit-equal, safe, atomic, and clear about what does not fit."""

import pytest
import torch
from torch import nn

from gapkit.core.errors import InputError
from gapkit.models.native import FORMAT, VERSION, load_model, read_payload, rebuild, save_model
from gapkit.models.pair import from_pair
from gapkit.models.reference import BUILDERS, build


def small(name="mlp_vae", **options):
    return build(name, x_shape=(1, 8, 8), latent=2, **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian:scale=global"])
@pytest.mark.parametrize("name", sorted(set(BUILDERS) - {"meta_vae"}))
def test_roundtrip_is_bit_equal(name, likelihood, dtype, tmp_path):
    model = small(name, likelihood=likelihood).to(dtype)
    assert save_model(model, tmp_path / "model.pt", extra={"epoch": 3}) == tmp_path / "model.pt"
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt"]
    before = torch.random.get_rng_state()
    loaded = load_model(tmp_path / "model.pt")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert (loaded.builder, loaded.config, loaded.training) == (name, model.config, False)
    assert read_payload(tmp_path / "model.pt")["extra"] == {"epoch": 3}
    ours, theirs = model.state_dict(), loaded.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) and theirs[key].dtype == dtype for key in ours)
    x = torch.rand(3, 1, 8, 8, dtype=dtype)
    assert torch.equal(model.encode(x).mean, loaded.encode(x).mean)


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = save_model(small(), tmp_path / "model.pt")
    old = path.read_bytes()
    with pytest.raises(InputError, match="extra cannot be read back safely"):
        save_model(small(), path, extra={"object": nn.Linear(1, 1)})
    with pytest.raises(InputError, match="extra cannot be read back safely"):
        save_model(small(), path, extra={"function": lambda: None})
    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt"]


def test_what_cannot_be_saved_is_refused(tmp_path):
    pair = from_pair(nn.Linear(6, 4), nn.Linear(2, 6), encoder_output="chunk_logvar")
    with pytest.raises(InputError, match="not a reference model"):
        save_model(pair, tmp_path / "model.pt")
    with pytest.raises(InputError, match="folder that exists"):
        save_model(small(), tmp_path / "absent" / "model.pt")


def test_files_that_are_no_models_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_model(tmp_path / "absent.pt")
    (tmp_path / "text.pt").write_text("not a model")
    with pytest.raises(InputError, match="not a checkpoint"):
        load_model(tmp_path / "text.pt")
    (tmp_path / "empty.pt").touch()
    with pytest.raises(InputError, match="empty"):
        load_model(tmp_path / "empty.pt")
    torch.save(nn.Linear(1, 1), tmp_path / "pickle.pt")
    with pytest.raises(InputError, match="would run code"):
        load_model(tmp_path / "pickle.pt")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(InputError, match=r"not a model written by gapkit[\s\S]*--model"):
        load_model(tmp_path / "weights.pt")
    save_model(small(), tmp_path / "whole.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:1000])
    with pytest.raises(InputError, match="truncated"):
        load_model(tmp_path / "cut.pt")


def payload(**changes):
    model = small(hidden=(3,))
    whole = {
        "format": FORMAT,
        "version": VERSION,
        "builder": model.builder,
        "config": model.config,
        "state_dict": model.state_dict(),
    }
    return {**whole, **changes}


def test_rebuild_names_what_does_not_fit():
    state = payload()["state_dict"]
    cases = [
        ({"format": "other"}, "format 'other'"),
        ({"version": 2}, "file version 2, this gapkit reads 1"),
        ({"builder": "glow"}, "choose from conv_vae"),
        ({"config": None}, "no dictionary"),
        ({"config": {**payload()["config"], "depth": 3}}, "depth"),
        ({"config": {**payload()["config"], "hidden": [5]}}, "sizes that differ, encoder.net.0.weight: "),
        (
            {"state_dict": {k: v for k, v in state.items() if k != "encoder.net.0.bias"}},
            "missing weights encoder.net.0",
        ),
        ({"state_dict": {**state, "extra.weight": torch.zeros(1)}}, "unexpected weights extra.weight"),
    ]
    for changes, message in cases:
        with pytest.raises(InputError, match=message):
            rebuild(payload(**changes))
    with pytest.raises(InputError, match="no config, state_dict"):
        rebuild({"format": FORMAT, "version": VERSION, "builder": "mlp_vae"})
