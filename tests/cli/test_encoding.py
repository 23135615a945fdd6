"""Output in an encoding that lacks the signs of the verdict."""

import os
import subprocess
import sys

CODE = "from gapkit.cli.streams import tolerant_streams; tolerant_streams(); print('\u221294.7 \u00b1 0.3 \u00e9')"


def output(encoding):
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, env=env)
    return done.stdout.strip()


def test_signs_become_ascii_where_they_have_to():
    assert output("ascii") == b"-94.7 +- 0.3 \\xe9"
    assert output("cp1252") == "-94.7 \u00b1 0.3 \u00e9".encode("cp1252")


def test_and_stay_where_they_can():
    assert output("utf-8").decode("utf-8") == "\u221294.7 \u00b1 0.3 \u00e9"
