"""Pyro programs of many kinds, each with data that it can observe."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.distributions.transforms import affine_autoregressive
from pyro.nn import PyroModule, PyroParam
from torch import nn

X, Z = 6, 2


def data(count=7, seed=0):
    return torch.bernoulli(torch.full((count, X), 0.4), generator=torch.Generator().manual_seed(seed))


class Tutorial(nn.Module):
    """As in Pyro's VAE tutorial: modules registered in the program, a plate, one site each."""

    def __init__(self, hidden=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(X, hidden), nn.Tanh(), nn.Linear(hidden, 2 * Z))
        self.decoder = nn.Sequential(nn.Linear(Z, hidden), nn.Tanh(), nn.Linear(hidden, X))

    def model(self, x):
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", x.shape[0]):
            z_loc, z_scale = x.new_zeros((x.shape[0], Z)), x.new_ones((x.shape[0], Z))
            z = pyro.sample("latent", dist.Normal(z_loc, z_scale).to_event(1))
            pyro.sample("obs", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x.reshape(-1, X))

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        with pyro.plate("data", x.shape[0]):
            loc, log_scale = self.encoder(x.reshape(-1, X)).chunk(2, -1)
            pyro.sample("latent", dist.Normal(loc, log_scale.exp()).to_event(1))


class Pixels(Tutorial):
    """Pixels in a plate of their own, left of the datapoints'; no plate for the latents' axis; a subsampled plate."""

    def model(self, x):
        with pyro.plate("data", 1000, subsample=x, dim=-1):
            z = pyro.sample("latent", dist.Normal(x.new_zeros(Z), 1.0).to_event(1).expand([len(x)]))
            with pyro.plate("pixels", X, dim=-2):
                pyro.sample("obs", dist.Bernoulli(logits=self.decoder(z).T), obs=x.T)

    def guide(self, x):
        with pyro.plate("data", 1000, subsample=x, dim=-1):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            pyro.sample("latent", dist.Normal(loc, log_scale.exp()).to_event(1))


