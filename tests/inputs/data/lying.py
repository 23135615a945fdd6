"""Data of several kinds as they lie on a disk."""

import numpy as np
import pandas as pd
from PIL import Image


def pixels(count=300, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8), dtype=np.uint8)


def npy(folder):
    np.save(folder / "x.npy", pixels())
    return folder / "x.npy"


def floats(folder):
    np.save(folder / "x.npy", np.random.default_rng(1).normal(size=(300, 5)))
    return folder / "x.npy"


def table(folder, rows=300, name="x.parquet"):
    frame = pd.DataFrame(pixels(rows).reshape(rows, 64), columns=[f"p{i}" for i in range(64)])
    frame["label"] = np.resize(["cat", "dog", "eel"], rows)
    frame.to_parquet(folder / name, row_group_size=70)
    return folder / name


def reals(folder):
    frame = pd.DataFrame(np.random.default_rng(2).normal(size=(300, 3)), columns=list("abc"))
    frame.to_parquet(folder / "x.parquet", row_group_size=50)
    return folder / "x.parquet"


def images(folder, count=40):
    folder.mkdir(parents=True, exist_ok=True)
    for at, image in enumerate(pixels(count)):
        Image.fromarray(image).save(folder / f"{at:03}.png")
    return folder


def images_below(folder):
    for name in ("b", "a"):
        images(folder / name, 20)
    return folder


def arrays(folder):
    for at in range(3):
        np.save(folder / f"part-{at}.npy", pixels(100 + at, at))
    return folder


def tables(folder):
    for at in range(3):
        table(folder, 100 + at, f"part-{at}.parquet")
    return folder
