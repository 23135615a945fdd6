"""Checkpoints of all kinds by the doors that only look: inspect, init and doctor; and payloads made to be looked at."""

import argparse
import collections
import dataclasses
import math

import torch

from tests.hostile.cases import DATA, Canary, Case, checkpoint_case
from tests.hostile.checkpoints import CASES as CHECKPOINTS
from tests.inputs.calling import written
from tests.inputs.swelling import BOMBS

_DOORS = {
    "inspect": ("inspect", "bad.pt"),
    "json": ("inspect", "bad.pt", "--json"),
    "init": ("init", "bad.pt"),
    "doctor": ("doctor", "bad.pt", "--data", DATA),
    "data": ("analyze", "good.pt", "--data", "bad.pt"),
    "allowed": ("inspect", "bad.pt", "--allow-global", "argparse.Namespace"),
}


def _looked_at():
    """Every hostile checkpoint is looked at too."""
    for case in CHECKPOINTS:
        if len(case.words) == 6 or case.words[0] != "analyze" or case.words[1] in ("good.pt",):
            continue
        for door in ("inspect", "init"):
            name = case.name.replace("checkpoint-", f"{door}-", 1)
            yield dataclasses.replace(case, name=name, words=(door, case.words[1]), told="", codes=(0, 2))


def _laughs(depth=60):
    """A dict in which everything stands twice, sixty levels deep."""
    inner = {"w": torch.ones(1)}
    for _ in range(depth):
        inner = {"a": inner, "b": inner}
    return inner


def _deep(depth=200):
    inner = {"w": torch.ones(1)}
    for _ in range(depth):
        inner = {"a": inner}
    return inner


def _itself():
    loop = {"weight": torch.ones(2, 2)}
    loop["again"] = loop
    return loop


_PAYLOADS = {
    "laughs": _laughs,
    "deep": _deep,
    "itself": _itself,
    "huge-number": lambda: {"epoch": 10**600, "w.weight": torch.ones(2, 2)},
    "odd-numbers": lambda: {"a": math.inf, "b": math.nan, "c": -0.0, "d": True, "w.weight": torch.ones(2, 2)},
    "long-text": lambda: {"note": "x" * 5_000_000, "w.weight": torch.ones(2, 2)},
    "surrogates": lambda: {"\ud800": "\udfff", "a\ud800.weight": torch.ones(2, 2)},
    "markup": lambda: {"[bold]x[/]": "[link=file:///]y", "[red].weight": torch.ones(2, 2)},
    "escape": lambda: {"\x1b[2J": "\x1b[2J", "\x1b[2J.weight": torch.ones(2, 2)},
    "turned": lambda: {"\u202ea.weight": torch.ones(2, 2), "a\u2028b.weight": torch.ones(2, 2)},
    "quotes": lambda: {'a"""\nopen("canary", "w")\n"""b.weight': torch.ones(2, 2)},
    "many": lambda: {f"l{i}.weight": torch.ones(2, 2) for i in range(8000)},
    "dots": lambda: {f"{'a.' * 3000}weight": torch.ones(2, 2)},
    "no-name": lambda: {"": torch.ones(2, 2), ".weight": torch.ones(2, 2), "..": torch.ones(2, 2)},
    "keys": lambda: {1: torch.ones(2), (1, 2): torch.ones(2), None: 3, 1.5: "x", b"x": torch.ones(1)},
    "dims": lambda: {"a.weight": torch.ones((1,) * 40), "b.weight": torch.ones(()), "c.weight": torch.ones(0, 5)},
    "dtypes": lambda: {
        "a.weight": torch.ones(2, 2, dtype=torch.complex64),
        "b.weight": torch.ones(2, 2).to(torch.float8_e4m3fn),
        "c.weight": torch.eye(2).to_sparse(),
    },
    "roles": lambda: {"encoder": {"w.weight": torch.ones(4, 6)}, "decoder": {"w.weight": torch.ones(6, 2)}, "x": 3},
    "counter": lambda: {"c": collections.Counter("abc"), "o": collections.OrderedDict(a=1), "w": torch.ones(1)},
    "namespace": lambda: {"args": argparse.Namespace(a=1), "w.weight": torch.ones(2, 2)},
    "namespace-escape": lambda: {"args": argparse.Namespace(**{"\x1b[2J": "\x1b[2J"}), "w.weight": torch.ones(2, 2)},
    "canary": lambda: {"x": Canary(), "args": argparse.Namespace(a=1)},
    "canaries": lambda: [Canary()] * 10_000,
}


def _payloads():
    for label, make in _PAYLOADS.items():
        for door, words in _DOORS.items():

            def save(folder, make=make):
                torch.save(make(), folder / "bad.pt")

            yield Case(f"{door}-payload-{label}", save, words, "", (0, 2))


def _names():
    """Pickles that ask for names nobody should type, or that would do harm as words of a shell."""
    for label, name in {
        "shell": "a; touch canary",
        "quote": "a' --trust-pickle 'b",
        "option": "--trust-pickle",
        "escape": "\x1b[2J",
        "long": "a" * 100_000,
        "dots": "a" + ".b" * 30_000,
        "empty": "",
    }.items():
        content = b"\x80\x02c" + name.encode() + b"\nx\n)\x81."

        def make(folder, content=content):
            written(folder / "bad.pt", content)

        for door in ("inspect", "doctor", "json"):
            yield Case(f"{door}-name-{label}", make, _DOORS[door], "", (0, 2))
        yield Case(f"allowed-name-{label}", make, (*_DOORS["doctor"], "--allow-global", f"{name}.x"), "", (2,))
    many = b"\x80\x02" + b"".join(b"cm%d\nx\n0" % i for i in range(20_000)) + b"N."
    yield checkpoint_case("names-many", lambda folder: written(folder / "bad.pt", many))


def _bombs():
    for label, body in BOMBS.items():

        def make(folder, body=body):
            written(folder / "bad.pt", b"\x80\x02" + body + b".")

        for door in ("inspect", "init", "doctor", "data"):
            yield Case(f"{door}-bomb-{label.replace(' ', '-')}", make, _DOORS[door], "bad.pt", (2,))
    for allowed in ("numpy.ndarray", "torch.nn.modules.linear.Linear", "builtins.bytes", "builtins.list"):
        module, _, name = allowed.rpartition(".")
        body = f"c{module}\n{name}\n".encode() + b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86\x85R"

        def make(folder, body=body):
            written(folder / "bad.pt", b"\x80\x02" + body + b".")

        yield Case(f"allowed-bomb-{name}", make, (*_DOORS["doctor"], "--allow-global", allowed), "bad.pt", (2,))


CASES = (*_looked_at(), *_payloads(), *_names(), *_bombs())
