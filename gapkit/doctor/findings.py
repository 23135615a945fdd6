"""What becomes of the findings of checks: refused, allowed all the same, warned about, or noted."""

from collections.abc import Sequence
from dataclasses import replace

from gapkit.core.errors import InputError
from gapkit.core.findings import Finding

__all__ = ["LEVELS", "check_allowed", "settled"]

LEVELS = ("error", "allowed", "warning", "note")


def check_allowed(allow: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the names of checks that may fail.

    Raises:
        InputError: a name that no check has.
    """
    for name in allow:
        if name not in known:
            raise InputError(f"go on whatever the check {name!r} finds", "no such check", f"use {', '.join(known)}")
    return tuple(dict.fromkeys(allow))


def settled(findings: Sequence[Finding], allow: Sequence[str]) -> tuple[Finding, ...]:
    """Refuse what must not go on, and mark what goes on because the user said so; a warning that is known is a note.

    Args:
        findings: in the order of the checks.
        allow: names of checks that the user knows to fail.

    Raises:
        InputError: an error that is not allowed; all of them are told, the first one first.
    """
    refused = [finding for finding in findings if finding.level == "error" and finding.check not in allow]
    if refused:
        first = refused[0]
        others = "".join(f"; also, {other.asked}: {other.found}" for other in refused[1:])
        names = " ".join(f"--allow {finding.check}" for finding in refused)
        words = ", ".join(repr(finding.check) for finding in refused)
        go_on = f"to go on all the same, and have the report begin with it: {names} (allow=[{words}])"
        raise InputError(first.asked, first.found + others, f"{first.do}; {go_on}")
    known = {"error": "allowed", "warning": "note"}
    return tuple(
        replace(finding, level=known.get(finding.level, finding.level)) if finding.check in allow else finding
        for finding in findings
    )
