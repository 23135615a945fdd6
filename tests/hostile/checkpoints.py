"""Hostile checkpoints. Those that are legal all the same end at the data, which are not there."""

import io
import os
import struct
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file

from tests.hostile.cases import (
    DATA,
    MODEL,
    Canary,
    analyze_words,
    checkpoint_case,
    packed,
    parts_of,
    poison,
)
from tests.hostile.payloads import odd_payloads

_PLACES = (1, 4, 30, 100, 1000, -1000, -100, -22, -1)


def _as_legacy(folder, name="bad.pt"):
    torch.save(torch.load(folder / MODEL, weights_only=True), folder / name, _use_new_zipfile_serialization=False)


def _as_safetensors(folder, name="bad.safetensors"):
    state = torch.load(folder / MODEL, weights_only=True)["state_dict"]
    save_file({key: value.contiguous() for key, value in state.items()}, folder / name)


_FORMATS = {
    "zip": ("bad.pt", lambda folder: (folder / "bad.pt").write_bytes((folder / MODEL).read_bytes())),
    "legacy": ("bad.pt", _as_legacy),
    "safetensors": ("bad.safetensors", _as_safetensors),
}


def _damaged():
    """Truncated at many places, and with flipped bits."""
    for form, (name, write) in _FORMATS.items():
        for place in _PLACES:

            def cut(folder, name=name, write=write, place=place):
                write(folder)
                content = (folder / name).read_bytes()
                (folder / name).write_bytes(content[:place])

            yield checkpoint_case(f"{form}-cut-{place}", cut, name, analyze_words(name))
        for seed in range(12):

            def flip(folder, name=name, write=write, seed=seed):
                write(folder)
                content = bytearray((folder / name).read_bytes())
                rng = np.random.default_rng(seed)
                for place in rng.integers(0, len(content) if seed % 2 else 600, 4):
                    content[place] ^= 1 << int(rng.integers(0, 8))
                (folder / name).write_bytes(content)

            yield checkpoint_case(f"{form}-flip-{seed}", flip, "", analyze_words(name))


