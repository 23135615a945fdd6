"""`--config FILE.toml` and `--print-config`: a run said once more, from a file."""

import tomllib

import pytest
import typer

from gapkit.cli.app import app
from gapkit.cli.settings import Setting, as_toml
from tests.results.by_hand import uneven

COMMANDS = typer.main.get_command(app).commands
GIVEN = {
    "amortize": ("m.py:Mine", "--data", "digits"),
    "compare": ("a", "b"),
    "export": ("a",),
    "init": ("a.pt",),
    "inspect": ("a.pt",),
    "merge": ("a",),
    "refit": ("a.pt", "--data", "digits", "--out", "new"),
    "report": ("a",),
    "train": ("--data", "digits", "--out", "new"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_printed_is_the_same_run_again(name, gapkit, tmp_path):
    code, first, err = gapkit(name, *GIVEN.get(name, ()), "--print-config")
    assert code == 0, err
    values = tomllib.loads(first)
    assert not {"config", "print-config", "help", "formats", "as-json", "open-report"} & set(values)
    (tmp_path / "run.toml").write_text(first, "utf-8")
    code, second, err = gapkit(name, "--config", "run.toml", "--print-config")
    assert code == 0, err
    assert second == first
    assert [path.name for path in tmp_path.iterdir()] == ["run.toml"]


def test_the_command_line_goes_before_the_file(gapkit, tmp_path):
    (tmp_path / "run.toml").write_text('checkpoint = "b.pt"\nlimit = 5\nfamily = "flow"\nsplit = ["train", "test"]\n')
    words = ("analyze", "--config", "run.toml", "--limit", 7, "--split", "test", "--print-config")
    values = tomllib.loads(gapkit(*words)[1])
    assert (values["checkpoint"], values["limit"], values["family"]) == (["b.pt"], 7, ["flow"])
    assert values["split"] == ["test"]
    assert tomllib.loads(gapkit("analyze", "a.pt", *words[1:])[1])["checkpoint"] == ["a.pt"]


@pytest.mark.usefixtures("no_pictures")
def test_a_command_runs_from_a_file(gapkit, tmp_path):
    for name, seed in (("one", 0), ("two", 1)):
        uneven(seed=seed, run={"checkpoint": {"name": f"{name}.pt"}, "settings": {"seed": 0}}).save(tmp_path / name)
    (tmp_path / "run.toml").write_text('runs = ["one", "two"]\nout = "both"\nformat = "html"\n')
    code, _, err = gapkit("compare", "--config", "run.toml")
    assert code == 0, err
    assert (tmp_path / "both" / "compare.html").exists()


FLAGS = [
    (name, option.opts[0].removeprefix("--"))
    for name, command in COMMANDS.items()
    for option in command.params
    if getattr(option, "is_flag", False) and option.name not in ("help", "print_config")
]


def test_the_table_of_flags_has_those_that_there_are():
    assert {("analyze", "resume"), ("train", "overwrite"), ("doctor", "json"), ("merge", "trust")} <= set(FLAGS)


@pytest.mark.parametrize("name", dict(FLAGS))
def test_all_flags_of_the_file_can_be_switched_off(name, gapkit, tmp_path):
    flags = [flag for command, flag in FLAGS if command == name]
    (tmp_path / "on.toml").write_text("".join(f"{flag} = true\n" for flag in flags))
    off = [f"--no-{flag}" for flag in flags]
    for words, expected in ((off, False), ((*off, *(f"--{flag}" for flag in flags)), True)):
        code, out, err = gapkit(name, *GIVEN.get(name, ()), "--config", "on.toml", *words, "--print-config")
        assert code == 0, err
        assert {flag: tomllib.loads(out)[flag] for flag in flags} == dict.fromkeys(flags, expected)
    assert not [word for word in off if word in gapkit(name, "--help")[1]]


BAD = {
    "no TOML": ("limit = = 5", "no TOML", "mend that line"),
    "unknown key": ("efort = 'quick'", "efort, which the command does not take", "did you mean effort?"),
    "key with an underscore": ("data_key = 'x'", "data_key", "did you mean data-key?"),
    "key like none": ("zzz = 1", "zzz", "use checkpoint, model"),
    "itself": ("config = 'a.toml'", "config", "to do"),
    "a table": ("[data]\nname = 'x'", "{'name': 'x'}", "write text in quotes"),
    "text for a number": ("limit = 'five'", "limit in run.toml", "write a whole number: limit = 10"),
    "part of a number": ("limit = 1.5", "1.5", "write a whole number"),
    "true for a number": ("seed = true", "True", "write a whole number"),
    "a number for text": ("data = 5", "5", "write text in quotes"),
    "a number for a flag": ("resume = 1", "1", "write true or false"),
    "a number in a list": ("split = ['test', 1]", "split in run.toml", "write text in quotes"),
    "a list for one": ("effort = ['quick']", "['quick']", "write text in quotes"),
    "empty file": ("", "the file is empty", "to do"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_file_is_explained(name, gapkit, tmp_path):
    text, found, do = BAD[name]
    (tmp_path / "run.toml").write_text(text)
    code, out, err = gapkit("analyze", "a.pt", "--config", "run.toml", "--print-config")
    assert (code, out) == (2, "")
    assert found in err
    assert do in err


def test_any_text_comes_back():
    known = {"data": Setting("data", "data", "str", False, False)}
    for text in ('a "quoted" \\ word', "名前 🎲", "tab\tline\nend\x7f", ""):
        assert tomllib.loads(as_toml("analyze", {"data": text}, known)) == {"data": text}
