"""Stages of a unit and their outputs, each under an identity of what it is made of, so that none is made twice.

An identity is a digest of the model, the datapoints, the settings that the stage reads, and the identities of the
stages before it. So one more family of q*, or more temperatures, leaves the identities of all other stages as they are,
and all of them are known before any work is done.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gapkit.target.work import Work as Counted

__all__ = ["Cost", "Output", "Stage", "digest", "identities", "settings_of"]


@dataclass(frozen=True)
class Stage:
    """One step of a unit: what it reads, and what makes it.

    Attributes:
        name: what stands before a slash names its seconds.
        run: from the batch and the outputs of the stages ``after`` which it comes, by name, to its own output.
        reads: the settings it reads beside these; equal ones have equal ``repr``.
        after: names of the stages whose outputs it is given, those that are optional only where they could be made.
        optional: whether the unit goes without it where it fails.
    """

    name: str
    run: Callable[[Any, Mapping[str, Any]], Any]
    reads: object = ()
    after: tuple[str, ...] = ()
    optional: bool = False

    @property
    def title(self) -> str:
        """What its seconds and its progress are shown under.

        Example:
            >>> Stage("fits/flow", lambda batch, have: None).title
            'fits'
        """
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class Cost:
    """What an output took.

    Attributes:
        work: decoder evaluations.
        seconds: of the wall clock.
    """

    work: Counted = field(default_factory=Counted)
    seconds: float = 0.0


@dataclass(frozen=True)
class Output:
    """What a stage gave for a unit.

    Attributes:
        identity: of what it was made of.
        value: of any kind.
        cost: of making it.
    """

    identity: str
    value: Any
    cost: Cost


def identities(base: str, stages: Sequence[Stage]) -> dict[str, str]:
    """The identity of each stage of a unit, by name.

    Args:
        base: identity of the unit: model, datapoints and seed.
        stages: in their order.

    Example:
        >>> def made(batch, have): ...
        >>> one = identities("unit", [Stage("fits", made, 3), Stage("evidence", made, 5, ("fits",))])
        >>> other = identities("unit", [Stage("fits", made, 3), Stage("evidence", made, 6, ("fits",))])
        >>> one["fits"] == other["fits"], one["evidence"] == other["evidence"]
        (True, False)
    """
    found: dict[str, str] = {}
    for stage in stages:
        found[stage.name] = digest(base, stage.name, stage.reads, *(found[name] for name in stage.after))
    return found


def settings_of(own: object, run: str) -> object:
    """Settings as a stage reads them, of an object that may be the user's own.

    What gapkit defines as a frozen dataclass is told by its fields. Of other code nobody can say whether it is in
    another run still what it was, so that it equals nothing there.

    Args:
        own: an estimator, say.
        run: a word that no other run has.

    Example:
        >>> from gapkit.estimators import ReciprocalIs
        >>> settings_of(ReciprocalIs(), "1") == settings_of(ReciprocalIs(), "2"), settings_of(print, "1")
        (True, '1')
    """
    kind = type(own)
    ours = kind.__module__.partition(".")[0] == "gapkit" and dataclasses.is_dataclass(own)
    return repr(own) if ours else run


def digest(*parts: object) -> str:
    """A digest of values by their ``repr``; bytes are taken as they are.

    Example:
        >>> digest("fits", 3) == digest("fits", 3), digest("fits", 3) == digest("fits", 4)
        (True, False)
    """
    found = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else repr(part).encode()
        found.update(len(content).to_bytes(8, "big") + content)
    return found.hexdigest()
