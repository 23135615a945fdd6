"""What the names and shapes of weights tell of a network: its layers, and which of them encode and which decode.

Guesses, to begin a model file with; nothing of an analysis rests on them.
"""

import collections
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Guess", "Layer", "guessed", "layers_of", "role_of"]

_ENCODES = re.compile(r"enc|infer|recogni|posterior|^q_?|^phi|inf_net")
_DECODES = re.compile(r"dec|gener|likelihood|^p_?|^theta|gen_net")
_MEAN = re.compile(r"mu$|mean|loc|z_m|_m$")
_SPREAD = re.compile(r"var|std|sigma|scale|z_v|_s$|(^|[._])lv$")
_HEAD = re.compile(r"mu$|mean|loc|var|std|sigma|scale|(^|[._])lv$")


@dataclass(frozen=True)
class Layer:
    """A layer.

    Attributes:
        name: as in the file, with dots.
        kind: ``Linear``, ``Conv2d``, ``ConvTranspose2d`` (or 1d, 3d), ``BatchNorm``, ``Norm`` or ``other``.
        inputs: features or channels that it takes; 0 where that is not known.
        outputs: that it gives.
        shape: of its weight.
        bias: whether it has one.
    """

    name: str
    kind: str
    inputs: int
    outputs: int
    shape: tuple[int, ...]
    bias: bool

    def __str__(self) -> str:
        """Its name, kind and sizes."""
        kernel = f", {'x'.join(map(str, self.shape[2:]))}" if len(self.shape) > 2 else ""
        sizes = f"{self.inputs} to {self.outputs}" if self.inputs else str(tuple(self.shape))
        return f"{self.name}: {self.kind} {sizes}{kernel}"


@dataclass(frozen=True)
class Guess:
    """Which layers may do what.

    Attributes:
        encoder: layers, in their order, the heads among them.
        decoder: layers, in their order.
        latent: number of latents; None where nothing tells it.
        heads: names of the layers that give mean and spread; one where a layer gives both; none where that is not
            known.
        others: layers of neither.
        condition: numbers that go into both beside x and z; 0 for none.
    """

    encoder: tuple[Layer, ...]
    decoder: tuple[Layer, ...]
    latent: int | None
    heads: tuple[str, ...]
    others: tuple[Layer, ...] = ()
    condition: int = 0


def layers_of(state: Mapping[str, Tensor]) -> list[Layer]:
    """The layers of a state dict, in its order.

    Example:
        >>> import torch
        >>> [str(layer) for layer in layers_of({"fc1.weight": torch.ones(3, 4), "fc1.bias": torch.ones(3)})]
        ['fc1: Linear 4 to 3']
    """
    found = []
    for name, weight in state.items():
        stem, _, last = name.rpartition(".")
        if last != "weight" or not stem:
            continue
        bias = state.get(f"{stem}.bias")
        found.append(_layer(stem, weight, bias, f"{stem}.running_mean" in state))
    return found


def _layer(name: str, weight: Tensor, bias: Tensor | None, statistics: bool) -> Layer:
    shape = tuple(weight.shape)
    if len(shape) == 2:
        return Layer(name, "Linear", shape[1], shape[0], shape, bias is not None)
    if 3 <= len(shape) <= 5:
        turned = bias is not None and bias.dim() == 1 and len(bias) == shape[1] != shape[0]
        first, second = (0, 1) if turned else (1, 0)
        kind = f"{'ConvTranspose' if turned else 'Conv'}{len(shape) - 2}d"
        return Layer(name, kind, shape[first], shape[second], shape, bias is not None)
    if len(shape) == 1:
        return Layer(name, "BatchNorm" if statistics else "Norm", shape[0], shape[0], shape, bias is not None)
    return Layer(name, "other", 0, 0, shape, bias is not None)


