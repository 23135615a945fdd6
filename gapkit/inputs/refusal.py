"""What is said of a pickle that asks for more than weights: what for, and exactly which options open it."""

from collections.abc import Sequence
from pathlib import Path

from gapkit.core.errors import InputError
from gapkit.inputs.admitted import is_own, refused_because
from gapkit.inputs.digests import file_sha256, sha256_of

__all__ = ["WantsCode", "refusal", "refusal_of_code", "remedy"]

_SHOWN, _MOST_OPTIONS = 12, 24
_DIGITS = 8
_WEIGHTS = "or save only the weights where it was made, torch.save(model.state_dict(), 'model.pt')"


class WantsCode(InputError):
    """A pickle asks for more than weights and plain data."""


def remedy(path: Path, wanted: Sequence[str], code: str | None = None) -> str:
    """The options that open a pickle which asks for these names, exactly as they are to be passed.

    Args:
        path: of the file.
        wanted: what it asks for.
        code: ``path/to/file.py:name`` of the user's, or None.

    Example:
        >>> remedy(Path("a.pt"), ["argparse.Namespace"])
        '--allow-global argparse.Namespace'
        >>> remedy(Path("a.pt"), ["__main__.Vae", "torch.nn.modules.linear.Linear"])
        '--model file.py:Vae --allow-global __main__.Vae --allow-global torch.nn.modules.linear.Linear'
    """
    spec = code or next((f"file.py:{name.rpartition('.')[2]}" for name in wanted if is_own(name)), None)
    if len(wanted) > _MOST_OPTIONS or any(refused_because(name, spec) is not None for name in wanted):
        return f"--trust-pickle {file_sha256(path)[:_DIGITS]}"
    own = [f"--model {spec}"] if code is None and spec is not None else []
    return " ".join([*own, *(f"--allow-global {name}" for name in wanted)])


def refusal_of_code(asked: str, wanted: Sequence[str], trusted: Path) -> WantsCode:
    """The error for a pickle that is nothing but code, as one that holds a network of the user's own.

    Args:
        asked: beginning of the error message.
        wanted: what it asks for.
        trusted: the file, or the folder that it belongs to, of which consent is asked.
    """
    more = f" and {len(wanted) - _SHOWN} more" if len(wanted) > _SHOWN else ""
    found = f"a pickle that would run code when opened: it asks for {', '.join(wanted[:_SHOWN])}{more}"
    option = f"--trust-pickle {sha256_of(trusted)[:_DIGITS]}"
    do = (
        f"pass {option} (trust_pickle=True in Python), which runs that code, if you know where {trusted.name} comes "
        "from; or build the network in a file of yours (--model file.py:function)"
    )
    return WantsCode(asked, f"{found} (nothing was executed)", do)


def refusal(path: Path, asked: str, wanted: Sequence[str], allowed: Sequence[str], code: str | None) -> WantsCode:
    """The error for a pickle that asks for more than was let in.

    Args:
        path: of the file.
        asked: beginning of the error message.
        wanted: what it asks for.
        allowed: what was let in.
        code: ``path/to/file.py:name`` of the user's, or None.
    """
    more = f" and {len(wanted) - _SHOWN} more" if len(wanted) > _SHOWN else ""
    found = f"a pickle that would run code when opened: it asks for {', '.join(wanted[:_SHOWN])}{more}"
    options = remedy(path, wanted, code)
    if all(name in allowed for name in wanted):
        found += ", and does more with them than reading data takes"
        options = f"--trust-pickle {file_sha256(path)[:_DIGITS]}"
    if options.startswith("--trust-pickle"):
        barred = [name for name in wanted if not is_own(name) and refused_because(name, code) is not None]
        why = f" ({', '.join(barred[:3])} cannot be let in by name)" if barred else ""
        do = (
            f"pass {options} (trust_pickle=True in Python), which runs that code, if you know where the file comes "
            f"from{why}; {_WEIGHTS}"
        )
    else:
        do = f"pass {options} (allow_globals= in Python), which lets these in and nothing else; {_WEIGHTS}"
    return WantsCode(asked, f"{found} (nothing was executed)", do)
