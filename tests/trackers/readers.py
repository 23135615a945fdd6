"""What each tracker kept, read with its own library: parameters, numbers by name and step, pictures and files."""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image


@dataclass
class Kept:
    params: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)  # (name, step) -> value
    pictures: dict = field(default_factory=dict)  # (name, step) -> size in pixels
    files: dict = field(default_factory=dict)  # place -> bytes


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0}).Reload()
    kept = Kept(files={place: data for place, data in files_in(folder).items() if "tfevents" not in place})
    for name in events.Tags()["tensors"]:
        for event in events.Tensors(name):
            value = make_ndarray(event.tensor_proto).item()
            if name == "gapkit/parameters/text_summary":
                kept.params = json.loads(value)
            else:
                kept.metrics[name, event.step] = value
    for name in events.Tags()["images"]:
        for event in events.Images(name):
            kept.pictures[name, event.step] = (event.width, event.height)
    return kept


def mlflow(uri, run_id, folder):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    run = client.get_run(run_id)
    kept = Kept(params={**run.data.params, **{k: v for k, v in run.data.tags.items() if k.startswith("gapkit/")}})
    for name in run.data.metrics:
        for metric in client.get_metric_history(run_id, name):
            kept.metrics[name, metric.step] = metric.value
    folder.mkdir()
    kept.files = files_in(Path(client.download_artifacts(run_id, "gapkit", str(folder))).parent)
    for place in [place for place in kept.files if place.endswith(".png")]:
        del kept.files[place]
        name, _, step = place.removesuffix(".png").partition("-step")
        with Image.open(folder / place) as image:
            kept.pictures[name, int(step or 0)] = image.size
    return kept


def logged_records(data):
    """The records of a LevelDB log, in which Weights & Biases keeps an offline run: blocks of chunks, after a header.

    A chunk is a checksum (4 bytes), a length (2), a kind (1: whole, 2: first, 3: middle, 4: last) and that many bytes.
    """
    assert data[:4] == b":W&B"
    position, parts = 7, []
    while position < len(data):
        left = 32768 - position % 32768
        if left < 7:  # no room for the head of a chunk: zeros to the end of the block
            position += left
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + 7])
        parts.append(data[position + 7 : position + 7 + length])
        position += 7 + length
        if kind in (1, 4):
            yield b"".join(parts)
            parts = []
    assert parts == []


def wandb(folder):
    """Of an offline run: what ``wandb sync`` would send, in the messages of wandb's own protocol."""
    import wandb as library
    from wandb.proto.wandb_internal_pb2 import Record

    library.teardown()  # its service writes in the background, and has written all when it has ended
    (log,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    kept = Kept()
    for data in logged_records(log.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        for item in record.config.update:
            kept.params[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
        row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        step = row.get("gapkit/step", 0)
        for name in [name.removesuffix("/_type") for name in row if name.endswith("/_type")]:
            with Image.open(log.parent / "files" / row[f"{name}/path"]) as image:
                kept.pictures[name, step] = image.size
            row = {key: value for key, value in row.items() if not key.startswith(f"{name}/")}
        for name, value in row.items():
            if name.startswith("gapkit/") and name != "gapkit/step":
                kept.metrics[name, step] = value
    kept.files = {place: data for place, data in files_in(log.parent / "files").items() if place.startswith("gapkit/")}
    return kept
