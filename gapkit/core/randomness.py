"""Every random number is a function of (seed, datapoint's index, stage), and of nothing else.

A :class:`Key` says which datapoints of the run a batch holds; ``key.streams(stage)`` gives one independent stream per
datapoint. Which datapoints share a batch, how a batch is cut into chunks and in which order work is done change
nothing.
"""

import contextlib
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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
        self._scratch: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        """Number of streams B."""
        return len(self._sources)

    def normal(self, num_samples: int, *shape: int) -> Tensor:
        """Standard normal draws, shape (S, B, *shape)."""
        if self._numpy_dtype == np.float64:
            out = self._array("out", np.float64, num_samples, *shape)
            for source, row in zip(self._sources, out, strict=True):
                source.standard_normal(out=row)
            return self._deliver(out)
        # Box and Muller (1958): pairs of integers to pairs of normals. For all streams at once this is several times
        # faster than a generator's own method, and noise is a tenth of the cost of a small decoder's gradient.
        per_sample = math.prod(shape)
        pairs = (per_sample + 1) // 2  # a sample has its own pairs: streams stay aligned however they are cut
        bits = self._array("bits", np.uint64, num_samples, pairs)
        for source, row in zip(self._sources, bits, strict=True):
            row[...] = source.bit_generator.random_raw(row.size).reshape(row.shape)
        halves = bits.view(np.uint32).reshape(*bits.shape, 2)
        radius, angle = (self._array(name, np.float32, num_samples, pairs) for name in ("radius", "angle"))
        np.multiply(halves[..., 0], np.float32(2.0**-32), out=radius, casting="unsafe")
        np.log(np.add(radius, np.float32(2.0**-33), out=radius), out=radius)
        np.sqrt(np.multiply(radius, np.float32(-2.0), out=radius), out=radius)
        np.multiply(halves[..., 1], np.float32(2.0 * np.pi * 2.0**-32), out=angle, casting="unsafe")
        out = self._array("out", np.float32, num_samples, pairs, 2)
        np.multiply(np.cos(angle, out=out[..., 0]), radius, out=out[..., 0])
        np.multiply(np.sin(angle, out=out[..., 1]), radius, out=out[..., 1])
        flat = out.reshape(*out.shape[:2], 2 * pairs)[..., :per_sample]
        return self._deliver(flat.reshape(*flat.shape[:2], *shape))

    def uniform(self, num_samples: int, *shape: int) -> Tensor:
        """Uniform draws in [0, 1), shape (S, B, *shape)."""
        out = self._array("out", self._numpy_dtype, num_samples, *shape)
        for source, row in zip(self._sources, out, strict=True):
            source.random(out=row, dtype=self._numpy_dtype)
        return self._deliver(out)

    def _array(self, name: str, dtype: Any, *shape: int) -> np.ndarray:
        """Scratch of shape (B, *shape): kept for the next call, which most often asks for the same."""
        shape = (len(self._sources), *shape)
        kept = self._scratch.get(name)
        if kept is None or kept.shape != shape or kept.dtype != dtype:
            kept = self._scratch[name] = np.empty(shape, dtype)
        return kept

    def _deliver(self, out: np.ndarray) -> Tensor:
        """Samples first; always a copy, because the next call fills the same array."""
        result = torch.empty((out.shape[1], out.shape[0], *out.shape[2:]), dtype=self.dtype, device=self.device)
        return result.copy_(torch.from_numpy(out).transpose(0, 1))


@contextlib.contextmanager
def seeded(seed: int, stage: str, index: int = 0) -> Iterator[None]:
    """Run ``torch`` code that knows only the global generator (such as a prior's ``sample``) on a seed of its own.

    The caller's random state is put back afterwards.
    """
    state = np.random.SeedSequence(seed, spawn_key=(index, _stage_number(stage))).generate_state(1, np.uint64)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(int(state[0]) >> 1)
        yield
