"""Runs the command line many times over: every run is a process of its own, forked from one that has imported all."""

import contextlib
import dataclasses
import importlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import traceback

ROOT = pathlib.Path(__file__).parents[2]
_MOST_SECONDS, _MOST_BYTES = 60, 6 * 10**9  # a run that goes wrong must not take the machine with it
# What every run would otherwise import again.
_IMPORTED = (
    "matplotlib.backends.backend_svg",
    "pyarrow.parquet",
    "sklearn.datasets",
    *(
        f"gapkit.{name}"
        for name in ("checkpoints", "comparison", "inputs.data", "engine", "plots", "report", "training")
    ),
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended, what it printed, and what it took."""

    code: int
    out: str
    err: str
    seconds: float  # of the processor, so that a busy machine does not count
    peak_mb: float


class Runner:
    """Runs ``gapkit WORDS`` in a folder."""

    def __init__(self):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.hostile.runner"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __call__(self, folder, *words, user=None):
        """Run it, as another user if asked."""
        self._process.stdin.write(json.dumps([str(folder), [str(word) for word in words], user]).encode() + b"\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _serve():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in _IMPORTED:
        importlib.import_module(name)
    from gapkit.cli import main

    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere), contextlib.suppress(SystemExit):
        sys.argv = ["gapkit", "export", "absent"]
        main()
    for line in sys.stdin:
        outcome = _forked(*json.loads(line))
        answers.write(json.dumps(dataclasses.asdict(outcome)) + "\n")
        answers.flush()


def _forked(folder, words, user):
    paths = [os.path.join(tempfile.gettempdir(), f"{name}.{os.getpid()}") for name in ("stdout", "stderr")]
    child = os.fork()
    if child == 0:
        _run(folder, words, user, paths)
    _, status, used = os.wait4(child, 0)
    printed = [pathlib.Path(path).read_bytes().decode("utf-8", "backslashreplace") for path in paths]
    for path in paths:
        os.unlink(path)
    return Outcome(
        os.waitstatus_to_exitcode(status), *printed, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6
    )


def _run(folder, words, user, paths):
    """Never returns."""
    code = 1
    try:
        for number, path in enumerate(paths, 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        signal.alarm(_MOST_SECONDS)
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
        if user is not None:
            os.setuid(user)
        os.chdir(folder)
        sys.argv = ["gapkit", *words]
        from gapkit.cli import main

        main()
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
