"""Command lines to begin with, at the end of each command's help; a test reads every one as the command does."""

from collections.abc import Sequence

from gapkit.cli.panels import literal

__all__ = ["BEGIN", "EXAMPLES", "as_epilog"]

BEGIN = (
    "gapkit demo",
    "gapkit inspect weights.pt",
    "gapkit analyze vae.pt --model net.py:VAE --data x.npz",
)

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("gapkit demo --open", "gapkit demo --data mnist --out mnist-demo"),
    "inspect": ("gapkit inspect weights.pt", "gapkit inspect weights.pt --json"),
    "init": ("gapkit init weights.pt > my_model.py",),
    "doctor": ("gapkit doctor vae.pt --model net.py:VAE --data x.npz",),
    "analyze": (
        "gapkit analyze vae.pt --model net.py:VAE --data x.npz",
        "gapkit analyze vae.pt --data digits --effort quick --limit 100 --out quick --overwrite",
        "gapkit analyze 'ckpts/*.pt' --data mnist --binarize sample",
        "gapkit analyze vae.pt --data digits --json -q",
        "gapkit analyze vae.pt --data digits --limit 100 --print-config > run.toml",
        "gapkit analyze --config run.toml --seed 1 --out seed-1",
    ),
    "certify": ("gapkit certify vae.pt --datapoints 50 --out certificate.json",),
    "score": (
        "gapkit score vae.pt --data fashion_mnist --reference mnist",
        "gapkit score --run gapkit-vae --reference-run gapkit-other",
    ),
    "amortize": ("gapkit amortize model.py:MyModel --data x.csv",),
    "compare": ("gapkit compare before=gapkit-1 after=gapkit-2 --open",),
    "report": ("gapkit report gapkit-vae --format pdf --out printed",),
    "export": ("gapkit export gapkit-vae --out table.csv",),
    "train": ("gapkit train --data digits --hidden 128 --latent 10 --binarize threshold --out vae",),
    "refit": (
        "gapkit refit vae.pt --data mnist --out refitted",
        "gapkit refit vae.pt --data mnist --start larger --factor 4 --out larger",
    ),
    "plan": ("gapkit plan vae.pt --data mnist --effort thorough --price 0.05",),
    "merge": ("gapkit merge gapkit-vae --complete",),
}


def as_epilog(commands: Sequence[str]) -> str:
    r"""The examples as the end of a help text; an empty line keeps each on a line of its own.

    Example:
        >>> as_epilog(["gapkit demo"])
        'Example:\n\n  gapkit demo'
    """
    lines = "\n\n".join(f"  {literal(each)}" for each in commands)
    return f"Example{'s' if len(commands) > 1 else ''}:\n\n{lines}"
