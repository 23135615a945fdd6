"""A linear probe: how well a logistic regression reads labels off representations."""

import math

import torch
from torch import Tensor

__all__ = ["probe_accuracy"]


def probe_accuracy(
    train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor, *, penalty: float = 1e-3
) -> tuple[float, float]:
    """Fit a multinomial logistic regression to training representations and judge it on test ones.

    Args:
        train: shape (N, D); standardised by their own means and deviations, as those of the test data then are.
        train_labels: whole numbers, (N,).
        test: shape (N', D).
        test_labels: shape (N',).
        penalty: of the squared weights, per datapoint.

    Returns:
        The share that is right, between 0 and 1, and its standard error over the test datapoints.

    Example:
        >>> x, y = torch.randn(60, 2), torch.arange(60) % 2
        >>> probe_accuracy(x + 9 * y.unsqueeze(1), y, x + 9 * y.unsqueeze(1), y)[0]
        1.0
    """
    mean, scale = train.mean(0), train.std(0).clamp(min=1e-6)
    x, other = (train - mean) / scale, (test - mean) / scale
    classes, labels = int(train_labels.max()) + 1, train_labels.long()
    weight = torch.zeros(x.shape[1] + 1, classes, dtype=x.dtype, requires_grad=True)
    wide = torch.cat([x, torch.ones_like(x[:, :1])], 1)
    optimizer = torch.optim.LBFGS([weight], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(wide @ weight, labels) + penalty * weight[:-1].square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    with torch.no_grad():
        said = (torch.cat([other, torch.ones_like(other[:, :1])], 1) @ weight).argmax(1)
    right = float((said == test_labels).double().mean())
    return right, math.sqrt(right * (1 - right) / len(test_labels))
