"""What to analyse as a value: model, data, further encoders; written to ``run.json``, opened anywhere.

ModelSource --open--> a model with its weights
DataSource  --open--> splits, labels, data for starts
Source      --open--> both, and further encoders: all that gapkit.analyze needs
"""

from gapkit.sources.data import DataSource, OpenedData
from gapkit.sources.facts import checkpoint_facts
from gapkit.sources.model import ModelSource
from gapkit.sources.source import Opened, Source

__all__ = ["DataSource", "ModelSource", "Opened", "OpenedData", "Source", "checkpoint_facts"]
