"""Folders of diffusers with an ``AutoencoderKL``, the autoencoder of latent diffusion.

Its decoder gives a mean and no scale, so p(x|z) must be said (``--likelihood gaussian:sigma=0.1``, say); p(z) is the
standard normal to which its KL term pulls, of latents as its encoder gives them, shape (C, H, W), before the
``scaling_factor`` of diffusion. It is trained on pixels in [-1, 1] (``--scale -1,1``).
"""

import warnings
from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from gapkit.checkpoints.adapters.library import built_strictly, library, require_counts
from gapkit.checkpoints.adapters.protocol import Adapted, Reads, Request
from gapkit.checkpoints.state import find_state_dict
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.inputs.folder import Folder
from gapkit.inputs.read import read

__all__ = ["Diffusers"]

CONFIG = "config.json"
_WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
_NEEDED = "--likelihood gaussian:sigma=0.1 --scale -1,1"


class Diffusers:
    """A folder of ``AutoencoderKL.save_pretrained``."""

    reads: Reads = "folder"

    def claims(self, found: Folder) -> bool:
        """Whether its configuration names a class of diffusers."""
        return CONFIG in found.names and "_class_name" in found.json(CONFIG)

    def told(self, found: Folder) -> tuple[str, str]:
        """What it is, and the options that it needs."""
        return f"a folder of diffusers ({found.json(CONFIG).get('_class_name')!s:.40})", _NEEDED

    def open(self, found: Folder, request: Request) -> Adapted:
        """Build the autoencoder that the folder describes, with its weights.

        Raises:
            InputError: another class, a file that is missing or damaged, weights that do not fit the configuration, or
                no likelihood.
        """
        asked, config = request.asked, found.json(CONFIG)
        name = config.get("_class_name")
        if name != "AutoencoderKL":
            do = "AutoencoderKL is analysed; others with --model, if they have encode and decode"
            raise InputError(asked, f"{name!r:.60} in {CONFIG}", do)
        if not request.has_likelihood:
            do = f"say the scale of p(x|z), in the units of the data: {_NEEDED}, where sigma is about the root mean "
            do += "square of the reconstruction's errors"
            raise InputError(asked, "an AutoencoderKL, whose decoder gives a mean and no scale", do)
        weights = next((file for file in _WEIGHTS if file in found.names), None)
        if weights is None:
            listed = ", ".join(found.names[:8])
            raise InputError(asked, f"no {' or '.join(_WEIGHTS)}, only {listed}", "copy or save the folder again")
        state = find_state_dict(read(found.path / weights))
        require_counts(config, len(state), f"{asked}: {CONFIG}")
        kind = library("diffusers", "diffusers", asked).AutoencoderKL
        own = {key: value for key, value in config.items() if not key.startswith("_")}
        built = built_strictly(lambda: kind(**own), state, asked)
        return Adapted(_Model(built), "AutoencoderKL of diffusers", encoder_output="distribution")


class _Model(nn.Module):
    """The three methods for an AutoencoderKL; decode gives means."""

    def __init__(self, own: Any) -> None:
        super().__init__()
        self.own = own
        self._looked = False

    def encode(self, x: Tensor) -> Distribution:
        """Return q(z|x): x has shape (B, 3, H, W), z (C, H', W')."""
        self._look(x)
        q = self.own.encode(x).latent_dist
        return Independent(Normal(q.mean, q.std, validate_args=False), q.mean.dim() - 1, validate_args=False)

    def decode(self, z: Tensor) -> Tensor:
        """Return means, (N, 3, H, W): z has shape (N, C, H', W')."""
        output: Tensor = self.own.decode(z).sample
        return output

    def _look(self, x: Tensor) -> None:
        """Say once that pixels are not where such a model was trained."""
        if self._looked or not x.numel():
            return
        self._looked = True
        low, high = float(x.detach().min()), float(x.detach().max())
        if low >= 0 or low < -1.5 or high > 1.5:
            text = (
                f"pixels from {low:g} to {high:g}: an AutoencoderKL is trained on the range from -1 to 1; if this one "
                "was, pass --scale -1,1"
            )
            warnings.warn(text, GapkitWarning, stacklevel=2)
