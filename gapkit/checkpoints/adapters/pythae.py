"""Models of pythae: folders that it saved, and objects of its classes that the user's factory returned.

The folder says itself how its model is built (``model_config.json``); weights (``model.pt``) are read weights-only, and
networks of the user's own (``encoder.pkl``, ``decoder.pkl``: code) only with ``--trust-pickle``. pythae's own loader,
which unpickles, is not called.

Its reconstruction losses are densities: ``bce`` of a Bernoulli, and ``mse``, half the summed squared error, of a
Gaussian with standard deviation 1, up to the constant D/2 log(2 pi), which pythae's loss leaves out and the ELBO has.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, TransformedDistribution

from gapkit.checkpoints.adapters.library import built_strictly, library, require_counts
from gapkit.checkpoints.adapters.protocol import Adapted, Reads, Request
from gapkit.checkpoints.adapters.pythae_flows import Planar, transform_of
from gapkit.checkpoints.state import find_state_dict
from gapkit.core.errors import InputError
from gapkit.inputs.folder import Folder
from gapkit.inputs.read import read, read_pickle
from gapkit.inputs.usercode import load_factory
from gapkit.models.priors import VampPrior, standard_normal

__all__ = ["Pythae", "PythaeModel"]

CONFIG, WEIGHTS = "model_config.json", "model.pt"
_LIKELIHOODS = {"bce": "bernoulli:probs", "mse": "gaussian:sigma=1"}
# The classes of the configurations that can be analysed. What their losses add to the ELBO, or weigh otherwise, is no
# part of the model: q(z|x), p(z) and p(x|z) are those of a VAE.
_CLASSES = {
    "VAEConfig": "VAE",
    "BetaVAEConfig": "BetaVAE",
    "DisentangledBetaVAEConfig": "DisentangledBetaVAE",
    "BetaTCVAEConfig": "BetaTCVAE",
    "FactorVAEConfig": "FactorVAE",
    "INFOVAE_MMD_Config": "INFOVAE_MMD",
    "IWAEConfig": "IWAE",
    "MIWAEConfig": "MIWAE",
    "PIWAEConfig": "PIWAE",
    "CIWAEConfig": "CIWAE",
    "VAMPConfig": "VAMP",
    "VAE_IAF_Config": "VAE_IAF",
    "VAE_LinNF_Config": "VAE_LinNF",
}
_WHY_NOT = {
    "VQVAEConfig": "its latents are discrete",
    "AEConfig": "it has no q(z|x)",
    "RAE_GP_Config": "it has no q(z|x)",
    "RAE_L2_Config": "it has no q(z|x)",
    "WAE_MMD_Config": "it has no q(z|x)",
    "Adversarial_AE_Config": "its loss names no density p(x|z)",
    "VAEGANConfig": "its loss names no density p(x|z)",
    "MSSSIM_VAEConfig": "its loss names no density p(x|z)",
    "HVAEConfig": "its q(z|x) has momenta beside z",
    "RHVAEConfig": "its q(z|x) has momenta beside z",
    "SVAEConfig": "its latents lie on a sphere",
    "PoincareVAEConfig": "its latents lie in a hyperbolic space",
}


class Pythae:
    """A folder of pythae's ``model.save`` or of its trainer (``final_model``)."""

    reads: Reads = "folder"

    def claims(self, found: Folder) -> bool:
        """Whether the folder has pythae's configuration."""
        return CONFIG in found.names

    def told(self, found: Folder) -> tuple[str, str]:
        """What it is, and the options that it needs."""
        config = found.json(CONFIG)
        own = [name for name in ("encoder.pkl", "decoder.pkl") if name in found.names]
        return f"a folder of pythae ({config.get('name')!s:.40})", "--trust-pickle" if own else ""

    def open(self, found: Folder, request: Request) -> Adapted:
        """Build the model that the folder describes, with its weights.

        Raises:
            InputError: a file is missing or damaged, the configuration is none that can be analysed, the weights do
                not fit it, or networks of the user's own would run code.
        """
        asked = request.asked
        config = found.json(CONFIG)
        name = config.pop("name", None)
        if name not in _CLASSES:
            why = _WHY_NOT.get(str(name), "no configuration that is known")
            do = f"{', '.join(_CLASSES.values())} are analysed; for others write encode, decode and prior (--model)"
            raise InputError(asked, f"{name!r:.60} in {CONFIG}: {why}", do)
        if WEIGHTS not in found.names:
            raise InputError(asked, f"no {WEIGHTS}, only {', '.join(found.names[:8])}", "copy or save the folder again")
        state = find_state_dict(read(found.path / WEIGHTS))
        if request.factory is not None:
            built = load_factory(request.factory, request.arguments)
            if not PythaeModel().claims(built):
                do = "return a model of pythae, built as in training: VAE(config, encoder, decoder)"
                raise InputError(asked, f"{request.factory} returned a {type(built).__name__}", do)
            built_strictly(lambda: built, state, asked, on_meta=False)
        else:
            own = _own_networks(found, config, request)
            require_counts(config, len(state), f"{asked}: {CONFIG}")
            module = library("pythae.models", "pythae", asked)
            kind, settings = getattr(module, _CLASSES[name]), getattr(module, name)
            built = built_strictly(lambda: kind(settings(**config), **own()), state, asked, on_meta=not own())
        return PythaeModel().open(built, request)


