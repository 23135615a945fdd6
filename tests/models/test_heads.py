"""Heads of encoders: one contract over all of them, and the families they belong to."""

import pytest
import torch
from torch.distributions import Independent, Normal

from gapkit.core.errors import InputError
from gapkit.families import AuxiliaryFlow, CouplingFlow, TransportDistribution
from gapkit.models.heads import HEADS, make_head
from gapkit.models.posterior import read_posterior
from gapkit.models.reference import mlp_vae
from gapkit.target import family_name, recognise

BATCH = 5
CASES = [(name, latent) for name in HEADS for latent in (1, 2, 5) if (name, latent) != ("flow", 1)]


def made(name, latent=3, moved=0.3, **options):
    """A head in float64 whose parameters are no longer those of the start, unless ``moved`` is 0."""
    head = make_head(name, latent, options).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in head.parameters():
            weight += moved * torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
    return head


def encoded(head, seed=0, rows=BATCH):
    return torch.randn(rows, head.size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def posterior(head, flat):
    return read_posterior(head(flat), head.encoder_output, len(flat))


def draws(q, num_samples=4):
    """Latents and log q, or what stands for it, from the same noise every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        if isinstance(q, TransportDistribution):
            return q.rsample_and_log_prob((num_samples,))
        z = q.rsample((num_samples,))
        return z, q.log_prob(z)


@pytest.mark.parametrize(("name", "latent"), CASES)
def test_heads_give_a_posterior_of_their_family(name, latent):
    head = made(name, latent)
    q = posterior(head, encoded(head))
    assert (q.batch_shape, q.event_shape) == ((BATCH,), (latent,))
    z, log_q = draws(q)
    assert (z.shape, log_q.shape, z.dtype) == ((4, BATCH, latent), (4, BATCH), torch.float64)
    assert bool(log_q.isfinite().all())
    assert family_name(recognise(q)) == name
    assert make_head(name, latent, head.options).size == head.size


@pytest.mark.parametrize(("name", "latent"), [case for case in CASES if case[0] != "low_rank"])
def test_heads_start_at_the_standard_normal(name, latent):
    head = made(name, latent, moved=0.0)
    z, log_q = draws(posterior(head, torch.zeros(BATCH, head.size, dtype=torch.float64)))
    torch.testing.assert_close(log_q, Independent(Normal(torch.zeros(latent).double(), 1.0), 1).log_prob(z))


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_low_rank_starts_with_small_columns_that_are_the_same_for_every_x(latent):
    head = made("low_rank", latent)
    q = head(torch.zeros(BATCH, head.size, dtype=torch.float64)).transport
    assert 0 < float(q.factor.norm(dim=-1).max()) < 0.3
    torch.testing.assert_close(q.factor, q.factor[:1].expand_as(q.factor))


@pytest.mark.parametrize("name", ["flow", "auxiliary"])
def test_flows_start_as_gaussians_for_every_x(name):
    head = made(name, moved=0.0)
    q = head(encoded(head)).transport
    joint = q if name == "flow" else q.joint
    u = torch.randn(2, BATCH, joint.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        change, _ = joint.stack.call_and_ladj(u)
        slope = (change[0] - change[1]) / (u[0] - u[1])
    assert float(slope.log().abs().max()) < 1.0  # e^0.1 or so for each layer, where the encoder's numbers are near 1
    ladj = joint.log_abs_det(u)  # the same for all noise: the map is affine
    torch.testing.assert_close(ladj[0], ladj[1])


@pytest.mark.parametrize("name", ["full_rank", "low_rank"])
def test_untrained_encoders_are_near_diagonal(name):
    torch.manual_seed(0)
    model = mlp_vae((1, 28, 28), latent=20, posterior=name)
    q = recognise(model.encode(torch.rand(BATCH, 1, 28, 28)))
    root = torch.stack([q.forward(u.expand(1, BATCH, 20))[0] - q.loc for u in torch.eye(20)], -1)
    covariance = root @ root.mT
    scale = covariance.diagonal(dim1=1, dim2=2).sqrt()
    correlation = covariance / scale.unsqueeze(-1) / scale.unsqueeze(-2)
    assert 0 < float((correlation - torch.eye(20)).detach().abs().max()) < 0.1


@pytest.mark.parametrize("name", HEADS)
def test_a_posterior_is_a_function_of_its_own_x(name):
    head = made(name)
    flat = encoded(head)
    other = flat.clone()
    other[2] += 0.5
    for mine, changed in zip(draws(posterior(head, flat)), draws(posterior(head, other)), strict=True):
        same = (mine == changed).flatten(2).all(-1) if mine.dim() == 3 else mine == changed
        assert bool(same[:, [0, 1, 3, 4]].all())
        assert not bool(same[:, 2].any())


@pytest.mark.parametrize("name", HEADS)
def test_gradients_reach_every_parameter_and_every_number_of_the_encoder(name):
    head = made(name)
    flat = encoded(head).requires_grad_(True)
    z, log_q = draws(posterior(head, flat), 200)
    (z.pow(3).sum() - log_q.sum()).backward()
    assert bool((flat.grad.abs() > 1e-9).all())
    for key, weight in head.named_parameters():
        assert bool((weight.grad.abs() > 1e-9).all()), key


@pytest.mark.parametrize(("name", "family"), [("flow", CouplingFlow), ("auxiliary", AuxiliaryFlow)])
def test_for_one_x_the_posterior_is_a_member_of_the_family_that_is_fitted(name, family):
    head = made(name)
    q = head(encoded(head)).transport
    assert type(q) is family
    tensors = {key: tensor[2:3].detach().clone() for key, tensor in q.tensors().items()}
    alone = family.of(**tensors)
    size = getattr(q, "noise_dim", q.dim)
    u = torch.randn(6, BATCH, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for mine, whole in zip(alone.push(u[:, 2:3]), q.push(u), strict=True):
        torch.testing.assert_close(mine, whole[:, 2:3])


def test_what_x_does_not_decide_is_shared():
    """The encoder grows with the widths of the layers and not with their weights."""
    narrow, wide = make_head("flow", 10, {"num_hidden": 32}), make_head("flow", 10, {"num_hidden": 64})
    assert wide.size - narrow.size == 4 * 32
    assert make_head("flow", 10).options == {"num_layers": 4, "num_hidden": 32}
    assert {len(weight) for weight in wide.parameters()} == {1}


@pytest.mark.parametrize(
    ("name", "latent", "options", "message"),
    [
        ("planar", 3, {}, "choose from mean_field, full_rank, low_rank, flow, auxiliary"),
        ("mean_field", 3, {"rank": 2}, "leave the options out"),
        ("low_rank", 3, {"num_layers": 2}, "choose from rank"),
        ("low_rank", 3, {"rank": 4}, "rank of 3 or less"),
        ("flow", 3, {"num_layers": 0}, "num_layers=0"),
        ("flow", 3, {"num_hidden": 2.5}, "num_hidden=2.5"),
        ("flow", 1, {}, "no other one"),
    ],
)
def test_bad_options_are_refused(name, latent, options, message):
    with pytest.raises(InputError, match=message):
        make_head(name, latent, options)