def _archives():
    def bomb(folder):
        parts = parts_of(folder / MODEL)
        parts[next(name for name in parts if name.endswith("/data/0"))] = b"\0" * 300_000_000
        (folder / "bad.pt").write_bytes(packed(parts, zipfile.ZIP_DEFLATED))

    def overlapping(folder):
        parts = parts_of(folder / MODEL)
        content = bytearray(packed(parts))
        start = content.find(b"PK\x01\x02")
        second = content.find(b"PK\x01\x02", start + 4)
        content[second + 42 : second + 46] = content[start + 42 : start + 46]
        (folder / "bad.pt").write_bytes(content)

    def field(place, value):
        def change(folder):
            content = bytearray((folder / MODEL).read_bytes())
            start = content.find(b"PK\x01\x02")
            content[start + place : start + place + len(value)] = value
            (folder / "bad.pt").write_bytes(content)

        return change

    def without(end):
        def change(folder):
            parts = {name: part for name, part in parts_of(folder / MODEL).items() if not name.endswith(end)}
            (folder / "bad.pt").write_bytes(packed(parts))

        return change

    def replaced(end, content):
        def change(folder):
            parts = {name: content if name.endswith(end) else part for name, part in parts_of(folder / MODEL).items()}
            (folder / "bad.pt").write_bytes(packed(parts))

        return change

    yield checkpoint_case("zip-bomb", bomb)
    yield checkpoint_case("zip-overlapping", overlapping)
    yield checkpoint_case("zip-encrypted", field(8, b"\x01"))
    yield checkpoint_case("zip-method", field(10, b"\x61"))
    yield checkpoint_case("zip-size", field(24, b"\xff\xff\xff\x7f"))
    yield checkpoint_case("zip-packed-size", field(20, b"\xff\xff\xff\x7f"))
    yield checkpoint_case("zip-offset", field(42, b"\xff\xff\xff\x7f"))
    yield checkpoint_case("zip-without-pickle", without("data.pkl"))
    yield checkpoint_case("zip-without-weights", without("/data/0"))
    yield checkpoint_case("zip-without-version", without("/version"), "")
    yield checkpoint_case("zip-short-weights", replaced("/data/0", b"\0" * 8))
    yield checkpoint_case("zip-empty-weights", replaced("/data/0", b""))
    yield checkpoint_case("zip-long-weights", replaced("/data/0", b"\0" * 100_000), "")
    yield checkpoint_case("zip-byteorder", replaced("byteorder", b"middle"))
    yield checkpoint_case("zip-version", replaced("/version", b"99999999999999999999\n"))
    yield checkpoint_case("zip-pickle-empty", replaced("data.pkl", b""))
    yield checkpoint_case("zip-pickle-stop", replaced("data.pkl", b"\x80\x02."))
    yield checkpoint_case("zip-pickle-memo", replaced("data.pkl", b"\x80\x02h\xff."))
    yield checkpoint_case("zip-pickle-deep", replaced("data.pkl", b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."))
    yield checkpoint_case("zip-pickle-number", replaced("data.pkl", b"\x80\x02\x8a\xff" + b"\xff" * 255 + b"."))
    yield checkpoint_case("zip-pickle-length", replaced("data.pkl", b"\x80\x04\x8e" + b"\xff" * 8 + b"."))
    yield checkpoint_case("zip-empty", lambda folder: (folder / "bad.pt").write_bytes(packed({})))
    yield checkpoint_case("zip-text", lambda folder: (folder / "bad.pt").write_bytes(packed({"../../\x1b[2J": b"x"})))
    many = {f"archive/data/{number}": b"" for number in range(60_000)}
    yield checkpoint_case(
        "zip-many", lambda folder: (folder / "bad.pt").write_bytes(packed({"archive/data.pkl": b".", **many}))
    )
    yield checkpoint_case("poison-zip", replaced("data.pkl", poison()))
    yield checkpoint_case("poison-protocol", replaced("data.pkl", poison(protocol=4)))
    yield checkpoint_case("poison-plain", lambda folder: (folder / "bad.pt").write_bytes(poison()))
    yield checkpoint_case("poison-saved", lambda folder: torch.save({"state_dict": Canary()}, folder / "bad.pt"))
    yield checkpoint_case(
        "poison-legacy",
        lambda folder: torch.save({"x": Canary()}, folder / "bad.pt", _use_new_zipfile_serialization=False),
    )
    yield checkpoint_case(
        "poison-safetensors",
        lambda folder: (folder / "bad.safetensors").write_bytes(poison()),
        "bad.safetensors",
        analyze_words("bad.safetensors"),
    )
    yield checkpoint_case("poison-module", lambda folder: torch.save(torch.nn.Linear(2, 2), folder / "bad.pt"))


def _tensors_of_safetensors():
    def written(header, size=64):
        def change(folder):
            text = header if isinstance(header, bytes) else header.encode()
            (folder / "bad.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * size)

        return change

    cases = {
        "length": lambda folder: (folder / "bad.safetensors").write_bytes(b"\xff" * 8 + b"{}"),
        "short": lambda folder: (folder / "bad.safetensors").write_bytes(b"\x08"),
        "no-json": written("not json"),
        "list": written("[]"),
        "empty": written("{}", 0),
        "utf8": written(b"\xff\xfe{}"),
        "overlap": written(
            '{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},"b":{"dtype":"F32","shape":[8],"data_offsets":[16,48]}}'
        ),
        "huge": written('{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'),
        "shape": written('{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,64]}}'),
        "negative": written('{"a":{"dtype":"F32","shape":[-16],"data_offsets":[0,64]}}'),
        "dtype": written('{"a":{"dtype":"F99","shape":[16],"data_offsets":[0,64]}}'),
        "float8": written('{"a":{"dtype":"F8_E4M3","shape":[64],"data_offsets":[0,64]}}'),
        "deep": written("[" * 50_000 + "]" * 50_000),
    }
    for label, make in cases.items():
        yield checkpoint_case(f"safetensors-{label}", make, "bad.safetensors", analyze_words("bad.safetensors"))


def _places():
    """What is no ordinary file, or has no ordinary name."""
    words = analyze_words()

    def named(name):
        return lambda folder: (folder / name).write_bytes(b"\x80\x02.")

    yield checkpoint_case("missing", lambda folder: None)
    yield checkpoint_case("folder", lambda folder: (folder / "bad.pt").mkdir())
    yield checkpoint_case("loop", lambda folder: (folder / "bad.pt").symlink_to("bad.pt"))
    yield checkpoint_case("link", lambda folder: (folder / "bad.pt").symlink_to("gone.pt"))
    yield checkpoint_case("pipe", lambda folder: os.mkfifo(folder / "bad.pt"))
    yield checkpoint_case("device", lambda folder: (folder / "bad.pt").symlink_to("/dev/zero"))
    yield checkpoint_case("empty", lambda folder: (folder / "bad.pt").touch())
    yield checkpoint_case("null", lambda folder: None, "/dev/null", analyze_words("/dev/null"))
    yield checkpoint_case("in-a-file", lambda folder: None, "good.npz", analyze_words(f"{DATA}/bad.pt"))
    for label, name in {
        "escape": "\x1b[2Jbad.pt",
        "line": "a\nto do: --trust-pickle\n.pt",
        "turned": "\u202etp.bad",
    }.items():
        yield checkpoint_case(f"name-{label}", named(name), "", analyze_words(name))
    yield checkpoint_case(
        "name-bytes",
        lambda folder: (folder / "bad\udcff.pt").write_bytes(b"\x80\x02."),
        "bad",
        analyze_words("bad\udcff.pt"),
    )
    yield checkpoint_case("name-long", lambda folder: None, "", analyze_words("x" * 5000 + ".pt"))
    yield checkpoint_case("name-dash", named("-.pt"), "-.pt", analyze_words("./-.pt"))
    yield checkpoint_case("no-permission", lambda folder: (folder / "bad.pt").touch(0), words=words)
    page = b"<!DOCTYPE html><title>\x1b]0;x\x07</title>"
    yield checkpoint_case("page", lambda folder: (folder / "bad.pt").write_bytes(page))
    yield checkpoint_case("text", lambda folder: (folder / "bad.pt").write_bytes(b"\x1b[31mhello"))
    for seed in range(6):

        def noise(folder, seed=seed):
            (folder / "bad.pt").write_bytes(np.random.default_rng(seed).bytes(1000 * 4**seed))

        yield checkpoint_case(f"noise-{seed}", noise)


def _other_commands():
    """The same files by other doors."""
    poisoned = _as_legacy_poison
    yield checkpoint_case("certify", poisoned, words=("certify", "bad.pt"))
    yield checkpoint_case("refit", poisoned, words=("refit", "bad.pt", "--data", DATA, "--out", "new"))
    yield checkpoint_case(
        "refit-against", poisoned, words=("refit", MODEL, "--data", DATA, "--out", "new", "--against", "bad.pt")
    )
    yield checkpoint_case("score", poisoned, words=("score", "bad.pt", "--data", DATA))
    yield checkpoint_case("encoder", poisoned, words=(*analyze_words(MODEL), "--encoder", "a=bad.pt"))
    yield checkpoint_case("series", poisoned, words=("analyze", "bad.pt", "absent.pt", "--data", DATA))
    yield checkpoint_case("as-data", poisoned, words=("analyze", MODEL, "--data", "bad.pt"))


def _as_legacy_poison(folder):
    buffer = io.BytesIO()
    torch.save({"x": Canary()}, buffer, _use_new_zipfile_serialization=False)
    (folder / "bad.pt").write_bytes(buffer.getvalue())


CASES = (
    *_damaged(),
    *odd_payloads(),
    *_archives(),
    *_tensors_of_safetensors(),
    *_places(),
    *_other_commands(),
)
