"""The notebooks run from top to bottom in a real kernel, show what they promise, and their own checks can fail."""

import ast
import asyncio
import base64
import io
import json
import os
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parent.parent / "analyses" / "notebooks"
pytestmark = pytest.mark.slow  # two kernels, each with torch: 20 to 30 seconds

NAMES = ("quickstart", "your_own_estimator_and_family")
COMPLETE = """
from IPython.core.completer import provisionalcompleter
with provisionalcompleter():
    print(*[found.text for found in get_ipython().Completer.completions("result.plot.la", 14)])
    print(*[found.text for found in get_ipython().Completer.completions("result.plot.", 12)])
"""


STOPPED = """
from gapkit.core.following import followed
from gapkit.engine import Progress
with followed(True) as show:
    for done in range(1, 50):
        show(Progress(done, 100, "fits"))
    raise KeyboardInterrupt
"""


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def sources(notebook):
    return {cell["id"]: cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"}


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """All notebooks, run side by side in kernels of their own; a cell that raises fails here."""
    folder = tmp_path_factory.mktemp("notebooks")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "IPYTHONDIR": str(folder / "ipython")}

    async def run(name):
        notebook = read(name)
        notebook["cells"].append(nbformat.v4.new_code_cell(COMPLETE, id="complete"))
        expected = {"tags": ["raises-exception"]}
        notebook["cells"].append(nbformat.v4.new_code_cell(STOPPED, id="stopped", metadata=expected))
        client = NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        )
        await client.async_execute(env=environment)
        return {cell["id"]: cell for cell in notebook["cells"]}

    async def run_all():
        return await asyncio.gather(*map(run, NAMES))

    return dict(zip(NAMES, asyncio.run(run_all()), strict=True))


def shown(cell, kind):
    """What a cell showed as that kind of data."""
    return [output["data"][kind] for output in cell["outputs"] if kind in output.get("data", {})]


def printed(cell):
    return "".join(output["text"] for output in cell["outputs"] if output["output_type"] == "stream")


def table(cell):
    """The numbers of a table that a cell showed, row by row."""
    (text,) = shown(cell, "text/plain")
    found = {}
    for line in text.splitlines():
        numbers = re.search(r"(?:\s+-?\d+\.\d+)+$", line)
        if numbers:
            found[line[: numbers.start()].strip()] = [float(number) for number in numbers.group().split()]
    return found


def test_every_notebook_is_tested():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_kept_without_outputs(name):
    raw = json.loads((FOLDER / f"{name}.ipynb").read_text("utf-8"))
    nbformat.validate(raw)
    assert (raw["nbformat"], raw["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in raw["cells"]]
    assert len(ids) == len(set(ids))
    for cell in raw["cells"]:
        assert cell["metadata"] == {}
        assert cell["cell_type"] == "markdown" or (cell["outputs"] == [] and cell["execution_count"] is None)
    text = (FOLDER / f"{name}.ipynb").read_text("utf-8")
    assert "/home/" not in text
    assert not re.search(r"[\"'](/\w|[A-Z]:\\)", text)  # a path of somebody's machine


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_ran_without_a_warning(name, executed):
    for ident in sources(read(name)):
        cell = executed[name][ident]
        assert cell["execution_count"] is not None
        assert [output for output in cell["outputs"] if output["output_type"] == "error"] == []
        assert [output for output in cell["outputs"] if output.get("name") == "stderr"] == []


def test_the_quickstart_shows_bar_card_and_pictures(executed):
    cells = executed["quickstart"]
    for ident in ("analyze", "refit"):
        bar, card = shown(cells[ident], "text/html")
        assert '<progress value="' in bar
        assert "done in" in bar
        assert 'class="gapkit-card"' in card
        assert "<svg" in card
        assert "Fix the encoder" in card  # what the text beside it says
    assert "train: 200 datapoints" in shown(cells["analyze"], "text/html")[1]
    assert "done in" in shown(cells["certify"], "text/html")[0]
    for ident in ("ladder", "scatter", "worst"):
        (data,) = shown(cells[ident], "image/png")
        image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))
        assert image.std() > 10
    size = cells["ladder"]["outputs"][0]["metadata"]["image/png"]
    assert 300 < size["width"] < 800
    assert "sandwich of" in printed(cells["certify"])
    assert "gapkit.Result test: 200 datapoints" in shown(cells["keep"], "text/plain")[0]


