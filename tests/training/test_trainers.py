"""Wake-sleep, Monte Carlo EM, full variational Bayes and weight priors, on models whose answers are known."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from gapkit.core.errors import InputError
from gapkit.models import load_model, read_payload
from gapkit.models.reference import build
from gapkit.training import (
    FullVb,
    MonteCarloEm,
    TrainConfig,
    draw_weights,
    elbo,
    generative_weights,
    train,
    wake_sleep,
)
from gapkit.training.steps import Steps
from tests.fast import only
from tests.yardsticks import ppca

VARIANCE = 0.25
LINEAR = {"hidden": (), "latent": 3, "likelihood": "gaussian:sigma=0.5", "data": "simulated", "seed": 0}


@pytest.fixture(scope="module")
def x():
    return ppca().sample(500, 0).float()


def linear(seed=0, **other):
    torch.manual_seed(seed)
    return build("mlp_vae", x_shape=(10,), latent=3, hidden=(), likelihood="gaussian:sigma=0.5", **other)


def log_px(model, x):
    """Of a linear decoder, exactly, in float64."""
    layer = model.double().decoder.net[0]
    covariance = layer.weight @ layer.weight.T + VARIANCE * torch.eye(10, dtype=torch.float64)
    return MultivariateNormal(layer.bias, covariance).log_prob(x.double()).mean().item()


def highest(x):
    """The largest mean log p(x) of probabilistic PCA at this noise variance (Tipping & Bishop 1999, section 3.2)."""
    x = x.double()
    values, vectors = torch.linalg.eigh((x - x.mean(0)).T @ (x - x.mean(0)) / len(x))
    spread = (values[-3:] - VARIANCE).clamp(min=0)
    covariance = vectors[:, -3:] @ torch.diag(spread) @ vectors[:, -3:].T + VARIANCE * torch.eye(10).double()
    return MultivariateNormal(x.mean(0), covariance).log_prob(x).mean().item()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objective", "epochs", "most"), [("elbo", 500, 0.05), ("wake_sleep", 500, 0.05), ("mcem", 150, 0.05)]
)
def test_each_trainer_finds_the_maximum_of_probabilistic_pca(x, tmp_path, objective, epochs, most):
    config = TrainConfig(**LINEAR, objective=objective, epochs=epochs, learning_rate=1e-2, schedule="cosine")
    model = load_model(train(config, x, tmp_path).path)
    best = highest(x)
    assert best - most < log_px(model, x) < best + 1e-6


def test_wake_sleep_has_the_value_of_the_elbo_and_each_phase_its_own_weights(x):
    model = linear()
    some = x[:50]
    value = torch.stack([wake_sleep(model, some).detach() for _ in range(400)])
    again = torch.stack([elbo(model, some, analytic_kl=False).detach() for _ in range(400)])
    error = ((value.var(0) + again.var(0)) / 400).sqrt()
    assert float(((value.mean(0) - again.mean(0)) / error).square().mean().sqrt()) < 1.5
    # The wake phase's gradient in the decoder is that of the ELBO; the encoder's gets nothing from the data.
    grads = []
    for objective in (wake_sleep, elbo):
        model.zero_grad()
        torch.manual_seed(1)
        objective(model, some, 800).mean().backward()
        grads.append([p.grad.clone() for p in model.parameters()])
    names = [name for name, _ in model.named_parameters()]
    for name, ours, theirs in zip(names, *grads, strict=True):
        same = torch.allclose(ours, theirs, rtol=0.1, atol=0.1 * float(theirs.abs().max()))
        assert same == name.startswith("decoder"), name


def test_the_sleep_phase_is_at_rest_at_the_exact_posterior_of_the_model(x):
    model = linear()
    with torch.no_grad():
        weight = model.decoder.net[0].weight
        weight.copy_(torch.linalg.qr(weight)[0])  # orthogonal columns: the posterior is factorised
        precision = 1 + 1 / VARIANCE
        net = model.encoder.net[0]
        net.weight.zero_()[:3] = weight.T / VARIANCE / precision
        net.bias.zero_()[:3] = -(weight.T @ model.decoder.net[0].bias) / VARIANCE / precision
        net.bias[3:] = -math.log(precision)
    grads = []
    for seed in range(40):
        torch.manual_seed(seed)
        model.zero_grad()
        wake_sleep(model, x[:200]).mean().backward()
        grads.append(torch.cat([p.grad.flatten() for p in model.encoder.parameters()]))
    drawn = torch.stack(grads)
    score = drawn.mean(0) / (drawn.std(0) / 40**0.5)
    assert 0.7 < float(score.square().mean().sqrt()) < 1.3


@pytest.mark.parametrize("seed", only([*range(3)], 0))
def test_the_chains_of_monte_carlo_em_draw_from_the_posterior(seed):
    truth = ppca(dtype=torch.float32)
    x = truth.sample(20, seed)
    torch.manual_seed(seed)
    model = linear()
    with torch.no_grad():
        model.decoder.net[0].weight.copy_(truth.weight)
        model.decoder.net[0].bias.zero_()
    em = MonteCarloEm(model, len(x))
    index, draws = torch.arange(len(x)), []
    for step in range(250):
        z = em.move(x, index)
        if step >= 130 and step % 3 == 0:
            draws.append(z.clone())
    drawn = torch.stack(draws) - truth.posterior_mean(x)
    covariance = torch.einsum("sbi,sbj->ij", drawn, drawn) / (drawn.shape[0] * drawn.shape[1])
    # Draws three transitions apart are all but independent: the errors of moments are those of independent draws.
    count, exact = drawn.shape[0] * drawn.shape[1], truth.covariance
    error = ((exact.square() + exact.diagonal()[:, None] * exact.diagonal()) / count).sqrt()
    assert float(((covariance - exact) / error).abs().max()) < 4
    assert float((drawn.mean((0, 1)) / (exact.diagonal() / count).sqrt()).abs().max()) < 4
    assert abs(em.accepted - 0.9) < 0.08


@pytest.mark.slow
def test_full_vb_is_below_the_exact_evidence_and_near_it_when_trained():
    """One latent, one pixel: log p(X) is an integral over weight and bias, by quadrature."""
    torch.manual_seed(0)
    x = 0.8 * torch.randn(8, 1) + 0.6 * torch.randn(8, 1) + 0.3
    model = build("mlp_vae", x_shape=(1,), latent=1, hidden=(), likelihood="gaussian:sigma=0.5")
    axis = torch.linspace(-6, 6, 401, dtype=torch.float64)
    weight, bias = torch.meshgrid(axis, axis, indexing="ij")
    normal = torch.distributions.Normal
    log_joint = normal(0.0, 1.0).log_prob(weight) + normal(0.0, 1.0).log_prob(bias)
    for value in x.double().flatten():
        log_joint = log_joint + normal(bias, (weight.square() + 0.25).sqrt()).log_prob(value)
    evidence = float(torch.logsumexp(log_joint.flatten(), 0)) + 2 * math.log(float(axis[1] - axis[0]))
    vb = FullVb(model, len(x), num_samples=4)
    optimizer = torch.optim.Adam([*model.parameters(), *vb.log_std.values()], lr=0.02)
    for _ in range(600):
        loss = -next(vb.bounds(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        values = 8 * torch.stack([next(vb.bounds(x)).mean() for _ in range(300)])
    bound, error = float(values.mean()), float(values.std()) / 300**0.5
    assert evidence - 2.5 < bound < evidence + 4 * error


def test_full_vb_scales_minibatches_and_has_the_closed_form_of_its_divergence(x):
    model = linear()
    vb = FullVb(model, 100, prior_std=0.7)
    mean = torch.cat([w.flatten() for w in generative_weights(model).values()])
    std = torch.cat([s.flatten() for s in vb.std().values()])
    q, p = torch.distributions.Normal(mean, std), torch.distributions.Normal(0.0, 0.7)
    assert float(vb.kl().detach()) == pytest.approx(
        float(torch.distributions.kl_divergence(q, p).sum().detach()), rel=1e-5
    )
    for name in vb.log_std:
        vb.log_std[name].data.fill_(-40.0)  # no noise in the weights
    torch.manual_seed(3)
    whole = next(vb.bounds(x[:100]))
    torch.manual_seed(3)
    for weight in generative_weights(model).values():
        torch.randn_like(weight)  # the noise that came first
    assert torch.allclose(whole, elbo(model, x[:100]) - vb.kl() / 100, rtol=1e-5)
    torch.manual_seed(3)
    few = next(vb.bounds(x[:20]))  # of a minibatch: the divergence counts by the whole data
    torch.manual_seed(3)
    for weight in generative_weights(model).values():
        torch.randn_like(weight)
    assert torch.allclose(few, elbo(model, x[:20]) - vb.kl() / 100, rtol=1e-5)


def test_what_full_vb_leaves_is_a_model_with_deviations_to_draw_others_from(x, tmp_path):
    config = TrainConfig(**LINEAR, objective="full_vb", epochs=2)
    path = train(config, x[:60], tmp_path).path
    model, std = load_model(path), read_payload(path)["extra"]["weight_std"]
    drawn = draw_weights(model, std, seed=1)
    moved = (drawn.decoder.net[0].weight - model.decoder.net[0].weight) / std["decoder.net.0.weight"]
    assert 0.5 < float(moved.detach().std()) < 1.5
    assert torch.equal(drawn.encoder.net[0].weight, model.encoder.net[0].weight)
    with pytest.raises(InputError, match="deviations of other"):
        draw_weights(model, {"other": torch.ones(1)})


def test_the_weight_prior_is_a_normal_density_over_the_decoders_weights_by_the_number_of_datapoints():
    model = linear()
    steps = Steps(TrainConfig(**LINEAR, weight_prior=0.5), model, 40)
    steps.penalty().backward()
    for name, weight in model.named_parameters():
        if name.startswith("decoder"):
            assert torch.allclose(weight.grad, weight.detach() / (0.25 * 40))
        else:
            assert weight.grad is None


def test_a_training_takes_the_weight_prior_into_account(x, tmp_path):
    def norm(name, **settings):
        config = TrainConfig(**LINEAR, epochs=20, learning_rate=1e-2, **settings)
        model = load_model(train(config, x[:100], tmp_path / name).path)
        return float(model.decoder.net[0].weight.detach().norm())

    assert norm("narrow", weight_prior=0.01) < 0.8 * norm("none")


def test_the_encoder_that_monte_carlo_em_leaves_is_fitted(x, tmp_path):
    config = TrainConfig(**LINEAR, objective="mcem", epochs=8, checkpoint_every=8)
    path = train(config, x[:200], tmp_path).path
    fitted, before = load_model(path), load_model(tmp_path / "checkpoints" / "epoch-0008.pt")
    torch.manual_seed(0)
    with torch.no_grad():
        assert float(elbo(fitted, x, 20).mean()) > float(elbo(before, x, 20).mean()) + 1.0


def test_both_estimators_climb_bounds_of_their_own(x):
    def bound(sgvb, posterior):
        model = build(
            "mlp_vae", x_shape=(10,), latent=3, hidden=(), likelihood="gaussian:sigma=0.5", posterior=posterior
        )
        steps = Steps(TrainConfig(**LINEAR, sgvb=sgvb, posterior=posterior), model, len(x))
        torch.manual_seed(1)
        return next(steps.bounds(x[:20], torch.arange(20), None, 1.0, 1.0)).detach()

    for posterior in ("mean_field", "full_rank"):
        torch.manual_seed(0)
        a = bound("a", posterior)
        torch.manual_seed(0)
        assert not torch.allclose(a, bound("b", posterior))


@pytest.mark.parametrize(
    ("settings", "found"),
    [({"binarize": "dynamic"}, "stays in one posterior"), ({"weight_norm_bound": 0.1}, "no place for it")],
)
def test_monte_carlo_em_refuses_what_its_chains_cannot_follow(settings, found):
    with pytest.raises(InputError, match=found):
        TrainConfig(data="digits", objective="mcem", **settings)
    assert TrainConfig(data="digits", objective="mcem").binarize == "sample"


def test_wake_sleep_dreams_in_the_type_of_the_data():
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(4,), likelihood="categorical:num_classes=5")
    assert wake_sleep(model, torch.randint(5, (7, 6)).float()).isfinite().all()


def test_weights_that_diverge_leave_the_deviations_of_the_epoch_that_is_kept(x, tmp_path):
    config = TrainConfig(**LINEAR, objective="full_vb", epochs=3)
    calls = []

    def spoiled(report):
        calls.append(report.epoch)
        x_bad.fill_(torch.nan) if report.epoch == 1 else None

    x_bad = x[:50].clone()
    clean = read_payload(train(TrainConfig(**LINEAR, objective="full_vb", epochs=1), x[:50], tmp_path / "one").path)
    with pytest.raises(InputError, match="epoch 2"):
        train(config, x_bad, tmp_path / "two", progress=spoiled)
    kept = read_payload(tmp_path / "two" / "checkpoints" / "epoch-0001.pt")
    for name, std in clean["extra"]["weight_std"].items():
        assert torch.equal(kept["extra"]["weight_std"][name], std)


def test_initial_weights_have_the_asked_spread():
    model = build("mlp_vae", x_shape=(64,), latent=3, hidden=(100,))
    Steps(TrainConfig(data="digits", initial_std=0.1), model, 10)
    drawn = torch.cat([weight.detach().flatten() for weight in model.parameters()])
    assert abs(float(drawn.std()) - 0.1) < 4 * 0.1 / (2 * len(drawn)) ** 0.5
