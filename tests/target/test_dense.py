"""Decoders differentiated by hand against automatic differentiation, and decoders that must be left to it."""

import copy
import itertools
import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Independent, Normal
from torch.func import jacrev, vmap
from torch.nn import functional as F

from gapkit.models.freeze import frozen
from gapkit.models.unvalidated import unvalidated
from gapkit.target import Target
from gapkit.target.observation import fisher_features

# The first use of forward mode makes torch itself use something that it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

DTYPES = [torch.float32, torch.float64]
ACTIVATIONS = {
    "relu": nn.ReLU(),
    "relu in place": nn.ReLU(inplace=True),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "elu": nn.ELU(),
    "elu, alpha 2.5": nn.ELU(2.5, inplace=True),
    "selu": nn.SELU(),
    "leaky_relu": nn.LeakyReLU(),
    "leaky_relu, negative slope": nn.LeakyReLU(-0.4),
    "softplus": nn.Softplus(),
    "softplus, beta and threshold": nn.Softplus(beta=2.0, threshold=1.5),
    "silu": nn.SiLU(),
    "gelu": nn.GELU(),
    "gelu by tanh": nn.GELU(approximate="tanh"),
}


class Model(nn.Module):
    """A decoder and a fixed encoder, as a model of the contract."""

    def __init__(self, net, likelihood, latent_shape=(3,)):
        super().__init__()
        self.net, self.likelihood, self.latent_shape = net, likelihood, latent_shape
        self.like = nn.Parameter(torch.zeros(()))
        self.eval().requires_grad_(False)

    def encode(self, x):
        return Independent(Normal(self.like.expand(len(x), *self.latent_shape), 1.0), len(self.latent_shape))

    def prior(self):
        return Independent(Normal(self.like.expand(self.latent_shape), 1.5), len(self.latent_shape))

    def decode(self, z):
        dist = self.likelihood(self.net(z))
        return Independent(dist, len(dist.batch_shape) - 1)


class WithScale(nn.Module):
    """Normals whose log scale is a parameter, one or one per value."""

    def __init__(self, *shape):
        super().__init__()
        self.log_scale = nn.Parameter(torch.linspace(-1.0, 0.5, max(1, math.prod(shape))).reshape(shape))

    def forward(self, mean):
        return Normal(mean, self.log_scale.exp())


