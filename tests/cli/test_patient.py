"""Ctrl-C at any moment, also in the middle of a line that is being written."""

import subprocess
import sys

CODE = """
import io, os, signal, sys
from gapkit.cli.keeping import patient

class Interrupted(io.RawIOBase):
    sent = False

    def writable(self):
        return True

    def fileno(self):
        return 2

    def write(self, data):
        if not self.sent:
            self.sent = True
            signal.raise_signal(signal.SIGINT)
        return os.write(2, data)

sys.stderr = io.TextIOWrapper(io.BufferedWriter(Interrupted()), write_through=True)
with patient() as check:
    sys.stderr.write("10%\\n")
    sys.stderr.flush()
    try:
        check()
    except KeyboardInterrupt:
        os._exit(7)
os._exit(3)
"""


def test_in_the_middle_of_a_line_of_progress():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert "ends after this stage" in done.stderr
    assert "10%" in done.stderr
