"""Pixels on the scale that the model was trained on: what is done to them is decided on the whole source, and said."""

from dataclasses import dataclass

from torch import Tensor

from gapkit.core.errors import InputError

__all__ = ["COUNTS", "Scale", "Scaling"]

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


@dataclass(frozen=True)
class Scaling:
    """What is done to the values of a source.

    Attributes:
        top: the brightest value there is, as stored; None leaves values alone.
        to: the range wanted.
    """

    top: float | None = None
    to: Scale = Scale(0.0, 1.0)

    @staticmethod
    def of(stored: Tensor, scale: str | None, *, eight_bit: bool, asked: str) -> "Scaling":
        """Decide it.

        Args:
            stored: all values of the source, by which its range is decided.
            scale: as :meth:`Scale.parse` reads it; None divides 8-bit pixels by 255 and leaves all else alone.
            eight_bit: whether the source holds 8-bit pixels.
            asked: beginning of the error message.

        Raises:
            InputError: a range is wanted, and the values are no pixels.

        Example:
            >>> import torch
            >>> x = torch.tensor([[0.0, 255.0]])
            >>> scaling = Scaling.of(x, "-1,1", eight_bit=True, asked="read data")
            >>> scaling(x), scaling.words
            (tensor([[-1.,  1.]]), 'pixels from 0..255 to [-1, 1]')
        """
        wanted = Scale(0.0, 1.0) if scale is None and eight_bit else None if scale is None else Scale.parse(scale)
        if wanted is None:
            return Scaling()
        if eight_bit:
            return Scaling(255.0, wanted)
        low, high = float(stored.min()), float(stored.max())
        if low < 0 or high > 255 or (high > 1 and not bool((stored == stored.round()).all())):
            found = f"values from {low:g} to {high:g}, which are no pixels in 0..255 or [0, 1]"
            do = "scale the data yourself as in training, e.g. in a function (--data file.py:function)"
            raise InputError(f"{asked}, scaled to [{wanted.low:g}, {wanted.high:g}]", found, do)
        return Scaling(255.0 if high > 1 else 1.0, wanted)

    def __call__(self, x: Tensor) -> Tensor:
        """Values of any shape on the scale, floating point as they come."""
        if self.top is None:
            return x
        x = x / self.top
        return x if self._unit else x * (self.to.high - self.to.low) + self.to.low

    @property
    def _unit(self) -> bool:
        return (self.to.low, self.to.high) == (0.0, 1.0)

    @property
    def words(self) -> str:
        """What is done; "none" for nothing."""
        if self.top is None or (self._unit and self.top == 1.0):
            return "none"
        source = "0..255" if self.top > 1.0 else "[0, 1]"
        return "pixels divided by 255" if self._unit else f"pixels from {source} to [{self.to.low:g}, {self.to.high:g}]"
