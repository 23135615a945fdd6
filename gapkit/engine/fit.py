"""q* of every datapoint without an analysis around it: the fits alone, as a value that can be drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.core.trees import Tree
from gapkit.doctor import checked_device, moved_to
from gapkit.engine import stages
from gapkit.engine.bank import build_shared_bank
from gapkit.engine.given import Given
from gapkit.engine.inputs import Data
from gapkit.engine.prepared import prepared
from gapkit.engine.spec import AnalysisSpec, resolve
from gapkit.engine.work import seed_of
from gapkit.ladder import STANDARD, error_of
from gapkit.ladder.arithmetic import gap
from gapkit.local import FitStatus, LocalFits
from gapkit.models.freeze import frozen
from gapkit.models.protocol import LatentModel

__all__ = ["Fitted", "fit"]

_SPLIT = "test"  # the name that an analysis gives data without one; noise depends on it


@dataclass(frozen=True, eq=False)  # tensors have no truth value: a value equals itself
class Fitted:
    """q* of B datapoints. All of ``elbo``, ``encoder_elbo``, ``gap``, ``left`` and their errors are in nats.

    Attributes:
        family: its name.
        q: the posteriors, which every estimator takes: ``gapkit.Iwae()(model, x, fitted.q)``.
        elbo: L[q*], shape (B,).
        std_error: of it, shape (B,).
        encoder_elbo: L[q] of the encoder's q on the same noise, shape (B,).
        encoder_std_error: of it, shape (B,).
        gap: the amortization gap L[q*] - L[q], shape (B,).
        gap_std_error: of it, paired, with what the fit may have left, shape (B,).
        left: the certificate: about how far L[q*] still is from the best of the family, shape (B,); by noise it may be
            negative.
        left_std_error: of it, shape (B,).
        status: a word for each datapoint: ``converged``, ``budget`` or ``diverged``, see
            :class:`gapkit.local.FitStatus`.
        steps: of each fit, shape (B,).
        start: 0 where the fit began at the encoder's q, else the number of the start, shape (B,).
    """

    family: str
    q: Any
    elbo: Tensor
    std_error: Tensor
    encoder_elbo: Tensor
    encoder_std_error: Tensor
    gap: Tensor
    gap_std_error: Tensor
    left: Tensor
    left_std_error: Tensor
    status: tuple[str, ...]
    steps: Tensor
    start: Tensor

    def draw(self, num_samples: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Draw from every q*: latents of shape (S, B, D) and log q*(z) of shape (S, B), in nats.

        The second stands in for log q*(z) where the family has no density of z, see
        :class:`gapkit.families.Posterior`.
        """
        key, loc = Key(seed, tuple(range(len(self.status)))), self.q.loc
        with torch.no_grad():
            z, log_q = self.q.draw(key.streams("fitted", loc.dtype, loc.device), num_samples)
        return z, log_q

    def log_prob(self, z: Tensor) -> Tensor:
        """Log q*(z): z has shape (S, B, D), the result (S, B), in nats.

        Raises:
            InputError: a family without a density of z.
        """
        if not hasattr(self.q, "log_prob"):
            found = f"the family {self.family} has draws and no density of z"
            raise InputError("log q*(z)", found, "fit another family, or use the second value of draw")
        with torch.no_grad():
            log_q: Tensor = self.q.log_prob(z)
        return log_q

    @property
    def table(self) -> pd.DataFrame:
        """One row per datapoint, in nats, with the columns that they have in an analysis."""
        _, star, encoder = STANDARD.rungs
        numbers = {
            encoder.name: (self.encoder_elbo, self.encoder_std_error),
            star.name: (self.elbo, self.std_error),
            STANDARD.gaps[-1].name: (self.gap, self.gap_std_error),
            star.shortfall: (self.left, self.left_std_error),
        }
        columns: dict[str, Any] = {"index": range(len(self.status))}
        for name, (value, error) in numbers.items():
            columns |= {name: value.tolist(), error_of(name): error.tolist()}
        return pd.DataFrame(
            {**columns, "fit": self.status, "fit_steps": self.steps.tolist(), "start": self.start.tolist()}
        )

    def _repr_html_(self) -> str:
        """The line of text and the table, for notebooks."""
        said = repr(self).strip("<>")
        return f"<div><p>{said}</p>{self.table.to_html(float_format='{:.3f}'.format, na_rep='')}</div>"

    def __repr__(self) -> str:
        def mean(value: Tensor, error: Tensor) -> str:
            noise = error.square().sum().sqrt() / max(1, len(error))
            return f"{float(value.mean()):.3f} +- {float(noise):.3f}"

        _, star, encoder = STANDARD.rungs
        ends = ", ".join(f"{self.status.count(word)} {word}" for word in dict.fromkeys(self.status))
        return (
            f"<gapkit.Fitted {self.family}: {star.label} {mean(self.elbo, self.std_error)}, "
            f"{encoder.label} {mean(self.encoder_elbo, self.encoder_std_error)}, "
            f"left to gain {mean(self.left, self.left_std_error)} nats; {ends}>"
        )


