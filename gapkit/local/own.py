"""The register of families of one's own."""

from collections.abc import Callable, Sequence
from dataclasses import is_dataclass

from torch.distributions import Distribution

from gapkit.core.errors import InputError
from gapkit.families.protocol import Posterior
from gapkit.ladder import Further
from gapkit.local.families import BUILT_IN, FITTERS
from gapkit.local.fitter import Fitter
from gapkit.local.gradient_fitter import GradientFitter
from gapkit.target.recognise import forget_name, name_family

__all__ = ["families_in_words", "forget_family", "own_families", "register_family"]

_LONGEST = 60  # characters of a label: it heads rows of tables
_CONTRACT = ("tensors", "of", "push", "log_prob", "select", "marginal_scale")
_WORDS: dict[str, Further] = {}


def register_family(
    name: str,
    family: type,
    fitter: Fitter | None = None,
    *,
    recognise: Callable[[Distribution], Posterior | None] | None = None,
    label: str = "",
    words: str = "",
) -> None:
    """Give a family of one's own a name, and with it q*, a place in tables, and words.

    From then on ``family=name`` is known to :func:`gapkit.analyze`, :func:`gapkit.fit` and
    :func:`gapkit.engine.spec_for`, and an encoder whose posterior is of this family is split in it. Registering a name
    again replaces what it stood for. It holds in this process only.

    Args:
        name: a short name of letters; the columns are ``elbo_star_NAME`` and ``approximation_gap_NAME``, in nats.
        family: the class, best derived from :class:`gapkit.families.Family`.
        fitter: how it is fitted, see :class:`gapkit.local.fitter.Fitter`; None takes :class:`GradientFitter`.
        recognise: brings what ``encode`` returns into a member of the family, and gives None for all else; needed only
            for encoders that return no :class:`gapkit.families.TransportDistribution`.
        label: what it is called in tables; empty for the name.
        words: what a member is, in a few words after "the best"; empty for the label.

    Raises:
        InputError: a name that makes no column or is gapkit's own, a label too long for a table, a class that gapkit
            knows, or one without the methods that a fit needs.

    Example:
        >>> from gapkit.families import DiagonalGaussian
        >>> class Mine(DiagonalGaussian):
        ...     @classmethod
        ...     def matching(cls, loc, deviation):
        ...         return cls(loc, deviation)
        >>> register_family("mine", Mine, words="Gaussian of mine")
        >>> "mine" in FITTERS
        True
        >>> forget_family("mine")
    """
    asked, do = f"a family named {name!r:.80}", "use another short name of letters, such as laplace"
    if not (isinstance(name, str) and name.isidentifier() and name.isascii() and len(name) <= 30):
        raise InputError(asked, "names of columns are up to 30 letters, digits and underscores", do)
    if name in BUILT_IN or name == "se" or name.endswith("_se"):
        found = "one of gapkit's own" if name in BUILT_IN else "the name of a column of errors"
        raise InputError(asked, found, do)
    if len(label) > _LONGEST:
        raise InputError(asked, f"a label of {len(label)} characters", f"use at most {_LONGEST}")
    if not isinstance(family, type):
        raise InputError(asked, f"a {type(family).__name__} in the place of a class", "give the class of its members")
    needed = _CONTRACT if fitter else (*_CONTRACT, "matching")
    missing = [part for part in needed if not callable(getattr(family, part, None))]
    if missing:
        found = f"{family.__name__} without {', '.join(missing)}"
        raise InputError(asked, found, "derive it from gapkit.families.Family, which says what it needs")
    open_ = sorted(getattr(family, "__abstractmethods__", ()))
    if open_ or not is_dataclass(family):
        found = (
            f"{family.__name__} without {', '.join(open_)}" if open_ else f"{family.__name__}, which is no dataclass"
        )
        raise InputError(asked, found, "write the methods, and @dataclass(frozen=True) above the class")
    name_family(family, name, recognise)
    FITTERS[name] = fitter or GradientFitter(family)
    _WORDS[name] = Further("family", name, label or name.replace("_", " "), words)


def forget_family(name: str) -> None:
    """Undo :func:`register_family`; a name that is unknown or gapkit's own is left alone.

    Example:
        >>> forget_family("nothing")
    """
    if name in BUILT_IN:
        return
    FITTERS.pop(name, None)
    _WORDS.pop(name, None)
    forget_name(name)


def own_families(names: Sequence[str]) -> tuple[Further, ...]:
    """What tables say of those among the families that are one's own."""
    return tuple(_WORDS[name] for name in dict.fromkeys(names) if name in _WORDS)


def families_in_words(names: Sequence[str]) -> tuple[Further, ...]:
    """What a result must say of those among the families that no ladder knows: one's own, and those of special latents.

    Example:
        >>> [(found.name, found.meaning) for found in families_in_words(["full_rank", "gamma"])]
        [('gamma', 'gamma distribution of each latent')]
    """
    found = {further.name: further for further in own_families(names)}
    for name in names:
        words = getattr(getattr(FITTERS.get(name), "family", None), "words", "")
        if words and name not in found:
            found[name] = Further("family", name, name.replace("_", " "), words)
    return tuple(found.values())
