"""Simulators of linear Gaussian form, and posteriors of sbi that were trained on them."""

import warnings

import torch
from sbi.inference import NLE, NPE
from sbi.neural_nets import likelihood_nn, posterior_nn
from sbi.utils import BoxUniform
from torch.distributions import Independent, MultivariateNormal, Normal

W = torch.tensor([[1.0, 0.3], [-0.4, 0.9], [0.5, 0.5]])
SIGMA = 0.6
GAUSSIAN = MultivariateNormal(torch.zeros(2), torch.eye(2))
BOX = BoxUniform(torch.tensor([-1.0, -2.0]), torch.tensor([1.0, 2.0]))


class _NoTracker:
    """sbi writes logs for TensorBoard into the working directory unless it is given something else to write to."""

    log_dir = None

    def _nothing(self, *_, **__):
        pass

    log_metric = log_metrics = log_params = add_figure = flush = _nothing


def likelihood(theta):
    return Independent(Normal(theta @ W.T, SIGMA, validate_args=False), 1, validate_args=False)


def log_likelihood(x, theta):
    return likelihood(theta).log_prob(x)


def simulated(prior, count, seed):
    torch.manual_seed(seed)
    theta = prior.sample((count,))
    return theta, likelihood(theta).sample()


def evidence(x):
    """Log p(x) under the Gaussian prior."""
    return MultivariateNormal(torch.zeros(3), W @ W.T + SIGMA**2 * torch.eye(3)).log_prob(x)


def evidence_of_box(x):
    """Log p(x) under the uniform prior, by quadrature."""
    first, second = torch.linspace(-1.0, 1.0, 401, dtype=torch.float64), torch.linspace(-2.0, 2.0, 801).double()
    grid = torch.cartesian_prod(first, second)
    values = Normal((grid @ W.T.double()).unsqueeze(1), SIGMA).log_prob(x.double()).sum(-1)
    trapezoid = [torch.ones(401).double(), torch.ones(801).double()]
    for part in trapezoid:
        part[0] = part[-1] = 0.5
    weights = torch.outer(*trapezoid).reshape(-1, 1)
    cell = float((first[1] - first[0]) * (second[1] - second[0]))
    return torch.logsumexp(values + weights.log(), 0) + torch.tensor(cell).log() - torch.tensor(8.0).log()


def estimator(kind="zuko_maf", seed=0, **options):
    """What posterior_nn builds, untrained: a user's file does the same before its weights are loaded."""
    theta, x = simulated(GAUSSIAN, 500, 9)
    torch.manual_seed(seed)
    return posterior_nn(kind, hidden_features=20, num_transforms=2, **options)(theta, x)


def trained(prior, kind="zuko_maf", count=2000, epochs=60, seed=0, **options):
    """An amortized posterior."""
    theta, x = simulated(prior, count, 9)
    torch.manual_seed(seed)
    build = posterior_nn(kind, hidden_features=20, num_transforms=2, **options)
    with warnings.catch_warnings(action="ignore"):  # that it has not converged yet
        trainer = NPE(prior, density_estimator=build, show_progress_bars=False, tracker=_NoTracker())
        made = trainer.append_simulations(theta, x).train(max_num_epochs=epochs, training_batch_size=100)
        return trainer.build_posterior(made)


def learned(prior, count=2000, epochs=60):
    """A likelihood that was learned, as a density estimator."""
    theta, x = simulated(prior, count, 8)
    torch.manual_seed(0)
    build = likelihood_nn("maf", hidden_features=20, num_transforms=2)
    with warnings.catch_warnings(action="ignore"):
        trainer = NLE(prior, density_estimator=build, show_progress_bars=False, tracker=_NoTracker())
        return trainer.append_simulations(theta, x).train(max_num_epochs=epochs, training_batch_size=100)