def guessed(layers: Sequence[Layer]) -> Guess:
    """Which layers encode and which decode: by their names, else by where the sizes break.

    Example:
        >>> sizes = [("fc1", 784, 200), ("fc2", 200, 100), ("fc3", 50, 200), ("fc4", 200, 784)]
        >>> layers = [Layer(name, "Linear", a, b, (b, a), True) for name, a, b in sizes]
        >>> guess = guessed(layers)
        >>> [layer.name for layer in guess.decoder], guess.latent, guess.heads
        (['fc3', 'fc4'], 50, ('fc2',))
    """
    by_name = [role_of(layer.name) for layer in layers]
    if "encoder" in by_name and "decoder" in by_name:
        # Heads stand beside the encoder often, as fc_mu and fc_var.
        roles = [
            role or ("encoder" if _HEAD.search(layer.name.lower()) else "")
            for role, layer in zip(by_name, layers, strict=True)
        ]
    else:
        roles = _by_sizes(layers)
    encoder, decoder, others = (
        tuple(layer for layer, role in zip(layers, roles, strict=True) if role == wanted)
        for wanted in ("encoder", "decoder", "")
    )
    latent, heads = _latent(encoder, decoder)
    condition = 0
    if not heads and encoder and decoder and encoder[-1].kind == decoder[0].kind == "Linear":
        # A chunk of a conditional model: what the decoder takes beyond the mean, the encoder takes beyond x.
        half, odd = divmod(encoder[-1].outputs, 2)
        beyond = decoder[0].inputs - half
        if not odd and 0 < beyond == encoder[0].inputs - decoder[-1].outputs:
            latent, heads, condition = half, (encoder[-1].name,), beyond
    if len(heads) == 2 and decoder and latent and decoder[0].kind == encoder[0].kind == "Linear":
        beyond = decoder[0].inputs - latent
        condition = beyond if 0 < beyond == encoder[0].inputs - decoder[-1].outputs else 0
    return Guess(encoder, decoder, latent, heads, others, condition)


def role_of(name: str) -> str:
    """``encoder`` or ``decoder`` where a name says so, else empty."""
    for part in name.lower().split("."):
        if _DECODES.search(part):
            return "decoder"
        if _ENCODES.search(part):
            return "encoder"
    return ""


def _by_sizes(layers: Sequence[Layer]) -> list[str]:
    """The decoder begins where a layer takes as many numbers as the mean has: half of one layer's, or a head's."""
    sized = [(place, layer) for place, layer in enumerate(layers) if layer.kind == "Linear"]
    seen = collections.Counter[tuple[int, int]]()
    for (_, before), (place, layer) in itertools.pairwise(sized):
        seen[before.inputs, before.outputs] += 1
        heads = seen[before.inputs, before.outputs]
        halved = before.outputs == 2 * layer.inputs
        if halved or (heads > 1 and before.outputs == layer.inputs != before.inputs):
            return ["encoder"] * place + ["decoder"] * (len(layers) - place)
    return [""] * len(layers)


def _latent(encoder: Sequence[Layer], decoder: Sequence[Layer]) -> tuple[int | None, tuple[str, ...]]:
    """How many latents there are, and which layers give their means and spreads."""
    linear = [layer for layer in encoder if layer.kind == "Linear"]
    mean = next((layer for layer in linear if _MEAN.search(layer.name.lower())), None)
    spread = next((layer for layer in linear if _SPREAD.search(layer.name.lower()) and layer is not mean), None)
    first = next((layer for layer in decoder if layer.kind == "Linear"), None)
    taken = first.inputs if first is not None else None
    if mean is not None and spread is not None and mean.outputs == spread.outputs:
        return mean.outputs, (mean.name, spread.name)
    if not linear:
        return taken, ()
    last = linear[-1]
    if taken is not None and last.outputs == 2 * taken:
        return taken, (last.name,)
    if taken is not None and len(linear) > 1 and linear[-2].outputs == last.outputs == taken:
        return taken, (linear[-2].name, last.name)
    return taken, ()
