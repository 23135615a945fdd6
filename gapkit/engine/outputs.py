"""Outputs of a unit's stages, each under an identity of what it was made of: one that is there is not made again.

An identity is a digest of the model, the datapoints, the settings that the stage reads, and the identities of the
stages before it. So one more family of q*, or more temperatures, leaves the identities of all other stages as they are.
"""

import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gapkit.engine.skipped import reason
from gapkit.target.work import Work as Counted

__all__ = ["Made", "Output", "digest", "unrepeatable"]

T = TypeVar("T")


@dataclass(frozen=True)
class Output:
    """What a stage gave for a unit.

    Attributes:
        identity: of what it was made of.
        value: of any kind.
        work: decoder evaluations it took.
        seconds: that it took.
    """

    identity: str
    value: Any
    work: Counted
    seconds: float


@dataclass
class Made:
    """Runs the stages of a unit, or takes their outputs from before.

    Attributes:
        identity: of the unit: model, datapoints and seed; empty where nothing is to be kept.
        have: outputs from before, by the name of the stage.
        counted: the running count of decoder evaluations.
        outputs: all that the unit has by now.
        seconds: spent now, by the first part of the name.
        skipped: why an optional stage gave nothing, by its name.
    """

    identity: str
    have: Mapping[str, Output]
    counted: Counted
    outputs: dict[str, Output] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __call__(self, name: str, settings: object, work: Callable[..., T], *args: Any, after: Iterable[str] = ()) -> T:
        """The output of a stage.

        Args:
            name: of the stage; what stands before a slash names its seconds.
            settings: all that it reads beside the unit and the stages before it; equal ones have equal ``repr``.
            work: makes it.
            args: of ``work``.
            after: names of the stages whose outputs it reads.
        """
        identity = ""
        if self.identity:
            identity = digest(self.identity, name, settings, *(self.outputs[other].identity for other in after))
            there = self.have.get(name)
            if there is not None and there.identity == identity:
                self.outputs[name] = there
                value: T = there.value
                return value
        before, start = self.counted.copy(), time.perf_counter()
        value = work(*args)
        spent, title = time.perf_counter() - start, name.partition("/")[0]
        self.seconds[title] = self.seconds.get(title, 0.0) + spent
        if identity:
            self.outputs[name] = Output(identity, value, self.counted - before, spent)
        return value

    def optional(
        self, name: str, settings: object, work: Callable[..., T], *args: Any, after: Iterable[str] = ()
    ) -> T | None:
        """The output of a stage that the unit does without: where it fails, None, and the reason is kept."""
        try:
            return self(name, settings, work, *args, after=after)
        except Exception as error:  # whatever a model does here, the numbers of the other stages stand
            self.skipped[name] = reason(error)
            return None


def unrepeatable() -> str:
    """Settings that equal no others: of the user's own code nobody can say whether it is still what it was.

    Example:
        >>> unrepeatable() == unrepeatable()
        False
    """
    return uuid.uuid4().hex


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
