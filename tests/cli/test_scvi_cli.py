"""A folder of SCVI and a file of cells from the command line. Where scvi-tools is installed."""

import numpy as np
import pytest
import torch

from gapkit.checkpoints import load
from gapkit.core.errors import InputError
from gapkit.results import Result

pytest.importorskip("scvi", reason="scvi-tools is not installed: it has an environment of its own (docs)")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of scvi-tools and what it brings: dozens

from tests.models.cells import counts, trained  # noqa: E402

WORDS = ("--effort", "quick", "--format", "none", "--out", "run")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A trained model, its folder, and its cells."""
    folder, cells = tmp_path_factory.mktemp("scvi"), counts()
    model = trained(cells, gene_likelihood="nb")
    model.save(folder / "model", overwrite=True)
    cells.write_h5ad(folder / "cells.h5ad")
    return model, folder


def test_the_bound_is_the_librarys(gapkit, saved):
    model, folder = saved
    words = ("--data", folder / "cells.h5ad", "--condition", "_scvi_batch,library", "--limit", 24)
    code, _, err = gapkit("analyze", folder / "model", *words, *WORDS)
    assert code == 0, err
    result = Result.load("run")
    table = result.to_frame()
    own = np.array([np.asarray(model.get_elbo(indices=np.arange(24), return_mean=False)) for _ in range(100)])
    error = np.sqrt(table["elbo_se"] ** 2 + own.var(0) / len(own))
    assert float(np.sqrt((((table["elbo"] - own.mean(0)) / error) ** 2).mean())) < 1.5
    assert (table["status"] == "ok").mean() > 0.7


def test_words_and_names_that_are_not_there(gapkit, saved):
    _, folder = saved
    for name, words in (("phase", "a column of words"), ("nothing", "columns of obs")):
        condition = ("--data", folder / "cells.h5ad", "--condition", f"{name},library")
        code, _, err = gapkit("analyze", folder / "model", *condition, *WORDS)
        assert code == 2
        assert words in err


def test_nothing_in_the_file_runs(saved, tmp_path):
    """The library's own objects are stand-ins; so is what a hostile file names."""
    model, folder = saved
    loaded = load(folder / "model")
    assert "SCVI of scvi-tools" in loaded.description
    assert loaded.extra["batches"] == "G1, G2M, S"
    for name, value in model.module.state_dict().items():
        torch.testing.assert_close(loaded.model.own.state_dict()[name], value)
    payload = torch.load(folder / "model" / "model.pt", weights_only=False)
    torch.save({**payload, "more": _Canary(tmp_path / "ran")}, tmp_path / "model.pt")
    load(tmp_path)  # which would have written the file
    assert not (tmp_path / "ran").exists()
    torch.save({"model_state_dict": {}}, tmp_path / "model.pt")
    with pytest.raises(InputError, match="pass the file itself"):
        load(tmp_path)


class _Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (eval, (f"open({str(self.path)!r}, 'w').close()",))
