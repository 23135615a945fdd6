"""Amortized inference regularisation: noise for the encoder alone, and bounded weights."""

import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.models import load_model
from gapkit.models.pair import from_pair
from gapkit.models.reference import build
from gapkit.training import TrainConfig, elbo, iwae, train

X = torch.bernoulli(torch.full((60, 6), 0.5), generator=torch.Generator().manual_seed(0))
SHORT = {"hidden": (5,), "latent": 2, "epochs": 3, "batch_size": 20, "binarize": "none"}


@pytest.mark.parametrize("objective", [elbo, iwae])
def test_the_likelihood_is_that_of_the_clean_datapoint(objective):
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(5,))
    torch.manual_seed(1)
    plain = objective(model, X, 3)
    torch.manual_seed(1)
    assert torch.equal(objective(model, X, 3, encoder_x=X), plain)
    torch.manual_seed(1)
    assert not torch.equal(objective(model, X, 3, encoder_x=X + 1), plain)


def weights_of(path, config):
    return load_model(train(TrainConfig(**config), X, path).path).state_dict()


def test_none_is_as_before_and_noise_is_not(tmp_path):
    usual = weights_of(tmp_path / "a", SHORT)
    none = weights_of(tmp_path / "b", {**SHORT, "encoder_noise": 0.0, "weight_norm_bound": 0.0})
    noisy = weights_of(tmp_path / "c", {**SHORT, "encoder_noise": 0.3})
    assert all(torch.equal(usual[name], none[name]) for name in usual)
    assert not torch.equal(usual["encoder.net.0.weight"], noisy["encoder.net.0.weight"])


@pytest.mark.parametrize(("model", "x"), [("mlp", X), ("conv", X.reshape(60, 1, 2, 3))])
def test_units_of_the_encoder_and_no_others_are_bounded(tmp_path, model, x):
    config = TrainConfig(**{**SHORT, "model": model, "weight_norm_bound": 0.2, "learning_rate": 0.01})
    found = load_model(train(config, x, tmp_path).path).state_dict()
    norms = {name: value.flatten(1).norm(dim=1).max() for name, value in found.items() if name.endswith("weight")}
    assert all(norm <= 0.2 * (1 + 1e-6) for name, norm in norms.items() if name.startswith("encoder"))
    assert any(norm > 0.2 for name, norm in norms.items() if name.startswith("decoder"))


def test_with_noise_the_best_encoder_is_the_average_over_where_it_came_from():
    """p(z) = N(0, 1), x = z + e, so that the posterior is N(x / 2, 1 / 2).

    The natural parameters of the best encoder of y = x + noise are those of the posteriors, averaged over x given y:
    its mean is E[x|y] / 2, and its variance 1 / 2 as before.
    """
    torch.manual_seed(0)
    noise, count = 1.5, 200_000
    shrink = 2 / (2 + noise**2)  # E[x|y] = shrink y, as x has the variance 2
    x = 2**0.5 * torch.randn(count, 1)
    noisy = x + noise * torch.randn_like(x)
    slope, log_var = torch.tensor(shrink / 2, requires_grad=True), torch.tensor(0.5).log().requires_grad_()
    head = "mean_logvar"
    model = from_pair(
        lambda y: (slope * y, log_var + 0 * y), lambda z: z, "gaussian:sigma=1", encoder_output=head, latent_shape=(1,)
    )
    bounds = elbo(model, x, encoder_x=noisy).reshape(50, -1).mean(1)
    slopes = torch.stack(
        [torch.stack(torch.autograd.grad(part, (slope, log_var), retain_graph=True)) for part in bounds]
    )
    assert (slopes.mean(0).abs() < 4 * slopes.std(0) / 50**0.5).all()
    clean = elbo(model, x, encoder_x=x).mean()  # without noise a steeper one is better
    assert torch.autograd.grad(clean, slope)[0] > 0.1


@pytest.mark.parametrize("name", ["encoder_noise", "weight_norm_bound"])
def test_less_than_nothing_is_refused(name):
    with pytest.raises(InputError, match="use 0 for none, or a positive number"):
        TrainConfig(**{name: -1.0})
