import sys

import pytest

from gapkit.core.errors import InputError
from gapkit.inputs.usercode import load_factory, parse_model_args

SOURCE = """
import neighbour_of_factory
from dataclasses import dataclass

@dataclass
class Thing:
    size: int
    kind: str = "plain"

class Finished:
    def encode(self, x): ...
    def decode(self, z): ...
    def prior(self): ...

finished = Finished()

def factory(size, kind="plain"):
    return Thing(size, kind)

def fails():
    import json
    return json.loads("{")
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "factories_for_test.py").write_text(SOURCE)
    (tmp_path / "neighbour_of_factory.py").write_text("")
    yield tmp_path
    for name in ("neighbour_of_factory", "factories_for_test"):
        sys.modules.pop(name, None)


def refusal(spec, args=None):
    with pytest.raises(InputError) as caught:
        load_factory(spec, args or {})
    return str(caught.value)


def test_functions_classes_and_objects(folder):
    file = f"{folder}/factories_for_test.py"
    assert load_factory(f"{file}:factory", {"size": 3}).size == 3
    assert load_factory(f"{file}:Thing", {"size": 3, "kind": "x"}).kind == "x"
    assert type(load_factory(f"{file}:finished", {})).__name__ == "Finished"
    assert "takes none" in refusal(f"{file}:finished", {"size": 1})


def test_the_working_directory_is_searched_only_during_import(folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = list(sys.path)
    assert load_factory("factories_for_test:factory", {"size": 2}).size == 2
    assert sys.path == before


def test_refusals_say_what_is_there(folder):
    file = f"{folder}/factories_for_test.py"
    assert "did you mean factory?" in refusal(f"{file}:factry")
    assert "Finished, Thing" in refusal(f"{file}:zzz")
    assert "factories_for_test.py" in refusal(f"{folder}/nothing.py:factory")
    assert "no module named 'nowhere_at_all'" in refusal("nowhere_at_all:factory")
    assert "write path/to/file.py:name" in refusal("no_colon")
    text = refusal(f"{file}:factory", {"width": 3})
    assert "factory(size, kind='plain')" in text
    assert "width=3" in text


def test_failures_inside_are_located(folder):
    file = folder / "factories_for_test.py"
    with pytest.raises(InputError, match=r"factories_for_test.py line 22: return json.loads") as caught:
        load_factory(f"{file}:fails", {})
    assert isinstance(caught.value.__cause__, ValueError)
    (folder / "broken.py").write_text("x = 1\ny = = 2\n")
    assert "line 2" in refusal(f"{folder}/broken.py:x")
    (folder / "exits.py").write_text("import sys\nsys.exit(3)\n")
    assert "SystemExit: 3, at" in refusal(f"{folder}/exits.py:sys")
    (folder / "imports.py").write_text("import surely_not_installed\n")
    assert "imports.py line 1" in refusal(f"{folder}/imports.py:surely_not_installed")


def test_model_args():
    parsed = parse_model_args(["a=1", "b=(1, 2)", "c=elu", "d=None", "e=x=y", "f="])
    assert parsed == {"a": 1, "b": (1, 2), "c": "elu", "d": None, "e": "x=y", "f": ""}
    for bad in (["a"], ["1a=2"], ["=2"], ["a=1", "a=2"]):
        with pytest.raises(InputError):
            parse_model_args(bad)
    assert parse_model_args(["a=__import__('os').getcwd()"]) == {"a": "__import__('os').getcwd()"}