class PythaeModel:
    """A model of pythae that the user's factory built."""

    reads: Reads = "object"

    def claims(self, found: Any) -> bool:
        """Whether its class, or one that it inherits from, is of pythae and has what the adapter reads."""
        ours = any(base.__module__.startswith("pythae.models.") for base in type(found).__mro__)
        return ours and all(hasattr(found, name) for name in ("encoder", "decoder", "model_config"))

    def open(self, found: Any, request: Request) -> Adapted:
        """Give the model the three methods.

        Raises:
            InputError: its loss names no density, or its flow has no inverse.
        """
        config = found.model_config
        model = _Model(found)
        for layer in model.flows():
            if isinstance(layer, Planar) and layer.slope <= -1:
                words = (
                    f"a planar flow with w'u = {layer.slope:.3g}, which folds space: its formula for q is no density"
                )
                do = "train it with w'u above -1 (pythae does not see to that), or take VAE_IAF or radial flows"
                raise InputError(request.asked, words, do)
        likelihood = _LIKELIHOODS.get(getattr(config, "reconstruction_loss", ""))
        if likelihood is None and not request.has_likelihood:
            raise InputError(request.asked, "a loss that names no density p(x|z)", "name one: --likelihood NAME")
        beta = getattr(config, "beta", None)
        weighed = f"; the ELBO is that of beta = 1, in training it was {beta:g}" if beta not in (None, 1) else ""
        how = f"{found.model_name} of pythae{weighed}"
        return Adapted(model, how, likelihood=likelihood, encoder_output="distribution")


class _Model(nn.Module):
    """The three methods for a model of pythae; decode gives what its decoder does: probabilities, or means."""

    def __init__(self, own: Any) -> None:
        super().__init__()
        self.own = own

    def flows(self) -> list[Any]:
        """Transforms between the Gaussian that the encoder gives and z, the first to be applied first."""
        name = self.own.model_name
        layers = [self.own.iaf_flow] if name == "VAE_IAF" else self.own.net if name == "VAE_LinNF" else []
        return [transform_of(layer) for layer in layers]

    def encode(self, x: Tensor) -> Distribution:
        """Return q(z|x): x has shape (B, *input_dim)."""
        return self._posterior(self._gaussian(x))

    def decode(self, z: Tensor) -> Tensor:
        """Return probabilities or means, (N, *input_dim): z has shape (N, D)."""
        output: Tensor = self.own.decoder(z)["reconstruction"]
        return output

    def prior(self) -> Distribution:
        """Return p(z): standard normal, or the mixture of a VAMP, which pythae builds of posteriors without flows."""
        weight = next(self.own.encoder.parameters())
        if self.own.model_name != "VAMP":
            return standard_normal((self.own.latent_dim,), weight.dtype, weight.device)
        inputs = self.own.pseudo_inputs(self.own.idle_input.to(weight))
        prior: Distribution = VampPrior(self._gaussian, inputs.reshape(-1, *self.own.model_config.input_dim))()
        return prior

    def _gaussian(self, x: Tensor) -> Independent:
        out = self.own.encoder(x)
        scale = torch.exp(0.5 * out["log_covariance"])
        return Independent(Normal(out["embedding"], scale, validate_args=False), 1, validate_args=False)

    def _posterior(self, base: Independent) -> Distribution:
        flows = self.flows()
        return TransformedDistribution(base, flows, validate_args=False) if flows else base


def _own_networks(found: Folder, config: Mapping[str, Any], request: Request) -> Callable[[], dict[str, Any]]:
    """How to get the networks of the user's own, which are pickled with their code.

    Raises:
        InputError: one is missing, or would run code.
    """
    wanted = [part for part in ("encoder", "decoder") if config.get(f"uses_default_{part}") is False]
    if config.get("uses_default_discriminator") is False:
        wanted.append("discriminator")
    names = [f"{part}.pkl" for part in wanted]
    lacking = [name for name in names if name not in found.names]
    if lacking:
        do = "copy or save the folder again"
        raise InputError(request.asked, f"no {' and no '.join(lacking)}, which {CONFIG} asks for", do)
    networks = {
        part: read_pickle(found.path / name, trust_pickle=request.trust_pickle, whole=found.path)
        for part, name in zip(wanted, names, strict=True)
    }
    for part, network in networks.items():
        if not isinstance(network, nn.Module):
            raise InputError(request.asked, f"a {type(network).__name__} in {part}.pkl", "save the folder again")
    return lambda: dict(networks)