def fit(
    model: LatentModel,
    x: Any,
    family: str | None = None,
    effort: str | None = None,
    seed: int | None = None,
    other_x: Tensor | None = None,
    *,
    spec: AnalysisSpec | None = None,
    encoder_x: Data = None,
    condition: Tree = None,
    allow: Sequence[str] = (),
    device: torch.device | str = "cpu",
) -> Fitted:
    """Fit q*, the best member of a family for each datapoint, and say how far it may still be from the optimum.

    The numbers are those of the columns ``elbo_star`` and ``elbo`` of :func:`gapkit.analyze` with the same settings and
    data, but for datapoints for which the analysis, which also looks for modes by other ways, found more of them.

    Args:
        model: an object of the model contract (``gapkit.from_pair`` builds one).
        x: data of shape (B, *x_shape).
        family: of q*; None takes the encoder's own.
        effort: ``quick``, ``standard`` (the default) or ``thorough``.
        seed: of all random numbers; 0 by default.
        other_x: data whose encodings serve as starts (training data, say); None takes ``x`` itself.
        spec: all settings, in the place of ``family``, ``effort`` and ``seed``.
        encoder_x: what the encoder is given in the place of ``x``.
        condition: c of a conditional model, one row for each datapoint.
        allow: names of checks of the wiring that may fail.
        device: where to compute.

    Returns:
        The posteriors with L[q*], its errors and certificates.

    Raises:
        InputError: ``spec`` together with another setting, an unknown family or one that cannot be fitted, the model or
            the data cannot be analysed.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
        >>> fitted = fit(model, torch.ones(5, 6), effort="quick")
        >>> fitted.family, fitted.elbo.shape, bool((fitted.elbo >= fitted.encoder_elbo).all())
        ('mean_field', torch.Size([5]), True)
        >>> fitted.draw(100)[0].shape
        torch.Size([100, 5, 2])
    """
    spec, device = resolve(spec, effort, seed, (family,) if family else ()), checked_device(device)
    parts = []
    with frozen(model), moved_to(model, device):
        given = Given(x={_SPLIT: x}, encoder_x=encoder_x, condition=condition, allow=allow)
        ready = prepared(model, given, spec, device)
        data = ready.data[_SPLIT]
        like = stages.like_of(ready.model, data)
        bank = build_shared_bank(like, ready.data, other_x, spec)
        for unit in ready.units[_SPLIT]:
            rows, key = list(unit.indices), Key(seed_of(spec.seed, _SPLIT), unit.indices)
            batch = stages.make_batch(like, data[rows], key)
            fitted = stages.fits(batch, bank, spec)
            if fitted.own not in fitted.found:
                fitted = fitted.beside(fitted.own, stages.family(batch, fitted, fitted.own, spec))
            parts.append(_part(fitted, unit.size))
    return _joined(ready.families.split, parts)


def _part(fitted: LocalFits, size: int) -> tuple[Any, dict[str, Tensor]]:
    """q* and the numbers of a unit, without those that only fill it."""
    star, encoder = fitted.family(fitted.own), fitted.encoder
    gained = gap(star.elbo, encoder)
    numbers = {
        "elbo": star.elbo.value,
        "std_error": star.elbo.std_error,
        "encoder_elbo": encoder.value,
        "encoder_std_error": encoder.std_error,
        "gap": gained.value,
        "gap_std_error": (gained.std_error.square() + star.shortfall.square()).sqrt(),
        "left": star.certificate.gap,
        "left_std_error": star.certificate.std_error,
        "status": star.status,
        "steps": star.steps,
        "start": star.start,
    }
    kept = torch.arange(size, device=star.start.device)
    return star.q.select(kept), {name: tensor[:size] for name, tensor in numbers.items()}


def _joined(family: str, parts: Sequence[tuple[Any, dict[str, Tensor]]]) -> Fitted:
    """The units as one."""
    (first, columns), tensors = parts[0], [q.tensors() for q, _ in parts]
    q = first.of(**{name: torch.cat([part[name] for part in tensors]) for name in tensors[0]})
    numbers = {name: torch.cat([part[name] for _, part in parts]) for name in columns}
    words = tuple(FitStatus(number).name.lower() for number in numbers.pop("status").tolist())
    return Fitted(family, q, status=words, **numbers)
