"""An encoder that raises for single datapoints: these are failed, and the others are measured."""

import numpy as np
import pytest

import gapkit
from gapkit.core.following import followed
from gapkit.inputs.data.given import _names
from gapkit.results import Result
from tests.engine.cheap import spec
from tests.yardsticks import ppca


def raising(rows):
    model = ppca("scaled", 0.8)
    x = model.sample(20, 0)
    bad, encode = x[rows].clone(), model.encode

    def refuse(given):
        if any((given == one).all(1).any() for one in bad):
            raise ValueError("not this one")
        return encode(given)

    model.encode = refuse
    return model, x


@pytest.mark.filterwarnings("ignore:no numbers for datapoint")
@pytest.mark.parametrize("rows", [[7]])
def test_a_datapoint_on_which_the_encoder_raises_is_failed_alone(rows):
    model, x = raising(rows)
    table = gapkit.analyze(model, x, spec()).datapoints.set_index("index")
    assert table.index[table["status"] == "failed"].tolist() == rows
    others = table.drop(index=rows)
    exact = model.log_px(x).numpy()[others.index]
    error = others["log_px_se"].clip(lower=1e-6)
    assert (np.abs(others["log_px"] - exact) < 5 * error).all()


def test_an_encoder_that_raises_on_all_ends_the_run_with_its_error():
    model, x = raising(list(range(20)))
    with pytest.raises(ValueError, match="not this one"):
        gapkit.analyze(model, x, spec())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("aggregate_q", np.zeros(3, np.float32)),
        ("aggregate_q", np.full((2, 3), "a")),
        ("aggregate_departure", np.float32(1.0)),
        ("typical_x", np.array(["a"])),
    ],
)
def test_changed_arrays_of_a_stored_run_are_refused(name, value, tmp_path):
    model = ppca("exact")
    result = gapkit.analyze(model, model.sample(12, 0), spec())
    folder = result.save(tmp_path / "run")
    with np.load(folder / "details.npz") as stored:
        np.savez(folder / "details.npz", **{**stored, name: value})
    with pytest.raises(gapkit.InputError, match=name):
        Result.load(folder)


def test_names_of_classes_are_not_those_of_labels_that_were_changed():
    class Given:
        classes = ("cat", "dog")
        target_transform = None

    assert _names(Given()) == ["cat", "dog"]
    Given.target_transform = staticmethod(lambda label: 1 - label)
    assert _names(Given()) == []


def test_a_listener_with_a_flag_of_that_name_hides_no_error():
    class Listener:
        stopped = False

        def __call__(self, step):
            pass

    with pytest.raises(KeyError, match="mine"), followed(Listener()):
        raise KeyError("mine")
