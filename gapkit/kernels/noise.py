"""The random numbers of a run of transitions."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from gapkit.core.randomness import Key, Streams

__all__ = ["MoveNoise"]

_VALUES_AHEAD = 300_000


@dataclass(frozen=True)
class MoveNoise:
    """Noise for the moves of chains, from streams of one stage.

    Attributes:
        normals: for momenta.
        uniforms: for acceptance and jitter.
    """

    normals: Streams
    uniforms: Streams

    @staticmethod
    def of(key: Key, stage: str, like: Tensor) -> "MoveNoise":
        """Start the streams of a stage in the type and on the device of a tensor."""
        return MoveNoise(
            key.streams(f"{stage}/momenta", like.dtype, like.device),
            key.streams(f"{stage}/uniforms", like.dtype, like.device),
        )

    def moves(self, num_moves: int, num_chains: int, dim: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """For each move momenta (S, B, D) and two uniforms (S, B); drawn for some moves at a time, which is faster."""
        per_move = num_chains * len(self.normals) * dim
        ahead = max(1, min(num_moves, _VALUES_AHEAD // max(1, per_move)))
        for start in range(0, num_moves, ahead):
            count = min(ahead, num_moves - start)
            momenta = self.normals.normal(count * num_chains, dim).split(num_chains)
            uniforms = self.uniforms.uniform(count * num_chains, 2).split(num_chains)
            for momentum, uniform in zip(momenta, uniforms, strict=True):
                yield momentum, uniform[..., 0], uniform[..., 1]
