"""What the many data sets refuse, in words: each of these was a crash, or went on with numbers that meant nothing."""

import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.meta import (
    MetaData,
    MetaTrainConfig,
    SetVae,
    context_curve,
    draw_sets,
    fit_each_dataset,
    points_of,
    rotations,
    shifts,
    support_of,
    train_meta,
)
from gapkit.models.reference import build

X, SEEN = torch.bernoulli(torch.full((3, 20, 4), 0.5)), torch.tensor([True, True, False])
DATA = MetaData(X, X[:, :8], SEEN)
IMAGES = torch.rand(3, 1, 2, 2)
SHORT = MetaTrainConfig(steps=2)


def model():
    return build("meta_vae", x_shape=(4,), num_datasets=3, latent=2, hidden=(8,), summary=5, set_hidden=())


def with_nan():
    x = X.clone()
    x[1, 3, 0] = float("nan")
    return x


CASES = {
    "NaN in a data set": (lambda: MetaData(with_nan(), X, SEEN), "data sets numbered 1"),
    "whole numbers": (lambda: MetaData(X.long(), X, SEEN), "float"),
    "no tensors": (lambda: MetaData(X.numpy(), X, SEEN), "ndarray"),
    "marks that are numbers": (lambda: MetaData(X, X, SEEN.long()), r"seen\.bool"),
    "labels of another shape": (lambda: MetaData(X, X, SEEN, train_labels=torch.zeros(3, 19)), "train_labels"),
    "no such split": (lambda: points_of(DATA, [0], 2, split="tets"), "test or train"),
    "no data sets": (lambda: points_of(DATA, [], 2), "no numbers"),
    "no such data set": (lambda: points_of(DATA, [3], 2), "there are 3"),
    "less than no context": (lambda: points_of(DATA, [0], -1), "0 or more"),
    "less than no context, of points": (lambda: support_of(X[0], torch.zeros(20), -1, 0), "0 or more"),
    "a context as large as the data": (lambda: points_of(DATA, [0], 8), "7 others"),
    "no others": (lambda: points_of(MetaData(X, X[:, :0], SEEN), [0], 2), "0 others"),
    "a context as large as the training data": (
        lambda: train_meta(model(), DATA, MetaTrainConfig(context_size=20)),
        "data sets of 20",
    ),
    "data of another shape": (lambda: train_meta(model(), MetaData(X[..., :3], X[..., :3], SEEN), SHORT), "B, M, 4"),
    "an encoder of no such data set": (lambda: fit_each_dataset(model(), DATA, SHORT, [5]), "there are 3"),
    "encoders of none": (lambda: fit_each_dataset(model(), DATA, SHORT, []), "no numbers"),
    "support sets for other datapoints": (
        lambda: model().encode(X[0], {"dataset": torch.zeros(20).long(), "support": X[:1, :3]}),
        "1 of them and 20",
    ),
    "a single draw of the context": (lambda: context_curve(model(), DATA, [0], [2], redraws=1), "at least twice"),
    "no size of the context": (lambda: context_curve(model(), DATA, [0], []), "at least one size"),
    "no latents": (lambda: SetVae("homoencoder", (4,), latent=0), "latent"),
    "a scale that nothing holds": (
        lambda: SetVae("homoencoder", (4,), likelihood="gaussian:scale=global"),
        "of its own",
    ),
    "a negative rate": (lambda: draw_sets("exponential", torch.tensor([-1.0]), 2, torch.Generator()), "positive"),
    "all shifts held out": (lambda: shifts(IMAGES, IMAGES, held_out=4), "0 to 3"),
    "less than none held out": (lambda: shifts(IMAGES, IMAGES, held_out=-1), "0 to 3"),
    "labels of other images": (lambda: rotations(IMAGES, IMAGES, train_labels=torch.zeros(2)), "3 images"),
    "a norm below zero": (lambda: MetaTrainConfig(clip=-1.0), "clip"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_in_words(case):
    do, words = CASES[case]
    with pytest.raises(InputError, match=words):
        do()
