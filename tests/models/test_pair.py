"""Pairs of networks as models: what encoders may return, what priors follow, and the refusals."""

import copy

import pytest
import torch
from torch import nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, OneHotCategorical

from gapkit.core.errors import InputError
from gapkit.models.pair import from_pair
from gapkit.models.posterior import ENCODER_OUTPUTS, PosteriorEncoder
from gapkit.models.priors import GaussianMixturePrior, VampPrior
from gapkit.models.protocol import LatentModel

RAW = nn.Linear(6, 4)
ENCODERS = {
    "mean_logvar": lambda x: RAW(x).chunk(2, -1),
    "mean_logstd": lambda x: (RAW(x)[:, :2], 0.5 * RAW(x)[:, 2:]),
    "mean_var": lambda x: (RAW(x)[:, :2], RAW(x)[:, 2:].exp()),
    "mean_std": lambda x: (RAW(x)[:, :2], (0.5 * RAW(x)[:, 2:]).exp()),
    "chunk_logvar": RAW,
    "chunk_std": lambda x: torch.cat([RAW(x)[:, :2], (0.5 * RAW(x)[:, 2:]).exp()], -1),
    "chunk_logstd": lambda x: torch.cat([RAW(x)[:, :2], 0.5 * RAW(x)[:, 2:]], -1),
    "chunk_var": lambda x: torch.cat([RAW(x)[:, :2], RAW(x)[:, 2:].exp()], -1),
    "distribution": lambda x: Normal(RAW(x)[:, :2], (0.5 * RAW(x)[:, 2:]).exp()),
}


