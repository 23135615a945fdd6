"""Hostile checkpoints. Those that are legal all the same end at the data, which are not there."""

import io
import os
import struct
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file

from tests.hostile.cases import DATA, MODEL, Canary, Case, changed_model, packed, parts_of, poison

ABSENT = "absent.npz"
_PLACES = (1, 4, 30, 100, 1000, -1000, -100, -22, -1)
_VALUES = {
    "none": None,
    "text": "x",
    "escape": "\x1b[2J",
    "long": "y" * 10_000_000,
    "negative": -1,
    "zero": 0,
    "huge": 10**9,
    "enormous": 10**40,
    "fraction": 1.5,
    "nan": float("nan"),
    "true": True,
    "empty": [],
    "list": [8],
    "many": [8] * 100_000,
    "wide": [40_000, 40_000],
    "nested": [[[8]]],
    "dict": {"a": 1},
    "tensor": torch.zeros(2),
}
_SOME = ("none", "text", "negative", "huge", "enormous", "many", "dict")


def _analyze(name="bad.pt", *more):
    return ("analyze", name, "--data", ABSENT, *more)


def _case(kind, make, told="bad.pt", words=None, codes=(2,)):
    return Case(f"checkpoint-{kind}", make, words or _analyze(), told, codes)


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

            yield _case(f"{form}-cut-{place}", cut, name, _analyze(name))
        for seed in range(12):

            def flip(folder, name=name, write=write, seed=seed):
                write(folder)
                content = bytearray((folder / name).read_bytes())
                rng = np.random.default_rng(seed)
                for place in rng.integers(0, len(content) if seed % 2 else 600, 4):
                    content[place] ^= 1 << int(rng.integers(0, 8))
                (folder / name).write_bytes(content)

            yield _case(f"{form}-flip-{seed}", flip, "", _analyze(name))


