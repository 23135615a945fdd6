"""Log p(D) of whole sets, and the two gaps of their bound, in a model whose posteriors are known."""

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from gapkit.core.errors import InputError
from gapkit.meta import LinearGaussianMeta, SetVae, set_evidence
from gapkit.meta.hierarchical import KINDS

EXACT, SIZE = LinearGaussianMeta(kappa2=1.0), 6
X = EXACT.data(5, SIZE, seed=5).train


class Known(SetVae):
    """The linear-Gaussian meta model as a homoencoder; q(c|D) may be moved, q(z|x, c) may be wider than it should."""

    def __init__(self, moved=0.0, wider=1.0):
        super().__init__("homoencoder", (1,), latent=1, context=1, hidden=(2,), summary=2)
        self.moved, self.wider = moved, wider

    def infer(self, support):
        precision = 1 + support.shape[1] / EXACT.spread
        mean = support.sum(1) / EXACT.spread / precision + self.moved * precision**-0.5
        return Independent(Normal(mean, precision**-0.5), 1)

    def encode(self, x, c):
        mean, variance = EXACT.posterior(x, c)
        return Independent(Normal(mean, self.wider * variance**0.5), 1)

    def decode(self, z, c):
        return Independent(Normal(c + z, 1.0), 1)


def truth():
    covariance = torch.ones(SIZE, SIZE) + EXACT.spread * torch.eye(SIZE)
    return MultivariateNormal(torch.zeros(SIZE), covariance).log_prob(X[..., 0]).double()


def test_with_exact_posteriors_every_draw_is_the_evidence_and_there_is_no_gap():
    found = set_evidence(Known(), X, contexts=3, latents=2)
    torch.testing.assert_close(found.log_p, truth(), rtol=0, atol=1e-4)
    for gap in (found.context, found.latent, found.error):
        torch.testing.assert_close(gap, torch.zeros_like(gap), rtol=0, atol=1e-4)
    torch.testing.assert_close(found.effective, torch.full_like(found.effective, 3.0))


def test_what_each_posterior_loses_is_its_divergence():
    moved, wider = 0.7, 1.2
    found = set_evidence(Known(moved, wider), X, contexts=1000, latents=20)
    assert ((found.log_p - truth()).abs() < 4 * found.error + 0.002).all()
    torch.testing.assert_close(found.log_p, found.bound + found.context + found.latent, rtol=0, atol=1e-9)
    of_z = SIZE * (0.5 * (wider**2 - 1) - torch.log(torch.tensor(wider)))
    assert found.context.mean() == pytest.approx(
        moved**2 / 2, abs=4 * 0.7 / 1000**0.5
    )  # draws of it have the deviation 0.7
    # The mean of twenty weights is below p(x|c) by their relative variance over forty, in its log and on average.
    assert found.latent.mean() == pytest.approx(float(of_z), rel=0.1)
    assert (found.effective < 1000).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_better_model_has_the_larger_number(kind):
    """The public code averages exp(+loss) and negates: its worse models look better."""
    torch.manual_seed(0)
    model = SetVae(kind, (6,), latent=2, context=3, hidden=(8,), summary=5, pseudo_sets=3, pseudo_size=2)
    x = torch.ones(3, 5, 6)
    before = set_evidence(model, x, contexts=50, latents=5)
    with torch.no_grad():
        model.to_x[-1].bias.fill_(4.0)  # the decoder expects ones
    after = set_evidence(model, x, contexts=50, latents=5)
    assert (after.log_p > before.log_p + 5).all()
    assert (after.log_p < 4 * after.error).all()
    assert (after.log_p >= after.bound).all()
    state = torch.get_rng_state()
    assert torch.equal(set_evidence(model, x, contexts=50, latents=5).log_p, after.log_p)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_it_refuses():
    with pytest.raises(InputError, match="at least 2 contexts"):
        set_evidence(Known(), X, contexts=1)
    with pytest.raises(InputError, match="N at least 1"):
        set_evidence(Known(), X[:, :0])
    with pytest.raises(InputError, match="sets of"):
        set_evidence(Known(), torch.zeros(2, 3, 4))
