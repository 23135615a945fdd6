"""Splits of data by themselves: found from anywhere, run only with trust, the same as before, and made binary."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from gapkit.core.errors import InputError
from gapkit.inputs.outline import require_spec
from gapkit.sources.facts import split_facts
from gapkit.sources.place import as_plain, require_trust, resolved, resolved_spec, working_in

if TYPE_CHECKING:
    from torch import Tensor

    from gapkit.core.rows import Rows
    from gapkit.inputs.data import Dataset, Streamed

__all__ = ["STARTS", "Splits", "draw_of"]

CONDITION = "condition"  # and under this name that of what a conditional model is given
STARTS = "starts"  # under this name the checksum of the data for starts stands beside those of the splits
_TRAIN_SEED = 2**32

D = TypeVar("D", bound="Dataset | Streamed")


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Which data, without a model; :class:`gapkit.sources.DataSource` tells what the attributes mean.

    Example:
        >>> source = Splits(source="digits", limit=5, binarize="threshold")
        >>> {split: len(part) for split, part in source.datasets().items()}
        {'test': 5}
    """

    source: str | Path | None = None
    key: str | None = None
    limit: int | None = None
    scale: str | None = None
    label_column: str | None = None
    splits: tuple[str, ...] = ("test",)
    binarize: str | None = None
    seed: int = 0
    bank_data: int = 10_000
    counts: bool | None = None
    folder: str | Path = field(default_factory=os.getcwd)
    sha256: Mapping[str, str] = field(default_factory=dict, hash=False)
    recorded: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        as_plain(self, texts=("source",), words=("splits",))

    def check(self) -> None:
        """Refuse, before anything slow, a data function whose file is missing, no Python, or does not define it.

        Raises:
            InputError: with the line, or with what is there.

        Example:
            >>> Splits(source="absent.py:make").check()
            Traceback (most recent call last):
            ...
            gapkit.core.errors.InputError: asked: import 'absent.py:make'
            ...
        """
        name, folder = str(self.source or ""), str(self.folder)
        if ".py:" in name and not os.path.exists(resolved(name, folder)):
            require_spec(resolved_spec(name, folder))

    def datasets(
        self, *, trust: bool = False, told: "Callable[[Dataset], object] | None" = None
    ) -> "dict[str, Dataset]":
        """The splits as they were loaded, scaled but not yet binarised.

        Args:
            trust: run the function although a file names it.
            told: called with every split, when all are there.

        Raises:
            InputError: the data cannot be used, or are others than were recorded; or a function to run is recorded, and
                ``trust`` is not given.

        Example:
            >>> {split: len(part) for split, part in Splits(source="digits", limit=5).datasets().items()}
            {'test': 5}
        """
        from gapkit.inputs.data import load

        return self._all(load, trust, told)

    def streamed(
        self, *, trust: bool = False, told: "Callable[[Dataset | Streamed], object] | None" = None
    ) -> "dict[str, Dataset | Streamed]":
        """:meth:`datasets`, but large data stay where they lie.

        Args:
            trust: run the function although a file names it.
            told: called with every split, when all are there.

        Raises:
            InputError: as :meth:`datasets`.

        Example:
            >>> {split: len(part) for split, part in Splits(source="digits", limit=5).streamed().items()}
            {'test': 5}
        """
        from gapkit.inputs.data import load_streamed

        return self._all(load_streamed, trust, told)

    def _all(self, load: "Callable[..., D]", trust: bool, told: "Callable[[D], object] | None") -> "dict[str, D]":
        sets = {split: self._load(split, self.limit, trust, load) for split in dict.fromkeys(self.splits)}
        for split, part in sets.items():
            self._require_unchanged(split, part)
        if told is not None:
            for part in sets.values():
                told(part)
        return sets

    def starts(self, *, trust: bool = False) -> "Dataset | None":
        """Training data, if the source has them apart, not yet binarised: their encodings are starts of the fits.

        Args:
            trust: run the function although a file names it.

        Raises:
            InputError: they are others than were recorded.

        Example:
            >>> len(Splits(source="digits", bank_data=50).starts())
            50
        """
        from gapkit.inputs.data import load
        from gapkit.inputs.data.named import NAMED

        name = str(self.source)
        has_splits = name in NAMED or Path(name).suffix in (".npz", ".pt", ".pth")
        if not has_splits or self.key is not None or not self.bank_data:
            return None
        try:
            found = self._load("train", self.bank_data, trust, load)
        except InputError:
            return None
        if found.split != "train":
            return None  # a source without splits: these are the analysed data themselves
        self._require_unchanged(STARTS, found)
        return found

    @overload
    def binarized(self, part: "Dataset", split: str) -> "Tensor": ...

    @overload
    def binarized(self, part: "Dataset | Streamed", split: str) -> "Tensor | Rows": ...

    def binarized(self, part: "Dataset | Streamed", split: str) -> "Tensor | Rows":
        """Data of a split, (N, *x_shape), made binary as asked for, with draws of the split's own.

        Raises:
            InputError: no such way, or values outside [0, 1].

        Example:
            >>> source = Splits(source="digits", limit=5, binarize="threshold")
            >>> source.binarized(source.datasets()["test"], "test").unique()
            tensor([0., 1.])
        """
        from gapkit.inputs.data import Binarized, Dataset, binarize

        how, seed = self.binarize or "none", draw_of(split, self.seed)
        if isinstance(part, Dataset):
            return binarize(part.x, how, seed)
        binarize(part.x[:1], how, seed)  # refuses unknown ways
        return part.x if how == "none" else part.x.map(Binarized(how, seed))

    def facts(self, sets: "Mapping[str, Dataset | Streamed]") -> dict[str, Any]:
        """What ``run.json`` keeps of the splits.

        Example:
            >>> source = Splits(source="digits", limit=5)
            >>> source.facts(source.datasets())["splits"]["test"]["scaling"]
            'pixels divided by 16'
        """
        return {
            "source": self.source,
            "binarize": self.binarize or "none",
            "key": self.key,
            "limit": self.limit,
            "scale": self.scale,
            "label_column": self.label_column,
            "splits": {split: split_facts(part) for split, part in sets.items()},
        }

    def _load(self, split: str, limit: int | None, trust: bool, load: "Callable[..., D]") -> "D":
        with self.there(trust) as place:
            return load(
                place,
                split=split,
                key=self.key,
                limit=limit,
                scale=self.scale,
                label_column=self.label_column,
                counts=bool(self.counts),
            )

    @contextmanager
    def there(self, trust: bool) -> Iterator[str]:
        """The source as it is found from here, in its folder where it is code.

        Raises:
            InputError: a function to run is recorded, and ``trust`` is not given.

        Example:
            >>> with Splits(source="digits").there(trust=False) as place:
            ...     print(place)
            digits
        """
        from gapkit.inputs.data import names_function
        from gapkit.inputs.data.named import NAMED

        name, folder = str(self.source), str(self.folder)
        place = name if name in NAMED else resolved(name, folder)
        code = [f"the data function {name}"] if names_function(place) else []
        require_trust(f"load the data {name}", code, recorded=self.recorded, trust=trust)
        place = resolved_spec(name, folder) if code else place
        with working_in(folder, code):
            yield place

    def _require_unchanged(self, split: str, part: "Dataset | Streamed") -> None:
        expected = self.sha256.get(split)
        if expected is not None and part.sha256 != expected:
            found = f"other data than were analysed: their sha256 begins {part.sha256[:8]}, not {expected[:8]}"
            do = "give the data that were analysed; or, to open these instead, replace(data, sha256={})"
            raise InputError(f"load the data {self.source} again ({split})", found, do)


def draw_of(split: str, seed: int) -> int:
    """Seed of binarisation and noise: training and test data do not meet the same random numbers.

    Example:
        >>> draw_of("test", 3), draw_of("train", 3) - 3 == 2**32
        (3, True)
    """
    return seed if split == "test" else seed + _TRAIN_SEED
