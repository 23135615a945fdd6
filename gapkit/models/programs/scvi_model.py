"""SCVI of scvi-tools as a conditional model: counts of genes in cells, given the batch and the size of the library.

    z ~ N(0, I),  x_g ~ NB(l softmax(f(z, batch))_g, r_g),  q(z|x)

The library size l of a cell is part of the condition c where the model observes it: p(x|z, c) is the density of the
counts given l, as in the library's own bound. Where it is latent, log l is one more latent, with its batch's prior.
Reference: Lopez et al., "Deep generative modeling for single-cell transcriptomics" (2018),
https://doi.org/10.1038/s41592-018-0229-2.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, constraints

from gapkit.core.errors import InputError
from gapkit.core.trees import Tree
from gapkit.models.naming import name_of
from gapkit.models.support import describe

__all__ = ["ScviModel", "condition_of", "from_scvi", "require_no_covariates"]

_NAMES = {
    "batch": ("batch", "_scvi_batch"),
    "library": ("library",),
    "size_factor": ("size_factor",),
    "labels": ("labels", "_scvi_labels"),
}


class ScviModel(nn.Module):
    """Satisfies ``LatentModel``; built by :func:`from_scvi`.

    Attributes:
        own: the module of scvi-tools.
        batches: names of the batches, by their numbers, where they are known.
        needs: what the condition must hold.
    """

    def __init__(self, own: Any, batches: Sequence[str] = ()) -> None:
        super().__init__()
        self.own, self.batches = own, tuple(batches)
        needs = ["batch"] if own.n_batch > 1 else []
        needs += ["size_factor"] if own.use_size_factor_key else ["library"] if own.use_observed_lib_size else []
        needs += ["labels"] if own.dispersion == "gene-label" else []
        self.needs = tuple(needs)

    @property
    def x_shape(self) -> tuple[int, ...]:
        """Shape of a cell: its genes."""
        return (self.own.n_input,)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Event shape of the latents: z, and log l where it is latent."""
        return (self.own.n_latent + (0 if self.own.use_observed_lib_size else 1),)

    def encode(self, x: Tensor, c: Tree = None) -> Distribution:
        """Return q(z|x, c): counts of shape (B, genes), the result batch shape (B,)."""
        given = self._condition(c, len(x), x.device)
        with torch.random.fork_rng(devices=[]):  # the library's encoder draws once by itself
            found = self.own._regular_inference(x, given["batch"])
        parts = [found["qz"]] + ([] if self.own.use_observed_lib_size else [found["ql"]])
        loc, scale = (torch.cat([getattr(part, name) for part in parts], 1) for name in ("loc", "scale"))
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)

    def decode(self, z: Tensor, c: Tree = None) -> Distribution:
        """Return p(x|z, c): latents of shape (N, D), the result batch shape (N,) and event shape (genes,)."""
        given = self._condition(c, len(z), z.device)
        own = self.own
        inner = own.z_encoder.z_transformation(z[:, : own.n_latent])
        library = z[:, own.n_latent :]
        if own.use_observed_lib_size:
            library = given["library"].log() if given["library"] is not None else z.new_zeros(len(z), 1)
        factor = None if given["size_factor"] is None else given["size_factor"].log()
        made = own.generative(inner, library, given["batch"], size_factor=factor, y=given["labels"])
        return _Counts(made["px"], len(z), own.n_input)

    def prior(self, c: Tree = None) -> Distribution:
        """Return p(z), batch shape (); where the library size is latent p(z, log l|c), batch shape (B,)."""
        weight = next(self.own.parameters())
        if self.own.use_observed_lib_size:
            zeros = weight.new_zeros(self.own.n_latent)
            return Independent(Normal(zeros, torch.ones_like(zeros), validate_args=False), 1, validate_args=False)
        batch = self._batch(c, weight.device)
        mean, var = self.own._compute_local_library_params(batch)
        zeros = weight.new_zeros(len(batch), self.own.n_latent)
        loc, scale = torch.cat([zeros, mean], 1), torch.cat([torch.ones_like(zeros), var.sqrt()], 1)
        if c is None:
            loc, scale = loc[0], scale[0]
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)

    def behind(self, name: str) -> Any:
        """What decides who is given a condition: all that depend on one of its parts."""
        if name == "prior":
            latent = not self.own.use_observed_lib_size
            return (lambda c: None) if latent and self.own.n_batch > 1 else (lambda: None)
        by_batch = self.own.encode_covariates and self.own.n_batch > 1
        whole = by_batch if name == "encode" else bool(self.needs)
        return (lambda x, c: None) if whole else (lambda x, c=None: None)

    def _batch(self, c: Tree, device: torch.device) -> Tensor:
        if c is None:
            return torch.zeros(1, 1, device=device, dtype=torch.long)
        size = len(next(iter(c.values()))) if isinstance(c, Mapping) else len(c)
        found: Tensor = self._condition(c, size, device)["batch"]
        return found

    def _condition(self, c: Tree, count: int, device: torch.device) -> dict[str, Any]:
        """The parts of a condition as the library takes them, each (N, k).

        Raises:
            InputError: a part is missing.
        """
        parts = dict(c) if isinstance(c, Mapping) else {} if c is None else {(*self.needs, "batch")[0]: c}
        known = {name: next((parts[form] for form in forms if form in parts), None) for name, forms in _NAMES.items()}
        missing = [name for name in self.needs if known[name] is None] if c is not None else []
        if missing:
            asked = f"a condition with {', '.join(self.needs)} for this model"
            found = f"{', '.join(parts) or describe(c)}, without {', '.join(missing)}"
            do = (
                "batch are the numbers of the batches as the model counts them (scvi-tools keeps them in "
                "obs['_scvi_batch']), library is the total of the counts of every cell: from .h5ad data "
                "--condition _scvi_batch,library; in Python gapkit.models.programs.scvi_model.condition_of(x, batch)"
            )
            raise InputError(asked, found, do)
        columns: dict[str, Any] = {
            name: None if part is None else part.reshape(count, -1) for name, part in known.items()
        }
        if columns["batch"] is None:
            columns["batch"] = torch.zeros(count, 1, device=device, dtype=torch.long)
        for name in ("batch", "labels"):
            columns[name] = None if columns[name] is None else columns[name].long()
        if int(columns["batch"].max()) >= max(1, self.own.n_batch) or int(columns["batch"].min()) < 0:
            found = f"numbers from {int(columns['batch'].min())} to {int(columns['batch'].max())}"
            raise InputError(f"batches 0 to {self.own.n_batch - 1}", found, "number them as the model does")
        if columns["library"] is not None and float(columns["library"].min()) <= 0:
            raise InputError("the total of the counts of every cell", "one without a count", "leave empty cells out")
        return columns


