"""Reference VAEs: one contract over builders, likelihoods and data shapes; configurations that build them again."""

import json

import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.models.heads import HEADS
from gapkit.models.likelihoods import Gaussian, check_support
from gapkit.models.native import load_model, read_payload, rebuild, save_model
from gapkit.models.nets import ACTIVATIONS
from gapkit.models.protocol import LatentModel
from gapkit.models.reference import BUILDERS, build, conv_vae, mlp_vae
from gapkit.target import family_name, recognise
from gapkit.training import elbo

SMALL = {"mlp_vae": {"hidden": (8,)}, "conv_vae": {"channels": (4, 6), "hidden": (8,)}}
SHAPES = [(1, 28, 28), (3, 32, 32), (1, 8, 8), (2, 7, 9)]
LIKELIHOODS = [
    "bernoulli",
    "categorical:num_classes=3",
    "discretized_logistic",
    "gaussian:scale=global",
    "gaussian:scale=pixel",
    "negative_binomial",
]


PLAIN = sorted(set(BUILDERS) - {"meta_vae"})  # that one needs a condition: test_meta_vae.py


def test_every_builder_is_tested():
    assert sorted(SMALL) == PLAIN


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("x_shape", SHAPES)
@pytest.mark.parametrize("name", PLAIN)
def test_contract(name, x_shape, likelihood, dtype):
    torch.manual_seed(0)
    model = build(name, x_shape=x_shape, latent=2, likelihood=likelihood, **SMALL[name]).to(dtype)
    assert isinstance(model, LatentModel)
    assert (model.x_shape, model.latent_shape) == (x_shape, (2,))
    prior = model.prior()
    x = model.decode(prior.sample((3,))).sample()
    assert x.shape == (3, *x_shape)
    q = model.encode(x.to(dtype))
    z = q.rsample()
    p = model.decode(z)
    assert ((q.batch_shape, q.event_shape), (p.batch_shape, p.event_shape)) == (((3,), (2,)), ((3,), x_shape))
    check_support(p, x)
    elbo = p.log_prob(x) + prior.log_prob(z) - q.log_prob(z)
    assert (elbo.shape, elbo.dtype) == ((3,), dtype)
    elbo.sum().backward()
    assert all(w.grad is not None and torch.isfinite(w.grad).all() for w in model.parameters())
    torch.testing.assert_close(model.decode(z[1:2]).log_prob(x[1:2]), p.log_prob(x)[1:2])
    torch.testing.assert_close(model.encode(x[1:2].to(dtype)).mean, q.mean[1:2])


@pytest.mark.parametrize("name", PLAIN)
def test_config_is_json_and_builds_the_same_model(name):
    likelihood = Gaussian(sigma=0.3)
    model = BUILDERS[name]((1, 8, 8), latent=3, likelihood=likelihood, activation="tanh", **SMALL[name])
    twin = build(model.builder, **json.loads(json.dumps(model.config)))
    assert (twin.config, twin.likelihood) == (model.config, likelihood)
    twin.load_state_dict(model.state_dict())
    z = torch.randn(2, 3)
    assert torch.equal(twin.decode(z).mean, model.decode(z).mean)


@pytest.mark.parametrize("posterior", HEADS)
@pytest.mark.parametrize("name", PLAIN)
def test_every_posterior_is_built_trained_and_saved(name, posterior, tmp_path):
    torch.manual_seed(0)
    model = build(name, x_shape=(1, 8, 8), latent=3, posterior=posterior, **SMALL[name])
    x = torch.bernoulli(torch.full((4, 1, 8, 8), 0.5))
    assert family_name(recognise(model.encode(x))) == posterior
    elbo(model, x, 2).sum().backward()
    assert all(w.grad is not None and torch.isfinite(w.grad).all() for w in model.parameters())
    with torch.no_grad():
        for weight in model.parameters():  # also those that start at zero
            weight += 0.1 * torch.randn_like(weight)
    assert json.loads(json.dumps(model.config)) == model.config
    again = load_model(save_model(model, tmp_path / "model.pt"))
    assert again.config == model.config
    bounds = []
    for each in (model, again):
        torch.manual_seed(1)
        bounds.append(elbo(each, x, 5))
    torch.testing.assert_close(*bounds, rtol=0, atol=0)


