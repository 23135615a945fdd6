"""Several data sets of one kind, and the support sets that go with their datapoints."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.files import write_atomically

__all__ = ["MetaData", "Points", "draw_support", "numbers_of", "points_of", "support_of"]

_ROWS = 256  # datapoints whose support is drawn at a time


@dataclass(frozen=True)
class MetaData:
    """T data sets of datapoints of one shape; as many in each.

    Attributes:
        train: shape (T, N, *x_shape).
        test: shape (T, N', *x_shape), of the same data sets.
        seen: which of them an encoder is trained on, shape (T,), bool; the others are held out.
        names: of the data sets.
        train_labels: what the datapoints show, (T, N), or None.
        test_labels: likewise, (T, N').
        truth: what a data set was made with, (T, ...), or None.

    Raises:
        InputError: shapes that do not belong together, or values that are not finite.

    Example:
        >>> data = MetaData(torch.zeros(3, 5, 4), torch.zeros(3, 2, 4), torch.tensor([True, True, False]))
        >>> data.names, data.held_out
        (('0', '1', '2'), [2])
    """

    train: Tensor
    test: Tensor
    seen: Tensor
    names: tuple[str, ...] = field(default=())
    train_labels: Tensor | None = None
    test_labels: Tensor | None = None
    truth: Tensor | None = None

    def __post_init__(self) -> None:
        _require_numbers(self.train, self.test)
        count = len(self.train)
        if not self.names:
            object.__setattr__(self, "names", tuple(map(str, range(count))))
        same = self.train.shape[2:] == self.test.shape[2:] and self.train.dim() >= 2
        if not same or not count == len(self.test) == len(self.seen) == len(self.names):
            shapes = f"train {tuple(self.train.shape)}, test {tuple(self.test.shape)}"
            found = f"{shapes}, {len(self.seen)} marks of what is seen"
            raise InputError("several data sets", found, "give (T, N, *x_shape) twice, and T marks and names")
        if self.seen.dtype is not torch.bool:  # ~ of 0 and 1 is -1 and -2: all would be held out
            do = "give marks of true and false, such as seen.bool()"
            raise InputError("which data sets are seen", f"marks of {self.seen.dtype}", do)
        if not bool(self.seen.any()):
            raise InputError("several data sets", "all of them held out", "mark those to train on in seen")
        for split, x, labels in (
            ("train", self.train, self.train_labels),
            ("test", self.test, self.test_labels),
        ):
            if labels is not None and labels.shape != x.shape[:2]:
                found = f"{split}_labels of shape {tuple(labels.shape)}, {split} of shape {tuple(x.shape)}"
                raise InputError("a label for each datapoint", found, f"give labels of shape {tuple(x.shape[:2])}")

    @property
    def x_shape(self) -> tuple[int, ...]:
        """Of a datapoint."""
        return tuple(self.train.shape[2:])

    @property
    def seen_ones(self) -> list[int]:
        """The numbers of the data sets that are trained on."""
        return [int(number) for number in self.seen.nonzero().flatten()]

    @property
    def held_out(self) -> list[int]:
        """The numbers of the others."""
        return [int(number) for number in (~self.seen).nonzero().flatten()]

    def save(self, path: str | Path) -> Path:
        """Write an ``.npz`` file that ``gapkit analyze --context-size`` takes: x, y, dataset, of each split; seen.

        The data sets take turns, so that the first datapoints of the file (``--limit``) are of all of them.

        Raises:
            InputError: the file cannot be written.
        """
        arrays = {"seen": self.seen.numpy()}
        for split, x, labels in (("train", self.train, self.train_labels), ("test", self.test, self.test_labels)):
            numbers = torch.arange(len(x)).repeat(x.shape[1])
            arrays |= {f"x_{split}": x.transpose(0, 1).flatten(0, 1).numpy(), f"dataset_{split}": numbers.numpy()}
            if labels is not None:
                arrays[f"y_{split}"] = labels.T.flatten().numpy()

        def write(name: str) -> None:
            with open(name, "wb") as file:
                np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

        try:
            write_atomically(Path(path), write)
        except OSError as error:
            raise InputError(f"save data sets to {path}", str(error), "choose a folder that is writable") from error
        return Path(path)


@dataclass(frozen=True)
class Points:
    """Datapoints with what belongs to each of them.

    Attributes:
        x: shape (K, *x_shape).
        dataset: the number of its data set, (K,).
        support: other datapoints of that data set, (K, M, *x_shape).
        labels: what they show, (K,), or None.
    """

    x: Tensor
    dataset: Tensor
    support: Tensor
    labels: Tensor | None = None

    @property
    def condition(self) -> dict[str, Tensor]:
        """As models take it."""
        return {"dataset": self.dataset, "support": self.support}


def _require_numbers(*splits: object) -> None:
    for x in splits:
        if not isinstance(x, Tensor) or not x.is_floating_point():
            found = f"a tensor of {x.dtype}" if isinstance(x, Tensor) else f"a {type(x).__name__}"
            raise InputError("several data sets", found, "give tensors of floating point, such as x.float()")
        # A datapoint that is not finite would stand in the support sets of others, too.
        if not bool(x.isfinite().all()):
            bad = (~x.isfinite()).flatten(1).any(1).nonzero().flatten().tolist()
            found = f"NaN or infinite values in the data sets numbered {', '.join(map(str, bad[:5]))}"
            raise InputError("several data sets", found, "leave those datapoints out, or mend them")


def numbers_of(datasets: Sequence[int], count: int) -> Tensor:
    """The numbers of data sets as a tensor.

    Raises:
        InputError: none, or one that there is not.
    """
    wanted = list(datasets)
    if not wanted or min(wanted) < 0 or max(wanted) >= count:
        found = f"{wanted[:5]}, and there are {count}" if wanted else "no numbers"
        raise InputError("data sets by their numbers", found, f"give some of 0 to {count - 1}")
    return torch.as_tensor(wanted)


def draw_support(count: int, size: int, generator: torch.Generator, leave_out: Tensor | None = None) -> Tensor:
    """Draw so many of ``count`` places without replacement, for each row anew.

    Args:
        count: places to choose from.
        size: M.
        generator: of the draws.
        leave_out: a place of each row that is not drawn, shape (K,); None draws one row from all.

    Returns:
        Shape (K, M).

    Raises:
        InputError: more are asked for than there are.
    """
    own = torch.full((1,), -1) if leave_out is None else leave_out
    there = max(0, count - (leave_out is not None))
    if size < 0:
        raise InputError(f"support sets of {size} datapoints", "less than none", "use 0 or more")
    if size > there:
        do = "ask for a smaller context, or give larger data sets"
        raise InputError(f"support sets of {size} datapoints", f"data sets with {there} others", do)
    parts = []
    for part in own.split(_ROWS):
        keys = torch.rand(len(part), count, generator=generator)
        if leave_out is not None:
            keys.scatter_(1, part.unsqueeze(1), -1.0)
        parts.append(keys.topk(size, 1).indices)
    return torch.cat(parts)


def support_of(x: Tensor, dataset: Tensor, size: int, seed: int) -> Tensor:
    """A support set for each datapoint: others of its data set, never itself; drawn anew for each.

    Args:
        x: shape (K, *x_shape).
        dataset: the number of each one's data set, (K,).
        size: M.
        seed: of the draws.

    Returns:
        Shape (K, M, *x_shape).

    Raises:
        InputError: a data set that is too small.

    Example:
        >>> support_of(torch.arange(4.0), torch.tensor([0, 0, 1, 1]), 1, seed=0).flatten()
        tensor([1., 0., 3., 2.])
    """
    chosen = torch.empty(len(x), max(0, size), dtype=torch.long)
    generator = torch.Generator().manual_seed(seed)
    for number in dataset.unique().tolist():
        rows = (dataset == number).nonzero().flatten()
        chosen[rows] = rows[draw_support(len(rows), size, generator, torch.arange(len(rows)))]
    return x[chosen]


def points_of(
    data: MetaData,
    datasets: Sequence[int],
    context_size: int,
    *,
    seed: int = 0,
    split: str = "test",
    most: int | None = None,
) -> Points:
    """The datapoints of some data sets, in their order, with a support set for each from the same split.

    Args:
        data: the data sets.
        datasets: their numbers.
        context_size: M.
        seed: of the draws of the support sets.
        split: ``test`` or ``train``.
        most: datapoints of each data set; None for all. They are from other places in each: where data sets hold the
            same images in the same order, other images. Support sets come from all of a data set.

    Raises:
        InputError: no such data set or split, or fewer datapoints than the context needs.
    """
    if split not in ("train", "test"):
        raise InputError(f"the split {split!r} of several data sets", "no such split", "use test or train")
    x, labels = (data.test, data.test_labels) if split == "test" else (data.train, data.train_labels)
    generator = torch.Generator().manual_seed(seed)
    count, numbers = x.shape[1], numbers_of(datasets, len(x))
    taken = count if most is None else min(most, count)
    rows = (torch.arange(len(numbers)).unsqueeze(1) * taken + torch.arange(taken)) % count
    whose = numbers.repeat_interleave(taken)
    support = [
        x[number][draw_support(count, context_size, generator, own)]
        for number, own in zip(numbers.tolist(), rows, strict=True)
    ]
    shown = None if labels is None else labels[whose, rows.flatten()]
    return Points(x[whose, rows.flatten()], whose, torch.cat(support), shown)
