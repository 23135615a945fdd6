"""Hostile folders of results: every file of a run, damaged."""

import copy
import json
import os
import shutil

import numpy as np
import pandas as pd

from tests.hostile.cases import MODEL, RUN, Canary, Case, packed

FILES = ("summary.json", "run.json", "datapoints.parquet", "details.npz")
VALUES = {
    "none": None,
    "text": "x",
    "escape": "\x1b[2J",
    "number": -1.5,
    "huge": 10**200,
    "list": [],
    "pair": [1, 2],
    "dict": {},
    "true": True,
}


def export(kind, make, told=RUN, codes=(2,), words=("export", RUN, "--out", "new.csv")):
    """The quickest command that reads a run."""
    return Case(f"run-{kind}", make, words, told, codes)


def leaves(content, path=()):
    """Places in nested dictionaries and lists."""
    yield path
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        yield from leaves(value, (*path, key))


def replaced(content, path, value):
    """A copy with another value at a place; without the place where the value is ``leaves``."""
    if not path:
        return value
    content = copy.deepcopy(content)
    place = content
    for key in path[:-1]:
        place = place[key]
    if value is leaves:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return content


def rewritten(name, change):
    """Change what a JSON file of the run holds."""

    def make(folder):
        path = folder / RUN / name
        path.write_text(json.dumps(change(json.loads(path.read_text()))))

    return make


def _raw():
    texts = {
        "empty": b"",
        "list": b"[]",
        "dict": b"{}",
        "number": b"3",
        "null": b"null",
        "text": b"hello\x1b[2J",
        "utf8": b'{"a": "\xff\xfe"}',
        "cut": b'{"quantities": {',
        "nan": b'{"quantities": NaN}',
        "infinite": b'{"quantities": 1e999}',
        "digits": b'{"quantities": ' + b"9" * 5000 + b"}",
        "deep": b"[" * 100_000,
        "nested": b'{"a":' * 200 + b"1" + b"}" * 200,
        "long": b'"' + b"x" * 20_000_000 + b'"',
        "twice": b'{"quantities": 1, "quantities": 2}',
    }
    for name in FILES[:2]:
        for label, content in texts.items():
            if (name, label) == ("run.json", "dict"):
                continue
            codes = (0, 2) if name == "run.json" and label == "twice" else (2,)
            yield export(
                f"{name}-{label}",
                lambda folder, n=name, c=content: (folder / RUN / n).write_bytes(c),
                name if 0 not in codes else "",
                codes,
            )
    for name in FILES:
        told = "" if name == "details.npz" else name
        codes = (0,) if name == "details.npz" else (2,)
        yield export(f"{name}-missing", lambda folder, n=name: (folder / RUN / n).unlink(), told, codes)
        for kind, place in _instead().items():

            def instead(folder, name=name, place=place):
                (folder / RUN / name).unlink()
                place(folder / RUN / name)

            yield export(f"{name}-{kind}", instead, name)
        for seed in range(8):

            def flipped(folder, name=name, seed=seed):
                content = bytearray((folder / RUN / name).read_bytes())
                rng = np.random.default_rng(seed)
                for spot in rng.integers(0, len(content), 3):
                    content[spot] ^= 1 << int(rng.integers(0, 8))
                (folder / RUN / name).write_bytes(content)

            yield export(f"{name}-flip-{seed}", flipped, "", (0, 2))
        for spot in (1, 20, 200, -200, -9):

            def cut(folder, name=name, spot=spot):
                (folder / RUN / name).write_bytes((folder / RUN / name).read_bytes()[:spot])

            yield export(f"{name}-cut-{spot}", cut, name)


def _instead():
    """Other things under the name of a file."""
    return {
        "folder": lambda path: path.mkdir(),
        "loop": lambda path: path.symlink_to(path.name),
        "link": lambda path: path.symlink_to("gone"),
        "pipe": os.mkfifo,
        "device": lambda path: path.symlink_to("/dev/zero"),
    }


def _values():
    """Parts of the summary and of the facts of a run, of another type."""
    first = ("splits", "test")
    gap = (*first, "quantities", "total_gap")
    places = [
        ("quantities",),
        ("quantities", "total_gap"),
        ("quantities", "total_gap", "mean"),
        ("splits",),
        first,
        (*first, "quantities"),
        gap,
        (*gap, "ci95"),
        (*gap, "count"),
        (*gap, "se_monte_carlo"),
        (*first, "datapoints"),
        (*first, "status"),
        (*first, "classes"),
        (*first, "latents"),
        (*first, "latents", "kl_per_dimension"),
        (*first, "iwae_curve"),
        (*first, "iwae_curve", "curve"),
        (*first, "convergence"),
        (*first, "checks"),
        ("certificate",),
        ("families",),
        ("semi_amortized",),
        ("generalisation",),
    ]
    legal = {"none": (0, 2), "true": (2,), "dict": (0, 2), "list": (0, 2), "number": (0, 2), "pair": (0, 2)}
    for place in places:
        for label in ("none", "text", "list", "dict", "number"):
            yield export(
                f"summary-{'.'.join(place)}-{label}",
                rewritten("summary.json", lambda s, p=place, v=VALUES[label]: replaced(s, p, v)),
                "",
                legal.get(label, (2,)),
            )
        yield export(
            f"summary-{'.'.join(place)}-gone",
            rewritten("summary.json", lambda s, p=place: replaced(s, p, leaves)),
            "",
            (0, 2),
        )
    for key in ("families", "settings", "versions", "details", "warnings", "command", "data", "checkpoint"):
        for label in ("number", "text", "pair", "true"):
            yield export(
                f"facts-{key}-{label}",
                rewritten("run.json", lambda r, k=key, v=VALUES[label]: {**r, k: v}),
                "",
                (0, 2) if label == "text" and key in ("data", "checkpoint") else (2,),
            )
    for label, version in {"later": "99.0.0", "text": "x", "long": "1" * 10_000, "number": 3}.items():
        yield export(
            f"facts-version-{label}",
            rewritten("run.json", lambda r, v=version: {**r, "versions": {"gapkit": v}}),
            "run.json",
        )


