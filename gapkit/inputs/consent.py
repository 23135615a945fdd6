"""A pickle that runs code is opened with the user's consent to this very file, and not to whatever has its name.

Consent is ``True`` in Python, where the user has written the call; on the command line the first digits of the file's
sha256, or a typed yes.
"""

import re
import sys
from pathlib import Path

from gapkit.core.errors import InputError, printable
from gapkit.inputs.digests import sha256_of

__all__ = ["ASK", "Trust", "checked_trust", "require_consent"]

Trust = bool | str
ASK = "ask"
_DIGITS = re.compile(r"[0-9a-f]{8,64}")


def checked_trust(trust: Trust) -> Trust:
    """What ``--trust-pickle`` was given, if it can be consent at all.

    Args:
        trust: True, False, ``"ask"``, or first digits of one file or, with commas, of several.

    Raises:
        InputError: a text of another kind, or too few digits.

    Example:
        >>> checked_trust("3FA2C19B")
        '3fa2c19b'
    """
    if isinstance(trust, bool) or trust == ASK:
        return trust
    words = [word.strip().lower() for word in trust.split(",")]
    if not all(_DIGITS.fullmatch(word) for word in words):
        found = "no digits of a sha256"
        do = f"give at least 8 hexadecimal digits of the file's sha256 (gapkit inspect FILE tells it), or {ASK}"
        raise InputError(f"--trust-pickle {trust}", found, do)
    return ",".join(words)


def require_consent(path: Path, asked: str, wanted: list[str], trust: Trust) -> None:
    """Go on only with the user's consent to this file.

    Args:
        path: of the file, or of a folder.
        asked: beginning of the error message.
        wanted: what the pickle would import.
        trust: True; ``"ask"`` for a question on the terminal; or first digits of the sha256.

    Raises:
        InputError: it is another file than the digits are of; no terminal to ask on; or another answer than yes.
    """
    if trust is True:
        return
    digest = sha256_of(path)
    if trust == ASK:
        _ask(path, asked, wanted, digest)
        return
    given = str(checked_trust(trust))
    if not any(digest.startswith(word) for word in given.split(",")):
        found = f"another file than you have named: its sha256 begins {digest[:8]}, not {given:.80}"
        do = f"look where the file comes from; if you trust this one too, pass --trust-pickle {given},{digest[:8]}"
        raise InputError(asked, found, do)


def _ask(path: Path, asked: str, wanted: list[str], digest: str) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        found = "no terminal to ask on"
        raise InputError(asked, found, f"pass --trust-pickle {digest[:8]}, if you know where the file comes from")
    listed = ", ".join(wanted[:12])
    question = (
        f"{path} (sha256 {digest[:16]}...) runs code when it is opened; it asks for {listed}.\nType yes to run it: "
    )
    sys.stderr.write(printable(question))
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise InputError(asked, "no yes, so nothing was executed", "save only the weights where the file was made")