@pytest.mark.parametrize("name", NAMES)
def test_work_that_stops_leaves_no_bar_running(name, executed):
    bar, error = executed[name]["stopped"]["outputs"]  # one output, which was replaced in place
    assert re.search("stopped at 49%  fits, ", bar["data"]["text/html"])
    assert "<progress" not in bar["data"]["text/html"]
    assert error["ename"] == "KeyboardInterrupt"


def test_the_quickstart_s_remedy_helps(executed):
    gap, gain, left = (row[0] for row in table(executed["quickstart"]["refit-gain"]).values())
    assert gain + left == pytest.approx(gap, abs=0.002)
    assert gain > 0.05


def test_the_checks_against_exact_answers_were_made(executed):
    cells = executed["your_own_estimator_and_family"]
    for ident in ("exact-renyi", "equivalence", "column", "family-check", "fit", "analysis-check"):
        assert "assert " in cells[ident]["source"]
    (text,) = shown(cells["exact-renyi"], "text/plain")
    rows = [[float(number) for number in line.split()] for line in text.splitlines()[2:]]
    assert [row[0] for row in rows] == [0.0, 0.25, 0.5, 0.75, 0.95]
    for _, estimate, exact, largest, rms in rows:
        assert estimate == pytest.approx(exact, abs=0.02)
        assert largest < 4
        assert 0.5 < rms < 1.5
    means = {name: row[0] for name, row in table(cells["column"]).items()}
    assert means["elbo"] < means["renyi"] < means["iwae"] < means["log_px"] + 0.05
    assert "<gapkit.Fitted laplace: L[q*]" in printed(cells["fit"])
    lost = table(cells["family-check"])
    assert lost["log p(x) - ELBO"] == pytest.approx(lost["exact log p(x) - ELBO"], abs=0.01)
    assert 'class="gapkit-card"' in shown(cells["analysis"], "text/html")[0]
    for ident in ("equivalence", "ladder"):
        assert shown(cells[ident], "image/png")


def lines_of(source):
    """Lines of code of the first class: without blank ones and docstrings."""
    node = next(part for part in ast.parse(source).body if isinstance(part, ast.ClassDef))
    documented = [part for part in ast.walk(node) if isinstance(part, ast.ClassDef | ast.FunctionDef)]
    words = [part.body[0] for part in documented if ast.get_docstring(part)]
    gone = {line for part in words for line in range(part.lineno, part.end_lineno + 1)}
    numbers = range(node.lineno - len(node.decorator_list), node.end_lineno + 1)
    return sum(bool(source.splitlines()[number - 1].strip()) and number not in gone for number in numbers)


def test_what_is_ones_own_is_short():
    """An estimator and the line that makes it a column, a family and the line that registers it: 15 lines each."""
    code = sources(read("your_own_estimator_and_family"))
    assert sum("bounds=" in line for line in code["column"].splitlines()) == 1
    assert lines_of(code["estimator"]) + 1 <= 15
    assert sum("register_family" in line for line in code["fit"].splitlines()) == 1
    assert lines_of(code["family"]) + 1 <= 15


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_found_by_the_completer(name, executed):
    some, everything = printed(executed[name]["complete"]).splitlines()
    assert "ladder" in some.split()
    assert {"ladder", "gap_scatter", "semi_amortized"} <= set(everything.split())


@pytest.mark.parametrize(
    ("cells", "right", "wrong"),
    [
        (("model", "estimator", "exact-renyi"), "power = 1.0 - self.alpha", "power = 1.0 - 0.9 * self.alpha"),
        (("model", "estimator", "exact-renyi"), "draws = log_mean_exp_influence", "draws = 3 * log_mean_exp_influence"),
        (("model", "estimator", "exact-renyi", "family", "family-check"), "(2 * self.scale).log()", "self.scale.log()"),
        (
            ("model", "estimator", "exact-renyi", "family", "family-check"),
            "math.log(2.0) + torch.special",
            "torch.special",
        ),
    ],
    ids=["estimator", "standard error", "density", "draws"],
)
def test_a_mistake_is_found_by_the_notebook_s_checks(cells, right, wrong):
    code = sources(read("your_own_estimator_and_family"))
    text = "\n".join(code[ident] for ident in ("setup", *cells))
    assert right in text  # as it stands it runs: see above
    with pytest.raises(AssertionError):
        exec(compile(text.replace(right, wrong), "notebook", "exec"), {"__name__": "notebook"})
