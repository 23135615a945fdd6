"""Write the figures of the README again: the demo, and the published checkpoint if it is at hand.

    python -m analyses.readme [--checkpoint bdmc_mnist_vae.pth --mnist mnist.npz]

Question: are the numbers in the README those of this code? Cost: one minute on two cores.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from matplotlib.figure import Figure

from gapkit import Result
from gapkit.plots import ladder

ROOT = Path(__file__).parent.parent
KEPT = ("report.html", "run.json", "summary.json")


def run(words: list[str], folder: Path) -> str:
    """Run the command line in a folder and return what it printed."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "gapkit", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def without_progress(printed: str) -> str:
    """Drop the progress lines and folders of this machine."""
    lines = [line.rstrip() for line in printed.splitlines() if not re.match(r"\s*\d+%  \w+$", line)]
    return re.sub(r"report: .*/([^/]+/report.html)", r"report: \1", "\n".join(lines))


def insert(readme: str, name: str, block: str) -> str:
    """Replace what stands between the markers of a block."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if begin not in readme or end not in readme:
        raise SystemExit(f"README.md has no markers for {name}")
    head, rest = readme.split(begin)
    return f"{head}{begin}\n{block}\n{end}{rest.split(end)[1]}"


def demo(folder: Path) -> str:
    """Run the demo, keep its report and draw the ladder picture."""
    printed = run(["demo", "--out", "demo-report"], folder)
    target = ROOT / "reports" / "demo"
    target.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        text = (folder / "demo-report" / name).read_text("utf-8")
        (target / name).write_text(text.replace(str(folder), "."), "utf-8")  # the folder is of this machine
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    ladder(Result.load(folder / "demo-report"), figure.add_subplot())
    figure.savefig(target / "ladder.png", dpi=130)
    return without_progress(printed)


def published(folder: Path, checkpoint: Path, mnist: Path) -> str:
    """Analyse the published checkpoint exactly as the README says."""
    shutil.copy(checkpoint, folder / "bdmc_mnist_vae.pth")
    shutil.copy(mnist, folder / "mnist.npz")
    shutil.copy(ROOT / "analyses" / "bring_your_own" / "bdmc_vae.py", folder / "bdmc_vae.py")
    words = "analyze bdmc_mnist_vae.pth --model bdmc_vae.py:VAE --data mnist.npz --binarize sample --limit 200"
    return without_progress(run(words.split(), folder))


def main() -> None:
    """Rewrite the blocks of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--mnist", type=Path)
    arguments = parser.parse_args()
    readme = (ROOT / "README.md").read_text("utf-8")
    model = (ROOT / "analyses" / "bring_your_own" / "bdmc_vae.py").read_text("utf-8").rstrip()
    readme = insert(readme, "model file", f"```python\n{model}\n```")
    with tempfile.TemporaryDirectory() as folder:
        readme = insert(readme, "demo", f"```text\n{demo(Path(folder))}\n```")
        if arguments.checkpoint and arguments.mnist:
            printed = published(Path(folder), arguments.checkpoint, arguments.mnist)
            readme = insert(readme, "published", f"```text\n{printed}\n```")
    (ROOT / "README.md").write_text(readme, "utf-8")


if __name__ == "__main__":
    main()
