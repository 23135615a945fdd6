"""Budgets of the local fits."""

from dataclasses import dataclass

from gapkit.core.ranges import above, check_ranges, even, share, whole

__all__ = ["RANGES", "FitSettings"]

RANGES = {
    "num_starts": whole(0, or_zero="for none"),
    "most_starts": whole(0),
    "unseen": share(zero=True, one=True),
    "climb_steps": whole(0, or_zero="for none"),
    "warm_steps": whole(0, or_zero="for none"),
    "coarse_samples": even(2),
    "warm_samples": even(2),
    "polish_steps": whole(0, or_zero="for none"),
    "polish_samples": even(2),
    "select_samples": even(2),
    "more_rounds": whole(0, or_zero="for none"),
    "certificate_samples": whole(2),
    "gradient_steps": whole(1),
    "gradient_samples": even(2),
    "num_components": whole(1),
    "tolerance": above(0, "0.02"),
    "keep_within": above(0, "12"),
}

_FEW_LATENTS = 10


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """Budget of the local fits.

    Attributes:
        num_starts: starts from the bank besides the encoder's q; three times as many where there are at most 10
            latents, because modes are many there and starts cost little.
        most_starts: starts that a datapoint may have where new modes keep coming; four times as many where there are
            at most 10 latents.
        unseen: posterior mass in modes not yet found, by a Good-Turing estimate, below which no more are searched for.
        climb_steps: Newton steps from every start to the mode above it, at least 12 for at most 10 latents; 0
            leaves starts where they are.
        warm_steps: half as many natural-gradient steps follow for the modes that are left.
        coarse_samples: samples of each step from a start, even, where a model's curvature is not available.
        warm_samples: samples of each natural-gradient step, even.
        polish_steps: path-gradient steps of the best mode; a long one is half as long in the
            mean-field family.
        polish_samples: samples of each, even.
        coarse_polish: whether all of a polish, and not only its first stretch, may take gradients of low precision
            where the processor has units for them; the certificate is made in full precision.
        select_samples: fixed noise on which candidates are compared, even.
        more_rounds: how often the polish of a datapoint may be doubled when its certificate asks for it.
        certificate_samples: fresh draws on which the distance from the optimum is estimated.
        gradient_steps: steps of Adam for families without natural-gradient steps (flows, low rank).
        gradient_samples: samples of each, even.
        num_components: Gaussians of a mixture q*.
        tolerance: a fit counts as converged unless its certificate says that more than this is left to gain, in nats,
            by two standard errors.
        keep_within: modes this many nats below the best are dropped.

    Raises:
        InputError: a setting out of its range.

    Example:
        >>> FitSettings(num_starts=0).polish_steps
        100
    """

    num_starts: int = 3
    most_starts: int = 24
    unseen: float = 0.03
    climb_steps: int = 5
    warm_steps: int = 8
    coarse_samples: int = 2
    warm_samples: int = 4
    polish_steps: int = 100
    polish_samples: int = 16
    coarse_polish: bool = True
    select_samples: int = 64
    more_rounds: int = 2
    certificate_samples: int = 256
    gradient_steps: int = 600
    gradient_samples: int = 16
    num_components: int = 4
    tolerance: float = 0.02
    keep_within: float = 12.0

    def __post_init__(self) -> None:
        check_ranges("local fits", self, RANGES)

    def starts(self, dim: int) -> int:
        """How many starts from the bank a posterior in ``dim`` dimensions gets.

        Example:
            >>> FitSettings(num_starts=3).starts(2), FitSettings(num_starts=3).starts(50)
            (9, 3)
        """
        return 3 * self.num_starts if dim <= _FEW_LATENTS else self.num_starts

    def most(self, dim: int) -> int:
        """How many starts from the bank it may have at most."""
        return 4 * self.most_starts if dim <= _FEW_LATENTS else self.most_starts

    def climb(self, dim: int) -> int:
        """How many Newton steps a start is climbed by."""
        return max(12, self.climb_steps) if self.climb_steps > 0 and dim <= _FEW_LATENTS else self.climb_steps

    def climb_further(self, dim: int) -> int:
        """How many more it may take while every one of them gains much."""
        return 3 * self.climb(dim) if dim <= _FEW_LATENTS else 0

    def patient(self, dim: int) -> bool:
        """Whether to go on also where every mode was found twice but one more could well have been missed."""
        return dim <= _FEW_LATENTS
