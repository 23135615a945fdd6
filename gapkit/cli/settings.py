"""``--config FILE.toml``: options from a file; and ``--print-config``: those of a run as such a file.

Keys are the names of the command's options without their dashes, and of its arguments. What the command line gives goes
before the file.
"""

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from gapkit.core.errors import InputError

__all__ = ["Setting", "as_toml", "as_words", "read_settings", "settings_of"]

_MEANT: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "true or false"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "text in quotes"),
    "Path": ((str,), "a path in quotes"),
}


@dataclass(frozen=True)
class Setting:
    """An option or an argument of a command.

    Attributes:
        key: as a file calls it.
        name: of the command's parameter.
        kind: of its values: bool, int, float, str or Path.
        several: whether there may be more than one.
        argument: whether it stands on the command line without a name.
    """

    key: str
    name: str
    kind: str
    several: bool
    argument: bool

    def read(self, value: Any, asked: str) -> Any:
        """The value of a file as the command takes it.

        Args:
            value: as TOML has it.
            asked: beginning of the error message.

        Raises:
            InputError: another kind of value.

        Example:
            >>> Setting("split", "split", "str", True, False).read("test", "split in run.toml")
            ['test']
        """
        if self.several:
            one = replace_several(self)
            return [one.read(each, asked) for each in (value if isinstance(value, list) else [value])]
        types, words = _MEANT[self.kind]
        if not isinstance(value, types) or (isinstance(value, bool) and self.kind != "bool"):
            raise InputError(asked, f"{value!r:.80}", f"write {words}: {self.key} = {_EXAMPLES[self.kind]}")
        return value


_EXAMPLES = {"bool": "true", "int": "10", "float": "0.1", "str": '"..."', "Path": '"..."'}


def replace_several(setting: Setting) -> Setting:
    """The same for one of several values."""
    return Setting(setting.key, setting.name, setting.kind, False, setting.argument)


def settings_of(parameters: Iterable[inspect.Parameter]) -> dict[str, Setting]:
    """What a command may be told by a file, by key.

    Args:
        parameters: of the command, each annotated for typer.

    Example:
        >>> from typing import Annotated
        >>> from typer import Option
        >>> def command(formats: Annotated[list[str] | None, Option("--format")] = None) -> None: ...
        >>> settings_of(inspect.signature(command).parameters.values())
        {'format': Setting(key='format', name='formats', kind='str', several=True, argument=False)}
    """
    found = {}
    for parameter in parameters:
        kind, *told = get_args(parameter.annotation) or (parameter.annotation,)
        info = next((each for each in told if hasattr(each, "param_decls")), None)
        if info is None:
            continue
        argument = type(info).__name__ == "ArgumentInfo"
        # In an annotation, typer takes the first name of an option for its default.
        words = [word for word in (info.default, *(info.param_decls or ())) if isinstance(word, str)]
        long = [word for word in words if word.startswith("--")]
        key = long[0].split("/")[0].removeprefix("--") if long else parameter.name.replace("_", "-")
        words = re.findall(r"\w+", kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind))
        value = next((word for word in words if word in _MEANT), "str")
        found[key] = Setting(key, parameter.name, value, "list" in words, argument)
    return found


def as_words(values: Mapping[str, Any], known: Mapping[str, Setting]) -> list[str]:
    """Settings as words of a command line.

    Args:
        values: by the names of parameters; those that are not there are left out.
        known: what the command takes.

    Example:
        >>> split, resume = Setting("split", "a", "str", True, False), Setting("resume", "b", "bool", False, False)
        >>> as_words({"a": ["test", "train"], "b": False}, {"split": split, "resume": resume})
        ['--split', 'test', '--split', 'train', '--no-resume']
    """
    options, arguments = list[str](), list[str]()
    for key, setting in known.items():
        if setting.name not in values:
            continue
        value = values[setting.name]
        each = [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
        if setting.argument:
            arguments += each
        elif isinstance(value, bool):
            options.append(f"--{'' if value else 'no-'}{key}")
        else:  # a value that begins with a dash is not to be taken for an option
            options += [
                word for one in each for word in ([f"--{key}={one}"] if one.startswith("-") else [f"--{key}", one])
            ]
    return [*arguments, *options]


def read_settings(path: Path, known: Mapping[str, Setting]) -> dict[str, Any]:
    """The settings of a file, by the names of parameters.

    Args:
        path: of the file.
        known: what the command takes.

    Raises:
        InputError: no such file, no TOML, a key that is none of the command's, or a value of another kind.
    """
    import difflib
    import tomllib

    from gapkit.core.files import require_file

    asked = f"read the settings in {path}"
    require_file(path, asked)
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        do = 'mend that line; a setting is such as limit = 100 or effort = "quick"'
        raise InputError(asked, f"no TOML: {error}", do) from error
    found = {}
    for key, value in values.items():
        if key not in known:
            close = difflib.get_close_matches(key.replace("_", "-"), known, n=1, cutoff=0.5)
            do = f"did you mean {close[0]}?" if close else f"use {', '.join(known)}"
            raise InputError(asked, f"{key}, which the command does not take", do)
        found[known[key].name] = known[key].read(value, f"{key} in {path}")
    return found


def as_toml(command: str, values: Mapping[str, Any], known: Mapping[str, Setting]) -> str:
    """Settings as the text of a file that :func:`read_settings` reads as the same ones.

    Args:
        command: name of the command.
        values: by the names of parameters; None and nothing at all are told in a comment.
        known: what the command takes.

    Example:
        >>> known = {"data-key": Setting("data-key", "data_key", "str", False, False)}
        >>> print(as_toml("analyze", {"data_key": "x"}, known), end="")
        # gapkit analyze --config THIS_FILE
        data-key = "x"
    """
    lines = [f"# gapkit {command} --config THIS_FILE"]
    for key, setting in known.items():
        value = values.get(setting.name)
        several = isinstance(value, list | tuple)
        if value is None or (several and not value):
            lines.append(f"# {key} =")
        else:
            text = f"[{', '.join(_toml(each) for each in value)}]" if several else _toml(value)
            lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value of TOML.

    Example:
        >>> _toml(True), _toml(1e-05), _toml(Path("a b"))
        ('true', '1e-05', '"a b"')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", r"\u007f")