def table(change):
    """Rewrite the table."""

    def make(folder):
        path = folder / RUN / "datapoints.parquet"
        change(pd.read_parquet(path)).to_parquet(path)

    return make


def _tables():
    for column in ("split", "index", "elbo", "elbo_se", "elbo_star", "log_px", "total_gap", "total_gap_se", "status"):
        yield export(f"table-without-{column}", table(lambda t, c=column: t.drop(columns=[c])), "datapoints.parquet")
    for column in ("elbo", "log_px_se", "total_gap", "khat", "ais", "start", "index", "amortization_gap"):
        yield export(
            f"table-text-{column}",
            table(lambda t, c=column: t.assign(**{c: t[c].astype(str) + "x"})),
            "datapoints.parquet",
        )
        yield export(
            f"table-list-{column}", table(lambda t, c=column: t.assign(**{c: [[1]] * len(t)})), "datapoints.parquet"
        )
        yield export(f"table-bool-{column}", table(lambda t, c=column: t.assign(**{c: True})), "datapoints.parquet")
    for column in ("split", "status", "fit", "ais_reason"):
        yield export(f"table-number-{column}", table(lambda t, c=column: t.assign(**{c: 3})), "datapoints.parquet")
        yield export(f"table-missing-{column}", table(lambda t, c=column: t.assign(**{c: None})), "datapoints.parquet")
    yield export("table-no-rows", table(lambda t: t.head(0)), "datapoints.parquet")
    yield export("table-fewer-rows", table(lambda t: t.head(3)), "datapoints.parquet")
    yield export("table-more-rows", table(lambda t: pd.concat([t, t])), "datapoints.parquet")
    yield export("table-many-rows", table(lambda t: pd.concat([t] * 3000)), "datapoints.parquet")
    yield export("table-index-twice", table(lambda t: t.assign(index=0)), "datapoints.parquet")
    yield export("table-other-split", table(lambda t: t.assign(split="\x1b[2J")), "datapoints.parquet")
    yield export("table-no-columns", table(lambda t: t[[]]), "datapoints.parquet")
    yield export("table-nan", table(lambda t: t.assign(elbo=np.nan, total_gap=np.inf)), "", (0,))
    yield export("table-label-escape", table(lambda t: t.assign(label="\x1b[2J")), "", (0,))


def details(change):
    """Rewrite the arrays."""

    def make(folder):
        path = folder / RUN / "details.npz"
        with np.load(path) as stored:
            arrays = change(dict(stored))
        np.savez(path, **arrays)

    return make


def _details():
    def changed(name, make):
        return details(lambda arrays: {**arrays, name: make(arrays[name])})

    for name in (
        "worst_index",
        "worst_x",
        "contours_log_density",
        "contours_columns",
        "convergence_fit_left",
        "simulated_lower",
    ):
        told = "details.npz"
        yield export(f"details-{name}-empty", changed(name, lambda a: a[:0]), told)
        yield export(f"details-{name}-scalar", changed(name, lambda a: np.float64(1)), told)
        yield export(f"details-{name}-text", changed(name, lambda a: np.array("x")), told)
        yield export(f"details-{name}-complex", changed(name, lambda a: np.ones(a.shape, complex)), told)
        yield export(f"details-{name}-longer", changed(name, lambda a: np.concatenate([a, a])), told)
        if not name.startswith("convergence"):
            yield export(
                f"details-{name}-gone",
                details(lambda arrays, n=name: {k: v for k, v in arrays.items() if k != n}),
                told,
            )

    def objects(folder):
        values = np.empty(2, dtype=object)
        values[:] = Canary()
        np.savez(folder / RUN / "details.npz", worst_index=values)

    yield export("details-objects", objects, "details.npz")
    yield export("details-none", lambda folder: (folder / RUN / "details.npz").write_bytes(packed({})), "", (0,))


def _commands():
    """The same by the other commands that read runs."""

    def broken(folder):
        (folder / RUN / "summary.json").write_text("[]")

    words = {
        "report": ("report", RUN),
        "report-out": ("report", RUN, "--out", "new"),
        "compare": ("compare", "run2", RUN, "--out", "new"),
        "compare-first": ("compare", RUN, "run2", "--out", "new"),
        "score": ("score", "--run", RUN, "--out", "new"),
        "score-reference": ("score", "--run", "run2", "--reference-run", RUN, "--out", "new"),
    }
    for label, each in words.items():
        yield export(f"{label}-summary", broken, "summary.json", words=each)
        yield export(f"{label}-missing", lambda folder: shutil.rmtree(folder / RUN), RUN, words=each)
        yield export(f"{label}-column", table(lambda t: t.drop(columns=["elbo"])), "datapoints.parquet", words=each)
        yield export(f"{label}-facts", rewritten("run.json", lambda r: {"settings": 3}), "run.json", words=each)
    yield export("file", lambda folder: None, MODEL, words=("report", MODEL))
    yield export("long", lambda folder: None, "", words=("report", "x" * 5000))
    yield export("escape", lambda folder: None, r"\x1b[2J", words=("export", "\x1b[2J"))
    yield export("loop", lambda folder: (folder / "loop").symlink_to("loop"), "loop", words=("report", "loop"))
    yield export("same", lambda folder: None, RUN, words=("compare", RUN, f"./{RUN}"))


CASES = (*_raw(), *_values(), *_tables(), *_details(), *_commands())
