"""Posteriors in the form of a torch distribution."""

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from gapkit.core.errors import InputError
from gapkit.families import TransportDistribution
from gapkit.target import recognise
from tests.families.members import BATCH, TRANSPORTS, member


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("name", [*TRANSPORTS, "auxiliary"])
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3)])
def test_draws_have_the_shapes_of_torch(name, shape):
    q = TransportDistribution(member(name))
    assert (q.batch_shape, q.event_shape) == ((BATCH,), (3,))
    torch.manual_seed(1)
    z, log_q = q.rsample_and_log_prob(shape)
    assert (z.shape, log_q.shape, z.dtype) == ((*shape, BATCH, 3), (*shape, BATCH), torch.float64)
    for other in (q.rsample, q.sample):
        torch.manual_seed(1)
        torch.testing.assert_close(other(shape), z)
    if name != "auxiliary":
        torch.testing.assert_close(q.log_prob(z), log_q)


def test_densities_broadcast_as_those_of_torch():
    q = TransportDistribution(member("flow"))
    one = torch.randn(3, dtype=torch.float64)
    torch.testing.assert_close(q.log_prob(one), q.log_prob(one.expand(BATCH, 3)))
    torch.testing.assert_close(q.log_prob(one.expand(6, 1, 3)), q.log_prob(one).expand(6, BATCH))
    mixture = MixtureSameFamily(Categorical(logits=torch.zeros(BATCH, dtype=torch.float64)), q)
    torch.testing.assert_close(mixture.log_prob(one), q.log_prob(one).logsumexp(0) - torch.tensor(BATCH).log())
    checked = TransportDistribution(member("flow"), validate_args=True)
    for wrong in (torch.zeros(BATCH, 2, dtype=torch.float64), torch.full_like(checked.sample(), torch.nan)):
        with pytest.raises(ValueError, match=r"shape|support"):
            checked.log_prob(wrong)


def test_moments_are_those_of_the_transport():
    q = TransportDistribution(member("full_rank"))
    z = q.sample((40_000,))
    error = q.transport.marginal_scale() / 200
    assert bool(((z.mean(0) - q.transport.loc).abs() < 4.5 * error).all())
    with pytest.raises(NotImplementedError):
        _ = q.mean


@pytest.mark.parametrize("name", ["low_rank", "flow", "auxiliary"])
def test_draws_are_differentiable_in_the_weights(name):
    transport = member(name)
    tensors = {key: tensor.clone().requires_grad_(True) for key, tensor in transport.tensors().items()}

    def bound(**tensors):
        torch.manual_seed(3)
        z, log_q = TransportDistribution(type(transport).of(**tensors)).rsample_and_log_prob((2,))
        return z.pow(3).sum() - log_q.sum()

    gradients = torch.autograd.grad(bound(**tensors), list(tensors.values()))
    for (key, tensor), gradient in zip(tensors.items(), gradients, strict=True):
        where = int(gradient.abs().argmax())
        assert gradient.flatten()[where] != 0, key
        shift = torch.zeros(tensor.numel(), dtype=tensor.dtype)
        shift[where] = 1e-6
        shift = shift.reshape(tensor.shape)
        with torch.no_grad():
            slope = (bound(**{**tensors, key: tensor + shift}) - bound(**{**tensors, key: tensor - shift})) / 2e-6
        torch.testing.assert_close(slope, gradient.flatten()[where], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["full_rank", "low_rank"])
def test_sampling_leaves_later_gradients_whole(name):
    tensors = {key: tensor.clone().requires_grad_(True) for key, tensor in member(name).tensors().items()}
    gradients = []
    for sampled_before in (False, True):
        q = TransportDistribution(type(member(name)).of(**tensors))
        if sampled_before:
            assert not q.sample().requires_grad
        torch.manual_seed(3)
        z, log_q = q.rsample_and_log_prob()
        gradients.append(torch.autograd.grad(z.pow(3).sum() - log_q.sum(), list(tensors.values())))
    for fresh, after in zip(*gradients, strict=True):
        torch.testing.assert_close(fresh, after)


def test_an_auxiliary_flow_has_no_density():
    q = TransportDistribution(member("auxiliary"))
    with pytest.raises(InputError, match="AuxiliaryFlow") as caught:
        q.log_prob(q.sample())
    assert "rsample_and_log_prob" in caught.value.do
    assert repr(q) == "TransportDistribution(AuxiliaryFlow)"


def test_there_is_no_closed_divergence():
    q = TransportDistribution(member("mean_field"))
    zero = torch.zeros(3, dtype=torch.float64)
    with pytest.raises(NotImplementedError):
        kl_divergence(q, Independent(Normal(zero, 1.0), 1))


@pytest.mark.parametrize("name", [*TRANSPORTS, "auxiliary"])
def test_recognised_as_what_it_holds(name):
    transport = member(name)
    assert recognise(TransportDistribution(transport)) is transport
