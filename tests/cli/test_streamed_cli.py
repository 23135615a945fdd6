"""Large data through the command line: they are read in parts, and the numbers are those of data read at once."""

import json

import numpy as np
import pandas as pd
import pytest


@pytest.mark.slow
def test_two_shards_of_a_folder_of_arrays(gapkit, three_units, tmp_path, monkeypatch):
    monkeypatch.setattr("gapkit.inputs.data.streamed.STREAM_FROM", 0)
    x = np.load(tmp_path / "x.npz")["x_test"]
    folder = tmp_path / "data"
    folder.mkdir()
    for at, part in enumerate(np.array_split(x, 4)):
        np.save(folder / f"{at}.npy", part)
    run = (three_units, "--data", "data", "--effort", "quick", "--format", "none", "--threads", "1")
    for number in (0, 1):
        code, _, err = gapkit("analyze", *run, "--out", "run", "--shard", f"{number}/2")
        assert code == 0, err
        assert "4 files together" in err
    assert gapkit("merge", "run", "--format", "none")[0] == 0
    monkeypatch.setattr("gapkit.inputs.data.streamed.STREAM_FROM", 2**28)
    assert gapkit("analyze", *run, "--out", "whole")[0] == 0
    tables = [pd.read_parquet(tmp_path / name / "datapoints.parquet") for name in ("run", "whole")]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    summaries = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("run", "whole")]
    assert summaries[0] == summaries[1]
