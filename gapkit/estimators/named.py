"""The package's estimators by name, for those who ask for a bound in words: each is called as its noise is."""

import gapkit.estimators as package
from gapkit.estimators.protocol import Estimator

__all__ = ["NAMED"]


def _named() -> dict[str, type[Estimator]]:
    """Every estimator that is exported; a new one needs no entry here."""
    things = [getattr(package, name) for name in package.__all__]
    kinds = [thing for thing in things if isinstance(thing, type) and issubclass(thing, Estimator)]
    return {str(kind.stage): kind for kind in kinds if hasattr(kind, "stage")}


NAMED: dict[str, type[Estimator]] = _named()
