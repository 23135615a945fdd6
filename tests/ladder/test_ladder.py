"""A ladder is a value: it says what there is, refuses what is none, and comes back from a file as it was."""

import ast
import json
import re
from pathlib import Path

import pytest

import gapkit
from gapkit import InputError
from gapkit.ladder import STANDARD, Gap, Ladder, Rung, estimates, in_order, quantity, side_name, summarised

FOUR = Ladder(
    (Rung("log_px", "log p(x)"), Rung("star", "L[q*]", shortfall="left"), Rung("set", "L[q_s]"), Rung("elbo", "L[q]")),
    (Gap("one_gap", "one gap", "family"), Gap("two_gap", "two gap", "other"), Gap("three_gap", "three gap", "encoder")),
)


@pytest.mark.parametrize("ladder", [STANDARD, FOUR])
def test_it_comes_back_from_json_as_it_was(ladder):
    assert Ladder.of(json.loads(json.dumps(ladder.to_dict()))) == ladder


def test_a_run_without_one_has_the_usual():
    assert Ladder.of({}) == STANDARD


@pytest.mark.parametrize(
    ("rungs", "gaps"),
    [
        ((Rung("a", "A"),), ()),
        ((Rung("a", "A"), Rung("b", "B")), ()),
        ((Rung("a", "A"), Rung("a", "B")), (Gap("g", "g", "family"),)),
        ((Rung("a", "A"), Rung("b", "B")), (Gap("g", "g", "nobody"),)),
        ((Rung("a", "A"), Rung("b", "B", shortfall="left")), (Gap("g", "g", "encoder"),)),
    ],
)
def test_what_is_no_ladder_is_refused(rungs, gaps):
    with pytest.raises(InputError):
        Ladder(rungs, gaps)


def test_gaps_know_their_ends_and_whose_they_are():
    assert [rung.name for rung in FOUR.ends(FOUR.gaps[1])] == ["star", "set"]
    assert [rung.name for rung in FOUR.ends(FOUR.total)] == ["log_px", "elbo"]
    assert FOUR.gap_of("encoder").name == "three_gap"
    assert FOUR.fitted.name == "star"
    assert FOUR.above_fitted.name == "one_gap"


def test_what_is_left_to_gain_enters_beside_the_fitted_rung_and_twice_where_both_gaps_are_its():
    assert FOUR.shortfalls() == {
        "star": ("left", 1, False),
        "one_gap": ("left", 1, True),
        "two_gap": ("left", 1, True),
        "two_minus_one": ("left", 2, True),
        "three_minus_one": ("left", 1, True),
        "three_minus_two": ("left", 1, True),
    }


@pytest.mark.parametrize(
    ("name", "kind", "of"),
    [
        ("log_px", "rung", ""),
        ("total_gap", "total", ""),
        ("amortization_minus_approximation", "contrast", ""),
        ("elbo_star_full_rank", "family", "full_rank"),
        ("approximation_gap_flow", "family_gap", "flow"),
        ("elbo_refit", "encoder", "refit"),
        ("gain_refit", "gain", "refit"),
        ("left_refit", "left", "refit"),
        ("iwae", "estimate", ""),
        ("elbo_star_flow_se", "other", ""),
        ("khat", "other", ""),
    ],
)
def test_the_register_knows_a_column_by_its_name(name, kind, of):
    found = quantity(name)
    assert (found.kind, found.of) == (kind, of)
    if of:
        assert side_name(kind, of) == name


def test_every_summarised_quantity_has_a_label_and_a_meaning():
    columns = [*STANDARD.names, *STANDARD.contrasts(), "iwae", "pooled", "ais", "mode_gap", "optimality_gap"]
    for name in summarised([*columns, "gain_refit", "elbo_refit", "left_refit", "elbo_star_flow"]):
        found = quantity(name)
        assert found.label != name
        assert found.meaning


def test_order_and_errors():
    assert in_order(["elbo", "total_gap", "gain_a", "elbo_a"]) == ["total_gap", "gain_a", "elbo_a", "elbo"]
    assert estimates(["elbo", "elbo_se", "khat"]) == ["elbo"]


# The stored curve of local steps has keys of its own, which files of runs hold: they are no columns of the table.
OF_THE_CURVE = {
    "results/step_gains.py",
    "plots/semi_amortized.py",
    "report/figures/steps.py",
    "results/verdict/cautions.py",
}


def test_nobody_else_parses_a_column_or_owns_a_label():
    """Rungs and gaps are named in the ladder package; what is about them asks it."""
    columns = re.compile(r"^(?:elbo_star|amortization_gap|approximation_gap)|^(?:gain_|left_)$|^L\[q\*?\]$")
    root = Path(gapkit.__file__).parent
    guilty = {}
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        words = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in prose]
        found = [word for word in words if isinstance(word, str) and columns.match(word)]
        if found and path.parent.name != "ladder" and path.relative_to(root).as_posix() not in OF_THE_CURVE:
            guilty[path.name] = found
    assert not guilty, guilty