@pytest.mark.parametrize(("posterior", "options"), [("low_rank", {"rank": 2}), ("flow", {"num_layers": 3})])
def test_options_of_a_posterior_are_kept(posterior, options, tmp_path):
    model = mlp_vae((4,), latent=3, hidden=(3,), posterior=posterior, posterior_options=options)
    again = load_model(save_model(model, tmp_path / "model.pt"))
    assert options.items() <= again.config["posterior_options"].items()
    assert (
        again.encoder.head.size
        == model.encoder.head.size
        != mlp_vae((4,), 3, (3,), posterior=posterior).encoder.head.size
    )


def test_files_from_before_there_were_posteriors_load(tmp_path):
    model = mlp_vae((4,), latent=2, hidden=(3,))
    payload = read_payload(save_model(model, tmp_path / "model.pt"))
    assert sorted(payload["state_dict"]) == [
        f"{part}.net.{number}.{kind}"
        for part in ("decoder", "encoder")
        for number in (0, 2)
        for kind in ("bias", "weight")
    ]
    for key in ("posterior", "posterior_options"):
        del payload["config"][key]
    again = rebuild(payload)
    assert again.config == model.config
    x = torch.ones(2, 4)
    mean, logvar = again.encoder(x)
    torch.testing.assert_close(mean, model.encode(x).mean)
    torch.testing.assert_close((0.5 * logvar).exp(), model.encode(x).stddev)


def sizes(net):
    return [tuple(w.shape) for w in net.parameters() if w.dim() == 2]


def test_decoder_sizes_mirror_the_encoder_or_are_given():
    mirrored = mlp_vae((6,), latent=2, hidden=(5, 4))
    assert sizes(mirrored.encoder) == [(5, 6), (4, 5), (4, 4)]
    assert sizes(mirrored.decoder) == [(4, 2), (5, 4), (6, 5)]
    assert sizes(mlp_vae((6,), latent=2, hidden=(5,), decoder_hidden=()).decoder) == [(6, 2)]
    assert sizes(mlp_vae((6,), latent=2, hidden=(5,), decoder_hidden=(7,)).decoder) == [(7, 2), (6, 7)]
    default = mlp_vae((1, 28, 28))
    assert sizes(default.encoder) == [(200, 784), (200, 200), (100, 200)]
    assert conv_vae((1, 8, 8), decoder_channels=(16,)).decoder.start == (16, 4, 4)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_activations(activation):
    model = mlp_vae((4,), latent=2, hidden=(3,), activation=activation)
    assert isinstance(model.encoder.net[1], ACTIVATIONS[activation])


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("vae", {}, "choose from conv_vae, meta_vae, mlp_vae"),
        ("mlp_vae", {}, "x_shape="),
        ("mlp_vae", {"x_shape": (4,), "depth": 2}, "choose from x_shape, latent"),
        ("mlp_vae", {"x_shape": (4,), "activation": "swish"}, "choose from elu, gelu"),
        ("mlp_vae", {"x_shape": (4,), "hidden": 200}, "hidden=200"),
        ("mlp_vae", {"x_shape": (4,), "hidden": (2.5,)}, "positive whole numbers"),
        ("mlp_vae", {"x_shape": (), "latent": 2}, "x_shape="),
        ("mlp_vae", {"x_shape": (4,), "latent": 0}, "latent="),
        ("mlp_vae", {"x_shape": (4,), "likelihood": "normal"}, "choose from bernoulli"),
        ("mlp_vae", {"x_shape": (4,), "posterior": "gaussian"}, "choose from mean_field, full_rank"),
        ("mlp_vae", {"x_shape": (4,), "posterior": "low_rank", "posterior_options": {"k": 2}}, "choose from rank"),
        ("mlp_vae", {"x_shape": (4,), "posterior": "flow", "latent": 1}, "posterior auxiliary"),
        ("conv_vae", {"x_shape": (64,)}, "use mlp_vae"),
        ("conv_vae", {"x_shape": (1, 8, 8), "channels": ()}, "non-empty"),
        ("conv_vae", {"x_shape": (1, 8, 8), "likelihood": "gaussian:scale=pixel,chunk_dim=-1"}, "chunk_dim at 1"),
    ],
)
def test_bad_configurations_are_refused(name, config, message):
    with pytest.raises(InputError, match=message):
        build(name, **config)