class _Counts(Distribution):
    """P(x|z, c) of all genes of N cells, by the library's own distribution."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = False

    def __init__(self, genes: Any, count: int, size: int) -> None:
        self.genes = genes
        super().__init__(torch.Size([count]), torch.Size([size]), validate_args=False)

    @property
    def known_as(self) -> str:
        """The library's name of it."""
        return name_of(self.genes)

    @property
    def support(self) -> Any:
        """That of the library's distribution."""
        return constraints.independent(self.genes.support, 1)

    @property
    def mean(self) -> Tensor:
        """Shape (N, genes)."""
        found: Tensor = self.genes.mean
        return found

    @property
    def variance(self) -> Tensor:
        """Shape (N, genes)."""
        found: Tensor = self.genes.variance
        return found

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Counts of shape (*sample_shape, N, genes)."""
        drawn: Tensor = self.genes.sample(torch.Size(sample_shape))
        return drawn.clone()  # the library draws in inference mode, whose tensors have no gradients anywhere

    def log_prob(self, value: Tensor) -> Tensor:
        """Shape (N, genes) to (N,), in nats."""
        found: Tensor = self.genes.log_prob(value)
        return found.sum(-1)


def from_scvi(model: Any) -> ScviModel:
    """Make a model from a trained SCVI of scvi-tools.

    Args:
        model: a ``scvi.model.SCVI``, or its ``module``.

    Returns:
        A model that ``gapkit.analyze`` takes, with raw counts as x and a condition: what ``needs`` of it names, such as
        ``{"batch": numbers of the batches, "library": x.sum(1)}``, each with a row for every cell.

    Raises:
        InputError: another kind of model.
    """
    module = getattr(model, "module", model)
    manager = getattr(model, "adata_manager", None)
    if type(module).__name__ != "VAE" or not hasattr(module, "generative"):
        do = "give a scvi.model.SCVI; scANVI, totalVI and the others have other densities"
        raise InputError("an SCVI of scvi-tools", f"{type(model).__name__} with a {type(module).__name__}", do)
    if manager is not None:
        require_no_covariates(manager.summary_stats)
    batches: Sequence[str] = ()
    if manager is not None:
        batches = [str(name) for name in manager.get_state_registry("batch").categorical_mapping]
    return ScviModel(module, batches)


def require_no_covariates(stats: Mapping[str, Any]) -> None:
    """Refuse a model with covariates beside the batch.

    Raises:
        InputError: it has some.
    """
    named = [name for name in ("n_extra_categorical_covs", "n_extra_continuous_covs") if stats.get(name, 0)]
    if named:
        do = "train it with the batch alone; further covariates are not read yet"
        raise InputError("an SCVI whose condition is batch and library size", f"{', '.join(named)} above 0", do)


def condition_of(x: Tensor, batch: Tensor | None = None) -> dict[str, Tensor]:
    """The condition of cells: their batches, and the total of their counts.

    Example:
        >>> condition_of(torch.tensor([[1.0, 2.0], [0.0, 4.0]]))
        {'library': tensor([3., 4.])}
    """
    found = {"library": x.sum(1)}
    return found if batch is None else {"batch": batch, **found}
