"""Real counts: 700 blood cells, 765 genes, of Zheng et al. (2017), which scanpy ships (BSD licence).

They are kept there as logarithms of normalised counts; the counts themselves are multiples of the smallest number of a
cell, and whole to within a thousandth.
"""

import numpy as np

GENES = 120  # the most variable of the first ones: enough for a test


def counts():
    """An AnnData with whole counts of shape (700, 120), and the phase of the cell cycle as the batch."""
    import anndata
    import scanpy

    found = scanpy.datasets.pbmc68k_reduced()
    scaled = np.expm1(found.raw.X.toarray().astype(np.float64))
    least = np.where(scaled > 0, scaled, np.inf).min(1, keepdims=True)
    whole = scaled / least
    assert np.abs(whole - whole.round()).max() < 0.2
    assert np.abs(whole - whole.round()).mean() < 1e-3
    whole = whole.round()
    kept = np.sort(np.argsort(-whole.var(0) / (whole.mean(0) + 1e-9))[:GENES])
    cells = anndata.AnnData(whole[:, kept].astype(np.float32), obs=found.obs[["phase"]].copy())
    cells.var_names = [str(name) for name in found.raw.var_names[kept]]
    return cells[cells.X.sum(1) > 0].copy()


def trained(cells, epochs=20, **options):
    """An SCVI of these cells."""
    import scvi

    scvi.settings.seed = 0
    scvi.model.SCVI.setup_anndata(cells, batch_key="phase")
    model = scvi.model.SCVI(cells, n_latent=3, n_hidden=32, **options)
    model.train(max_epochs=epochs, accelerator="cpu", enable_progress_bar=False, logger=False)
    return model
