"""Runs the command line many times over: every run is a process of its own, forked from one that has imported all."""

import contextlib
import dataclasses
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time
import traceback

ROOT = pathlib.Path(__file__).parents[2]
_MOST_SECONDS, _MOST_BYTES = 60, 6 * 10**9  # a run that goes wrong must not take the machine with it


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

    def __call__(self, folder, *words):
        self._process.stdin.write(json.dumps([str(folder), [str(word) for word in words]]).encode() + b"\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _serve():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # What every run would otherwise import again.
    import matplotlib.backends.backend_svg
    import pyarrow.parquet
    import sklearn.datasets

    import gapkit.checkpoints
    import gapkit.cli.app
    import gapkit.comparison
    import gapkit.data
    import gapkit.engine
    import gapkit.plots
    import gapkit.report
    import gapkit.training  # noqa: F401

    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere), contextlib.suppress(SystemExit):
        sys.argv = ["gapkit", "export", "absent"]
        gapkit.cli.app.main()
    for line in sys.stdin:
        folder, words = json.loads(line)
        outcome = _forked(folder, words)
        answers.write(json.dumps(dataclasses.asdict(outcome)) + "\n")
        answers.flush()


def _forked(folder, words):
    paths = [os.path.join(folder, f".{name}.{time.monotonic_ns()}") for name in ("stdout", "stderr")]
    child = os.fork()
    if child == 0:
        _run(folder, words, paths)
    _, status, used = os.wait4(child, 0)
    printed = [pathlib.Path(path).read_bytes().decode("utf-8", "backslashreplace") for path in paths]
    for path in paths:
        os.unlink(path)
    return Outcome(
        os.waitstatus_to_exitcode(status), *printed, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6
    )


def _run(folder, words, paths):
    """Never returns."""
    code = 1
    try:
        for number, path in enumerate(paths, 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        signal.alarm(_MOST_SECONDS)
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
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
