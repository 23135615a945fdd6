"""The script that holds a change of structure against the tables of before sees a changed bit, and nothing else."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.same_tables import differences


@pytest.fixture
def folders(tmp_path):
    for name in ("one", "other"):
        run = tmp_path / name / "runs" / "a"
        run.mkdir(parents=True)
        frame = pd.DataFrame({"log_px": [1.0, np.nan], "status": ["ok", "fit_budget"]})
        frame.to_parquet(run / "datapoints.parquet")
        (run / "run.json").write_text(json.dumps({"started": name, "settings": {"seed": 0}, "mean": float("nan")}))
        np.savez(run / "details.npz", curve=np.array([1.0, np.inf]))
    return tmp_path / "one", tmp_path / "other"


def test_times_and_what_is_no_number_are_no_differences(folders):
    assert list(differences(*folders)) == []


def test_the_last_bit_is_one(folders):
    path = folders[1] / "runs" / "a" / "datapoints.parquet"
    frame = pd.read_parquet(path)
    frame.loc[0, "log_px"] = np.nextafter(1.0, 2.0)
    frame.to_parquet(path)
    np.savez(folders[1] / "runs" / "a" / "details.npz", curve=np.array([1.0, 2.0]))
    (folders[1] / "runs" / "a" / "run.json").write_text(json.dumps({"settings": {"seed": 1}, "mean": float("nan")}))
    found = list(differences(*folders))
    assert found == [
        "runs/a/datapoints.parquet /log_px: not the same",
        "runs/a/details.npz /curve: not the same",
        "runs/a/run.json /settings/seed: 0 against 1",
    ]


def test_a_file_of_one_folder_alone_and_no_files_at_all_are_told(folders, tmp_path):
    (folders[0] / "runs" / "a" / "details.npz").unlink()
    assert list(differences(*folders)) == ["runs/a/details.npz is in one folder alone"]
    (tmp_path / "empty").mkdir()
    assert "no results" in next(differences(tmp_path / "empty", tmp_path / "empty"))
