"""What nobody thought of: configurations and documents that hypothesis makes up, the same ones every time."""

import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapkit.core.errors import InputError, printable
from gapkit.models.native import rebuild
from gapkit.models.reference import build
from gapkit.results import Result
from tests.hostile.cases import RUN

AS_EVER = settings(
    derandomize=True, database=None, deadline=None, max_examples=150, suppress_health_check=list(HealthCheck)
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=6,
)


def refused(work):
    """The refusal that a call ends in, None if it does not."""
    try:
        work()
    except InputError as error:
        return error
    return None


MODEL = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))


@AS_EVER
@given(key=st.sampled_from([*MODEL.config, "\x1b[2J"]), value=VALUES)
def test_configurations(key, value):
    config = {**MODEL.config, key: value}
    payload = {"format": "gapkit-model", "version": 1, "builder": "mlp_vae", "config": config}
    error = refused(lambda: rebuild({**payload, "state_dict": MODEL.state_dict()}, "bad.pt"))
    if error is not None:
        assert "bad.pt" in str(error)
        assert printable(str(error)) == str(error)
        assert len(str(error)) < 6000


@AS_EVER
@given(key=st.sampled_from(["format", "version", "builder", "config", "state_dict", "extra"]), value=VALUES)
def test_payloads(key, value):
    payload = {"format": "gapkit-model", "version": 1, "builder": "mlp_vae", "config": MODEL.config}
    whole = {**payload, "state_dict": MODEL.state_dict(), key: value}
    error = refused(lambda: rebuild(whole, "bad.pt"))
    if error is not None:
        assert "bad.pt" in str(error)
        assert len(str(error)) < 6000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def stored(good, tmp_path_factory):
    folder = shutil.copytree(good / RUN, tmp_path_factory.mktemp("guessed") / RUN)
    return folder, json.loads((folder / "summary.json").read_text())


@pytest.mark.slow
@AS_EVER
@given(split=st.booleans(), key=st.text() | st.none(), place=st.integers(0, 10), value=JSON)
def test_summaries(stored, split, key, place, value):
    """A part of the summary is another thing, or there is one thing more."""
    folder, summary = stored
    part = summary["splits"]["test"] if split else summary
    name = list(part)[place % len(part)] if key is None else key
    changed = {**part, name: value}
    whole = {**summary, "splits": {**summary["splits"], "test": changed}} if split else changed
    (folder / "summary.json").write_text(json.dumps(whole))
    found = []
    error = refused(lambda: found.append(Result.load(folder)))
    if error is not None:
        assert "summary.json" in str(error) or "datapoints.parquet" in str(error)
    else:
        (result,) = found
        assert result.verdict()
        assert "gapkit" in repr(result)
        assert result._repr_html_()


@AS_EVER
@given(text=st.text(st.characters(), max_size=40))
def test_text_is_shown_and_not_obeyed(text):
    error = InputError(text, text, text)
    assert all(ord(letter) >= 32 and ord(letter) != 127 for letter in str(error) if letter not in "\n\t")
    assert str(InputError(error.asked, error.found, error.do)) == str(error), "told twice, it changes"
