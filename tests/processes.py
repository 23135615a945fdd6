"""Python in processes of their own, forked from one that has imported a few libraries, so that no test waits for them.

Of gapkit nothing is imported before the fork, and of the libraries only what ``import NAME`` brings.
"""

import atexit
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback
import types

ROOT = pathlib.Path(__file__).parents[1]
TABLES = ("pandas", "pyarrow.parquet")
TORCH = ("torch", "pandas")


def python(code, *words, after=TORCH, cwd=None, warnings="default"):
    """As ``subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)``.

    after: the names of libraries that are imported already. warnings: as after ``python -W``.
    """
    process = _first(after, warnings)
    request = {"code": code, "words": [str(word) for word in words], "folder": str(cwd or os.getcwd())}
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    return subprocess.CompletedProcess([sys.executable, "-c", code, *words], *json.loads(process.stdout.readline()))


@functools.cache
def _first(after, warnings):
    """It ends with this process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", warnings, "-m", "tests.processes", *after]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(process.communicate)  # ends its input, and waits
    return process


def _serve(names):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in names:
        __import__(name)
    for line in sys.stdin:
        answers.write(json.dumps(_forked(**json.loads(line))) + "\n")
        answers.flush()


def _forked(code, words, folder):
    with tempfile.TemporaryDirectory() as place:
        paths = [pathlib.Path(place) / name for name in ("stdout", "stderr")]
        child = os.fork()
        if child == 0:
            _run(code, words, folder, paths)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), *(path.read_text("utf-8") for path in paths)


def _run(code, words, folder, paths):
    """Never returns."""
    ended = 1
    try:
        for number, path in enumerate(paths, 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
        os.chdir(folder)
        sys.argv, sys.path[0] = ["-c", *words], ""
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), vars(sys.modules["__main__"]))
        ended = 0
    except SystemExit as stop:
        ended = int(stop.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended)


if __name__ == "__main__":
    _serve(sys.argv[1:])
