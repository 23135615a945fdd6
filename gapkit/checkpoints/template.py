"""A model file to begin with, from the names and shapes of the weights in a checkpoint."""

from collections.abc import Iterator, Mapping, Sequence
from keyword import iskeyword

from torch import Tensor, nn

from gapkit.checkpoints.layers import Guess, Layer, guessed, layers_of

__all__ = ["model_file"]

_LONGEST, _SHOWN = 200, 20


def model_file(name: str, state: Mapping[str, Tensor], command: str) -> str:
    """Python code with the layers as they are named in the file and the three methods of the contract.

    Args:
        name: of the checkpoint, for the first line.
        state: its weights.
        command: what to run next.

    Example:
        >>> import torch
        >>> sizes = [("fc1", 9, 4), ("fc2", 2, 9)]
        >>> code = model_file("m.pt", {f"{n}.weight": torch.ones(o, i) for n, i, o in sizes}, "gapkit doctor m.pt")
        >>> compiled = compile(code, "model.py", "exec")
        >>> "self.fc1 = nn.Linear(9, 4, bias=False)" in code, "h.chunk(2, dim=1)" in code
        (True, True)
    """
    layers = [layer for layer in layers_of(state) if _writable(layer.name)]
    names = {layer.name for layer in layers}
    layers = [layer for layer in layers if not any(above in names for above in _above(layer.name))]
    guess = guessed(layers)
    known = {layer.name for layer in layers}
    left = [key for key in state if key.rpartition(".")[0] not in known]
    name, command = ("".join(c if c.isalnum() or c in " ._-/:" else "_" for c in text) for text in (name, command))
    data = guess.encoder[0].inputs - guess.condition if guess.encoder and guess.encoder[0].kind == "Linear" else None
    parts = [
        _head(name, command, guess, data),
        _modules(layers, left),
        _encode(guess),
        _decode(guess),
        _prior(guess),
    ]
    return "\n".join(parts)


def _writable(name: str) -> bool:
    """Whether a name from the file can be written as code: whoever made the file chose it."""
    parts, taken = name.split("."), {*dir(nn.Module()), "encode", "decode", "prior"}
    return (
        name.isascii()
        and len(name) <= _LONGEST
        and not parts[0].isdecimal()
        and all(part.isdecimal() or (part.isidentifier() and not iskeyword(part)) for part in parts)
        and not any(part.startswith("_") or part in taken for part in parts)
    )


def _above(name: str) -> Iterator[str]:
    """The groups that a layer is in."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _head(name: str, command: str, guess: Guess, data: int | None) -> str:
    sizes = f"; a datapoint seems to have {data} values" if data else ""
    latents = f"{guess.latent} latents" if guess.latent else "an unknown number of latents"
    return f'''"""The model of {name}, for gapkit: {latents}{sizes}.

