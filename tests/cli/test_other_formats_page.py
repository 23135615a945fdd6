"""The page docs/other_formats.md says what works: its commands are run, on files that the libraries made."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.checkpoints import written
from tests.cli.other_libraries import MIXIN, MODULES, train
from tests.engine.cheap import make_quick_quicker

PAGE = Path(__file__).parents[2] / "docs/other_formats.md"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.* is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
]


def commands():
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.strip().splitlines() if not line.startswith("pip ")]


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_page(line, gapkit, tmp_path, monkeypatch):
    make_quick_quicker(monkeypatch)
    torch.manual_seed(0)
    monkeypatch.syspath_prepend(tmp_path)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).integers(0, 2, (12, 6)).astype(np.float32))
    if "final_model" in line:
        written.pythae_vae().save(str(tmp_path / "my_vae/final_model"))
    elif "pictures" in line:
        written.autoencoder().save_pretrained(tmp_path / "vae")
        np.save(tmp_path / "pictures.npy", np.random.default_rng(0).integers(0, 256, (6, 1, 4, 4)).astype(np.uint8))
        line = f"{line} --allow sigma --allow chance"
    elif "net.py" in line:
        (tmp_path / "net.py").write_text(MIXIN)
        monkeypatch.delitem(sys.modules, "net", raising=False)
        import net

        net.Net(hidden=4).save_pretrained(tmp_path / "my_vae")
    elif "last.ckpt" in line:
        (tmp_path / "module.py").write_text(MODULES)
        monkeypatch.delitem(sys.modules, "module", raising=False)
        import module

        train(module.Vae(latent=2), tmp_path / "last.ckpt")
    else:
        assert "enc.pt2" in line
        (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        exec(block, {"torch": torch, "encoder": written.Encoder(), "x": torch.zeros(3, 6)})
        written.export(written.Decoder(), 2, tmp_path / "dec.pt2")
    code, _, err = gapkit(*shlex.split(line)[1:], "--limit", 4, "--effort", "quick", "--format", "none", "--out", "run")
    assert code == 0, err
