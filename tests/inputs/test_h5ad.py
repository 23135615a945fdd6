"""AnnData files where the library for them is not installed; where it is, tests/cli/test_scvi_cli.py reads them."""

import importlib.util

import pytest

from gapkit.core.errors import InputError
from gapkit.inputs.data import load


@pytest.mark.skipif(importlib.util.find_spec("anndata") is not None, reason="anndata is installed")
def test_what_to_install_is_said(tmp_path):
    (tmp_path / "cells.h5ad").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(InputError, match=r"gapkit\[scvi\]"):
        load(str(tmp_path / "cells.h5ad"))
    with pytest.raises(InputError, match=r"absent\.h5ad"):
        load(str(tmp_path / "absent.h5ad"))
