"""How much a calculation has used the decoder: the unit in which the costs of methods are compared."""

from dataclasses import dataclass

__all__ = ["Work"]


@dataclass
class Work:
    """Decoder evaluations so far, one for each latent point.

    Attributes:
        values: log p(x, z) alone.
        gradients: with a gradient in z, or the gradient alone.
        columns: columns of the decoder's Jacobian, or rows of its Hessian.
    """

    values: int = 0
    gradients: int = 0
    columns: int = 0

    @property
    def equivalents(self) -> float:
        """Everything in gradients: a value, or a column of a Jacobian, costs half as many products as a gradient.

        Example:
            >>> Work(values=10, gradients=5).equivalents
            10.0
        """
        return self.gradients + 0.5 * (self.values + self.columns)

    def __sub__(self, other: "Work") -> "Work":
        """What was done since ``other`` was noted down."""
        return Work(self.values - other.values, self.gradients - other.gradients, self.columns - other.columns)

    def copy(self) -> "Work":
        """Return a copy of the present count."""
        return Work(self.values, self.gradients, self.columns)
