"""Data as a value: where they come from, what is taken of them, and how they are made binary."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapkit.core.errors import InputError
from gapkit.sources.conditioned import Conditioned
from gapkit.sources.facts import digest_of_condition
from gapkit.sources.splits import CONDITION, STARTS
from gapkit.sources.stored import COUNT, DIGESTS, MAYBE_COUNT, MAYBE_FLAG, MAYBE_TEXT, WORDS, taken

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gapkit.checkpoints import Loaded
    from gapkit.core.rows import Rows
    from gapkit.inputs.data import Dataset, Streamed

__all__ = ["DataSource", "OpenedData"]

_KINDS = {
    "source": MAYBE_TEXT,
    "key": MAYBE_TEXT,
    "limit": MAYBE_COUNT,
    "scale": MAYBE_TEXT,
    "label_column": MAYBE_TEXT,
    "splits": WORDS,
    "binarize": MAYBE_TEXT,
    "encode_from": MAYBE_TEXT,
    "condition": MAYBE_TEXT,
    "context_size": MAYBE_COUNT,
    "seed": COUNT,
    "bank_data": COUNT,
    "counts": MAYBE_FLAG,
    "sha256": DIGESTS,
}


@dataclass(frozen=True)
class OpenedData:
    """Data as ``gapkit.analyze`` takes them.

    Attributes:
        source: what they were opened from, with their checksums.
        x: by split, (N, *x_shape), binarised; large data are :class:`gapkit.core.rows.Rows`, read when they are used.
        labels: by split, (N,) or None.
        original_x: ``x`` before it was binarised; None where it was not.
        encoder_x: what the encoder is given in the place of ``x``; None for ``x`` itself.
        other_x: training data, in the encoder's form, whose encodings are starts of the fits; None where the source
            has none apart.
        condition: by split, what a conditional model is given beside x; None for nothing.
        facts: what ``run.json`` keeps of them.
    """

    source: "DataSource"
    x: Mapping[str, "Tensor | Rows"]
    labels: Mapping[str, "np.ndarray | None"]
    original_x: Mapping[str, "Tensor | Rows"] | None
    encoder_x: Mapping[str, "Tensor | Rows"] | None
    other_x: "Tensor | None"
    condition: Mapping[str, "Tensor | dict[str, Tensor]"] | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class DataSource(Conditioned):
    """Which data, and in which form a model is given them.

    Attributes:
        source: name, file, folder of images, ``file.py:function`` or ``package.module:function``; None takes the data
            that the checkpoint says it was trained on.
        key: array to take from a file.
        limit: how many datapoints of each split, from the first.
        scale: of pixels; None divides those of 8 bits by 255.
        label_column: of a table.
        splits: ``test``, ``train`` or both; the first is the one that pictures are of.
        binarize: ``none``, ``threshold`` or ``sample``; None as in training.
        encode_from: what the encoder is given where data are binarised: ``binary`` (also None) or ``original``.
        condition: what a conditional model is given beside x: ``labels``, or arrays beside x in a file, with commas, or
            the column of a table.
        context_size: datapoints of the support set of each datapoint, drawn from the others of its data set, for a
            model of many data sets; None for models of one. The condition is then the number of the data set.
        seed: of the draws of ``sample``.
        bank_data: so many training datapoints, at most, serve as starts of the fits; 0 for none.
        counts: whether whole numbers are counts or classes, and never scaled; None asks the model.
        folder: where relative names are looked up; the working directory unless another is given.
        sha256: checksums that the data must have, by split, in hexadecimal digits; empty for any.
        recorded: whether a file names all this, and not the user: a function then runs only with ``open(trust=True)``.

    Example:
        >>> source = DataSource(source="x.npz", splits=("train", "test"), limit=100)
        >>> DataSource.of(source.to_dict()) == source
        True
    """

    encode_from: str | None = None
    context_size: int | None = None

    def trained_how(self, model: "Loaded") -> str:
        """How the data are binarised: as asked for, else as the model was trained, where the data are those of then.

        Example:
            >>> from gapkit.checkpoints import Loaded
            >>> trained = Loaded(None, "", "vae.pt", "", {"data": "mnist", "binarize": "dynamic"})
            >>> DataSource(source="mnist").trained_how(trained), DataSource(source="digits").trained_how(trained)
            ('dynamic', 'none')
        """
        how = model.extra.get("binarize")
        same = isinstance(how, str) and model.extra.get("data") == self.source
        return self.binarize or (str(how) if same else "none")

    def of_model(self, model: "Loaded") -> "DataSource":
        """The same with what the model says filled in: its training's data and binarisation, and whether x are counts.

        A fresh draw every epoch, as in training, becomes one fixed draw.

        Raises:
            InputError: no source is named, and the checkpoint names none.

        Example:
            >>> from gapkit.checkpoints import Loaded
            >>> trained = Loaded(None, "", "vae.pt", "", {"data": "mnist", "binarize": "dynamic"})
            >>> DataSource(counts=False).of_model(trained).binarize
            'sample'
        """
        from gapkit.sources.training import of_counts, trained_on

        counts = of_counts(model.model) if self.counts is None else self.counts
        named = replace(self, counts=counts)
        if self.source is None:  # what a checkpoint names is named by whoever wrote that file
            named = replace(named, source=trained_on(model), recorded=True)
        how = named.trained_how(model)
        fixed = "sample" if how == "dynamic" and self.binarize is None else how
        return replace(named, binarize=fixed)

    def open(
        self,
        model: "Loaded",
        *,
        trust: bool = False,
        told: "Callable[[Dataset | Streamed], object] | None" = None,
        whole: bool = False,
    ) -> OpenedData:
        """Load the data for a model, and make them binary.

        Args:
            model: says what is None here, see :meth:`of_model`.
            trust: run the function although a file such as ``run.json`` names it.
            told: called with every split that was loaded.
            whole: read all into memory; else large data are read when they are used.

        Raises:
            InputError: the data cannot be used, or are others than were recorded; two splits of a source that makes no
                difference between them; or a function to run is recorded, and ``trust`` is not given.

        Example:
            >>> from gapkit.checkpoints import Loaded
            >>> trained = Loaded(None, "", "vae.pt", "", {"data": "digits", "binarize": "threshold"})
            >>> opened = DataSource(limit=5, counts=False).open(trained)
            >>> opened.x["test"].shape, opened.x["test"].unique().tolist(), len(opened.other_x)
            (torch.Size([5, 1, 8, 8]), [0.0, 1.0], 1500)
        """
        return self.of_model(model).read(trust=trust, told=told, whole=whole)

    def read(
        self,
        *,
        trust: bool = False,
        told: "Callable[[Dataset | Streamed], object] | None" = None,
        whole: bool = False,
    ) -> OpenedData:
        """:meth:`open` without a model: what is None was filled in before, or stays undone.

        Args:
            trust: run the function although a file names it.
            told: called with every split that was loaded.
            whole: read all into memory.

        Raises:
            InputError: as :meth:`open`, or no source is named.

        Example:
            >>> DataSource(source="digits", limit=5).read().facts["data"]["splits"]["test"]["datapoints"]
            5
        """
        aside = self.with_column_aside()
        if aside is not self:
            return aside.read(trust=trust, told=told, whole=whole)
        how, grey = self.binarize or "none", self._encodes_original()
        sets: Mapping[str, Dataset | Streamed]
        sets = self.datasets(trust=trust, told=told) if whole else self.streamed(trust=trust, told=told)
        if len(sets) > 1 and any(part.split == "all" for part in sets.values()):
            found = f"{self.source} makes no difference between {' and '.join(sets)}"
            raise InputError("two splits", found, "give a source with both, such as an .npz with x_train and x_test")
        original = {split: part.x for split, part in sets.items()}
        x = {split: self.binarized(part, split) for split, part in sets.items()}
        others = None if self.condition else self.starts(trust=trust)  # whose conditions are not read
        if others is None and STARTS in self.sha256:
            found = "no training data apart, whose encodings were starts of the fits"
            do = "give the data that were analysed; or, to open these instead, replace(data, sha256={})"
            raise InputError(f"load the data {self.source} again", found, do)
        digests = {split: part.sha256 for split, part in sets.items()}
        if others is not None:
            digests[STARTS] = others.sha256
        condition = self.conditions(sets, trust=trust)
        if condition is not None:
            digests[CONDITION] = digest_of_condition(condition)
            if self.sha256.get(CONDITION, digests[CONDITION]) != digests[CONDITION]:
                do = "give the condition that was analysed; or, to open this one instead, replace(data, sha256={})"
                asked = f"load the condition {self.condition} of {self.source} again"
                raise InputError(asked, "another condition than was analysed", do)
        facts = {
            "data": self.facts(sets),
            "encode_from": "original" if grey else "analysed",
            "condition": self.condition,
            "starts_from_split": None if others is None else others.split,
        }
        return OpenedData(
            source=replace(self, sha256=digests),
            x=x,
            labels={split: part.label_values for split, part in sets.items()},
            original_x=None if how == "none" else original,
            encoder_x=original if grey else None,
            condition=condition,
            other_x=None if others is None else others.x if grey else self.binarized(others, "train"),
            facts=facts,
        )

    def to_dict(self) -> dict[str, Any]:
        """All as plain values, for ``run.json``; :meth:`of` reads them back.

        Example:
            >>> DataSource(source="mnist", folder="/home").to_dict()["splits"]
            ['test']
        """
        values = {**asdict(self), "splits": list(self.splits)}
        del values["recorded"]
        return values

    @staticmethod
    def of(values: Mapping[str, Any], folder: str | Path | None = None) -> "DataSource":
        """Read back what :meth:`to_dict` gave; a function that it names runs only with ``open(trust=True)``.

        Args:
            values: plain values.
            folder: where relative names are looked up now; None for where they were.

        Raises:
            InputError: values of another kind.

        Example:
            >>> DataSource.of({"source": "mnist", "folder": "/home"}).recorded
            True
        """
        where = None if folder is None else str(folder)
        return DataSource(**taken(values, _KINDS, "read the source of data", where), recorded=True)

    def _encodes_original(self) -> bool:
        """Whether the encoder is given the data as they were before they were binarised.

        Raises:
            InputError: an unknown word, or data that are not binarised.
        """
        if self.encode_from not in (None, "binary", "original"):
            raise InputError(f"--encode-from {self.encode_from}", "no such form", "use binary or original")
        if self.encode_from == "original" and self.binarize in (None, "none"):
            found = "data that are analysed as they are"
            raise InputError("--encode-from original", found, "add --binarize sample, or drop it")
        return self.encode_from == "original"
