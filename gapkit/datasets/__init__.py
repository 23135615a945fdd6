"""Data to try things on, by name: ``gapkit.datasets.digits()``. The same as ``--data digits`` on the command line.

The digits come with scikit-learn; the others are fetched from OpenML once, and cached by scikit-learn.
"""

from gapkit.datasets.named import cifar10, digits, fashion_mnist, mnist

__all__ = ["cifar10", "digits", "fashion_mnist", "mnist"]
