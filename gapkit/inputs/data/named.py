"""Data sets known by name: ``digits`` comes with scikit-learn, the others are fetched from OpenML once and cached.

Sources: digits, Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits" (1998),
https://archive.ics.uci.edu/dataset/80; MNIST, LeCun et al. (1998), https://www.openml.org/d/554; Fashion-MNIST, Xiao et
al., "Fashion-MNIST: a Novel Image Dataset" (2017), https://arxiv.org/abs/1708.07747; CIFAR-10, Krizhevsky (2009),
https://www.openml.org/d/40927.
"""

import http.client
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from gapkit.core.errors import InputError
from gapkit.inputs.data.dataset import Raw

__all__ = ["NAMED"]

DIGITS_TRAIN = 1500  # of 1797

# Of the papers, in the order of the numbers; digits are their own names.
_CLOTHES = (
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
_THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def _split(x: np.ndarray, labels: np.ndarray, split: str, num_train: int, scaling: str = "none") -> Raw:
    part = slice(None, num_train) if split == "train" else slice(num_train, None)
    return Raw(x[part], labels[part], split, images=True, scaling=scaling)


def _digits(split: str) -> Raw:
    """8 x 8 grey images with 17 levels: values / 16, the first 1500 for training, the last 297 for testing."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return _split(bunch.images[:, None] / 16.0, bunch.target, split, DIGITS_TRAIN, "pixels divided by 16")


def _openml(
    split: str,
    *,
    name: str,
    openml_name: str,
    shape: tuple[int, ...],
    num_train: int,
    classes: tuple[str, ...] | None = None,
) -> Raw:
    """Images of an OpenML data set, in its original order: training images first."""
    from sklearn.datasets import fetch_openml

    try:
        bunch = fetch_openml(openml_name, version=1, as_frame=False)
    except (OSError, ValueError, http.client.HTTPException) as err:  # URLError is an OSError, OpenMLError a ValueError
        found = f"{type(err).__name__}: {str(err)[:200]}"
        do = "check the network, or pass a local copy (as by --data file.npz) with arrays x_train, x_test"
        raise InputError(f"fetch {name} from openml.org", found, do) from err
    x = np.asarray(bunch.data)
    if x.ndim != 2 or x.shape[1] != np.prod(shape) or len(x) <= num_train:
        cache = "delete scikit-learn's cache (sklearn.datasets.get_data_home())"
        do = f"{cache}, or pass a local copy (as by --data file.npz)"
        raise InputError(f"fetch {name} from openml.org", f"an array of shape {x.shape}", do)
    labels = np.asarray(bunch.target).astype(np.int64)
    return replace(_split(x.astype(np.uint8).reshape(-1, *shape), labels, split, num_train), classes=classes)


NAMED: dict[str, Callable[[str], Raw]] = {
    "cifar10": partial(
        _openml, name="cifar10", openml_name="CIFAR_10", shape=(3, 32, 32), num_train=50_000, classes=_THINGS
    ),
    "digits": _digits,
    "fashion_mnist": partial(
        _openml,
        name="fashion_mnist",
        openml_name="Fashion-MNIST",
        shape=(1, 28, 28),
        num_train=60_000,
        classes=_CLOTHES,
    ),
    "mnist": partial(_openml, name="mnist", openml_name="mnist_784", shape=(1, 28, 28), num_train=60_000),
}
