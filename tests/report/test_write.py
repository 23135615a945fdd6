"""``result.report(path)``: the kind of file is in its name, and a file is written wholly or not at all."""

from pathlib import Path

import pytest

from gapkit.comparison import compare
from gapkit.core.errors import InputError
from gapkit.report import build, render, without_sources, write, write_report
from gapkit.results import Result
from tests.ood.samples import pair
from tests.results.by_hand import three, twelve

THINGS = {"result": three, "comparison": lambda: compare({"a": twelve(), "b": twelve()}), "scores": pair}
BEGINNINGS = {".html": b"<!DOCTYPE html>", ".pdf": b"%PDF-"}


@pytest.mark.parametrize("ending", BEGINNINGS)
@pytest.mark.parametrize("name", THINGS)
def test_everything_with_a_report_writes_it(name, ending, tmp_path):
    path = tmp_path / f"page{ending}"
    assert THINGS[name]().report(path) == path
    assert path.read_bytes().startswith(BEGINNINGS[ending])
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


@pytest.mark.usefixtures("no_pictures")
def test_the_report_is_that_of_the_result_and_stands_alone(tmp_path):
    result = three()
    page = result.report(str(tmp_path / "page.HTML"))
    assert page == tmp_path / "page.HTML"
    assert page.read_text("utf-8") == render(without_sources(build(result)))
    assert "datapoints.parquet" not in page.read_text("utf-8")


def test_a_loaded_result_writes_the_same_report(tmp_path):
    result = three()
    again = Result.load(result.save(tmp_path / "run"))
    assert again.report(tmp_path / "b.html").read_bytes() == result.report(tmp_path / "a.html").read_bytes()


@pytest.mark.usefixtures("no_pictures")
def test_a_file_that_is_there_is_replaced(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("before")
    three().report(path)
    assert path.read_bytes().startswith(b"<!DOCTYPE html>")


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("page.docx", r"the ending \.docx.*\.html or \.pdf"),
        ("page", r"a name without an ending.*\.html or \.pdf"),
        ("", "a name without an ending"),
        ("folder.html", "a folder of that name"),
        ("nowhere/page.html", "no folder .*nowhere"),
        ("file/page.pdf", "no folder .*file"),
        (f"{'x' * 300}.html", "name too long"),
        ("zero\0byte.html", "null"),
    ],
)
def test_where_no_report_can_be_written(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder.html").mkdir()
    Path("file").write_text("x")
    with pytest.raises(InputError, match=f"(?is){message}"):
        three().report(name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.html"]


@pytest.mark.usefixtures("no_pictures")
def test_a_report_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("before")

    def fails(self, content):
        with open(self, "wb") as file:
            file.write(content[:10])
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fails)
        with pytest.raises(InputError, match="disk full"):
            three().report(path)
    with monkeypatch.context() as patch:
        patch.setattr(write, "as_bytes", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            three().report(path)
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["page.html"]


def test_there_is_no_report_of_other_things(tmp_path):
    with pytest.raises(InputError, match=r"(?s)DataFrame.*Result, Comparison, Scored"):
        write_report(three().datapoints, tmp_path / "page.html")
