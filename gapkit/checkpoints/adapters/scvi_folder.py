"""Folders that SCVI of scvi-tools was saved to: ``model.pt``, and perhaps ``adata.h5ad``.

The library itself opens ``model.pt`` with permission to run code. Here the weights, the registry and the arguments of
the model are taken, and every object of another library in the file is a stand-in that does nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from gapkit.checkpoints.adapters.protocol import Adapted, Reads, Request
from gapkit.checkpoints.state import load_strictly
from gapkit.core.errors import InputError
from gapkit.inputs.folder import Folder
from gapkit.inputs.inert import Inert, read_inert
from gapkit.models.programs.scvi_model import ScviModel, require_no_covariates

__all__ = ["ScviFolder"]

_EMPTY = "pyro_param_store"  # the library adds it to every state dict, also of models without Pyro
_OWN = {"model.pt", "adata.h5ad", "mdata.h5mu"}


class ScviFolder:
    """A folder of ``SCVI.save``."""

    reads: Reads = "folder"

    def claims(self, found: Any) -> bool:
        """Whether it holds what the library saves, and nothing else."""
        return isinstance(found, Folder) and "model.pt" in found.names and set(found.names) <= _OWN

    def open(self, found: Any, request: Request) -> Adapted:
        """Build the module and fill it.

        Raises:
            InputError: scvi-tools did not write it, it holds another model than SCVI, or scvi-tools is not installed.
        """
        path = Path(found.path) / "model.pt"
        asked = f"read {path} as a model of scvi-tools"
        payload = read_inert(path)
        attributes: Any = payload.get("attr_dict") if isinstance(payload, Mapping) else None
        state = payload.get("model_state_dict") if isinstance(payload, Mapping) else None
        registry = attributes.get("registry_") if isinstance(attributes, Mapping) else None
        if not isinstance(state, Mapping) or not isinstance(registry, Mapping):
            do = f"pass the file itself, {path}; with --model file.py:factory if gapkit did not write it"
            raise InputError(asked, "no model_state_dict and registry beside it", do)
        name = registry.get("model_name")
        if name != "SCVI":
            raise InputError(asked, f"a {name!r:.40}", "only SCVI is read: its densities are known")
        try:
            fields, arguments = registry["field_registries"], _arguments(attributes["init_params_"])
            counts = {key: value for part in fields.values() for key, value in part["summary_stats"].items()}
            sizes = {key: int(counts[key]) for key in ("n_vars", "n_batch", "n_labels")}
            batches = fields["batch"]["state_registry"]["categorical_mapping"]
            by_factor = bool(registry["setup_args"].get("size_factor_key"))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            found_ = f"a registry without {error!s:.60}"
            raise InputError(asked, found_, "save it again with scvi-tools 1.1 or later") from error
        require_no_covariates(counts)
        module = _module(asked, sizes, arguments, by_factor)
        load_strictly(module, {name: value for name, value in state.items() if name != _EMPTY})
        names = [str(word) for word in batches.items()] if isinstance(batches, Inert) else []
        version = str(registry.get("scvi_version", ""))[:20]
        return Adapted(ScviModel(module, names), f"SCVI of scvi-tools {version}", {"batches": ", ".join(names)})


def _arguments(init: Any) -> dict[str, Any]:
    given = dict(init["non_kwargs"])
    for more in init["kwargs"].values():
        given |= dict(more)
    return {name: value for name, value in given.items() if name not in ("adata", "registry")}


def _module(asked: str, sizes: dict[str, int], arguments: dict[str, Any], by_factor: bool) -> Any:
    try:
        from scvi.module import VAE
    except ImportError as error:
        do = "install it, in an environment of its own because of its pins: pip install 'gapkit[scvi]'"
        raise InputError(asked, f"scvi-tools is not installed ({error!s:.80})", do) from error
    library: dict[str, Any] = {}
    if not by_factor and not arguments.get("use_observed_lib_size", True):
        import numpy as np

        one = np.zeros((1, sizes["n_batch"]), np.float32)
        library = {"library_log_means": one, "library_log_vars": one}
    with torch.random.fork_rng(devices=[]):  # the weights that are drawn here are overwritten
        try:
            return VAE(
                n_input=sizes["n_vars"],
                n_batch=sizes["n_batch"],
                n_labels=sizes["n_labels"],
                use_size_factor_key=by_factor,
                **library,
                **arguments,
            )
        except Exception as error:  # arguments in a file may be anything
            found = f"arguments that its module does not take ({type(error).__name__}: {error!s:.120})"
            raise InputError(asked, found, "use the version of scvi-tools that saved it") from error
