"""The package's estimators that an analysis can be asked for by name, beside those that it has anyway."""

from gapkit.estimators.protocol import Estimator
from gapkit.estimators.reciprocal import ReciprocalIs

__all__ = ["NAMED"]

NAMED: dict[str, type[Estimator]] = {"reciprocal": ReciprocalIs}
