"""Folders of results that somebody has changed: refused with the file's name, or shown without a traceback."""

import json

import numpy as np
import pytest

from tests.hostile.cases import RUN, sampled
from tests.hostile.judge import judged
from tests.hostile.runs import CASES, VALUES, export, leaves, replaced


@pytest.mark.parametrize("case", sampled(CASES))
def test_hostile_runs(case, runner, here):
    judged(case, runner, here)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(150))
def test_what_is_read_can_be_shown(seed, runner, here):
    """Any place of the summary with any value: what reading accepts, every picture and sentence must bear."""
    rng = np.random.default_rng(seed)
    path = here / RUN / ("summary.json" if seed % 5 else "run.json")
    content = json.loads(path.read_text())
    places = [place for place in leaves(content) if place]
    place = places[rng.integers(len(places))]
    value = [*VALUES.values(), leaves][rng.integers(len(VALUES) + 1)]

    def make(folder):
        path.write_text(json.dumps(replaced(content, place, value)))

    words = ("report", RUN, "--format", "html", "--out", "new")
    judged(export(f"any-{seed}", make, "", (0, 2), words), runner, here)