def _odd_payloads():
    config = ("x_shape", "latent", "hidden", "decoder_hidden", "activation", "likelihood", "posterior")
    for key in config:
        for label in _VALUES if key in ("latent", "hidden") else _SOME:

            def change(folder, key=key, label=label):
                changed_model(folder, lambda payload: payload["config"].update({key: _VALUES[label]}))

            yield _case(f"config-{key}-{label}", change, "")
    for key in ("config", "state_dict", "extra", "builder", "version", "format"):
        for label in ("none", "text", "list", "huge", "long", "tensor", "dict"):

            def change(folder, key=key, label=label):
                changed_model(folder, lambda payload: payload.update({key: _VALUES[label]}))

            yield _case(f"payload-{key}-{label}", change, "")
    options = {
        "rank": ("low_rank", {"rank": 10**9}),
        "layers": ("flow", {"num_layers": 10**9, "num_hidden": 4}),
        "wide": ("flow", {"num_layers": 2, "num_hidden": 10**9}),
        "auxiliary": ("auxiliary", {"num_layers": 2, "num_hidden": 10**6}),
        "text": ("flow", {"num_layers": "4"}),
        "list": ("flow", [1, 2]),
    }
    for label, (posterior, value) in options.items():

        def change(folder, posterior=posterior, value=value):
            changed_model(
                folder, lambda payload: payload["config"].update(posterior=posterior, posterior_options=value)
            )

        yield _case(f"options-{label}", change)
    weights = {
        "text": "hello",
        "none": None,
        "list": [1.0],
        "dict": {},
        "number": 3,
        "nan": torch.full((8, 64), torch.nan),
        "shape": torch.zeros(3),
        "complex": torch.zeros(8, 64, dtype=torch.complex64),
        "float8": torch.zeros(8, 64).to(torch.float8_e4m3fn),
        "sparse": torch.zeros(8, 64).to_sparse(),
        "meta": torch.zeros(8, 64, device="meta"),
        "view": torch.zeros(1).expand(10**6, 10**6),
    }
    for label, value in weights.items():

        def change(folder, value=value):
            changed_model(folder, lambda payload: payload["state_dict"].update({"encoder.net.0.weight": value}))

        yield _case(f"weight-{label}", change)
    for label, value in {"number": 3, "tuple": ("a",), "empty": "", "odd": "a\x1b[31m\n.b"}.items():

        def change(folder, value=value):
            changed_model(folder, lambda payload: payload["state_dict"].update({value: torch.zeros(1)}))

        yield _case(f"weight-name-{label}", change)

    def deep(folder):
        inner = []
        for _ in range(400):
            inner = [inner]
        changed_model(folder, lambda payload: payload.update(config=inner))

    def itself(folder):
        loop = {}
        loop["config"] = loop
        changed_model(folder, lambda payload: payload.update(config=loop))

    yield _case("config-deep", deep)
    yield _case("config-itself", itself, "")
    for label, value in {"list": [1, 2], "text": "x", "tensor": torch.zeros(3), "number": 1.5, "none": None}.items():
        yield (
            _case(
                f"not-a-dict-{label}",
                lambda folder, value=value: changed_model(folder, lambda _: value or [0]),
                "bad.pt",
            )
            if label != "tensor"
            else _case("not-a-dict-tensor", lambda folder: torch.save(torch.zeros(3), folder / "bad.pt"))
        )


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

    yield _case("zip-bomb", bomb)
    yield _case("zip-overlapping", overlapping)
    yield _case("zip-encrypted", field(8, b"\x01"))
    yield _case("zip-method", field(10, b"\x61"))
    yield _case("zip-size", field(24, b"\xff\xff\xff\x7f"))
    yield _case("zip-packed-size", field(20, b"\xff\xff\xff\x7f"))
    yield _case("zip-offset", field(42, b"\xff\xff\xff\x7f"))
    yield _case("zip-without-pickle", without("data.pkl"))
    yield _case("zip-without-weights", without("/data/0"))
    yield _case("zip-without-version", without("/version"), "")
    yield _case("zip-short-weights", replaced("/data/0", b"\0" * 8))
    yield _case("zip-empty-weights", replaced("/data/0", b""))
    yield _case("zip-long-weights", replaced("/data/0", b"\0" * 100_000), "")
    yield _case("zip-byteorder", replaced("byteorder", b"middle"))
    yield _case("zip-version", replaced("/version", b"99999999999999999999\n"))
    yield _case("zip-pickle-empty", replaced("data.pkl", b""))
    yield _case("zip-pickle-stop", replaced("data.pkl", b"\x80\x02."))
    yield _case("zip-pickle-memo", replaced("data.pkl", b"\x80\x02h\xff."))
    yield _case("zip-pickle-deep", replaced("data.pkl", b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."))
    yield _case("zip-pickle-number", replaced("data.pkl", b"\x80\x02\x8a\xff" + b"\xff" * 255 + b"."))
    yield _case("zip-pickle-length", replaced("data.pkl", b"\x80\x04\x8e" + b"\xff" * 8 + b"."))
    yield _case("zip-empty", lambda folder: (folder / "bad.pt").write_bytes(packed({})))
    yield _case("zip-text", lambda folder: (folder / "bad.pt").write_bytes(packed({"../../\x1b[2J": b"x"})))
    many = {f"archive/data/{number}": b"" for number in range(60_000)}
    yield _case("zip-many", lambda folder: (folder / "bad.pt").write_bytes(packed({"archive/data.pkl": b".", **many})))
    yield _case("poison-zip", replaced("data.pkl", poison()))
    yield _case("poison-protocol", replaced("data.pkl", poison(protocol=4)))
    yield _case("poison-plain", lambda folder: (folder / "bad.pt").write_bytes(poison()))
    yield _case("poison-saved", lambda folder: torch.save({"state_dict": Canary()}, folder / "bad.pt"))
    yield _case(
        "poison-legacy",
        lambda folder: torch.save({"x": Canary()}, folder / "bad.pt", _use_new_zipfile_serialization=False),
    )
    yield _case(
        "poison-safetensors",
        lambda folder: (folder / "bad.safetensors").write_bytes(poison()),
        "bad.safetensors",
        _analyze("bad.safetensors"),
    )
    yield _case("poison-module", lambda folder: torch.save(torch.nn.Linear(2, 2), folder / "bad.pt"))


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
        yield _case(f"safetensors-{label}", make, "bad.safetensors", _analyze("bad.safetensors"))


def _places():
    """What is no ordinary file, or has no ordinary name."""
    words = _analyze()

    def named(name):
        return lambda folder: (folder / name).write_bytes(b"\x80\x02.")

    yield _case("missing", lambda folder: None)
    yield _case("folder", lambda folder: (folder / "bad.pt").mkdir())
    yield _case("loop", lambda folder: (folder / "bad.pt").symlink_to("bad.pt"))
    yield _case("link", lambda folder: (folder / "bad.pt").symlink_to("gone.pt"))
    yield _case("pipe", lambda folder: os.mkfifo(folder / "bad.pt"))
    yield _case("device", lambda folder: (folder / "bad.pt").symlink_to("/dev/zero"))
    yield _case("empty", lambda folder: (folder / "bad.pt").touch())
    yield _case("null", lambda folder: None, "/dev/null", _analyze("/dev/null"))
    yield _case("in-a-file", lambda folder: None, "good.npz", _analyze(f"{DATA}/bad.pt"))
    for label, name in {
        "escape": "\x1b[2Jbad.pt",
        "line": "a\nto do: --trust-pickle\n.pt",
        "turned": "\u202etp.bad",
    }.items():
        yield _case(f"name-{label}", named(name), "", _analyze(name))
    yield _case(
        "name-bytes",
        lambda folder: (folder / "bad\udcff.pt").write_bytes(b"\x80\x02."),
        "bad",
        _analyze("bad\udcff.pt"),
    )
    yield _case("name-long", lambda folder: None, "", _analyze("x" * 5000 + ".pt"))
    yield _case("name-dash", named("-.pt"), "-.pt", _analyze("./-.pt"))
    yield _case("no-permission", lambda folder: (folder / "bad.pt").touch(0), words=words)
    page = b"<!DOCTYPE html><title>\x1b]0;x\x07</title>"
    yield _case("page", lambda folder: (folder / "bad.pt").write_bytes(page))
    yield _case("text", lambda folder: (folder / "bad.pt").write_bytes(b"\x1b[31mhello"))
    for seed in range(6):

        def noise(folder, seed=seed):
            (folder / "bad.pt").write_bytes(np.random.default_rng(seed).bytes(1000 * 4**seed))

        yield _case(f"noise-{seed}", noise)


def _other_commands():
    """The same files by other doors."""
    poisoned = _as_legacy_poison
    yield _case("certify", poisoned, words=("certify", "bad.pt"))
    yield _case("refit", poisoned, words=("refit", "bad.pt", "--data", DATA, "--out", "new"))
    yield _case(
        "refit-against", poisoned, words=("refit", MODEL, "--data", DATA, "--out", "new", "--against", "bad.pt")
    )
    yield _case("score", poisoned, words=("score", "bad.pt", "--data", DATA))
    yield _case("encoder", poisoned, words=(*_analyze(MODEL), "--encoder", "a=bad.pt"))
    yield _case("series", poisoned, words=("analyze", "bad.pt", "absent.pt", "--data", DATA))
    yield _case("as-data", poisoned, words=("analyze", MODEL, "--data", "bad.pt"))


def _as_legacy_poison(folder):
    buffer = io.BytesIO()
    torch.save({"x": Canary()}, buffer, _use_new_zipfile_serialization=False)
    (folder / "bad.pt").write_bytes(buffer.getvalue())


CASES = (
    *_damaged(),
    *_odd_payloads(),
    *_archives(),
    *_tensors_of_safetensors(),
    *_places(),
    *_other_commands(),
)
