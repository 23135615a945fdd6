"""What is imported before anything is drawn: neither seaborn nor torch, and no tables where a help page is enough."""

import pytest

from tests.processes import TABLES, python

HELP = "from gapkit.cli import main; sys.argv = ['gapkit', '--help']\ntry: main()\nexcept SystemExit: pass"


@pytest.mark.parametrize(
    ("code", "after", "unwanted"),
    [
        (f"import gapkit\n{HELP}", (), {"torch", "numpy", "pandas", "matplotlib", "seaborn"}),
        pytest.param(
            "import gapkit.plots, gapkit.report",
            TABLES,
            {"torch", "seaborn", "matplotlib.pyplot"},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["help", "plots"],
)
def test_seaborn_is_imported_when_something_is_drawn(code, after, unwanted):
    done = python(f"import sys\n{code}\nprint('found:', *({unwanted} & set(sys.modules)))", after=after)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rpartition("found:")[2].split() == []
