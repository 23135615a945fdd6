"""A model of many data sets from a file, and its data from another: what ``gapkit analyze --context-size`` does."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.rows import Rows
from gapkit.meta.config import MetaTrainConfig
from gapkit.meta.data import MetaData, Points, support_of
from gapkit.meta.ladder import meta_arguments
from gapkit.meta.single import fit_each_dataset
from gapkit.models.meta_vae import decoders_of, encoder_of
from gapkit.models.native import save_model
from gapkit.models.pair import PairModel
from gapkit.sources import DataSource, Opened

__all__ = ["require_context", "save_meta", "with_support"]

_STEPS = 1000  # of the encoders of single data sets, where a checkpoint has none
_SEEN, _HELD_OUT = "seen", "held_out"


def save_meta(model: PairModel, path: str | Path, data: MetaData, **extra: Any) -> Path:
    """Write a ``meta_vae``, with which data sets it was trained on.

    Args:
        model: with or without the best encoder of each data set.
        path: of the file; its folder must exist.
        data: whose ``seen`` is kept.
        extra: further facts, as for :func:`gapkit.models.save_model`.

    Raises:
        InputError: another model, or a folder that is not writable.
    """
    encoder_of(model)
    return save_model(model, path, {"seen": data.seen_ones, "binarize": "none", **extra})


def require_context(model: Any, context_size: int | None) -> None:
    """Refuse a model of many data sets without a size of the support sets, and another model with one.

    Raises:
        InputError: one without the other.
    """
    meta = getattr(model, "builder", None) == "meta_vae"
    if meta and context_size is None:
        do = "add --context-size 10, say, and data with an array dataset beside x"
        raise InputError("analyse a model of many data sets", "no size of the support sets", do)
    if context_size is not None and not meta:
        found = f"a {getattr(model, 'builder', None) or type(model).__name__}, which takes no support set"
        do = "leave it out, or give a meta_vae that gapkit.meta trained"
        raise InputError(f"--context-size {context_size}", found, do)


def with_support(
    opened: Opened, seed: int = 0, trust: bool = False, told: Callable[[str], object] = lambda line: None
) -> dict[str, Any]:
    """The arguments of ``gapkit.analyze``; of a model of many data sets, those of the ladder of four rungs.

    Data sets that the checkpoint was trained on make the split ``seen``, others ``held_out``, where the analysed data
    have both. Encoders of the single data sets that the checkpoint has not are fitted here: to the training split, and
    to the analysed data of data sets that it has nothing of; which these are is told, and kept in the run.

    Args:
        opened: model and data.
        seed: of support sets and fits.
        trust: run a data function although a file names it.
        told: called with what is done beyond reading.

    Raises:
        InputError: no array that says which data set each datapoint is of, or data sets that are too small.
    """
    arguments, source = opened.arguments(), opened.source.data
    size = source.context_size
    if size is None:
        return arguments
    model: PairModel = arguments["model"]
    if arguments["encoder_x"] is not None:
        do = "leave --encode-from out: support sets are of the analysed data"
        raise InputError("--encode-from original with support sets", "another form of the data for the encoder", do)
    count = decoders_of(model).net.count
    sets = {name: (_whole(x), _numbers(arguments["condition"][name], count)) for name, x in arguments["x"].items()}
    facts: dict[str, Any] = {"context_size": size, "support_seed": seed}
    if encoder_of(model).single is None:
        told(f"the best encoder of each data set: {_STEPS} steps, as the checkpoint has none")
        x, dataset, alone = _training(opened, trust, sets)
        if alone:
            few = f"{', '.join(map(str, alone[:10]))}{' and others' if len(alone) > 10 else ''}"
            told(f"no training data of the data sets {few}: their encoders are fitted to the datapoints analysed here")
        model = _fitted(model, x, dataset, size, seed)
        facts |= {"encoders_fitted_here": True, "fitted_to_analysed_data": alone}
    points: dict[str, Points] = {}
    for name, (x, dataset) in sets.items():
        all_of = Points(x, dataset, support_of(x, dataset, size, seed))
        points |= _by_role(name, all_of, opened.loaded.extra.get("seen"), alone=len(sets) == 1)
    found = meta_arguments(model, points)
    encoders = {**arguments["encoders"], **found.pop("encoders")}
    others = {"other_x": None, "original_x": None, "encoder_x": None}
    provenance = {**arguments["provenance"], "meta": facts}
    return {**arguments, **others, **found, "encoders": encoders, "provenance": provenance}


def _whole(x: Tensor | Rows) -> Tensor:
    return x[:] if isinstance(x, Rows) else x


def _numbers(condition: Any, count: int) -> Tensor:
    found = condition.get("dataset") if isinstance(condition, Mapping) else condition
    if not isinstance(found, Tensor) or found.is_floating_point() or found.dim() != 1:
        do = "store whole numbers from 0, one for each datapoint, as dataset beside x"
        raise InputError("the number of the data set of every datapoint", "none, or no whole numbers", do)
    if len(found) and not 0 <= int(found.min()) <= int(found.max()) < count:
        given = f"numbers from {int(found.min())} to {int(found.max())}, and {count} decoders"
        raise InputError("the number of the data set of every datapoint", given, "number the data sets as in training")
    return found


def _by_role(name: str, points: Points, seen: Any, *, alone: bool) -> dict[str, Points]:
    """The datapoints of data sets that were trained on, and the others, where there are both."""
    if not isinstance(seen, list) or not all(isinstance(number, int) for number in seen):
        return {name: points}
    known = torch.isin(points.dataset, torch.tensor(seen, dtype=points.dataset.dtype))
    if bool(known.all()) or not bool(known.any()):
        return {name: points}
    parts = {}
    for role, rows in ((_SEEN, known), (_HELD_OUT, ~known)):
        order = rows.nonzero().flatten()
        order = order[torch.argsort(points.dataset[order], stable=True)]  # few data sets in a unit
        part = Points(points.x[order], points.dataset[order], points.support[order])
        parts[role if alone else f"{name}_{role}"] = part
    return parts


def _training(
    opened: Opened, trust: bool, analysed: Mapping[str, tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor, list[int]]:
    """What encoders of single data sets are fitted to: datapoints, their data sets, and which have no training data.

    Those are fitted to what is analysed, where an encoder is better than on new data.
    """
    present = torch.cat([dataset for _, dataset in analysed.values()]).unique()
    wanted: DataSource = replace(opened.source.data, splits=("train",), limit=None, sha256={})
    try:
        train = wanted.read(trust=trust, whole=True)
    except InputError:  # a source without a training split
        parts = []
    else:
        assert train.condition is not None
        count = decoders_of(opened.model).net.count
        x, dataset = _whole(train.x["train"]), _numbers(train.condition["train"], count)
        used = torch.isin(dataset, present)
        parts = [(x[used], dataset[used])]
    there = torch.cat([dataset for _, dataset in parts]) if parts else present[:0]
    alone = present[~torch.isin(present, there)]
    for x, dataset in analysed.values():
        rows = torch.isin(dataset, alone)
        parts.append((x[rows], dataset[rows]))
    return torch.cat([x for x, _ in parts]), torch.cat([dataset for _, dataset in parts]), alone.tolist()


def _fitted(model: PairModel, x: Tensor, dataset: Tensor, size: int, seed: int) -> PairModel:
    """The model with the best encoders of the data sets that are there, of whatever sizes they are."""
    present, counts = dataset.unique(return_counts=True)
    count = decoders_of(model).net.count
    pool = x.new_zeros(count, int(counts.max()), *x.shape[1:])
    for number in present.tolist():
        rows = (dataset == number).nonzero().flatten()
        pool[number] = x[rows[torch.arange(pool.shape[1]) % len(rows)]]  # a smaller one is gone through again
    data = MetaData(pool, pool[:, :0], torch.ones(count, dtype=torch.bool))
    most = min(size, pool.shape[1] - 1)
    config = MetaTrainConfig(steps=_STEPS, datasets_per_step=len(present), context_size=most, seed=seed)
    fitted: PairModel = fit_each_dataset(model, data, config, present.tolist()).model
    return fitted
