"""Every random number is a function of (seed, datapoint's index, stage), and of nothing else.

A :class:`Key` says which datapoints of the run a batch holds; ``key.streams(stage)`` gives one independent stream per
datapoint. Which datapoints share a batch, how a batch is cut into chunks and in which order work is done change
nothing.
"""

import contextlib
import functools
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Key", "Streams", "as_key", "seeded"]


def _stage_number(stage: str) -> int:
    return zlib.crc32(stage.encode())


@dataclass(frozen=True)
class Key:
    """The seed of a run and the indices of the datapoints in this batch.

    Attributes:
        seed: the run's seed, a non-negative integer.
        indices: for each row of the batch, the datapoint's index in the data set.

    Example:
        >>> whole = Key(0, (0, 1, 2)).streams("demo").normal(4, 5)
        >>> alone = Key(0, (2,)).streams("demo").normal(4, 5)
        >>> torch.equal(whole[:, 2:], alone)
        True
    """

    seed: int
    indices: tuple[int, ...]

    def streams(self, stage: str, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> "Streams":
        """Start the streams of one stage; asking again starts them anew."""
        return Streams(self.seed, self.indices, stage, dtype, device)

    def select(self, rows: Tensor) -> "Key":
        """Return the key of some rows of the batch; a repeated row repeats its streams. Rows has shape (P,)."""
        return Key(self.seed, tuple(self.indices[row] for row in rows.tolist()))


def as_key(seed: "int | Key", num_datapoints: int) -> Key:
    """Accept a plain integer seed for a batch whose datapoints are numbered from zero.

    Raises:
        ValueError: a key for another number of datapoints.
    """
    key = seed if isinstance(seed, Key) else Key(int(seed), tuple(range(num_datapoints)))
    if len(key.indices) != num_datapoints:
        raise ValueError(f"the key names {len(key.indices)} datapoints but the batch holds {num_datapoints}")
    return key


class Streams:
    """One stream of random numbers per datapoint, drawn for the whole batch at once.

    Successive calls continue the streams, so drawing 3 and then 5 samples equals drawing 8.
    """

    def __init__(
        self, seed: int, indices: Sequence[int], stage: str, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        number = _stage_number(stage)
        self._sources = [
            np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(seed, spawn_key=(index, number))))
            for index in indices
        ]
        self.dtype, self.device = dtype, torch.device(device)
        self._numpy_dtype = np.float64 if dtype == torch.float64 else np.float32

    def __len__(self) -> int:
        """Number of streams B."""
        return len(self._sources)

    def normal(self, num_samples: int, *shape: int) -> Tensor:
        """Standard normal draws, shape (S, B, *shape)."""
        return self._fill(lambda source, row: source.standard_normal(out=row, dtype=self._numpy_dtype), num_samples, shape)

    def uniform(self, num_samples: int, *shape: int) -> Tensor:
        """Uniform draws in [0, 1), shape (S, B, *shape)."""
        return self._fill(lambda source, row: source.random(out=row, dtype=self._numpy_dtype), num_samples, shape)

    def _fill(self, draw: Callable[[np.random.Generator, np.ndarray], object], num: int, shape: tuple[int, ...]) -> Tensor:
        out = np.empty((len(self._sources), num, *shape), self._numpy_dtype)

        def fill(first: int, last: int) -> None:
            for source, row in zip(self._sources[first:last], out[first:last], strict=True):
                draw(source, row)

        # Streams are independent, so they can be drawn from at the same time: noise costs a tenth of a short decoder's
        # gradient otherwise, with all cores but one waiting.
        parts = torch.get_num_threads() if out.size >= _WORTH_THREADS else 1
        cuts = [len(self._sources) * part // parts for part in range(parts + 1)]
        waiting = [_helpers().submit(fill, *ends) for ends in zip(cuts[1:-1], cuts[2:], strict=True)]
        fill(cuts[0], cuts[1])
        for part in waiting:
            part.result()
        return torch.from_numpy(out).to(self.device, self.dtype).transpose(0, 1).contiguous()


_WORTH_THREADS = 100_000


@functools.cache
def _helpers() -> ThreadPoolExecutor:
    """Threads that fill arrays; ``numpy`` lets go of the interpreter meanwhile."""
    return ThreadPoolExecutor(max(1, torch.get_num_threads() - 1), thread_name_prefix="noise")


@contextlib.contextmanager
def seeded(seed: int, stage: str, index: int = 0) -> Iterator[None]:
    """Run ``torch`` code that knows only the global generator (such as a prior's ``sample``) on a seed of its own.

    The caller's random state is put back afterwards.
    """
    state = np.random.SeedSequence(seed, spawn_key=(index, _stage_number(stage))).generate_state(1, np.uint64)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(int(state[0]) >> 1)
        yield
