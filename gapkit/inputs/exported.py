"""A file of ``torch.export.save``, checked before torch loads it.

``torch.export.load`` trusts its file. What torch 2.13 was found to run of it: weights and constants that are marked as
pickled, and example inputs that the weights-only reader refuses, go to an unrestricted unpickler; sizes are given to
``sympy.sympify``, which evaluates Python; a record in ``data/aotinductor`` is compiled code that is loaded; containers
of inputs and outputs may name a module that is imported. So only what a program needs is let through, and torch is
given a new archive of these parts, made here, so that it cannot read the file otherwise than this module did:

* the graph, in JSON: operations of ``torch.ops.aten`` and arithmetic on sizes; sizes in a small grammar; names that are
  names; no metadata and no guards;
* weights and constants as plain numbers, as many as their records hold bytes for.

Of the graph itself nothing but tensor operations runs.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gapkit.core.errors import InputError
from gapkit.inputs.programs import records_of
from gapkit.inputs.sizes import is_size

__all__ = ["Outline", "exported"]

_LARGEST_JSON = 50 * 10**6  # bytes of a graph
_PREFIXES = ("data/weights/", "data/constants/", ".data/", "extra/")
_RECORDS = ("models/model.json", "data/sample_inputs/model.pt", "archive_format", "archive_version", "byteorder")
_CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
_TARGET = re.compile(
    r"torch\.ops\.(aten|prims)\.(?!from_file\b|save\b)\w+\.\w+|torch\.sym_\w+|math\.(ceil|floor|trunc|sqrt)"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|neg|pos|and_|or_|xor|not_|eq|ne|lt|le|gt|ge|getitem|pow)"
)
_NAMES = re.compile(r"[\w.-]*"), re.compile(r"[\w.]*")  # of parameters, which are looked up; of values, in code
_TEXT = re.compile(r"[\w .,:;/<>*+\-\[\]]{0,400}")
_CONTAINERS = ("builtins.tuple", "builtins.list", "builtins.dict", None)
_MOST_BATCH = 10**6


@dataclass(frozen=True)
class Outline:
    """What a program takes.

    Attributes:
        content: an archive of the parts that were checked, for ``torch.export.load``.
        inputs: shape of every input; None for a size that may be any.
        operations: how many.
        fewest: smallest size of the batch.
        most: largest size of the batch; None for any.
    """

    content: bytes
    inputs: tuple[tuple[int | None, ...], ...]
    operations: int
    fewest: int = 0
    most: int | None = None

    @property
    def dynamic(self) -> bool:
        """Whether the only input may have any number of rows."""
        any_size = self.most is None or self.most >= _MOST_BATCH
        return len(self.inputs) == 1 and self.inputs[0][:1] == (None,) and self.fewest <= 1 and any_size


def exported(path: Path) -> Outline:
    """Check a file of ``torch.export.save``; nothing of it is run or unpickled.

    Args:
        path: of the file.

    Raises:
        InputError: it is damaged, holds anything beside a graph of tensor operations and plain numbers, or was written
            by a torch before 2.8.
    """
    asked = f"read the program {path}"
    records = records_of(path, asked)
    if not set(_RECORDS[:1]) | set(_CONFIGS) <= set(records):
        found = f"no program that torch 2.8 or newer saved: it holds {', '.join(sorted(records)[:8])}"
        raise InputError(asked, found, "save it again: torch.export.save(program, 'file.pt2')")
    foreign = [name for name in records if name not in _RECORDS and not name.startswith(_PREFIXES)]
    if foreign:
        raise _refused(asked, f"parts that are no graph and no weights: {', '.join(foreign[:5])}")
    graph = _json(records, _RECORDS[0], asked)
    module = graph.get("graph_module")
    if not isinstance(module, dict) or not isinstance(module.get("graph"), dict):
        raise InputError(asked, "a program without a graph", "save it again")
    graph["guards_code"] = []
    _check(graph, asked)
    for name in _CONFIGS:
        _check_numbers(_json(records, name, asked), records, name.rpartition("/")[0], asked)
    if _RECORDS[1] in records:
        _check_example(records[_RECORDS[1]], asked)
    kept = {name: part for name, part in records.items() if not name.startswith("extra/")}
    kept[_RECORDS[0]] = json.dumps(graph).encode()
    return _outline(graph, _packed(kept), asked)


def _refused(asked: str, found: str, how: str = "") -> InputError:
    do = f"export the encoder and the decoder alone, in eval mode{how}"
    return InputError(asked, f"{found}; nothing of it was run", do)


def _json(records: Mapping[str, bytes], name: str, asked: str) -> dict[str, Any]:
    if len(records[name]) > _LARGEST_JSON:
        raise InputError(asked, f"{name} of {len(records[name]):,} bytes", "export a smaller program")
    try:
        found = json.loads(records[name])
    except (ValueError, RecursionError) as error:
        raise InputError(asked, f"damaged JSON in {name} ({error!s:.120})", "copy or save it again") from error
    if not isinstance(found, dict):
        raise InputError(asked, f"{name} is no object", "save it again")
    return found


def _walk(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """All numbers and texts with their keys; metadata, of which no program needs any, is emptied."""
    waiting = [(key, value)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            if "metadata" in value:
                value["metadata"] = {}
            for name, part in value.items():
                if not _TEXT.fullmatch(name):
                    yield "name", name
                waiting.append((name, part))
        elif isinstance(value, list):
            waiting += [(key, part) for part in value]
        else:
            yield key, value


def _check(graph: dict[str, Any], asked: str) -> None:
    for key, value in _walk(graph):
        if not isinstance(value, str):
            continue
        if key == "expr_str":
            if not is_size(value):
                raise _refused(asked, f"the size {value!r:.80}, which is no arithmetic of sizes")
        elif key in ("in_spec", "out_spec"):
            _check_containers(value, asked)
        elif key == "target":
            if not _TARGET.fullmatch(value):
                without = ", outside of torch.no_grad()" if "set_grad_enabled" in value else ""
                raise _refused(asked, f"the operation {value!r:.80}, which is none of torch.ops.aten", without)
        elif not _TEXT.fullmatch(value) or (key.endswith("name") and not _NAMES[key == "name"].fullmatch(value)):
            raise _refused(asked, f"the {key} {value!r:.80}, which is no name")


def _check_containers(text: str, asked: str) -> None:
    """Inputs and outputs may stand in tuples, lists and dictionaries; others would import what they name."""
    try:
        spec = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(asked, f"containers that cannot be read ({error!s:.80})") from error
    kinds = [value for key, value in _walk(spec) if key == "type"]
    foreign = [kind for kind in kinds if kind not in _CONTAINERS]
    if foreign:
        raise _refused(asked, f"inputs or outputs in a {foreign[0]!r:.60}, where tuples, lists and dictionaries may be")


def _check_numbers(config: Mapping[str, Any], records: Mapping[str, bytes], place: str, asked: str) -> None:
    """Weights must be plain numbers, and no more of them than their records hold bytes."""
    entries = config.get("config")
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        meta = entry.get("tensor_meta") if isinstance(entry, dict) else None
        if not isinstance(meta, dict) or entry.get("use_pickle") is not False:
            raise _refused(asked, f"{name!r:.60} is pickled, and no plain numbers")
        path = f"{place}/{entry.get('path_name')}"
        if path not in records or not re.fullmatch(r"(weight|tensor)_\d+", str(entry.get("path_name"))):
            raise _refused(asked, f"{name!r:.60} lies at {path!r:.80}, where there is nothing")
        total = 1
        for size in meta.get("sizes") or ():
            value = size.get("as_int") if isinstance(size, dict) else None
            if not isinstance(value, int) or value < 0:
                raise _refused(asked, f"{name!r:.60} has the size {size!r:.60}")
            total *= value
        if total > len(records[path]):
            found = f"{name!r:.60} has {total:,} numbers, and {len(records[path]):,} bytes in the file"
            raise InputError(asked, found, "save it again")


def _check_example(content: bytes, asked: str) -> None:
    """Example inputs are a pickle: one that the weights-only reader refuses would get an unrestricted one."""
    try:
        torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except Exception as error:  # a damaged or hostile pickle ends in all kinds of exceptions, and runs no code before
        raise _refused(asked, f"example inputs that are more than tensors ({type(error).__name__})") from error


def _packed(records: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in records.items():
            archive.writestr(f"program/{name}", content)
    return buffer.getvalue()


def _outline(graph: Mapping[str, Any], content: bytes, asked: str) -> Outline:
    module = graph["graph_module"]
    values = module["graph"].get("tensor_values", {})
    ranges = graph.get("range_constraints", {})
    try:
        names = [spec["user_input"]["arg"] for spec in module["signature"]["input_specs"] if "user_input" in spec]
        shapes, limits = [], [(0, None)]
        for name in names:
            sizes = values[name["as_tensor"]["name"]]["sizes"]
            shapes.append(tuple(size.get("as_int") for size in sizes))
            for size in sizes[:1]:
                symbol = re.search(r"\b([a-z]{1,3}\d+)\b", size.get("as_expr", {}).get("expr_str", ""))
                limit = ranges.get(symbol[1], {}) if symbol else {}
                limits.append((int(limit.get("min_val") or 0), limit.get("max_val")))
        fewest, most = limits[-1]
        return Outline(content, tuple(shapes), len(module["graph"]["nodes"]), fewest, most)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        found = f"a graph whose inputs are no tensors ({type(error).__name__}: {error!s:.80})"
        raise InputError(asked, found, "export a module that takes one tensor, x or z") from error
