"""Code of a pickle runs only where the user has named this very file, or has typed yes."""

import io
import os
import pty
import subprocess
import sys

import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.inputs.consent import checked_trust, require_consent
from gapkit.inputs.read import file_sha256, read
from tests.inputs.calling import Call


@pytest.fixture
def harmful(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"w": torch.ones(1), "c": Call(os.mkdir, ("canary",))}, "a.pt")
    return tmp_path / "a.pt"


def test_the_refusal_prints_the_option_that_works(harmful):
    with pytest.raises(InputError, match="pass --trust-pickle") as refusal:
        read(harmful)
    digits = refusal.value.do.split()[2]
    assert len(digits) == 8
    assert not os.path.exists("canary")
    assert read(harmful, trust_pickle=digits)["w"] == 1
    assert os.path.exists("canary")


@pytest.mark.parametrize("length", [8, 12, 64])
def test_more_digits_are_taken_too_and_several_files(harmful, length):
    digits = file_sha256(harmful)[:length]
    assert read(harmful, trust_pickle=f"00000000,{digits.upper()}")["w"] == 1


def test_another_file_is_not_run(harmful):
    with pytest.raises(InputError, match="its sha256 begins") as refusal:
        read(harmful, trust_pickle="00000000")
    assert refusal.value.do.endswith(f"--trust-pickle 00000000,{file_sha256(harmful)[:8]}")
    assert not os.path.exists("canary")


@pytest.mark.parametrize("text", ["", "yes", "true", "1234567", "xyzxyzxyz", "12345678,", "12345678 9", "a" * 65])
def test_nothing_else_is_consent(harmful, text):
    with pytest.raises(InputError, match="at least 8 hexadecimal digits"):
        checked_trust(text)
    if text:
        with pytest.raises(InputError):
            read(harmful, trust_pickle=text)
    assert not os.path.exists("canary")


def test_without_a_terminal_nobody_is_asked(harmful, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    with pytest.raises(InputError, match="no terminal to ask on") as refusal:
        read(harmful, trust_pickle="ask")
    assert f"--trust-pickle {file_sha256(harmful)[:8]}" in refusal.value.do
    assert not os.path.exists("canary")


@pytest.mark.parametrize(("answer", "runs"), [("yes", True), ("y", False), ("", False), ("no", False)])
def test_a_typed_yes_on_a_terminal(harmful, answer, runs, monkeypatch):
    ours, theirs = pty.openpty()
    monkeypatch.setattr(sys, "stdin", os.fdopen(os.dup(theirs), "r"))
    monkeypatch.setattr(sys, "stderr", os.fdopen(os.dup(theirs), "w"))
    os.write(ours, f"{answer}\n".encode())
    try:
        if runs:
            require_consent(harmful, "read", ["posix.mkdir", "\x1b[2J"], "ask")
        else:
            with pytest.raises(InputError, match="nothing was executed"):
                require_consent(harmful, "read", ["posix.mkdir"], "ask")
        sys.stderr.flush()
        shown = ""
        while "run it" not in shown:
            shown += os.read(ours, 4000).decode()
    finally:
        sys.stdin.close()
        sys.stderr.close()
        os.close(ours)
        os.close(theirs)
    assert "runs code when it is opened" in shown
    assert "\x1b" not in shown.replace("^[", "")


def test_a_folder_is_named_by_all_its_files(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a.json").write_text("{}")
    with pytest.raises(InputError, match="its sha256 begins") as refusal:
        require_consent(tmp_path / "model", "read", ["a.b"], "00000000")
    digits = refusal.value.do.rpartition(",")[2]
    require_consent(tmp_path / "model", "read", ["a.b"], digits)
    (tmp_path / "model" / "b.json").write_text("{}")
    with pytest.raises(InputError):
        require_consent(tmp_path / "model", "read", ["a.b"], digits)


def test_the_command_line_takes_no_bare_flag(harmful):
    done = subprocess.run(
        [sys.executable, "-m", "gapkit", "score", "a.pt", "--data", "digits", "--trust-pickle"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"},
    )
    assert done.returncode == 2
    assert "--trust-pickle" in done.stderr
    assert not os.path.exists("canary")
