"""The doubly amortized VAE as a reference model: contract, configuration, file."""

import json

import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.models.conditions import users_of_condition
from gapkit.models.heads import HEADS
from gapkit.models.likelihoods import check_support
from gapkit.models.meta_vae import of_each_dataset
from gapkit.models.native import load_model, rebuild, save_model
from gapkit.models.reference import build
from tests.fast import only

SMALL = {"num_datasets": 3, "latent": 3, "hidden": (8,), "summary": 5, "set_hidden": (7,)}
DATASET = torch.tensor([0, 2, 2, 1])


def condition(x_shape, dtype=torch.float32):
    return {"dataset": DATASET, "support": torch.rand(4, 6, *x_shape, dtype=dtype)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "likelihood",
    only(
        ["bernoulli", "categorical:num_classes=3", "gaussian:scale=global", "gaussian:scale=pixel"],
        "gaussian:scale=pixel",
    ),
)
def test_contract(likelihood, dtype):
    torch.manual_seed(0)
    model = build("meta_vae", x_shape=(1, 4, 5), likelihood=likelihood, **SMALL).to(dtype)
    c = condition((1, 4, 5), dtype)
    assert users_of_condition(model) == ("encode", "decode")
    x = model.decode(model.prior().sample((4,)), c).sample()
    q = model.encode(x.to(dtype), c)
    z = q.rsample()
    p = model.decode(z, c)
    assert ((q.batch_shape, q.event_shape), (p.batch_shape, p.event_shape)) == (((4,), (3,)), ((4,), (1, 4, 5)))
    check_support(p, x)
    value = p.log_prob(x) + model.prior().log_prob(z) - q.log_prob(z)
    assert (value.shape, value.dtype) == ((4,), dtype)
    value.sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())
    row = {"dataset": DATASET[1:2], "support": c["support"][1:2]}
    torch.testing.assert_close(model.decode(z[1:2], row).log_prob(x[1:2]), p.log_prob(x)[1:2])


@pytest.mark.parametrize("posterior", HEADS)
def test_a_file_gives_the_same_model_again(posterior, tmp_path):
    torch.manual_seed(0)
    model = build(
        "meta_vae", x_shape=(4,), posterior=posterior, pooling="attention", with_size=True, per_dataset=True, **SMALL
    )
    twin = load_model(save_model(model, tmp_path / "model.pt"))
    assert json.loads(json.dumps(model.config)) == twin.config
    x, c = torch.rand(4, 4), condition((4,))
    for ours, theirs in ((model, twin), (of_each_dataset(model), of_each_dataset(twin))):
        torch.manual_seed(1)
        one = ours.encode(x, c).rsample()
        torch.manual_seed(1)
        assert torch.equal(one, theirs.encode(x, c).rsample())


def test_a_configuration_larger_than_its_weights_is_refused():
    model = build("meta_vae", x_shape=(4,), **SMALL)
    payload = {"format": "gapkit-model", "version": 1, "builder": "meta_vae", "state_dict": model.state_dict()}
    with pytest.raises(InputError, match="another configuration"):
        rebuild({**payload, "config": {**model.config, "num_datasets": 10**9}})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_datasets": 0}, "positive whole numbers"),
        ({"summary": 2.5}, "positive whole numbers"),
        ({"pooling": "max"}, "attention or mean"),
        ({"activation": "none"}, "no such activation"),
        ({"latents": 3}, "no such argument"),
    ],
)
def test_bad_configurations_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        build("meta_vae", x_shape=(4,), **{**SMALL, **changes})


def test_without_encoders_of_single_data_sets_there_is_none():
    with pytest.raises(InputError, match="fit_each_dataset"):
        of_each_dataset(build("meta_vae", x_shape=(4,), **SMALL))
