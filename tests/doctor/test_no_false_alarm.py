"""Sound models of every kind pass all checks without a word."""

import pytest
import torch

from gapkit.doctor import examine, prepare
from gapkit.inputs.data import binarize, load
from gapkit.models.freeze import frozen
from gapkit.models.native import load_model
from gapkit.training import TrainConfig, train
from tests.fast import only
from tests.yardsticks import ppca

FAST = {"data": "digits", "hidden": (32,), "latent": 4, "epochs": 12, "learning_rate": 3e-3}
MODELS = {
    "bernoulli": {},
    "one epoch": {"epochs": 1},
    "fifty latents, most of them dead": {"latent": 50},
    "continuous bernoulli": {"likelihood": "continuous_bernoulli"},
    "gaussian": {"likelihood": "gaussian:sigma=0.3"},
    "gaussian with one trained scale": {"likelihood": "gaussian:scale=global"},
    "gaussian with a scale per pixel": {"likelihood": "gaussian:scale=pixel"},
    "discretised logistic": {"likelihood": "discretized_logistic:bins=17"},
    "full rank": {"posterior": "full_rank"},
    "flow": {"posterior": "flow"},
    "auxiliary": {"posterior": "auxiliary"},
    "iwae": {"objective": "iwae", "num_samples": 5},
    "convolutional": {"model": "conv", "hidden": (8, 16), "epochs": 2},
}


@pytest.mark.parametrize("name", only(MODELS, "bernoulli", "one epoch", "gaussian with one trained scale", "flow"))
def test_a_trained_reference_model_gives_no_findings(name, tmp_path):
    config = TrainConfig(**{**FAST, **MODELS[name]})
    path = train(config, out=tmp_path).path
    model, x = load_model(path), load("digits").x
    if config.likelihood == "bernoulli":
        x = binarize(x, "sample", 1)
    with frozen(model):
        assert examine(model, prepare(model, x)).findings == ()


@pytest.mark.parametrize("model", [ppca(), ppca("posterior"), ppca("scaled", 0.5), ppca(width=3.0), ppca(width=0.2)])
def test_exact_models_give_no_findings_however_bad_their_encoder_is(model):
    x = model.sample(60, 0)
    with frozen(model):
        assert examine(model, prepare(model, x)).findings == ()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_few_datapoints(count):
    model = ppca()
    x = model.sample(count, 0)
    assert examine(model, prepare(model, x)).findings == ()


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_models_in_units_of_their_own(scale):
    model = ppca(dtype=torch.float64)
    weight = scale * model.weight
    small = type(model)(weight, noise_variance=0.25 * scale**2)
    assert examine(small, prepare(small, small.sample(40, 0))).findings == ()
