"""How precisely gradients are computed. Energies and weights always keep the model's own floating-point type.

A leapfrog trajectory is reversible and keeps volume whatever deterministic function replaces the gradient, so rounding
it coarsely costs acceptance and never correctness: the Metropolis test uses full-precision energies.
"""

import contextlib
from collections.abc import Iterator

import torch

from gapkit.core.errors import InputError

__all__ = ["PRECISIONS", "gradient_dtype", "has_fast_bfloat16", "tf32"]

PRECISIONS = ("full", "tf32", "bfloat16")


def gradient_dtype(precision: str, dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """Return the type that matrix products of gradients are made in.

    Raises:
        InputError: an unknown precision, or TF32 on a device or for a type that has none.

    Example:
        >>> gradient_dtype("bfloat16", torch.float32, torch.device("cpu"))
        torch.bfloat16
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r}", "no such precision", f"use one of {', '.join(PRECISIONS)}")
    if precision == "tf32" and not (device.type == "cuda" and dtype == torch.float32):
        found = f"{str(dtype).removeprefix('torch.')} on {device.type}"
        raise InputError("gradients in TF32", found, "TF32 is float32 on a CUDA device: use full or bfloat16 here")
    return torch.bfloat16 if precision == "bfloat16" else dtype


@contextlib.contextmanager
def tf32(on: bool) -> Iterator[None]:
    """Let float32 products on a CUDA device round their factors to TF32, or leave all as it is."""
    if not on:
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices faster than float32 ones."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    told = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return device.type == "cpu" and any(ask() for ask in told if ask is not None)
