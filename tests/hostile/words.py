"""Odd words on the command line of every command, and places where nothing can be written."""

import numpy as np

from tests.hostile.cases import DATA, MODEL, RUN, Case

_COMMANDS = {
    "analyze": ("analyze", MODEL, "--data", DATA, "--effort", "quick"),
    "certify": ("certify", MODEL, "--datapoints", "2", "--effort", "quick"),
    "score": ("score", MODEL, "--data", DATA),
    "refit": ("refit", MODEL, "--data", DATA, "--out", "new", "--epochs", "1"),
    "train": ("train", "--data", DATA, "--out", "new", "--epochs", "1"),
    "compare": ("compare", RUN, "run2"),
    "report": ("report", RUN),
    "export": ("export", RUN),
    "demo": ("demo",),
}
_NUMBERS = ("x", "", "1e400", "nan", "--", "9" * 5000, "1;rm", "\x1b[2J")
_OPTIONS = {
    "analyze": ("--limit", "--seed", "--target-se", "--semi-amortized"),
    "certify": ("--datapoints", "--seed"),
    "score": ("--limit", "--seed"),
    "refit": ("--epochs", "--batch-size", "--learning-rate", "--factor", "--evaluate", "--num-samples"),
    "train": ("--epochs", "--latent", "--batch-size", "--learning-rate", "--hidden", "--validation-fraction"),
    "demo": ("--epochs", "--limit", "--seed"),
}
_WORDS = {
    "analyze": (
        "--effort",
        "--device",
        "--likelihood",
        "--binarize",
        "--family",
        "--log-px",
        "--split",
        "--track",
        "--model",
        "--encoder",
    ),
    "certify": ("--effort", "--device", "--model"),
    "score": ("--effort", "--device", "--binarize", "--split", "--likelihood"),
    "refit": ("--start", "--on", "--binarize", "--device"),
    "train": ("--model", "--activation", "--posterior", "--likelihood", "--objective", "--annealing", "--binarize"),
    "compare": ("--format",),
    "report": ("--format",),
    "export": ("--format",),
    "demo": ("--effort",),
}
_AS_IF_LEFT_OUT = [(f"--{name}", "empty") for name in ("device", "model", "likelihood", "binarize", "split")]
_TEXTS = {"escape": "\x1b[2J", "long": "z" * 20_000, "bytes": "\udcff", "empty": "", "line": "a\nb"}


def _case(kind, words, told="", make=lambda folder: None, codes=(2,)):
    return Case(f"words-{kind}", make, tuple(words), told, codes)


def _values():
    for command, options in _OPTIONS.items():
        for number, option in enumerate(options):
            for place in range(2):
                value = _NUMBERS[(number + 3 * place + len(command)) % len(_NUMBERS)]
                if (option, value) not in (("--hidden", ""), ("--hidden", "--")):
                    yield _case(f"{command}{option}-{value[:5]!r}", (*_COMMANDS[command], option, value))
    for command, options in _WORDS.items():
        for option in options:
            for label, value in _TEXTS.items():
                if (option, label) in _AS_IF_LEFT_OUT:
                    continue
                yield _case(f"{command}{option}-{label}", (*_COMMANDS[command], option, value))


def _no_words():
    for command, words in _COMMANDS.items():
        yield _case(f"{command}-unknown", (*words, "--\x1b[2J", "x"))
        yield _case(f"{command}-more", (*words, "a", "\x1b[2J", "b", *["c"] * 100))
    for command in ("analyze", "certify", "refit", "train", "compare", "report", "export"):
        yield _case(f"{command}-nothing", (command,))
    yield _case("unknown", ("\x1b[2J",))
    yield _case("negative-limit", (*_COMMANDS["analyze"], "--limit", "-5"))
    yield _case("zero-limit", (*_COMMANDS["score"], "--limit", "0"))
    yield _case("zero-datapoints", (*_COMMANDS["certify"], "--datapoints", "0"))
    yield _case("model-arg", ("analyze", MODEL, "--data", DATA, "--model", "m.py:f", "--model-arg", "\x1b[2J"))
    yield _case("pattern", ("analyze", "*.\x1b[2J"))
    yield _case("brackets", ("analyze", "[" * 500))


def _outputs():
    """Where nothing can be written is told before the work."""

    def a_file(folder):
        (folder / "taken").write_text("mine")

    def full(folder):
        (folder / "taken").mkdir()
        (folder / "taken" / "mine").write_text("mine")

    def link(folder):
        (folder / "taken").symlink_to("gone")

    def loop(folder):
        (folder / "taken").symlink_to("taken")

    folders = {
        "analyze": _COMMANDS["analyze"],
        "score": _COMMANDS["score"],
        "compare": _COMMANDS["compare"],
        "report": _COMMANDS["report"],
        "demo": _COMMANDS["demo"],
        "refit": _COMMANDS["refit"][:4],
        "train": ("train", "--data", DATA),
    }
    for command, words in folders.items():
        yield _case(f"out-{command}-file", (*words, "--out", "taken"), "taken", a_file)
        yield _case(f"out-{command}-in-file", (*words, "--out", "taken/a/b"), "taken", a_file)
        yield _case(f"out-{command}-link", (*words, "--out", "taken"), "taken", link)
        yield _case(f"out-{command}-loop", (*words, "--out", "taken/a"), "taken", loop)
        yield _case(f"out-{command}-system", (*words, "--out", "/proc/gapkit"), "/proc")
        yield _case(f"out-{command}-long", (*words, "--out", "w" * 300), "www")
        if command not in ("report", "train"):
            yield _case(f"out-{command}-full", (*words, "--out", "taken"), "taken", full)
    for command, words in {"certify": _COMMANDS["certify"], "export": _COMMANDS["export"]}.items():
        yield _case(f"out-{command}-folder", (*words, "--out", RUN), RUN)
        yield _case(f"out-{command}-no-folder", (*words, "--out", "gone/a"), "gone")
        yield _case(f"out-{command}-in-file", (*words, "--out", "taken/a"), "taken", a_file)
        yield _case(f"out-{command}-file", (*words, "--out", "taken"), "taken", a_file)
        yield _case(f"out-{command}-system", (*words, "--out", "/proc/gapkit"), "/proc")
        yield _case(f"out-{command}-long", (*words, "--out", "w" * 300), "www")


def _mixed():
    """Any words together."""
    rng = np.random.default_rng(0)
    pool = [
        MODEL,
        DATA,
        RUN,
        "--data",
        "--out",
        "--model",
        "--limit",
        "0",
        "-1",
        "x",
        "\x1b[2J",
        "--",
        "=",
        "a=b",
        ".",
        "/",
        "*",
    ]
    for number in range(40):
        command = list(_COMMANDS)[number % 8]  # a demo needs no words at all
        words = [pool[place] for place in rng.integers(len(pool), size=rng.integers(1, 6))]
        yield _case(f"mixed-{number}", (command, *words, "--seed", "x"))


CASES = (*_values(), *_no_words(), *_outputs(), *_mixed())
