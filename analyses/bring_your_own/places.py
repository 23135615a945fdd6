"""Counts of events at many places, whose rates are alike: x = (count, exposure)."""

from torch.distributions import Normal, Poisson

from gapkit.joint import HierarchicalModel


class Places(HierarchicalModel):
    global_size = 2  # theta: the mean log rate, and the log of its spread
    local_size = 1  # z[n]: how far the log rate of place n is from the mean, in spreads

    def log_prior(self, theta):
        return Normal(0.0, 2.0).log_prob(theta[:, 0]) + Normal(-1.0, 1.0).log_prob(theta[:, 1])

    def log_local(self, theta, z, x):
        z, count, exposure = z[..., 0], x[:, 0], x[:, 1]
        rate = (theta[:, :1] + theta[:, 1:].exp() * z).exp() * exposure
        return Normal(0.0, 1.0).log_prob(z) + Poisson(rate).log_prob(count)
