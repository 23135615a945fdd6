"""Hostile data. Where rows can be read they are of another size than the model's, so that no analysis follows."""

import os
import struct
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from tests.hostile.cases import DATA, Canary, data_case, packed, parts_of
from tests.hostile.images import images

_DTYPES = ("<f4", "<f8", "<i8", "|u1", "<U5", "|S3", "<c16", "<M8[s]", "|O", "|V8", "<f2", ">f4", "<U999999999", "x")
_SHAPES = {
    "huge": (99_999_999_999, 8, 8),
    "wide": (4, 10**12),
    "enormous": (10**40, 8, 8),
    "negative": (-4, 8, 8),
    "zero": (10**12, 0),
    "none": (),
    "axes": (1,) * 70,
    "text": ("a", 8),
    "true": (True, 8),
    "short": (5, 8, 8),
}


def _npy(shape=(4, 8, 8), descr="<f4", fortran=False, body=1024, version=1, header=None, length=None):
    """Bytes of an array, with whatever header."""
    text = repr({"descr": descr, "fortran_order": fortran, "shape": shape}) if header is None else header
    text = (text if isinstance(text, bytes) else text.encode()) + b"\n"
    size = len(text) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", size) + text + b"\0" * body


def _written(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def _arrays():
    odd = {
        f"dtype-{descr}": _npy(descr=descr)
        for descr in _DTYPES
        if descr not in ("<f4", "<f8", "<i8", "|u1", "<f2", ">f4")
    }
    odd |= {f"shape-{label}": _npy(shape=shape) for label, shape in _SHAPES.items()}
    odd |= {
        "fortran": _npy(shape=(10**9, 8), fortran=True),
        "version": _npy(version=9),
        "version-3": _npy(version=3),
        "header-length": _npy(length=65_535),
        "header-4GB": _npy(version=2, length=2**32 - 1),
        "header-code": _npy(header="__import__('os').mkdir('canary')"),
        "header-deep": _npy(header="(" * 20_000),
        "header-keys": _npy(header="{'descr': '<f4'}"),
        "header-escape": _npy(header="{'descr': '\x1b[2J', 'fortran_order': False, 'shape': (1,)}"),
        "header-list": _npy(header="[1, 2]"),
        "header-nul": _npy(header=b"\0" * 100),
        "empty": b"",
        "magic": b"\x93NUMPY",
        "text": b"1,2,3\n",
        "pickle": b"\x80\x04cos\nsystem\n.",
    }
    for label, content in odd.items():
        yield data_case(f"npy-{label}", _written("bad.npy", content), "bad.npy")
        yield data_case(f"npz-{label}", _written("bad.npz", packed({"x_test.npy": content})), "bad.npz")
    for seed in range(8):

        def flipped(folder, seed=seed):
            content = bytearray((folder / DATA).read_bytes())
            rng = np.random.default_rng(seed)
            for place in rng.integers(0, len(content) if seed % 2 else 200, 3):
                content[place] ^= 1 << int(rng.integers(0, 8))
            (folder / "bad.npz").write_bytes(content)

        yield data_case(f"npz-flip-{seed}", flipped, "bad.npz", "--split", "test", "--family", "none", told="")
    for place in (3, 50, 300, -30, -5):
        yield data_case(
            f"npz-cut-{place}",
            lambda folder, place=place: (folder / "bad.npz").write_bytes((folder / DATA).read_bytes()[:place]),
            "bad.npz",
        )

    def objects(folder):
        values = np.empty(1, dtype=object)
        values[0] = Canary()
        np.savez(folder / "bad.npz", x_test=values)
        np.save(folder / "bad.npy", values, allow_pickle=True)

    def labels_of_objects(folder):
        values = np.empty(4, dtype=object)
        values[:] = Canary()
        np.savez(folder / "bad.npz", x_test=np.ones((4, 3)), y_test=values)

    def field(local, central, value):
        def change(folder):
            content = bytearray((folder / DATA).read_bytes())
            names = list(parts_of(folder / DATA))
            start = content.find(b"PK\x01\x02")
            for _ in names:
                offset = struct.unpack("<I", content[start + 42 : start + 46])[0]
                content[start + central] = content[offset + local] = value
                start = content.find(b"PK\x01\x02", start + 4)
            (folder / "bad.npz").write_bytes(content)

        return change

    yield data_case("npy-objects", objects, "bad.npy")
    yield data_case("npz-objects", objects, "bad.npz")
    yield data_case("npz-labels-of-objects", labels_of_objects, "bad.npz")
    yield data_case("npz-encrypted", field(6, 8, 1), "bad.npz")
    yield data_case("npz-method", field(8, 10, 97), "bad.npz")
    yield data_case("npz-empty", _written("bad.npz", packed({})), "bad.npz")
    yield data_case(
        "npz-names", _written("bad.npz", packed({f"\x1b[2J{i}.npy": b"" for i in range(20_000)})), "bad.npz"
    )
    yield data_case("npz-headers", _bomb(_npy(header=b" " * 10**8, version=2, body=0)), "bad.npz")
    yield data_case("npz-not-npy", _written("bad.npz", packed({"x_test.npy": b"hello"})), "bad.npz")
    lengths = {"x_test.npy": _npy(), "y_test.npy": _npy(shape=(3,))}
    yield data_case("npz-labels", _written("bad.npz", packed(lengths)), "bad.npz")
    yield data_case(
        "npz-one-row-bomb", _bomb(_npy(shape=(3, 10**8), body=0), zeros=12 * 10**8), "bad.npz", "--limit", "2"
    )
    yield data_case(
        "npz-rows", _bomb(_npy(shape=(10**6, 65), descr="<f4", body=0), zeros=260 * 10**6), "bad.npz", told=""
    )
    yield data_case("npy-sparse", _sparse, "bad.npy", told="")
    yield data_case("npy-key", _written("bad.npy", _npy()), "bad.npy", "--data-key", "x")
    yield data_case("npz-key", lambda folder: None, DATA, "--data-key", "\x1b[2J")


def _bomb(head, zeros=0):
    """A small archive whose array is large."""

    def make(folder):
        with (
            zipfile.ZipFile(folder / "bad.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("x_test.npy", "w", force_zip64=True) as stream,
        ):
            stream.write(head)
            for _ in range(zeros // 10**6):
                stream.write(b"\0" * 10**6)

    return make


def _sparse(folder):
    """Valid, and larger than any memory, but for its holes."""
    head = _npy(shape=(10**9, 65), body=0)
    with (folder / "bad.npy").open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 4 * 65 * 10**9)


def _tables():
    row = b"1,2,3\n"
    texts = {
        "text": b"a,b\n1,x\n",
        "ragged": b"a,b\n1,2,3,4\n1\n",
        "no-header": row * 4,
        "index": b",a\n0,1\n",
        "utf8": b"a,b\n\xff\xfe,1\n",
        "utf16": "a,b\n1,2\n".encode("utf-16"),
        "nul": b"a,b\n\0,1\n",
        "quote": b'a,b\n"1,2\n' + row * 100,
        "escape": b"a,\x1b[2J\n1,x\n",
        "nan": b"a,b\nnan,1\n",
        "inf": b"a,b\n1e999,1\n",
        "digits": b"a,b\n" + b"9" * 100_000 + b",1\n",
        "one-line": b"1," * 3_000_000,
        "wide": b"a," * 100_000 + b"b\n" + b"1," * 100_000 + b"1\n",
        "no-rows": b"a,b\n",
        "blank": b"\n\n\n",
        "twice": b"a,a\n1,2\n",
        "binary": bytes(range(256)) * 10,
        "zip": packed({"a.csv": row}),
    }
    for label, content in texts.items():
        yield data_case(
            f"csv-{label}", _written("bad.csv", content), "bad.csv", told="" if label in ("wide", "twice") else None
        )

    def frame(values, **options):
        return lambda folder: pd.DataFrame(values).to_parquet(folder / "bad.parquet", **options)

    tables = {
        "text": frame({"a": ["x", "y"]}),
        "lists": frame({"a": [[1], [2]]}),
        "none": frame({"a": []}),
        "dates": frame({"a": pd.to_datetime(["2020-01-01"])}),
        "null": frame({"a": [None, None]}),
        "escape": frame({"\x1b[2J": ["x"]}),
        "complex": lambda folder: pq.write_table(pa.table({"a": pa.array([{"x": 1}])}), folder / "bad.parquet"),
        "bomb": _parquet_bomb,
        "columns": lambda folder: pq.write_table(
            pa.table({f"c{i}": pa.array([0], pa.int8()) for i in range(3000)}), folder / "bad.parquet"
        ),
        "twice": lambda folder: pq.write_table(
            pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["a", "a"]), folder / "bad.parquet"
        ),
        "magic": _written("bad.parquet", b"PAR1" + b"\xff" * 100 + b"PAR1"),
        "footer": _written("bad.parquet", b"PAR1" + struct.pack("<I", 2**31) + b"PAR1"),
        "empty": _written("bad.parquet", b""),
    }
    readable = ("bomb", "columns", "twice", "null")
    for label, make in tables.items():
        yield data_case(f"parquet-{label}", make, "bad.parquet", told="" if label in readable else None)
    for seed in range(10):

        def flipped(folder, seed=seed):
            content = bytearray((folder / "good.parquet").read_bytes())
            rng = np.random.default_rng(seed)
            low = max(0, len(content) - 3000) if seed % 2 else 0
            for place in rng.integers(low, len(content), 6):
                content[place] ^= 1 << int(rng.integers(0, 8))
            (folder / "bad.parquet").write_bytes(content)

        yield data_case(f"parquet-flip-{seed}", flipped, "bad.parquet", "--family", "none", told="")
    for place in (2, 100, 2000, -100, -4):
        yield data_case(
            f"parquet-cut-{place}",
            lambda folder, place=place: (folder / "bad.parquet").write_bytes(
                (folder / "good.parquet").read_bytes()[:place]
            ),
            "bad.parquet",
        )


def _parquet_bomb(folder):
    block = pa.table([pa.array(np.zeros(300_000, np.int8))] * 30, names=[f"p{i}" for i in range(30)])
    with pq.ParquetWriter(folder / "bad.parquet", block.schema, compression="zstd") as writer:
        for _ in range(20):
            writer.write_table(block)


def _places():
    yield data_case("missing", lambda folder: None, "gone.npz")
    yield data_case("loop", lambda folder: (folder / "bad.npz").symlink_to("bad.npz"), "bad.npz")
    yield data_case("link", lambda folder: (folder / "bad.npz").symlink_to("gone.npz"), "bad.npz")
    yield data_case("pipe", lambda folder: os.mkfifo(folder / "bad.npz"), "bad.npz")
    yield data_case("device", lambda folder: (folder / "bad.npz").symlink_to("/dev/zero"), "bad.npz")
    yield data_case("folder", lambda folder: (folder / "bad.npz").mkdir(), "bad.npz")
    yield data_case("suffix", lambda folder: (folder / "bad.xyz").write_bytes(b"1"), "bad.xyz")
    yield data_case(
        "name-escape", lambda folder: (folder / "\x1b[2J.npz").write_bytes(b"1"), "\x1b[2J.npz", told="x1b[2J.npz"
    )
    yield data_case("name-bytes", lambda folder: (folder / "\udcff.npz").write_bytes(b"1"), "\udcff.npz", told=".npz")
    yield data_case("name-long", lambda folder: None, "y" * 5000 + ".npz", told="")
    yield data_case("name-nobody", lambda folder: None, "~nobody/x.npz")
    yield data_case("code-missing", lambda folder: None, "gone.py:f")
    yield data_case(
        "code-broken", lambda folder: (folder / "m.py").write_text("raise RuntimeError('\\x1b[2J')"), "m.py:f"
    )
    for label, value in {
        "tensor": torch.ones(3),
        "list": [1],
        "text": "x",
        "nothing": {},
        "sparse": torch.eye(3).to_sparse(),
    }.items():
        yield data_case(f"pt-{label}", lambda folder, value=value: torch.save(value, folder / "bad.pt"), "bad.pt")
    wide = torch.zeros(1).expand(10**6, 10**4)
    yield data_case("pt-view", lambda folder: torch.save({"x": wide}, folder / "bad.pt"), "bad.pt")
    yield data_case("pt-canary", lambda folder: torch.save({"x": Canary()}, folder / "bad.pt"), "bad.pt")


CASES = (*_arrays(), *_tables(), *images(), *_places())
