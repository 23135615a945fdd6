"""Models that other libraries describe as programs or simulators: each library is imported when it is used."""

from gapkit.models.programs.pyro_pair import PyroPair, from_pyro

__all__ = ["PyroPair", "from_pyro"]
