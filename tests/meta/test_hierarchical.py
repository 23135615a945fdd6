"""Neural Statistician and homoencoders: their bounds against exact numbers, their weights, and what they represent."""

import math

import pytest
import torch
from torch import nn

from gapkit.core.errors import InputError
from gapkit.meta import LinearGaussianMeta, MetaTrainConfig, SetVae, train_set_vae
from gapkit.meta.hierarchical import KINDS, SetBound
from gapkit.models.conditions import users_of_condition

SMALL = {"latent": 2, "context": 3, "hidden": (8,), "summary": 5}


def test_the_code_of_the_context_is_shared_by_the_data_set():
    terms = SetBound(torch.full((1, 2), -10.0), torch.ones(1, 2), torch.tensor([6.0]))
    assert terms.per_datapoint(100).tolist() == [[pytest.approx(-11.06)] * 2]
    assert terms.per_datapoint(2).sum() == pytest.approx(-20 - 2 - 6)  # of a set of two: log p(D)
    assert terms.per_datapoint(2, extra=1.0)[0, 0] == pytest.approx(-20 - 4 / 2)


def test_networks_give_the_log_of_the_variance():
    model = SetVae("statistician", (6,), **SMALL)
    for net in (model.to_c, model.to_z[-1], model.to_prior[-1]):
        nn.init.zeros_(net.weight)
        nn.init.constant_(net.bias, math.log(0.01))
    c = torch.zeros(2, 3)
    for q in (model.infer(torch.zeros(2, 4, 6)), model.encode(torch.zeros(2, 6), c), model.prior(c)):
        torch.testing.assert_close(q.variance, torch.full_like(q.variance, 0.01))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_bound_with_gradients_in_all_of_its_weights(kind):
    torch.manual_seed(0)
    model = SetVae(kind, (6,), **SMALL, pseudo_sets=4, pseudo_size=3)
    x = torch.bernoulli(torch.full((3, 5, 6), 0.5))
    model.bound(x, x[:, :4]).per_datapoint(50).mean().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())
    assert users_of_condition(model) == ("encode", "decode", "prior")
    c = torch.zeros(4, 3)
    assert model.prior(c).batch_shape == (4,)
    assert model.representation(x[0], x[:1].expand(5, -1, -1)).shape == (5, 2)


def test_the_prior_over_pseudo_sets_is_their_mean():
    torch.manual_seed(0)
    model = SetVae("vamp", (6,), **SMALL, pseudo_sets=1, pseudo_size=3)
    q = model.infer(torch.sigmoid(model.pseudo))
    c = q.sample()
    assert model.kl_of_c(q, c).item() == pytest.approx(0.0, abs=1e-6)
    model = SetVae("vamp", (6,), **SMALL, pseudo_sets=4, pseudo_size=3)
    with torch.no_grad():
        model.pseudo.normal_(0.0, 3.0)
        parts = model.infer(torch.sigmoid(model.pseudo))
        c = q.sample((5,))[:, 0]
        each = torch.stack([parts.log_prob(row).exp().mean().log() for row in c])
        torch.testing.assert_close(model.kl_of_c(q, c), q.log_prob(c) - each)
    with pytest.raises(InputError, match="statistician"):
        SetVae("other", (6,))
    with pytest.raises(InputError, match="give the condition"):
        SetVae("statistician", (6,), **SMALL).prior()


class Exact(SetVae):
    """The linear-Gaussian meta model as a homoencoder: c is theta, z the latent, both with their exact posteriors."""

    def __init__(self, exact):
        super().__init__("homoencoder", (1,), latent=1, context=1, hidden=(2,), summary=2)
        self.exact = exact
        self.nothing = nn.Parameter(torch.zeros(1))

    def infer(self, support):
        precision = 1 + support.shape[1] / self.exact.spread
        mean = support.sum(1) / self.exact.spread / precision
        return torch.distributions.Independent(torch.distributions.Normal(mean, precision**-0.5), 1)

    def encode(self, x, c):
        mean, variance = self.exact.posterior(x, c)
        return torch.distributions.Independent(torch.distributions.Normal(mean, variance**0.5), 1)

    def decode(self, z, c):
        return torch.distributions.Independent(torch.distributions.Normal(c + z, 1.0), 1)


def test_with_exact_posteriors_the_bound_is_the_evidence_of_the_set():
    exact = LinearGaussianMeta(kappa2=1.0)
    data = exact.data(1, 8, seed=5)
    x = data.train
    torch.manual_seed(0)
    model = Exact(exact)
    draws = torch.stack([model.bound(x, x).per_datapoint(8).sum() for _ in range(4000)])
    covariance = torch.ones(8, 8) + exact.spread * torch.eye(8)
    truth = torch.distributions.MultivariateNormal(torch.zeros(8), covariance).log_prob(x.flatten())
    assert float(draws.mean()) == pytest.approx(float(truth), abs=4 * float(draws.std()) / 4000**0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_training_raises_the_bound_and_leaves_the_given_model(kind):
    data = LinearGaussianMeta().data(30, 30, held_out=5)
    model = SetVae(kind, (1,), **SMALL, likelihood="gaussian:sigma=1", pseudo_sets=4, pseudo_size=3)
    before = model.to_c.weight.clone()
    config = MetaTrainConfig(steps=150, datasets_per_step=8, queries=10, context_size=5, learning_rate=5e-3)
    done = train_set_vae(model, data, config)
    assert torch.equal(model.to_c.weight, before)
    assert sum(done.history[-20:]) < sum(done.history[:20]) - 5
