"""Pixels on the scale that the model was trained on: what is done to them is decided on the whole source, and said."""

from dataclasses import dataclass

from torch import Tensor

from gapkit.core.errors import InputError

__all__ = ["COUNTS", "Scale", "scaled"]

COUNTS = ("categorical", "negative_binomial", "poisson")  # likelihoods whose data are whole numbers, never scaled


@dataclass(frozen=True)
class Scale:
    """A range for pixels.

    Attributes:
        low: what black becomes.
        high: what the brightest value becomes.
    """

    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> "Scale | None":
        """Read ``none`` (as stored), ``unit`` (the same as ``0,1``) or ``LOW,HIGH``.

        Raises:
            InputError: none of these.

        Example:
            >>> Scale.parse("-1,1"), Scale.parse("none")
            (Scale(low=-1.0, high=1.0), None)
        """
        if text == "none":
            return None
        try:
            low, high = (float(end) for end in ("0,1" if text == "unit" else text).split(","))
        except ValueError:
            low, high = 0.0, 0.0
        if not (low < high and abs(low) + abs(high) < float("inf")):
            do = "write none, unit or LOW,HIGH with LOW < HIGH, e.g. -1,1 for a model trained on pixels in [-1, 1]"
            raise InputError(f"scale the data to {text!r} (scale=, --scale)", "no such scale", do)
        return cls(low, high)


def scaled(x: Tensor, stored: Tensor, scale: str | None, *, eight_bit: bool, asked: str) -> tuple[Tensor, str]:
    """Bring values to a scale.

    Args:
        x: (N, ...), floating point: the datapoints that are kept.
        stored: all values of the source, by which its range is decided.
        scale: as :meth:`Scale.parse` reads it; None divides 8-bit pixels by 255 and leaves all else alone.
        eight_bit: whether the source holds 8-bit pixels.
        asked: beginning of the error message.

    Returns:
        The values, and what was done in words.

    Raises:
        InputError: a range is wanted, and the values are no pixels.

    Example:
        >>> import torch
        >>> x = torch.tensor([[0.0, 255.0]])
        >>> scaled(x, x, "-1,1", eight_bit=True, asked="read data")
        (tensor([[-1.,  1.]]), 'pixels from 0..255 to [-1, 1]')
    """
    wanted = Scale(0.0, 1.0) if scale is None and eight_bit else None if scale is None else Scale.parse(scale)
    if wanted is None:
        return x, "none"
    top, whole = 255.0, eight_bit
    if not eight_bit:
        low, high = float(stored.min()), float(stored.max())
        if low < 0 or high > 255 or (high > 1 and not bool((stored == stored.round()).all())):
            found = f"values from {low:g} to {high:g}, which are no pixels in 0..255 or [0, 1]"
            do = "scale the data yourself as in training, e.g. in a function (--data file.py:function)"
            raise InputError(f"{asked}, scaled to [{wanted.low:g}, {wanted.high:g}]", found, do)
        whole = high > 1
        top = 255.0 if whole else 1.0
    x = x / top
    source = "0..255" if whole else "[0, 1]"
    if (wanted.low, wanted.high) == (0.0, 1.0):
        return x, "pixels divided by 255" if whole else "none"
    return x * (wanted.high - wanted.low) + wanted.low, f"pixels from {source} to [{wanted.low:g}, {wanted.high:g}]"
