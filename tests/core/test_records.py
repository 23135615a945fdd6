"""Records: what they write, and what they make of files that lack something, have more, or hold something else."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field

import pytest

from gapkit.core.means import Mean, Uncertain
from gapkit.core.records import Record


@dataclass(frozen=True)
class Point(Record):
    """A part of others."""

    steps: int
    ends: tuple[float, float] | None


@dataclass(frozen=True)
class Missing(Record):
    """In the place of a part."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Whole(Record):
    """Every kind of field."""

    name: str
    note: str | None
    points: tuple[Point, ...]
    by_name: Mapping[str, Mapping[str, Point]]
    first: Missing | Point | None = None
    label: int | str
    words: Mapping[str, str] = field(default_factory=dict)
    free: Mapping[str, object] | None = None


WHOLE = Whole(
    name="a",
    note=None,
    points=(Point(1, (0.0, 1.0)), Point(2, None)),
    by_name={"x": {"y": Point(3, None)}},
    first=Missing("no data"),
    label="b",
    free={"anything": [1, {"at": "all"}]},
)
STORED = {
    "name": "a",
    "note": None,
    "points": [{"steps": 1, "ends": [0.0, 1.0]}, {"steps": 2, "ends": None}],
    "by_name": {"x": {"y": {"steps": 3, "ends": None}}},
    "first": {"why": "no data"},
    "label": "b",
    "free": {"anything": [1, {"at": "all"}]},
}


def test_fields_are_written_in_their_order_and_read_back():
    assert WHOLE.to_dict() == STORED
    assert list(WHOLE.to_dict()) == list(STORED)
    assert Whole.of(STORED) == WHOLE
    assert Whole.of({**STORED, "of a later version": 1}) == WHOLE


def test_of_several_kinds_it_is_the_first_that_is_complete():
    assert Whole.of({**STORED, "first": {"steps": 4, "ends": None}}).first == Point(4, None)
    assert Whole.of({**STORED, "first": None}).first is None


def test_what_is_missing_is_empty():
    least = Whole.of({"name": "a", "label": 3})
    assert (least.note, least.points, least.by_name, least.words) == (None, (), {}, {})
    assert "words" not in least.to_dict()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": None}, "no name"),
        ({"points": 3}, "points: 3 and no list"),
        ({"points": [3]}, "points: 3 and no object"),
        ({"points": [{"ends": None}]}, "no steps"),
        ({"points": [{"steps": 1, "ends": [1.0]}]}, "ends: a list of 1 and not of 2"),
        ({"by_name": {"x": [1]}}, r"by_name.x: \[1\] and no object"),
        ({"first": "word"}, "first: 'word' and no object"),
    ],
)
def test_another_structure_is_told(changes, words):
    with pytest.raises(TypeError, match=words):
        Whole.of({**STORED, **changes})


def test_records_are_frozen():
    with pytest.raises(FrozenInstanceError):
        WHOLE.name = "b"


def test_a_mean_says_what_the_fits_left_only_where_they_enter():
    plain = Mean(1.0, 0.1, 0.2, None, (0.5, 1.5), 4, 0)
    assert list(plain.to_dict())[-1] == "left_out"
    single = Mean(1.0, 0.1, None, None, (1.0, 1.0), 1, 0, left_to_gain=0.3)
    assert single.to_dict()["se_total"] is None  # which is unknown, and not without meaning
    for mean in (plain, single, Mean(1.0, 0.1, 0.2, None, None, 4, 0, left_to_gain=0.3, se_total=0.5)):
        assert Mean.of(mean.to_dict()) == mean


def test_the_error_beside_a_mean():
    assert Uncertain(1.0, 0.1, 0.2, None).error == 0.2
    assert Uncertain(1.0, 0.1, None, None).error == 0.1
    assert Mean(1.0, 0.1, 0.2, None, None, 4, 0, left_to_gain=0.3, se_total=0.5).error == 0.5
    assert Mean(1.0, 0.1, None, None, None, 1, 0, left_to_gain=0.3).error == 0.1
