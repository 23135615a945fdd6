"""SCVI as a conditional model, on real counts, against the library's own bound. Where scvi-tools is installed."""

import numpy as np
import pytest
import torch

import gapkit
from gapkit.models import from_scvi
from gapkit.models.conditions import decode_with, encode_with, prior_with
from gapkit.models.programs.scvi_model import condition_of

pytest.importorskip("scvi", reason="scvi-tools is not installed: it has an environment of its own (docs)")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of scvi-tools and what it brings: dozens

from tests.models.cells import counts, trained  # noqa: E402

KINDS = {
    "nb": {"gene_likelihood": "nb"},
    "zinb": {"gene_likelihood": "zinb"},
    "poisson": {"gene_likelihood": "poisson"},
    "latent_library": {"gene_likelihood": "nb", "use_observed_lib_size": False},
    "simplex": {"gene_likelihood": "nb", "latent_distribution": "ln"},
    "encoded_batch": {"gene_likelihood": "nb", "encode_covariates": True, "dispersion": "gene-batch"},
}


@pytest.fixture(scope="module")
def cells():
    return counts()


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_is_the_librarys(cells, kind):
    """The library takes one draw and the KL divergence in closed form: means over many evaluations."""
    own = trained(cells, epochs=3, **KINDS[kind])
    model = from_scvi(own)
    model.eval()
    x = torch.tensor(np.asarray(cells.X))[:40]
    batch = torch.tensor(cells.obs["_scvi_batch"].to_numpy().astype(np.int64))[:40]
    c = condition_of(x, batch)
    assert model.batches == ("G1", "G2M", "S")
    with torch.no_grad():
        q = encode_with(model, x, c)
        z = q.sample((400,))
        prior = prior_with(model, c)
        values = []
        for draw in z:
            values.append(prior.log_prob(draw) + decode_with(model, draw, c).log_prob(x) - q.log_prob(draw))
    ours = torch.stack(values).double()
    theirs = torch.stack(
        [torch.as_tensor(own.get_elbo(indices=np.arange(40), return_mean=False)).double() for _ in range(100)]
    )
    error = (ours.var(0) / len(ours) + theirs.var(0) / len(theirs)).sqrt()
    off = (ours.mean(0) - theirs.mean(0)) / error
    assert float(off.square().mean().sqrt()) < 1.4
    assert float(ours.mean()) == pytest.approx(float(own.get_elbo(indices=np.arange(40))), rel=0.02)


def test_an_analysis_and_its_simulated_data(cells):
    own = trained(cells, gene_likelihood="nb")
    x = torch.tensor(np.asarray(cells.X))[:20]
    batch = torch.tensor(cells.obs["_scvi_batch"].to_numpy().astype(np.int64))[:20]
    result = gapkit.analyze(from_scvi(own), x, condition=condition_of(x, batch), effort="quick")
    table = result.to_frame()
    assert (table["status"] == "ok").mean() > 0.7
    assert bool((table["total_gap"] > -4.0 * table["total_gap_se"]).all())
    values = own.get_marginal_ll(indices=np.arange(20), n_mc_samples=2000, return_mean=False)
    # the library's importance-weighted bound with 2000 draws of q: below log p(x), and close to it
    bound = np.asarray(values)
    assert float((table["log_px"] - bound).mean()) > -4.0 * float(table["log_px_se"].mean())
    assert not result.summary_values.search.skipped


def test_what_is_refused(cells):
    own = trained(cells, epochs=1, gene_likelihood="nb")
    model = from_scvi(own)
    x = torch.tensor(np.asarray(cells.X))[:5]
    with pytest.raises(gapkit.InputError, match="needs a condition"):
        gapkit.analyze(model, x, effort="quick")
    with pytest.raises(gapkit.InputError, match="without batch"):
        model.decode(torch.zeros(5, 3), {"library": x.sum(1)})
    with pytest.raises(gapkit.InputError, match="batches 0 to 2"):
        model.decode(torch.zeros(5, 3), condition_of(x, torch.full((5,), 7)))
    with pytest.raises(gapkit.InputError, match=r"scvi\.model\.SCVI"):
        from_scvi(torch.nn.Linear(1, 1))
