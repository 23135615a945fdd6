"""Meta data sets from one set of images: the same images, moved in as many ways as there are data sets."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.core.errors import InputError
from gapkit.meta.data import MetaData
from gapkit.models.meta_vae import decoders_of, with_encoder
from gapkit.models.nets import MlpDecoder, MlpEncoder
from gapkit.models.pair import PairModel
from gapkit.models.reference import build
from gapkit.models.stacked import EncoderBank

__all__ = ["SPLITS", "rotations", "scales", "shears", "shifted_encoders", "shifted_model", "shifts", "split_of"]

SPLITS = ("interleaved", "sparse", "contiguous")
_EVERY = 4  # of the sparse split


def split_of(count: int, how: str) -> Tensor:
    """Which of so many values of a transformation are seen: shape (count,), bool.

    ``interleaved``: every other one; ``sparse``: every fourth; ``contiguous``: the first half.

    Raises:
        InputError: no such split.

    Example:
        >>> split_of(4, "interleaved").tolist(), split_of(4, "contiguous").tolist()
        ([True, False, True, False], [True, True, False, False])
    """
    place = torch.arange(count)
    if how == "interleaved":
        return place % 2 == 0
    if how == "sparse":
        return place % _EVERY == 0
    if how == "contiguous":
        return place < (count + 1) // 2
    raise InputError(f"the split {how!r} of a transformation", "no such split", f"use {', '.join(SPLITS)}")


def shifts(
    train: Tensor,
    test: Tensor,
    *,
    held_out: int = 16,
    seed: int = 0,
    train_labels: Tensor | None = None,
    test_labels: Tensor | None = None,
) -> MetaData:
    """All circular shifts of images: each is a data set, and what is known of the images is known of all of them.

    Args:
        train: images, shape (N, C, H, W).
        test: shape (N', C, H, W).
        held_out: how many shifts are not seen, at random.
        seed: of that choice.
        train_labels: shape (N,), or None.
        test_labels: shape (N',), or None.

    Returns:
        H * W data sets, ``truth`` holds the two shifts (T, 2).

    Raises:
        InputError: no images.

    Example:
        >>> data = shifts(torch.zeros(5, 1, 4, 4), torch.zeros(2, 1, 4, 4), held_out=4)
        >>> data.train.shape, len(data.seen_ones)
        (torch.Size([16, 5, 1, 4, 4]), 12)
    """
    height, width = _sides(train)
    if not 0 <= held_out < height * width:
        found = f"{height * width} shifts of images of {height} x {width}"
        raise InputError(f"{held_out} shifts held out", found, f"hold out 0 to {height * width - 1}")
    steps = [(down, right) for down in range(height) for right in range(width)]
    order = torch.randperm(len(steps), generator=torch.Generator().manual_seed(seed))
    seen = torch.ones(len(steps), dtype=torch.bool)
    seen[order[:held_out]] = False

    def moved(x: Tensor) -> Tensor:
        return torch.stack([x.roll(step, (2, 3)) for step in steps])

    names = tuple(f"{down},{right}" for down, right in steps)
    shown = _for_all(train_labels, train, len(steps)), _for_all(test_labels, test, len(steps))
    return MetaData(moved(train), moved(test), seen, names, *shown, torch.tensor(steps))


def shifted_model(base: PairModel, data: MetaData, **config: object) -> PairModel:
    """A ``meta_vae`` for :func:`shifts` whose decoder i is that of a trained VAE, shifted as the data set is.

    log p_i of a shifted image is then log p of the image, and the best encoder of a data set is known: the VAE's own on
    the image shifted back.

    Args:
        base: an ``mlp_vae`` of the images as they are.
        data: of :func:`shifts`.
        config: further arguments of ``meta_vae``: sizes of its encoder and their activation.

    Raises:
        InputError: another model.
    """
    if base.builder != "mlp_vae" or base.config is None or data.truth is None:
        raise InputError("a shifted decoder", f"a {base.builder or type(base).__name__}", "give an mlp_vae")
    own = ("x_shape", "latent", "likelihood", "decoder_hidden", "posterior", "posterior_options")
    taken = {"decoder_activation": base.config["activation"], **{name: base.config[name] for name in own}}
    model = build("meta_vae", **{**config, **taken, "num_datasets": len(data.train)})
    bank, decoder = decoders_of(model).net, base.decoder
    assert isinstance(decoder, MlpDecoder)
    last: Any = decoder.net[-1]
    model.to(last.weight.dtype)
    bank.copy_from(decoder.net)
    with torch.no_grad():
        for number, places in enumerate(_places(data)):
            bank.weights[-1][number] = last.weight[places]
            bank.biases[-1][number] = last.bias[places]
    return model


def shifted_encoders(base: PairModel, model: PairModel, data: MetaData) -> PairModel:
    """The best encoder of each of those data sets where the VAE's own is it: q(z|x) of the image shifted back.

    Args:
        base: an ``mlp_vae`` of the images as they are.
        model: of :func:`shifted_model`, whose decoders are taken.
        data: of :func:`shifts`.

    Returns:
        A model whose encoder needs ``dataset`` alone.
    """
    encoder, config = base.encoder, base.config or {}
    assert isinstance(encoder, MlpEncoder)
    inputs, count = math.prod(data.x_shape), len(data.train)
    bank = EncoderBank(count, inputs, 0, encoder.head, config["hidden"], config["activation"])
    first: Any = encoder.net[0]
    bank.to(first.weight.dtype)
    bank.net.copy_from(encoder.net)
    with torch.no_grad():
        for number, places in enumerate(_places(data)):
            bank.net.weights[0][number] = first.weight[:, places]
    return with_encoder(model, bank).eval()


def _places(data: MetaData) -> list[Tensor]:
    """Where the pixels of a shifted image stood in the image, (pixels,), for each shift."""
    assert data.truth is not None
    shape = data.x_shape
    numbers = torch.arange(math.prod(shape)).reshape(shape)
    return [numbers.roll(tuple(step), (1, 2)).flatten() for step in data.truth.tolist()]


def rotations(train: Tensor, test: Tensor, *, split: str = "interleaved", **labels: Tensor) -> MetaData:
    """Rotations by -180 to 160 degrees in steps of 20 (18 data sets); see :func:`shears` for the rest."""
    angles = range(-180, 180, 20)

    def matrix(degrees: float) -> list[list[float]]:
        angle = math.radians(degrees)
        return [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]

    return _warped(train, test, [*angles], matrix, split, **labels)


def scales(train: Tensor, test: Tensor, *, split: str = "interleaved", **labels: Tensor) -> MetaData:
    """Scales by 0.5 to 1.9 in steps of 0.1 (15 data sets); see :func:`shears` for the rest."""
    factors = [round(0.5 + 0.1 * step, 1) for step in range(15)]
    return _warped(train, test, factors, lambda factor: [[1 / factor, 0.0], [0.0, 1 / factor]], split, **labels)


def shears(train: Tensor, test: Tensor, *, split: str = "interleaved", **labels: Tensor) -> MetaData:
    """Shears of images by angles from -180 to 160 degrees in steps of 20, as rows move sideways.

    Args:
        train: images, shape (N, C, H, W).
        test: shape (N', C, H, W).
        split: ``interleaved``, ``sparse`` or ``contiguous``.
        labels: ``train_labels`` (N,) and ``test_labels`` (N',).

    Returns:
        As many data sets as angles, ``truth`` holds them. Pixels are between those of the images, by bilinear
        interpolation, with zeros around. An angle of 90 degrees would move rows without end: at +-80 and +-100 it is
        large and most of the picture leaves it, as in the paper.

    Raises:
        InputError: no images, or no such split.

    Example:
        >>> shears(torch.zeros(5, 1, 4, 4), torch.zeros(2, 1, 4, 4)).names[:2]
        ('-180', '-160')
    """
    angles = range(-180, 180, 20)

    def matrix(degrees: float) -> list[list[float]]:
        return [[1.0, math.tan(math.radians(degrees))], [0.0, 1.0]]

    return _warped(train, test, [*angles], matrix, split, **labels)


def _sides(x: Tensor) -> tuple[int, int]:
    if x.dim() != 4:
        raise InputError("images to transform", f"shape {tuple(x.shape)}", "give (N, C, H, W)")
    return x.shape[2], x.shape[3]


def _warped(
    train: Tensor,
    test: Tensor,
    values: Sequence[float],
    matrix: Callable[[float], list[list[float]]],
    split: str,
    train_labels: Tensor | None = None,
    test_labels: Tensor | None = None,
) -> MetaData:
    """Images under linear maps of the plane around their middle; the matrix maps places of the new one to the old."""
    seen = split_of(len(values), split)
    sets = []
    for x in (train, test):
        _sides(x)
        maps = [torch.tensor([[*row, 0.0] for row in matrix(value)]) for value in values]
        warped = []
        for theta in maps:
            # Places run from -1 to 1 along either side: the map is one of pixels, also of images that are not square.
            across, down = float(x.shape[3]), float(x.shape[2])
            theta = theta * torch.tensor([[1.0, down / across, 1.0], [across / down, 1.0, 1.0]])
            grid = nn.functional.affine_grid(theta.expand(1, 2, 3), [1, *x.shape[1:]], align_corners=False)
            grid = grid.expand(len(x), -1, -1, -1)
            warped.append(nn.functional.grid_sample(x, grid, align_corners=False))
        sets.append(torch.stack(warped).clamp(0.0, 1.0))
    shown = _for_all(train_labels, train, len(values)), _for_all(test_labels, test, len(values))
    return MetaData(sets[0], sets[1], seen, tuple(map(str, values)), *shown, torch.tensor(values))


def _for_all(labels: Tensor | None, x: Tensor, count: int) -> Tensor | None:
    if labels is not None and labels.shape != (len(x),):
        found = f"labels of shape {tuple(labels.shape)} and {len(x)} images"
        raise InputError("a label for each image", found, "give one label for each")
    return None if labels is None else labels.expand(count, -1)
