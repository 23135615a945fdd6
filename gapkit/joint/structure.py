"""Who meets whom in a model, found by asking it: which z_n share terms, and which x_m a z_n meets.

An inference function f(window) that loses nothing exists for every data set where, given theta, the z_n are
independent: the optimal factor of z_n then depends on the x_m that it meets, and on nothing else (Margossian, Blei
(2024), theorem 3.4, and its argument for windows). Where z_n meet each other it exists for no window short of all of x
in general (proposition 3.8).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.joint.gaussian import gradient
from gapkit.joint.model import HierarchicalModel
from gapkit.joint.windows import Window

__all__ = ["Structure", "structure_of", "terms_apart"]

_PROBED = 48  # datapoints that are looked at
_SEEN = 1e-9  # of the largest gradient: a change that is one


@dataclass(frozen=True)
class Structure:
    """What a model's terms join.

    Attributes:
        reach: the largest |n - m| of z_n and z_m that meet; 0 for none, None where it is of the data's own length.
        offsets: the m - n of x_m that z_n meets, in order.
        same: whether all terms inside are one function: equal inputs at other places have equal gradients.
        probed: how many datapoints were looked at.
    """

    reach: int | None
    offsets: tuple[int, ...]
    same: bool
    probed: int

    @property
    def ideal(self) -> Window | None:
        """The window with which an inference function can lose nothing; None where no theorem promises one."""
        if self.reach != 0 or not self.same or len(self.offsets) > self.probed // 2:
            return None
        return Window(self.offsets or (0,))


def structure_of(model: HierarchicalModel, x: Tensor) -> Structure:
    """Move one z_m, or put another row in the place of x_m, and see which gradients in z_n change.

    Args:
        model: any; a long data set is looked at in its first 48 datapoints, if the model takes parts of one.
        x: shape (N, ...), float64.
    """
    count = len(x) if model.size is not None else min(len(x), _PROBED)
    x = x[:count]
    size, each = model.global_size, model.local_size
    stream = torch.Generator().manual_seed(1)
    point = 0.5 * torch.randn(1, size + count * each, dtype=x.dtype, generator=stream)
    moved = point.repeat(count, 1)
    for n in range(count):
        at = size + n * each
        moved[n, at : at + each] += 0.7 + 0.3 * torch.rand(each, dtype=x.dtype, generator=stream)
    base = gradient(model, point, x)[0]
    meets = _changed(gradient(model, moved, x), base, size, count)
    beside = meets.nonzero()
    far = int((beside[:, 0] - beside[:, 1]).abs().max()) if len(beside) else 0
    sees = torch.zeros(count, count, dtype=torch.bool)
    for m in range(count):
        other = next((row for row in x if not torch.equal(row, x[m])), None)
        if other is None:  # all rows are equal
            other = x[m] + 1
        changed = x.clone()
        changed[m] = other
        sees[m] = _changed(gradient(model, point, changed), base, size, count)[0]
    pairs = sees.nonzero()
    offsets = tuple(sorted({int(m - n) for m, n in pairs.tolist()}))
    reach = None if far > count // 2 else far
    return Structure(reach, offsets, _same(model, x, reach, offsets), count)


def terms_apart(model: HierarchicalModel, x: Tensor) -> bool:
    """Whether the term of each datapoint has no other z in it than its own: what quadrature and batches rest on.

    All of x is looked at: another draw is put in the place of every second z, and the terms of the others must stay.
    """
    count = len(x)
    stream = torch.Generator().manual_seed(2)
    theta = 0.5 * torch.randn(1, model.global_size, dtype=x.dtype, generator=stream)
    z, other = 0.5 * torch.randn(2, 1, count, model.local_size, dtype=x.dtype, generator=stream)
    with torch.no_grad():
        base = model.log_local(theta, z, x)[0]
        for _ in range(3):
            kept = torch.rand(count, generator=stream) < 0.5
            mixed = torch.where(kept[:, None], z, other)
            moved = (model.log_local(theta, mixed, x)[0] - base).abs()
            if (moved[kept] > _SEEN * (1 + base[kept].abs())).any():
                return False
    return True


def _changed(found: Tensor, base: Tensor, size: int, count: int) -> Tensor:
    """Which z_n have another gradient: (S, G + N D) to (S, N)."""
    apart = (found - base)[:, size:].reshape(len(found), count, -1).abs().amax(-1)
    return apart > _SEEN * (1e-6 + base.abs().max())


def _same(model: HierarchicalModel, x: Tensor, reach: int | None, offsets: tuple[int, ...]) -> bool:
    """Where all z and all x are equal, so are the gradients of all z_n that are not at an edge."""
    count, edge = len(x), max([*map(abs, offsets), reach or 0, 0])
    if 2 * edge + 2 > count or reach is None:
        return reach == 0 and not offsets
    flat = torch.full((1, model.global_size + count * model.local_size), 0.3, dtype=x.dtype)
    found = gradient(model, flat, x[:1].expand_as(x).clone())[0, model.global_size :].reshape(count, -1)
    inside = found[edge : count - edge]
    return bool((inside - inside[0]).abs().max() <= _SEEN * (1e-6 + found.abs().max()))
