"""Models that other libraries describe as programs or simulators: each library is imported when it is used."""

from gapkit.models.programs.pyro_pair import PyroPair, from_pyro
from gapkit.models.programs.sbi_model import SbiModel, from_sbi
from gapkit.models.programs.scvi_model import ScviModel, from_scvi

__all__ = ["PyroPair", "SbiModel", "ScviModel", "from_pyro", "from_sbi", "from_scvi"]
