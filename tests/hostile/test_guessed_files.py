"""Files that hypothesis makes up: pickles, headers of tensors and arrays, tables, sources; the same ones every time."""

import json
import os
import pickle
import struct
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapkit.checkpoints.contents import contents
from gapkit.core.errors import InputError, printable
from gapkit.inputs.data import load
from gapkit.inputs.read import read
from gapkit.sources import DataSource, ModelSource, Source
from tests.inputs.calling import written

AS_EVER = settings(
    derandomize=True, database=None, deadline=5000, max_examples=60, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(work, *arguments, **options):
    """Call it; what it is refused for is said in words, and any other error is one of the tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            work(*arguments, **options)
        except InputError as error:
            told = error
        else:
            return
    assert printable(str(told)) == str(told)
    assert len(str(told)) < 6000
    assert told.do


def _text(value):
    return (
        b"X" + struct.pack("<I", len(value.encode("utf-8", "surrogatepass"))) + value.encode("utf-8", "surrogatepass")
    )


_NAMES = (
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch FloatStorage",
    "torch Size",
    "torch.nn.parameter Parameter",
    "torch._tensor _rebuild_from_type_v2",
    "builtins bytearray",
    "_codecs encode",
    "argparse Namespace",
    "torch.nn.modules.linear Linear",
    "numpy dtype",
    "numpy._core.multiarray scalar",
    "numpy._core.multiarray _reconstruct",
    "numpy ndarray",
    "os system",
    "subprocess Popen",
    "builtins eval",
    "builtins getattr",
    "functools partial",
)
_GLOBALS = st.sampled_from([b"c" + name.replace(" ", "\n").encode() + b"\n" for name in _NAMES])
_OPERATIONS = st.one_of(
    _GLOBALS,
    st.sampled_from([bytes([code]) for code in b"()t\x85\x86\x87R\x81b}]ausQN\x88\x89eh0l.d\x8f"]),
    st.integers(0, 255).map(lambda value: b"K" + bytes([value])),
    st.integers(0, 3).map(lambda value: b"q" + bytes([value])),
    st.integers(0, 3).map(lambda value: b"h" + bytes([value])),
    st.integers(-(2**31), 2**31 - 1).map(lambda value: b"J" + struct.pack("<i", value)),
    st.sampled_from(["touch canary", "latin1", "storage", "cpu", "f8", "0", "state_dict", "hex"]).map(_text),
    st.text(max_size=6).map(_text),
)
_ALLOWED = ["argparse.Namespace", "torch.nn.modules.linear.Linear", "numpy.ndarray", "subprocess.Popen", "os.system"]


@AS_EVER
@given(operations=st.lists(_OPERATIONS, min_size=1, max_size=25), allowed=st.booleans())
def test_pickles(here, operations, allowed):
    written(here / "bad.pt", b"\x80\x02" + b"".join(operations) + b".")
    refused(read, here / "bad.pt", allow_globals=_ALLOWED if allowed else [])
    refused(contents, here / "bad.pt")
    assert sorted(os.listdir(here)) == ["bad.pt"]


@AS_EVER
@given(name=st.sampled_from(_NAMES), arguments=st.lists(st.sampled_from(["touch canary", "open", "w"]), max_size=3))
def test_calls_of_what_is_named(here, name, arguments):
    """A pickle that is whole, of one call."""
    body = b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n(" + b"".join(map(_text, arguments)) + b"tR."
    written(here / "bad.pt", body)
    refused(read, here / "bad.pt", allow_globals=[name.replace(" ", ".")])
    assert sorted(os.listdir(here)) == ["bad.pt"]


_PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
_JSON = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
_ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "F64", "I8", "F99", "BOOL"]) | _JSON,
        "shape": st.lists(st.integers(-2, 2**40), max_size=4) | _JSON,
        "data_offsets": st.lists(st.integers(-1, 200), min_size=1, max_size=3) | _JSON,
    },
)


@AS_EVER
@given(header=st.dictionaries(st.text(max_size=6), _ENTRY | _JSON, max_size=3) | _JSON, off=st.integers(-3, 3))
def test_headers_of_tensors(here, header, off):
    text = json.dumps(header).encode()
    content = struct.pack("<Q", max(0, len(text) + off)) + text + b"\0" * 64
    (here / "bad.safetensors").write_bytes(content)
    refused(contents, here / "bad.safetensors")


@AS_EVER
@given(
    shape=st.lists(st.integers(-1, 2**50), max_size=4).map(tuple) | _JSON,
    descr=st.sampled_from(["<f4", "|u1", "|O", "<U3", "<M8[s]", "|V9"]) | _JSON,
    fortran=st.booleans() | _JSON,
    more=st.dictionaries(st.text(max_size=4), _PLAIN, max_size=1),
    limit=st.none() | st.integers(1, 5),
)
def test_headers_of_arrays(here, shape, descr, fortran, more, limit):
    text = repr({"descr": descr, "fortran_order": fortran, "shape": shape, **more}).encode("utf-8", "replace") + b"\n"
    (here / "bad.npy").write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + b"\0" * 100)
    refused(load, here / "bad.npy", limit=limit)


_CELLS = st.sampled_from(["1", "0.5", "", "nan", "x", "1e999", '"', "-0", "é", "\0", "2020-01-01", "True"])


@AS_EVER
@given(
    rows=st.lists(st.lists(_CELLS, min_size=1, max_size=4), min_size=1, max_size=5),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    column=st.sampled_from([None, "none", "x", "1", "label"]),
)
def test_tables(here, rows, ends, column):
    (here / "bad.csv").write_bytes(ends.join(",".join(row) for row in rows).encode())
    refused(lambda: DataSource(source="bad.csv", label_column=column).datasets())


@AS_EVER
@given(
    model=st.dictionaries(
        st.sampled_from(["checkpoint", "factory", "trust_pickle", "allow_globals", "model_args", "sha256", "folder"]),
        st.sampled_from(["bad.pt", "evil.py:f", "evil:f", "ask", "/", "..", ["os.system"], True, None, 3]) | _JSON,
    ),
    data=st.dictionaries(
        st.sampled_from(["source", "splits", "folder", "limit", "sha256", "binarize", "condition"]),
        st.sampled_from(["bad.pt", "evil.py:f", "evil:f", "/", ["../a"], True, None, 3]) | _JSON,
    ),
    name=st.text(max_size=5),
)
def test_sources_that_a_file_names(here, model, data, name):
    (here / "evil.py").write_text("open('canary', 'w')\n")
    written(here / "bad.pt", pickle.dumps({"state_dict": 1}, protocol=2))
    source = {"model": {"folder": str(here), **model}, "data": {"folder": str(here), **data}, "encoders": {name: model}}
    refused(lambda: Source.of({"source": source}).open())
    refused(lambda: ModelSource.of(model).check())
    assert sorted(os.listdir(here)) == ["bad.pt", "evil.py"]
