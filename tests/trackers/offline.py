"""Trackers that stay in a folder of the test, and the numbers that are promised to be in them."""

import math
import sys
import tempfile

import pytest

KINDS = ("tensorboard", "mlflow", "wandb")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Trackers write here only, and none asks a server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("DIR", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield tmp_path
    if wandb := sys.modules.get("wandb"):
        wandb.teardown()  # else its service keeps the folders of the first test


def named(kind, place):
    return {"tensorboard": f"tensorboard:{place}/runs", "mlflow": f"mlflow:{place}/runs", "wandb": "wandb:gaps"}[kind]


def expected_metrics(result):
    """The numbers of a summary by the names that are promised, spelled out here once more."""
    found = {}
    for split, values in result.summary_values.splits.items():
        for name, numbers in values.quantities.items():
            place = f"gapkit/{split}/{name}"
            found[place] = numbers.mean
            found[f"{place}_se_monte_carlo"] = numbers.se_monte_carlo
            found[f"{place}_se_datapoints"] = numbers.se_datapoints
            found[f"{place}_ci95_low"], found[f"{place}_ci95_high"] = numbers.ci95 or (None, None)
            if numbers.ci95 is None:  # too few datapoints
                found[f"{place}_min"], found[f"{place}_max"] = numbers.range or (None, None)
            found[f"{place}_count"] = numbers.count
        found[f"gapkit/{split}/datapoints"] = values.datapoints
        found |= {f"gapkit/{split}/status/{word}": count for word, count in values.status.items()}
    for between, numbers in result.summary_values.generalisation.items():
        place = f"gapkit/generalisation/{between.replace(' minus ', '_minus_')}"
        found[place] = numbers.mean
        found |= {f"{place}_{name}": getattr(numbers, name) for name in ("se_monte_carlo", "se_datapoints")}
        found[f"{place}_ci95_low"], found[f"{place}_ci95_high"] = numbers.ci95 or (None, None)
    return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}