class Vae(nn.Module):
    """A user's model whose methods are given to from_pair."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(6, 4), nn.Linear(2, 6)

    def encode(self, x):
        return self.enc(x).chunk(2, -1)

    def decode(self, z):
        return self.dec(z)


def test_all_encoder_outputs_give_the_same_posterior():
    assert set(ENCODERS) == set(ENCODER_OUTPUTS)
    x, z = torch.rand(5, 6), torch.randn(5, 2)
    values = []
    for kind, encoder in ENCODERS.items():
        model = from_pair(encoder, nn.Linear(2, 6), encoder_output=kind)
        q = model.encode(x)
        assert isinstance(model, LatentModel)
        assert isinstance(q, Distribution)
        assert (q.batch_shape, q.event_shape) == ((5,), (2,))
        values.append(q.log_prob(z))
    for value in values:
        torch.testing.assert_close(value, values[0])


def test_full_covariance_posterior_and_images_as_latents():
    full = from_pair(
        lambda x: MultivariateNormal(RAW(x)[:, :2], torch.eye(2)), nn.Linear(2, 6), encoder_output="distribution"
    )
    assert full.encode(torch.rand(5, 6)).event_shape == (2,)
    image = from_pair(lambda x: (x[:, :, :2, :2], x[:, :, :2, :2]), nn.ConvTranspose2d(4, 1, 3))
    assert image.encode(torch.rand(5, 4, 8, 8)).event_shape == (4, 2, 2)
    assert image.prior().event_shape == (4, 2, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "prior",
    [
        "standard_normal",
        MultivariateNormal(torch.zeros(2), torch.eye(2)),
        lambda: Independent(Normal(torch.zeros(2), torch.ones(2)), 1),
        GaussianMixturePrior(2, 3),
        VampPrior(PosteriorEncoder(nn.Linear(6, 4), "chunk_logvar"), torch.rand(3, 6)),
    ],
    ids=["name", "distribution", "function", "mixture", "vamp"],
)
def test_prior_follows_the_dtype_and_log_joint_has_it(prior, dtype):
    model = from_pair(nn.Linear(6, 4), nn.Linear(2, 6), prior=prior, encoder_output="chunk_logvar").to(dtype)
    x = torch.rand(5, 6, dtype=dtype).round()
    z = model.encode(x).rsample()
    value = model.prior().log_prob(z) + model.decode(z).log_prob(x)
    assert (value.shape, value.dtype) == ((5,), dtype)
    assert model.prior().sample((7,)).shape == (7, 2)
    assert isinstance(prior, nn.Module) == any(key.startswith("latent_prior") for key in model.state_dict())


def test_prior_of_plain_functions_follows_what_the_encoder_returned():
    model = from_pair(lambda x: (x[:, :2], x[:, :2]), lambda z: z.repeat(1, 3))
    model.encode(torch.rand(5, 6, dtype=torch.float64))
    assert model.prior().sample().dtype == torch.float64


def test_latent_shape_is_given_or_learned_and_else_missing():
    model = from_pair(nn.Linear(6, 4), nn.Linear(2, 6), encoder_output="chunk_logvar")
    with pytest.raises(InputError, match=r"latent shape is not known yet[\s\S]*latent_shape="):
        model.prior()
    model.encode(torch.rand(1, 6))
    assert model.prior().event_shape == (2,)
    given = from_pair(nn.Linear(6, 4), nn.Linear(2, 6), encoder_output="chunk_logvar", latent_shape=(2,))
    assert given.prior().event_shape == (2,)
    wrong = from_pair(nn.Linear(6, 4), nn.Linear(2, 6), encoder_output="chunk_logvar", latent_shape=(3,))
    with pytest.raises(InputError, match=r"latent shape \(3,\)"):
        wrong.encode(torch.rand(1, 6))


def test_bound_methods_register_their_owner_once_and_survive_a_copy():
    vae = Vae()
    model = from_pair(vae.encode, vae.decode)
    assert {id(p) for p in model.parameters()} == {id(p) for p in vae.parameters()}
    assert len(model.state_dict()) == len(vae.state_dict())
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.owners[0].dec.bias.fill_(9.0)
    assert (twin.decode(torch.zeros(1, 2)).mean > 0.99).all()
    assert (model.decode(torch.zeros(1, 2)).mean < 0.99).all()


def test_shared_scale_is_a_parameter_or_a_buffer_and_state_dict_carries_it():
    parameter = nn.Parameter(torch.tensor(-1.0))
    for value, trainable in ((parameter, True), (-1.0, False), (torch.tensor(-1.0), False)):
        model = from_pair(Vae().encode, nn.Linear(2, 6), "gaussian:scale=global", likelihood_param=value)
        assert "likelihood_param" in model.state_dict()
        assert ("likelihood_param" in dict(model.named_parameters())) == trainable
        p = model.double().decode(torch.zeros(1, 2, dtype=torch.float64))
        assert p.stddev.dtype == torch.float64
        assert p.stddev[0, 0].item() == pytest.approx(0.36788, abs=1e-5)
        parameter = nn.Parameter(parameter.detach().float())


def test_there_is_no_forward():
    with pytest.raises(NotImplementedError):
        from_pair(Vae().encode, nn.Linear(2, 6))(torch.zeros(1, 6))


@pytest.mark.parametrize(
    ("kind", "output", "message"),
    [
        ("mean_logvar", torch.zeros(5, 4), r"a pair of tensors\nfound: a tensor of shape \(5, 4\)"),
        ("mean_logvar", (torch.zeros(5, 2), torch.zeros(5, 3)), r"shape \(5, 2\), \(5, 3\)"),
        ("mean_logvar", (torch.zeros(2), torch.zeros(2)), "batch as the first axis"),
        ("mean_std", (torch.zeros(5, 2), -torch.ones(5, 2)), "10 of 10 are zero or negative"),
        (
            "mean_var",
            (torch.zeros(5, 2), -torch.ones(5, 2)),
            r"positive variances[\s\S]*mean_logvar[\s\S]*--encoder-output",
        ),
        ("chunk_std", -torch.ones(5, 4), "10 of 10 are zero or negative[\\s\\S]*chunk_logvar"),
        ("mean_logvar", (torch.zeros(5, 2),) * 3, "return mean and spread alone"),
        ("mean_logvar", torch.zeros(5, 4).long(), "discrete latents are not analysed, because"),
        (
            "mean_logvar",
            (torch.zeros(5, 2), torch.tensor(0.3), torch.zeros(5, 4).int()),
            r"int32 \(5, 4\)\), as the codes",
        ),
        ("chunk_logvar", torch.zeros(5, 4).long(), "discrete latents are not analysed, because"),
        ("distribution", (torch.zeros(5, 2), torch.zeros(5, 2).long()), "discrete latents are not analysed, because"),
        *(
            (kind, OneHotCategorical(logits=torch.zeros(5, 2, 4)), "discrete z have none[\\s\\S]*classes_summed_out")
            for kind in ("mean_logvar", "distribution")
        ),
        ("chunk_logvar", torch.zeros(5, 3), r"one tensor of shape \(B, ..., 2 D\)"),
        ("chunk_logvar", (torch.zeros(5, 2), torch.zeros(5, 2)), "a tuple of tensors"),
        ("distribution", (torch.zeros(5, 2), torch.zeros(5, 2)), "return a torch distribution"),
        ("distribution", MultivariateNormal(torch.zeros(2), torch.eye(2)), "each of 5 datapoints"),
    ],
)
def test_encoder_outputs_other_than_announced_are_refused(kind, output, message):
    model = from_pair(lambda x: output, nn.Linear(2, 6), encoder_output=kind)
    with pytest.raises(InputError, match=message):
        model.encode(torch.zeros(5, 6))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"likelihood": "bernouli"}, "choose from bernoulli"),
        ({"encoder_output": "logvar"}, "choose from mean_logvar"),
        ({"prior": "normal"}, "standard_normal"),
        ({"likelihood": "gaussian:scale=global"}, "pass the trained log scale"),
        ({"likelihood_param": 0.0}, "has no shared parameter"),
    ],
)
def test_unknown_names_are_refused_at_once(arguments, message):
    with pytest.raises(InputError, match=message):
        from_pair(nn.Linear(6, 4), nn.Linear(2, 6), **arguments)


def test_shapes_that_do_not_fit_the_data_are_refused():
    flat = from_pair(lambda x: (x.flatten(1)[:, :2],) * 2, nn.Linear(2, 16), x_shape=(1, 4, 4))
    with pytest.raises(InputError, match=r"shape \(5, 1, 4, 4\) for a bernoulli[\s\S]*datapoints of shape \(16,\)"):
        flat.decode(torch.zeros(5, 2))
    with pytest.raises(InputError, match=r"shape \(B, 1, 4, 4\)"):
        flat.encode(torch.zeros(5, 16))
    flat.encode(torch.zeros(5, 1, 4, 4))
    with pytest.raises(InputError, match="reshape"):
        flat.decode(torch.zeros(3, 5, 2))
    joined = from_pair(nn.Linear(6, 4), lambda z: torch.zeros(1, 6), encoder_output="chunk_logvar")
    with pytest.raises(InputError, match="decoder output of shape"):
        joined.decode(torch.zeros(5, 2))


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (Normal(torch.zeros(2), torch.ones(2)), "torch.distributions.Independent"),
        (MultivariateNormal(torch.zeros(3), torch.eye(3)), r"event shape \(2,\)"),
        (lambda: torch.zeros(2), "return a Distribution"),
    ],
)
def test_bad_priors_are_refused(prior, message):
    model = from_pair(nn.Linear(6, 4), nn.Linear(2, 6), prior=prior, encoder_output="chunk_logvar", latent_shape=(2,))
    with pytest.raises(InputError, match=message):
        model.prior()


class Tokens(nn.Module):
    """Looks its data up, as models of text do."""

    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(5, 4), nn.Linear(2, 30)

    def encode(self, x):
        return self.table(x).mean(1).chunk(2, -1)

    def decode(self, z):
        return self.out(z).view(-1, 6, 5)


def test_an_encoder_of_tokens_gets_integers():
    model = from_pair(Tokens().encode, Tokens().decode, "categorical:num_classes=5")
    tokens = torch.randint(5, (3, 6))
    torch.testing.assert_close(model.encode(tokens.float()).mean, model.encode(tokens).mean)
    assert model.decode(torch.zeros(3, 2)).log_prob(tokens.float()).shape == (3,)
    with pytest.raises(RuntimeError, match="indices"):
        from_pair(Tokens().encode, Tokens().decode).encode(tokens + 0.5)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):  # the first reason, not that of the second try
        from_pair(Vae().encode, Vae().decode).encode(torch.zeros(3, 7))