class Function(nn.Module):
    """A function of the modules it is given."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, z):
        return self.function(z, *self.parts)


def bernoulli(logits):
    return Bernoulli(logits=logits)


def unit_normal(mean):
    return Normal(mean, 1.0)


def mlp(act, *sizes, bias=True, final=None):
    """Linear layers with weights large enough for every activation to bend."""
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=bias), copy.deepcopy(act)]
        nn.init.normal_(layers[-2].weight, std=1.5 * inputs**-0.5)
    return nn.Sequential(*layers[:-1], *([final] if final else []))


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def target_of(net, likelihood=bernoulli, x_shape=(7,), latent_shape=(3,), dtype=torch.float64, grey=False, **options):
    """A target of 4 datapoints: binary, or anything in [0, 1] where that is asked for or the likelihood is normal."""
    x = torch.rand(4, *x_shape, dtype=dtype)
    return Target(
        Model(net, likelihood, latent_shape).to(dtype),
        x if grey or likelihood is not bernoulli else x.round(),
        **options,
    )


def latents(target, num_samples=6, size=2.0):
    return size * torch.randn(num_samples, target.num_datapoints, target.dim, dtype=target.dtype)


def own(target, z):
    """Log p(x, z) and its gradient as torch alone gives them."""
    leaf = z.clone().requires_grad_(True)
    shaped = leaf.reshape(-1, *target.latent_shape)
    x = target.x.repeat(len(z), *[1] * (target.x.dim() - 1))
    with torch.enable_grad(), unvalidated():
        value = (target.model.decode(shaped).log_prob(x) + target.model.prior().log_prob(shaped)).reshape(z.shape[:2])
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
    return value.detach(), gradient


def own_curvature(target, rows):
    """J' diag(w) J of the decoder's Fisher features: (N, D, D)."""
    slopes = vmap(jacrev(lambda point: fisher_features(target.decode(point.unsqueeze(0)))[0][0]))(rows)
    weights = fisher_features(target.decode(rows))[1]
    return torch.einsum("nmd,nm,nme->nde", slopes, weights, slopes)


def assert_right(target, z=None, by_hand=True):
    """Every quantity that a target gives is torch's own."""
    assert target.by_hand == by_hand
    z = latents(target) if z is None else z
    value, gradient = own(target, z)
    low = {"atol": 2e-4, "rtol": 2e-4} if target.dtype == torch.float32 else {"atol": 1e-9, "rtol": 1e-9}
    with torch.no_grad():
        torch.testing.assert_close(target.log_joint(z), value, **low)
    torch.testing.assert_close(target.log_joint(z), value, **low)  # with gradients on, torch is asked in any case
    both = target.log_joint_and_grad(z)
    torch.testing.assert_close(both[0], value, **low)
    torch.testing.assert_close(both[1], gradient, **low)
    torch.testing.assert_close(target.grad(z), gradient, **low)
    rows = z.reshape(-1, target.dim)
    root = target.root_fisher(rows)
    assert root.shape[:2] == rows.shape
    torch.testing.assert_close(root @ root.mT, own_curvature(target, rows), **low)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("likelihood", ["binary", "grey", "number", "per value", "shared"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_with_every_likelihood_is_what_torch_gives(name, likelihood, dtype):
    heads = {"number": lambda mean: Normal(mean, 0.7), "per value": WithScale(7), "shared": WithScale()}
    net = mlp(ACTIVATIONS[name], 3, 6, 5, 7)
    assert_right(target_of(net, heads.get(likelihood, bernoulli), dtype=dtype, grey=likelihood == "grey"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["tanh", "silu"])  # one that keeps its output and one that keeps its input
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("likelihood", [bernoulli, unit_normal])
def test_biases_and_a_final_activation_are_read(likelihood, bias, name, dtype):
    for sizes in ((3, 7), (3, 5, 7)):
        for final in (None, nn.Sigmoid(), nn.Softplus(), nn.ReLU()):
            assert_right(target_of(mlp(ACTIVATIONS[name], *sizes, bias=bias, final=final), likelihood, dtype=dtype))


@pytest.mark.parametrize("write", [lambda z, w: z @ w, lambda z, w: F.linear(z, w.T), lambda z, w: F.tanh(z.mm(w))])
def test_linear_maps_are_read_however_they_are_written(write):
    weight = torch.randn(3, 7, dtype=torch.float64)
    assert_right(target_of(Function(lambda z: write(z, weight)), unit_normal))


@pytest.mark.parametrize("pixels", [1, 2, 3, 8, 63, 64, 96, 128, 192, 385])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_pixels(pixels, grey, dtype):
    assert_right(target_of(mlp(nn.Tanh(), 3, 5, pixels), x_shape=(pixels,), grey=grey, dtype=dtype))


def test_grey_data_after_a_binary_datapoint_are_not_taken_for_binary():
    """The decoder is read with the first datapoint alone."""
    target = target_of(mlp(nn.Tanh(), 3, 5, 7), grey=True)
    x = torch.cat([target.x[:2].round(), target.x[2:]])
    mixed = Target(target.model, x)
    assert_right(mixed)
    for rows in ([0, 1], [2, 3], [1, 2]):
        assert_right(mixed.select(torch.tensor(rows)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_thousands_of_undecided_pixels_do_not_underflow(dtype):
    target = target_of(
        Function(lambda z: z @ torch.ones(1, 4096, dtype=dtype)), x_shape=(4096,), latent_shape=(1,), dtype=dtype
    )
    assert target.by_hand
    with torch.no_grad():
        value = target.log_likelihood(torch.zeros(1, 4, 1, dtype=dtype))
    torch.testing.assert_close(value, torch.full((1, 4), -4096 * math.log(2.0), dtype=dtype))


@pytest.mark.parametrize("likelihood", [bernoulli, WithScale(1, 4, 4)])
def test_shapes_that_are_not_flat(likelihood):
    flat = nn.Sequential(nn.Flatten(), *mlp(nn.ELU(), 6, 5, 16), nn.Unflatten(1, (1, 4, 4)))
    target = target_of(flat, likelihood, (1, 4, 4), (2, 3))
    assert target.dim == 6
    assert_right(target)
    upward = nn.Sequential(nn.ConvTranspose2d(1, 1, (3, 2)))
    assert_right(target_of(upward, likelihood, (1, 4, 4), (1, 2, 3)), by_hand=False)


def gate(z, first, last):
    """SiLU written out: the same tensor is used twice."""
    h = first(z)
    return last(h * torch.sigmoid(h))


def label(z, net):
    return net(torch.cat([z, torch.ones(len(z), 2, dtype=z.dtype)], 1))


NOT_CHAINS = {
    "residual connection": Function(lambda z, a, b: b(a(z).relu() + z), nn.Linear(3, 3), nn.Linear(3, 7)),
    "skip to the output": Function(lambda z, a, b: a(z) + b(z), nn.Linear(3, 7), nn.Linear(3, 7)),
    "a tensor used twice": Function(gate, nn.Linear(3, 5), nn.Linear(5, 7)),
    "squared by itself": Function(lambda z, a: a(z) * a(z), nn.Linear(3, 7)),
    "z beside a hidden layer": Function(
        lambda z, a, b: b(torch.cat([a(z).tanh(), z], 1)), nn.Linear(3, 5), nn.Linear(8, 7)
    ),
    "z beside a constant": Function(label, mlp(nn.Tanh(), 5, 4, 7)),
    "halves of z": Function(lambda z, a, b: a(z[:, :1]) + b(z[:, 1:]), nn.Linear(1, 7), nn.Linear(2, 7)),
    "part of z": Function(lambda z, a: a(z[:, 1:]), nn.Linear(2, 7)),
    "unknown function": Function(lambda z, a, b: b(torch.sin(a(z))), nn.Linear(3, 5), nn.Linear(5, 7)),
    "unknown activation": mlp(nn.Mish(), 3, 5, 7),
    "elu with a negative alpha": mlp(nn.ELU(-0.5), 3, 5, 7),
    "function before the first layer": Function(lambda z, a: a(z.tanh()), nn.Linear(3, 7)),
    "two functions in a row": Function(lambda z, a: a(z).tanh().sigmoid(), nn.Linear(3, 7)),
    "factor": Function(lambda z, a: 0.5 * a(z), nn.Linear(3, 7)),
    "limits": Function(lambda z, a: a(z).clamp(-1.0, 1.0), nn.Linear(3, 7)),
    "other order of pixels": Function(lambda z, a: a(z)[:, [1, 0, 2, 3, 4, 5, 6]], nn.Linear(3, 7)),
    "pixels back to front": Function(lambda z, a: a(z).flip(1), nn.Linear(3, 7)),
    "some of the outputs": Function(lambda z, a: a(z)[:, :7], nn.Linear(3, 9)),
    "layer norm": nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(5, 7)),
    "weights that depend on z": Function(
        lambda z, a: torch.bmm(a(z).reshape(-1, 7, 3), z.unsqueeze(2))[..., 0], nn.Linear(3, 21)
    ),
}


@pytest.mark.parametrize("name", NOT_CHAINS)
@pytest.mark.parametrize("likelihood", [bernoulli, unit_normal])
def test_what_is_not_a_chain_is_left_to_automatic_differentiation(name, likelihood):
    assert_right(target_of(copy.deepcopy(NOT_CHAINS[name]), likelihood), by_hand=False)


def test_a_branch_that_small_latents_do_not_take_is_noticed():
    """What is done depends on the values: a recording shows one branch."""

    def cut(z, layer):
        out = layer(z)
        return out.clamp(max=5.0) if bool((out > 5.0).any()) else out

    layer = nn.Linear(3, 7)
    nn.init.uniform_(layer.weight, 0.0, 0.2)
    target = target_of(Function(cut, layer), unit_normal)
    assert not target.by_hand
    z = latents(target, size=20.0)
    value, gradient = own(target, z)
    for mine in (target.log_joint_and_grad(z), (target.log_joint(z), target.grad(z))):
        torch.testing.assert_close(mine, (value, gradient))


def test_batch_norm_is_left_to_automatic_differentiation_and_dropout_is_no_layer_in_eval_mode():
    norm = nn.BatchNorm1d(5)
    norm.running_mean.uniform_()
    norm.running_var.uniform_(1.0, 2.0)
    assert_right(target_of(nn.Sequential(nn.Linear(3, 5), norm, nn.Linear(5, 7))), by_hand=False)
    dropping = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Dropout(), nn.Linear(5, 7))
    assert_right(target_of(dropping))
    model = Model(dropping, bernoulli).double().train()
    x = torch.ones(4, 7, dtype=torch.float64)
    assert not Target(model, x).by_hand
    with frozen(model):
        assert_right(Target(model, x))


class Tempered(Normal):
    """A subclass with a density of its own."""

    def log_prob(self, value):
        return 0.5 * super().log_prob(value)


class Noisy(Bernoulli):
    """A subclass whose density is the same, for all that can be told from outside."""


LIKELIHOODS = {
    "probabilities": (7, lambda out: Bernoulli(probs=0.5 + 0.5 * torch.tanh(0.5 * out))),
    "probabilities as logits": (7, lambda out: Bernoulli(logits=torch.logit(torch.sigmoid(out)))),
    "scale from z": (14, lambda out: Normal(out[:, :7], out[:, 7:].exp())),
    "scale from the mean": (7, lambda out: Normal(out, F.softplus(out))),
    "one scale per z": (8, lambda out: Normal(out[:, :7], F.softplus(out[:, 7:]))),
    "classes": (14, lambda out: Categorical(logits=out.reshape(-1, 7, 2))),
    "scale where the mean is large": (7, lambda out: Normal(out, torch.where(out > 4.0, 2.0, 1.0))),
    "subclass of Normal": (7, lambda out: Tempered(out, 1.0)),
    "subclass of Bernoulli": (7, lambda out: Noisy(logits=out)),
    "mean used twice": (7, lambda out: Normal(out * out, 1.0)),
}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_other_likelihoods_are_left_to_automatic_differentiation(name):
    outputs, likelihood = LIKELIHOODS[name]
    target = target_of(mlp(nn.Tanh(), 3, 5, outputs), likelihood)
    target = Target(target.model, target.x.round())  # classes want whole numbers
    assert_right(target, by_hand=False)


# Extremes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("grey", [False, True])
def test_extreme_logits_have_the_values_of_torch(grey, dtype):
    weight = torch.tensor([[200.0, -200.0, 200.0, -200.0, 1.0, -1.0, 0.0, 87.0]], dtype=dtype)
    target = target_of(Function(lambda z: z @ weight), x_shape=(8,), latent_shape=(1,), dtype=dtype, grey=grey)
    z = torch.tensor([1.0, -1.0, 0.44, 5.0, -500.0, 1e-3], dtype=dtype).expand(4, 6).T.unsqueeze(2)
    value, _ = own(target, z)
    assert bool(value.isfinite().all())
    assert float(value.min()) < -500
    assert_right(target, z)
    with torch.no_grad():  # also relative to their own size, the small ones among them
        torch.testing.assert_close(target.log_joint(z), value, atol=1e-5, rtol=1e-6)


def test_a_datapoint_that_is_sure_is_not_an_infinite_one():
    """At a logit of 200, log p of the right pixel is 0 and that of the wrong one -200; neither over- nor underflows."""
    model = Model(Function(lambda z: z @ torch.full((1, 64), 200.0)), bernoulli, (1,))
    target = Target(model, torch.stack([torch.ones(64), torch.zeros(64)]))
    assert target.by_hand
    with torch.no_grad():
        value = target.log_likelihood(torch.tensor([[[1.0], [1.0]], [[-1.0], [-1.0]]]))
    torch.testing.assert_close(value, torch.tensor([[0.0, -12800.0], [-12800.0, 0.0]]))
    slopes = torch.tensor([[[0.0], [-12800.0]]]) - 1.0 / 1.5**2  # the likelihood's and the prior's
    torch.testing.assert_close(target.grad(torch.ones(1, 2, 1)), slopes)


BAD = [math.nan, math.inf, 1e38]


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("likelihood", [bernoulli, unit_normal])
@pytest.mark.parametrize("bad", BAD)
def test_a_broken_row_breaks_no_other(bad, likelihood, name, monkeypatch):
    """NaN latents, infinite ones, and finite ones at which a layer overflows."""
    # Weights of 1e10 ask for float64, at latents that are not those of this test; what is tested is the path by hand.
    monkeypatch.setattr("gapkit.target.target.needs_double", lambda *_: False)
    net = nn.Sequential(nn.Linear(3, 5), copy.deepcopy(ACTIVATIONS[name]), nn.Linear(5, 7, bias=False))
    net[2].weight.data *= 1e10
    target = target_of(net, likelihood, dtype=torch.float32)
    z = latents(target, size=1e-9)
    broken = z.clone()
    broken[2, 1] = bad
    rest = torch.ones(6, 4, dtype=torch.bool)
    rest[2, 1] = False
    assert target.by_hand
    with torch.no_grad():
        pairs = [(target.log_joint(z), target.log_joint(broken)), (target.grad(z), target.grad(broken))]
    pairs += zip(target.log_joint_and_grad(z), target.log_joint_and_grad(broken), strict=True)
    pairs.append((target.grad(z, "bfloat16"), target.grad(broken, "bfloat16")))
    for sound, now in pairs:
        assert torch.equal(sound[rest], now[rest])
    theirs = own(target, broken)[0]
    for value in (pairs[0][1], pairs[2][1]):
        torch.testing.assert_close(value[rest], theirs[rest], rtol=1e-4, atol=1e-4)
        assert bool(theirs[2, 1].isfinite()) <= bool(value[2, 1].isfinite())
        assert not value[2, 1] > 0
        if math.isnan(bad):
            assert bool(value[2, 1].isnan())


def test_infinite_logits_are_certain_and_nan_is_never_a_value():
    """Torch has no answer, 0 * inf, where a certain pixel is right; the limit is 0. Where it is wrong both say -inf."""
    model = Model(Function(lambda z: z @ torch.ones(1, 7)), bernoulli, (1,))
    target = Target(model, torch.stack([torch.ones(7), torch.zeros(7)]))
    assert target.by_hand
    z = torch.tensor([math.inf, -math.inf, math.nan]).reshape(3, 1, 1).expand(3, 2, 1)
    with torch.no_grad():
        value = target.log_likelihood(z)
    assert value[:2].tolist() == [[0.0, -math.inf], [-math.inf, 0.0]]
    assert bool(value[2].isnan().all())


# Buffers


def calls(target):
    """What a target can be asked for at z of shape (S, B, D), but for the root of the curvature."""
    return [
        target.log_joint,
        target.log_likelihood,
        lambda z: torch.cat([part.reshape(len(z), -1) for part in target.log_joint_and_grad(z)], 1),
        lambda z: torch.cat([part.reshape(len(z), -1) for part in target.log_joint_and_grad(z, "bfloat16")], 1),
        target.grad,
        lambda z: target.grad(z, "bfloat16"),
    ]


NETS = {"deep": (3, 5, 7), "linear": (3, 7), "square": (7, 7, 7)}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("likelihood", [bernoulli, unit_normal])
@pytest.mark.parametrize("final", [None, nn.Tanh(), nn.SiLU(), nn.Mish()])
def test_results_do_not_depend_on_chunks(name, likelihood, final):
    """The last final activation is one that makes the whole decoder unknown."""
    sizes = NETS[name]
    net = mlp(nn.ReLU(), *sizes, final=final)
    whole = target_of(net, likelihood, latent_shape=sizes[:1], max_rows=10**6)
    assert whole.by_hand != isinstance(final, nn.Mish)
    pieces = Target(whole.model, whole.x, max_rows=9)
    assert (len(whole.chunks(23)), pieces.chunks(23)) == (1, [2] * 11 + [1])
    z = latents(whole, 23)
    with torch.no_grad():
        for one, other in zip(calls(whole), calls(pieces), strict=True):
            torch.testing.assert_close(one(z), other(z), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("likelihood", ["binary", "grey", "normal"])
@pytest.mark.parametrize("final", [None, nn.Tanh(), nn.SiLU()])
@pytest.mark.parametrize("max_rows", [None, 9])
def test_a_result_outlives_the_next_call(name, likelihood, final, max_rows):
    sizes = NETS[name]
    target = target_of(
        mlp(nn.ReLU(), *sizes, final=final),
        unit_normal if likelihood == "normal" else bernoulli,
        latent_shape=sizes[:1],
        max_rows=max_rows,
        grey=likelihood == "grey",
    )
    assert target.by_hand
    part = target.select(torch.tensor([3, 2, 1, 0]))  # the same shapes, and the same buffers
    z, other = latents(target), latents(target)
    with torch.no_grad():
        kept = [ask(z) for ask in calls(target)]
        before = [ask(z).clone() for ask in calls(target)]
        for again in (*calls(target), *calls(part)):
            again(other)
        target.root_fisher(other[0])
    for result, known in zip(kept, before, strict=True):
        assert torch.equal(result, known)


@pytest.mark.parametrize("final", [None, nn.Tanh()])
@pytest.mark.parametrize("likelihood", [bernoulli, unit_normal])
def test_nothing_that_is_given_is_written_to(likelihood, final):
    target = target_of(mlp(nn.ELU(), 3, 5, 7, final=final), likelihood)
    z = latents(target)
    before = copy.deepcopy([z, target.x, list(target.model.parameters())])
    with torch.no_grad():
        for ask in calls(target):
            ask(z)
    target.root_fisher(z[0])
    after = [z, target.x, list(target.model.parameters())]
    for old, new in zip([*before[:2], *before[2]], [*after[:2], *after[2]], strict=True):
        assert torch.equal(old, new)


def test_many_shapes_in_turn_do_not_confuse_the_buffers():
    """More different numbers of samples than the workspace keeps arrays for."""
    target = target_of(mlp(nn.Tanh(), 3, 5, 7))
    for num_samples in [*range(1, 60), 3, 1]:
        z = latents(target, num_samples)
        value, gradient = target.log_joint_and_grad(z)
        mine, theirs = own(target, z)
        torch.testing.assert_close(value, mine)
        torch.testing.assert_close(gradient, theirs)


# Weights and selections


@pytest.mark.parametrize("precision", ["full", "bfloat16"])
def test_a_new_target_sees_new_weights(precision):
    target = target_of(mlp(nn.Tanh(), 3, 5, 7))
    z = latents(target)
    old = target.grad(z, precision)
    with torch.no_grad():
        for parameter in target.model.parameters():
            parameter.mul_(1.5)
    new = Target(target.model, target.x)
    assert_right(new, z)
    now = new.grad(z, precision)
    assert float((now - own(new, z)[1]).norm() / now.norm()) < (0.02 if precision == "bfloat16" else 1e-9)
    assert not torch.allclose(old, now, rtol=0.05)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("by_hand", [False, True])
def test_selected_rows_keep_their_values(grey, by_hand):
    net = mlp(nn.Tanh() if by_hand else nn.Mish(), 3, 5, 7)
    target = target_of(net, grey=grey)
    rows = torch.tensor([2, 0, 2])
    part = target.select(rows)
    z = latents(target)
    assert_right(part, z[:, rows], by_hand=by_hand)
    for whole, some in zip(target.log_joint_and_grad(z), part.log_joint_and_grad(z[:, rows]), strict=True):
        torch.testing.assert_close(whole[:, rows], some)


def test_a_scale_of_one_datapoint_is_that_of_all():
    """The scale is read at three latents and used for any number of them."""
    target = target_of(mlp(nn.Tanh(), 3, 5, 7), WithScale(7))
    for rows in ([0], [0, 1], [0, 1, 2, 3]):
        assert_right(target.select(torch.tensor(rows)), latents(target)[:, rows])