Names and sizes of the layers are those of the file. What a file of weights does not tell is marked CHECK.
Then: {command}
"""

import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

ACTIVATION = nn.functional.relu  # CHECK: the function between the layers in training (elu, tanh, silu, ...)


class Model(nn.Module):
    """encode, decode and prior return torch distributions: batch shape (N,), one event per datapoint."""
'''


def _modules(layers: Sequence[Layer], left: Sequence[str]) -> str:
    lines = ["    def __init__(self):", "        super().__init__()"]
    groups: dict[str, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(layer.name.partition(".")[0], []).append(layer)
    for name, parts in groups.items():
        whole = [part for part in parts if part.name == name]
        if whole:
            lines.append(f"        self.{name} = {_made(whole[0])}")
            continue
        lines.append(f"        self.{name} = nn.Module()  # a group of layers")
        made = set[str]()
        for part in parts:
            places = part.name.split(".")
            for depth in range(2, len(places)):
                inner = ".".join(places[:depth])
                if inner not in made:
                    made.add(inner)
                    lines.append(f'        {_at(places[: depth - 1])}.add_module("{places[depth - 1]}", nn.Module())')
            lines.append(f'        {_at(places[:-1])}.add_module("{places[-1]}", {_made(part)})')
    lines += [f"        # CHECK: the file also holds {key!a:.120}" for key in left[:_SHOWN]]
    return "\n".join(lines) + "\n"


def _made(layer: Layer) -> str:
    bias = "" if layer.bias else ", bias=False"
    if layer.kind == "Linear":
        return f"nn.Linear({layer.inputs}, {layer.outputs}{bias})"
    if layer.kind.startswith("Conv"):
        kernel = layer.shape[2] if len(set(layer.shape[2:])) == 1 else layer.shape[2:]
        return (
            f"nn.{layer.kind}({layer.inputs}, {layer.outputs}, {kernel}{bias})  # CHECK: stride and padding of training"
        )
    if layer.kind == "BatchNorm":
        return f"nn.BatchNorm1d({layer.outputs})  # CHECK: BatchNorm2d among convolutions"
    if layer.kind == "Norm":
        return f"nn.LayerNorm({layer.outputs})  # CHECK: or GroupNorm(groups, {layer.outputs})"
    return "nn.Identity()  # CHECK: a layer of a kind that its weight does not tell"


def _at(places: Sequence[str]) -> str:
    """How a module inside others is written."""
    return "self." + places[0] + "".join(f'.get_submodule("{place}")' for place in places[1:])


def _called(layer: Layer) -> str:
    return f"{_at(layer.name.split('.'))}"


def _chain(layers: Sequence[Layer], *, last: bool) -> list[str]:
    """Lines that send h through layers, with activations between them; after the last one only if ``last``."""
    lines, wide = [], False
    for number, layer in enumerate(layers):
        call = f"{_called(layer)}(h)"
        if layer.kind.startswith("Conv"):
            wide = True
        elif wide and layer.kind == "Linear":
            lines.append("        h = h.flatten(1)")
            wide = False
        follows = last or number + 1 < len(layers)
        plain = layer.kind in ("BatchNorm", "Norm") or not follows
        lines.append(f"        h = {call}" if plain else f"        h = ACTIVATION({call})")
    return lines


def _encode(guess: Guess) -> str:
    if not guess.encoder:
        body = [
            "        raise NotImplementedError  # CHECK: nothing in the names tells which layers encode",
        ]
        return "\n".join(["    def encode(self, x):", *body]) + "\n"
    heads = [layer for layer in guess.encoder if layer.name in guess.heads]
    trunk = [layer for layer in guess.encoder if layer not in heads]
    flat = guess.encoder[0].kind == "Linear"
    given = "x.flatten(1)" if flat else "x"
    if guess.condition:
        lines = [
            f"    def encode(self, x, c):  # CHECK: c is made {guess.condition} numbers here",
            f"        h = torch.cat([{given}, nn.functional.one_hot(c, {guess.condition})], dim=1)",
        ]
    else:
        lines = ["    def encode(self, x):", f"        h = {given}"]
    if len(heads) == 2:
        lines += _chain(trunk, last=True)
        mean, spread = (f"{_called(layer)}(h)" for layer in heads)
        lines.append(f"        mean, log_variance = {mean}, {spread}  # CHECK: which is which")
    else:
        lines += _chain([*trunk, *heads], last=False)
        lines.append("        mean, log_variance = h.chunk(2, dim=1)  # CHECK: the order, and what the second half is")
    lines.append("        # If the second is a standard deviation, Normal(mean, log_variance) takes it as it is.")
    lines.append("        return Independent(Normal(mean, torch.exp(0.5 * log_variance)), 1)")
    return "\n".join(lines) + "\n"


def _decode(guess: Guess) -> str:
    if not guess.decoder:
        return "    def decode(self, z):\n        raise NotImplementedError  # CHECK: which layers decode\n"
    if guess.condition:
        lines = [
            "    def decode(self, z, c):",
            f"        h = torch.cat([z, nn.functional.one_hot(c, {guess.condition})], dim=1)",
        ]
    else:
        lines = ["    def decode(self, z):", "        h = z"]
    lines += _chain(guess.decoder, last=False)
    lines += [
        "        # CHECK: logits of binary x here; of real-valued x, Independent(Normal(h, scale), 1).",
        "        # A sigmoid at the end of training's decoder belongs to Bernoulli(logits=...) already.",
        "        return Independent(Bernoulli(logits=h.flatten(1)), 1)",
    ]
    return "\n".join(lines) + "\n"


def _prior(guess: Guess) -> str:
    size = guess.latent if guess.latent else "0"
    check = "" if guess.latent else "  # CHECK: the number of latents"
    return (
        "    def prior(self):\n"
        f"        zeros = torch.zeros({size}){check}\n"
        "        return Independent(Normal(zeros, torch.ones_like(zeros)), 1)\n"
    )
