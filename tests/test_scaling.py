"""The simulation of runs on many workers: what it must give where the answer is known."""

import numpy as np
import pytest

from benchmarks.scaling import Cluster, makespan

RNG = np.random.default_rng(0)


def ideal(workers, **changes):
    return Cluster(workers, **{"begin": 0.0, "driver": 0.0, "deaths": 0.0, **changes})


@pytest.mark.parametrize("stealing", [True, False])
def test_equal_units_are_shared_evenly(stealing):
    times = np.ones(100)
    for workers in (1, 4, 7, 200):
        assert makespan(times, ideal(workers, stealing=stealing), RNG) == pytest.approx(np.ceil(100 / workers))


def test_who_is_done_takes_the_next_unit():
    times = np.array([10.0] + [1.0] * 10)
    assert makespan(times, ideal(2), RNG) == 10.0
    assert makespan(times, ideal(2, stealing=False), RNG) == 15.0


def test_no_more_than_the_driver_can_give_out():
    assert makespan(np.ones(1000), ideal(10_000, driver=0.1), RNG) == pytest.approx(1000 * 0.1 + 1.0)


def test_units_of_workers_that_die_are_run_again():
    times = np.full(2000, 3600.0)
    found = makespan(times, ideal(1, deaths=0.1, begin=60.0), np.random.default_rng(1))
    assert found == pytest.approx(60 + 2000 * (3600 + 0.1 * (1800 + 60)), rel=0.01)
