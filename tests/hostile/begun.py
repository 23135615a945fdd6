"""Folders of runs that were begun, and of shards, by somebody else: what to go on with, and the files that are kept."""

import json
import shutil

from tests.hostile.cases import DATA, MODEL, Case

RESUME = ("analyze", MODEL, "--data", DATA, "--effort", "quick", "--limit", "3", "--out", "new", "--resume")
MERGE = ("merge", "new")
_REQUEST = {
    "source": {"model": {"checkpoint": MODEL, "folder": "/"}, "data": {"source": DATA, "folder": "/"}, "encoders": {}},
    "settings": {},
    "versions": {},
    "threads": 1,
    "bounds": [],
    "allow": [],
    "device": "cpu",
    "writer": {"process": 1, "host": "x"},
}
_VALUES = {
    "none": None,
    "text": "x",
    "up": "../../x",
    "escape": "\x1b[2J",
    "number": -1.5,
    "huge": 10**200,
    "list": [1, "a"],
    "dict": {"a": {"b": 1}},
}


def begun(folder, content, name="shard-0-of-1"):
    place = folder / "new" / name / "units"
    place.mkdir(parents=True)
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    (place / "request.json").write_bytes(text)
    (place.parent / "done.json").write_text("{}")


def _requests():
    for key in _REQUEST:
        for label, value in _VALUES.items():
            changed = {**_REQUEST, key: value}
            yield Case(f"begun-merge-{key}-{label}", lambda folder, c=changed: begun(folder, c), MERGE)
    for label in ("none", "text", "list"):
        changed = {**_REQUEST, "source": _VALUES[label]}
        yield Case(f"begun-resume-source-{label}", lambda folder, c=changed: begun(folder, c, "."), RESUME)
    for where in ("checkpoint", "factory", "trust_pickle", "allow_globals", "sha256"):
        for label, value in {**_VALUES, "code": "evil.py:f", "flag": True, "names": ["os.system"]}.items():
            if where == "sha256" or (where, label) in (("checkpoint", "flag"), ("factory", "none")):
                continue  # legal: the shards say themselves what they are of

            def make(folder, where=where, value=value):
                (folder / "evil.py").write_text("open('canary', 'w')\n")
                model = {"checkpoint": MODEL, "folder": str(folder), where: value}
                data = {"source": DATA, "folder": str(folder)}
                begun(folder, {**_REQUEST, "source": {"model": model, "data": data, "encoders": {}}})

            yield Case(f"begun-model-{where}-{label}", make, MERGE)
    raw = {
        "empty": b"",
        "list": b"[]",
        "deep": b"[" * 100_000,
        "cut": b'{"source": {',
        "utf8": b'{"a": "\xff"}',
        "long": b'"' + b"x" * 20_000_000 + b'"',
    }
    for label, content in raw.items():
        yield Case(f"begun-raw-{label}", lambda folder, c=content: begun(folder, c, "."), RESUME)
        yield Case(f"begun-shard-{label}", lambda folder, c=content: begun(folder, c), MERGE)


def _names():
    """Shards under names that are numbers beyond sense."""
    for label, name in {
        "many": "shard-0-of-99999999",
        "beyond": "shard-7-of-2",
        "digits": "shard-" + "9" * 100 + "-of-" + "9" * 100,
    }.items():
        yield Case(f"begun-name-{label}", lambda folder, n=name: begun(folder, _REQUEST, n), MERGE)
    yield Case("begun-file", lambda folder: (folder / "new").write_text("x"), MERGE)
    yield Case("begun-loop", lambda folder: (folder / "new").symlink_to("new"), MERGE)
    yield Case("begun-missing", lambda folder: None, MERGE)

    def a_file(folder):
        begun(folder, _REQUEST, ".")
        shutil.rmtree(folder / "new" / "units")
        (folder / "new" / "units").write_text("x")

    yield Case("begun-units-file", a_file, RESUME, "new")

    def link(folder):
        (folder / "new").mkdir()
        (folder / "new" / "units").symlink_to(folder / "run")

    yield Case("begun-units-link", link, RESUME, "symbolic link")


CASES = (*_requests(), *_names())