class Chain(Tutorial):
    """Two latent sites: z2 depends on z1, in the model and in the guide."""

    def __init__(self, hidden=16):
        super().__init__(hidden)
        self.up, self.down = nn.Linear(Z, 2), nn.Linear(1, 2 * Z)

    def model(self, x):
        with pyro.plate("data", len(x)):
            top = pyro.sample("top", dist.Normal(x.new_zeros(len(x)), 1.0))
            loc, log_scale = self.down(top.unsqueeze(-1)).tanh().chunk(2, -1)
            z = pyro.sample("latent", dist.Normal(loc, log_scale.exp()).to_event(1))
            pyro.sample("obs", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            z = pyro.sample("latent", dist.Normal(loc, log_scale.exp()).to_event(1))
            loc, log_scale = self.up(z).tanh().unbind(-1)
            pyro.sample("top", dist.Normal(loc, log_scale.exp()))


class Positive(Tutorial):
    """A Gamma prior and a log-normal guide."""

    def model(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("latent", dist.Gamma(2.0 * x.new_ones(len(x), Z), 1.5).to_event(1))
            pyro.sample("obs", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            pyro.sample("latent", dist.LogNormal(loc, log_scale.exp()).to_event(1))


class Simplex(Tutorial):
    """A Dirichlet prior over three topics, a guide of stick-breaking, counts; a parameter outside of modules."""

    def __init__(self, hidden=16):
        super().__init__(hidden)
        self.decoder = nn.Linear(Z + 1, X)

    def model(self, x):
        alpha = pyro.param("alpha", torch.tensor(2.0), constraint=constraints.positive)
        with pyro.plate("data", len(x)):
            z = pyro.sample("latent", dist.Dirichlet(alpha * x.new_ones(len(x), Z + 1)))
            pyro.sample("obs", dist.Multinomial(5, logits=self.decoder(z), validate_args=False), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            normal = dist.Normal(loc, log_scale.exp()).to_event(1)
            pyro.sample("latent", dist.TransformedDistribution(normal, dist.transforms.StickBreakingTransform()))


class Rates(Positive):
    """A Gamma prior and a Gamma guide."""

    def guide(self, x):
        with pyro.plate("data", len(x)):
            shape, rate = (0.5 * self.encoder(x)).exp().chunk(2, -1)
            pyro.sample("latent", dist.Gamma(shape, rate).to_event(1))


class Topics(Simplex):
    """A Dirichlet guide."""

    def __init__(self, hidden=16):
        super().__init__(hidden)
        self.encoder = nn.Linear(X, Z + 1)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            pyro.sample("latent", dist.Dirichlet(self.encoder(x).exp()))


class Shares(Tutorial):
    """Two sites of shares, one in a plate left of the datapoints': a Beta prior, a uniform one, Beta guides."""

    def model(self, x):
        with pyro.plate("data", len(x), dim=-1):
            whole = pyro.sample("whole", dist.Uniform(x.new_zeros(len(x)), 1.0))
            with pyro.plate("each", Z, dim=-2):
                parts = pyro.sample("parts", dist.Beta(2.0 * x.new_ones(Z, len(x)), 3.0))
            logits = self.decoder(whole.unsqueeze(-1) + parts.T)
            pyro.sample("obs", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x), dim=-1):
            a, b = (0.5 * self.encoder(x)).exp().chunk(2, -1)
            pyro.sample("whole", dist.Beta(a.sum(1), b.sum(1)))
            with pyro.plate("each", Z, dim=-2):
                pyro.sample("parts", dist.Beta(a.T, b.T))


class Lifetimes(Positive):
    """A Weibull guide."""

    def guide(self, x):
        with pyro.plate("data", len(x)):
            scale, shape = (0.5 * self.encoder(x)).exp().chunk(2, -1)
            pyro.sample("latent", dist.Weibull(scale, 1.0 + shape).to_event(1))


class Boxed(Tutorial):
    """A uniform prior on a box, and a guide that is a normal sent into it."""

    def model(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("latent", dist.Uniform(-x.new_ones(len(x), Z), 3.0).to_event(1))
            pyro.sample("obs", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x)

    def guide(self, x):
        box = torch.distributions.biject_to(constraints.interval(-1.0, 3.0))
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            normal = dist.Normal(loc, log_scale.exp())
            pyro.sample("latent", dist.TransformedDistribution(normal, [box]).to_event(1))


class FullRank(Tutorial):
    """A guide with covariances."""

    def guide(self, x):
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            tril = torch.diag_embed(log_scale.exp()) + torch.tensor([[0.0, 0.0], [0.3, 0.0]])
            pyro.sample("latent", dist.MultivariateNormal(loc, scale_tril=tril))


class Flow(Tutorial):
    """A guide with an inverse autoregressive flow on top."""

    def __init__(self, hidden=16):
        super().__init__(hidden)
        self.flow = affine_autoregressive(Z, hidden_dims=[8])

    def guide(self, x):
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            normal = dist.Normal(loc, log_scale.exp()).to_event(1)
            pyro.sample("latent", dist.TransformedDistribution(normal, [self.flow]))


class TwoSeen(Tutorial):
    """Two observed sites: halves of x."""

    def model(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("latent", dist.Normal(x.new_zeros(len(x), Z), 1.0).to_event(1))
            logits = self.decoder(z)
            pyro.sample("left", dist.Bernoulli(logits=logits[:, :3]).to_event(1), obs=x[:, :3])
            pyro.sample("right", dist.Bernoulli(logits=logits[:, 3:]).to_event(1), obs=x[:, 3:])


class Autoregressive(Tutorial):
    """Every pixel looks at the one before it."""

    def model(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("latent", dist.Normal(x.new_zeros(len(x), Z), 1.0).to_event(1))
            logits = self.decoder(z) + torch.nn.functional.pad(x, (1, 0))[:, :-1]
            pyro.sample("obs", dist.Bernoulli(logits=logits).to_event(1), obs=x)


class Modules(PyroModule):
    """PyroModules with a parameter of their own, which has a constraint."""

    def __init__(self):
        super().__init__()
        self.net = PyroModule[nn.Linear](Z, X)
        self.width = PyroParam(torch.tensor(0.7), constraint=constraints.positive)

    def forward(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("latent", dist.Normal(x.new_zeros(len(x), Z), 1.0).to_event(1))
            pyro.sample("obs", dist.Normal(self.net(z), self.width).to_event(1), obs=x)


class ModulesGuide(PyroModule):
    """The guide beside it."""

    def __init__(self):
        super().__init__()
        self.inner = PyroModule[nn.Linear](X, Z)
        self.spread = PyroParam(torch.tensor(0.5), constraint=constraints.positive)

    def forward(self, x):
        with pyro.plate("data", len(x)):
            pyro.sample("latent", dist.Normal(self.inner(x), self.spread).to_event(1))


def _of_one(kind):
    torch.manual_seed(0)
    made = kind()
    return made.model, made.guide


def _of_modules():
    torch.manual_seed(0)
    return Modules(), ModulesGuide()


# What each is read as: the guide's family, and whether p(x|z) can be taken out of the program.
PROGRAMS = {
    "tutorial": (lambda: _of_one(Tutorial), "normal", True),
    "pixels": (lambda: _of_one(Pixels), "normal", True),
    "chain": (lambda: _of_one(Chain), "general", True),
    "positive": (lambda: _of_one(Positive), "normal", True),
    "simplex": (lambda: _of_one(Simplex), "normal", True),
    "rates": (lambda: _of_one(Rates), "member", True),
    "topics": (lambda: _of_one(Topics), "member", True),
    "shares": (lambda: _of_one(Shares), "member", True),
    "lifetimes": (lambda: _of_one(Lifetimes), "member", True),
    "boxed": (lambda: _of_one(Boxed), "normal", True),
    "full_rank": (lambda: _of_one(FullRank), "full", True),
    "flow": (lambda: _of_one(Flow), "general", True),
    "two_seen": (lambda: _of_one(TwoSeen), "normal", False),
    "autoregressive": (lambda: _of_one(Autoregressive), "normal", False),
    "modules": (_of_modules, "normal", True),
}
