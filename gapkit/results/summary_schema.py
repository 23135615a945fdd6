"""What presentation needs of a stored summary, as a JSON Schema: checked once, when a run is read.

More may be there, and is not looked at: what :mod:`gapkit.results.records` makes of a summary belongs here too.
"""

from gapkit.ladder import Ladder
from gapkit.results.run_schema import rungs_and_gaps
from gapkit.results.schema_words import (
    COUNT,
    INTERVAL,
    NUMBER,
    TEXT,
    Schema,
    list_of,
    maybe,
    record,
    table,
    unless,
    unless_none,
)

__all__ = ["WITH_LADDER", "summary_schema"]

# A mean that is unknown has no errors and no interval.
_ESTIMATE = record(
    optional={
        "se_monte_carlo": maybe(NUMBER),
        "range": maybe(INTERVAL),
        "left_to_gain": maybe(NUMBER),
        "se_total": maybe(NUMBER),
    },
    mean=maybe(NUMBER),
    se_datapoints=maybe(NUMBER),
    ci95=maybe(INTERVAL),
)
_QUANTITY = {"allOf": [_ESTIMATE, record(se_monte_carlo=maybe(NUMBER), count=COUNT, left_out=COUNT)]}
_KNOWN = {"allOf": [_QUANTITY, record(mean=NUMBER)]}
_CURVE_MEAN = {
    **record(optional={"se_monte_carlo": maybe(NUMBER), "count": maybe(COUNT)}, mean=maybe(NUMBER)),
    "if": record(mean=NUMBER),
    "then": record(ci95=INTERVAL),
}

_NAME = {**TEXT, "pattern": r"^[A-Za-z_][A-Za-z0-9_]{0,60}$"}
_LABEL = {**TEXT, "minLength": 1, "maxLength": 60}
_WORDS = {"words": TEXT, "meaning": TEXT, "brief": TEXT}
_RUNG = record({**_WORDS, "shortfall": {"anyOf": [{"const": ""}, _NAME]}}, name=_NAME, label=_LABEL)
_GAP = record({**_WORDS, "whose": TEXT}, name=_NAME, label=_LABEL, part={"enum": ["family", "encoder", "other"]})
_TOTAL = record({**_WORDS, "whose": TEXT}, name=_NAME, label=_LABEL, part={"const": "total"})
_FURTHER = record({"meaning": TEXT, "side": TEXT}, kind={"enum": ["estimate", "family"]}, name=_NAME, label=_LABEL)
# To be read before all else: it says which quantities a summary must have.
WITH_LADDER = record(
    {
        "ladder": maybe(
            record({"further": list_of(_FURTHER)}, rungs=list_of(_RUNG, 2), gaps=list_of(_GAP, 1), total=_TOTAL)
        )
    }
)

_CHECKS = record(
    optional={
        "ais_reason": table(COUNT),
        "control": {"allOf": [_QUANTITY, record(within_two_errors=COUNT)]},
        "approximate_sandwich": _QUANTITY,
        "route": record(looked=table(COUNT), found=COUNT, unseen=maybe(NUMBER)),
    }
)
_LATENTS = unless(
    "skipped",
    record(
        optional={
            "mean_variance": maybe(list_of(NUMBER)),
            "inactive_kl": maybe(NUMBER),
            "mixture_datapoints": COUNT,
            "log_mixture_datapoints": NUMBER,
            "at_limit": {"type": "boolean"},
            "spread": maybe(list_of(NUMBER)),
            "used": maybe(list_of({"type": "boolean"})),
            "used_units": maybe(COUNT),
        },
        datapoints=COUNT,
        left_out=COUNT,
        dimensions=COUNT,
        threshold=NUMBER,
        missing=table(TEXT),
        kl=maybe(_QUANTITY),
        kl_per_dimension=maybe(
            record(
                optional={"ci95": maybe(list_of(INTERVAL))},
                mean=list_of(NUMBER, 1),
                se_datapoints=maybe(list_of(NUMBER)),
            )
        ),
        active=maybe(list_of({"type": "boolean"})),
        active_units=maybe(COUNT),
        mutual_information=maybe(_QUANTITY),
        aggregate_kl=maybe(_QUANTITY),
    ),
)
_USE = unless(
    "skipped",
    record(
        optional={"left_out": maybe(COUNT)},
        datapoints=COUNT,
        dimensions={**COUNT, "minimum": 1},
        spread=maybe(list_of(NUMBER, 1)),
        used=maybe(list_of({"type": "boolean"}, 1)),
        used_units=maybe(COUNT),
    ),
)
_SIMPLE = record(optional={"difference_sound": maybe(_QUANTITY)}, name=TEXT, log_px=_QUANTITY, difference=_QUANTITY)
_BASELINES = unless(
    "skipped",
    record(
        fitted_on={"enum": ["train", "other", "cross"]},
        fitted_datapoints={**COUNT, "minimum": 1},
        models=list_of(_SIMPLE),
    ),
)
_FINDING = record(check=TEXT, level={"enum": ["allowed", "warning", "note"]}, asked=TEXT, found=TEXT, do=TEXT)
_IWAE_CURVE = unless_none(
    record(optional={"left": maybe(_QUANTITY)}, datapoints=COUNT, left_out=COUNT),
    record(
        log_px=NUMBER,
        curve=list_of(record(k={**COUNT, "minimum": 1}, bound=NUMBER, below=_KNOWN), 1),
    ),
)
_AIS_POINT = record(
    optional={"acceptance": maybe(NUMBER)},
    temperatures={**COUNT, "minimum": 1},
    lower=_CURVE_MEAN,
    upper=_CURVE_MEAN,
)
_CONVERGENCE = record(
    optional={
        "ais": record(
            optional={"chains": maybe(COUNT), "log_px_se": maybe(NUMBER)},
            temperatures=COUNT,
            curve=list_of(_AIS_POINT, 1),
        ),
        "fit": record(optional={"family": maybe(TEXT)}, curve=list_of(record(steps=COUNT, left=_CURVE_MEAN), 1)),
        "datapoints": COUNT,
        "index": list_of(COUNT),
        "skipped": table(TEXT),
    },
)
_CONVERGENCE["if"] = {"anyOf": [{"required": ["ais"]}, {"required": ["fit"]}]}
_CONVERGENCE["then"] = {"required": ["datapoints"]}
_STEP = record(steps=COUNT, elbo=_QUANTITY, gain=_KNOWN, left=_QUANTITY, share=maybe(_KNOWN))
_LOCAL_STEPS = unless(
    "skipped",
    unless_none(
        record(
            optional={"family": maybe(TEXT), "samples_per_step": maybe(COUNT)},
            datapoints=COUNT,
            left_out=COUNT,
            split=TEXT,
            amortization_gap=_QUANTITY,
            steps_to_90=maybe(COUNT),
            curve=list_of(record(share=maybe(_QUANTITY), elbo=_QUANTITY, gain=_QUANTITY, left=_QUANTITY), 1),
        ),
        record(elbo=_KNOWN, elbo_star=NUMBER, curve=list_of(_STEP, 1)),
    ),
)
_CERTIFICATE = unless(
    "skipped",
    record(
        lower=_QUANTITY,
        upper=_QUANTITY,
        gap={"allOf": [_QUANTITY, record(optional={"median": maybe(NUMBER)})]},
    ),
)
_OF_SPLIT: Schema = {
    "log_px_source": table(COUNT),
    "fit": table(COUNT),
    "checks": _CHECKS,
    "left_out": maybe(record(optional={"datapoints": COUNT, "encoder": COUNT, "log_px": COUNT})),
    "unsound": maybe(COUNT),
    "unfinished": maybe(record(optional={"datapoints": COUNT, "mean": maybe(NUMBER), "se_monte_carlo": maybe(NUMBER)})),
    "concentration": maybe(
        record(top={**COUNT, "minimum": 1}, share=NUMBER, exponential=NUMBER, spread=NUMBER, limit=NUMBER)
    ),
    "data": record(optional={"dimensions": {**COUNT, "minimum": 1}, "discrete": maybe({"type": "boolean"})}),
    "baselines": maybe(_BASELINES),
    "latents_star": maybe(_USE),
    "latents": maybe(_LATENTS),
    "iwae_curve": maybe(_IWAE_CURVE),
    "convergence": maybe(_CONVERGENCE),
    "skipped": table(TEXT),
}

_SEARCH = {
    **record(
        optional={
            "simulated": COUNT,
            "missed": COUNT,
            "simulated_again": COUNT,
            "beyond": COUNT,
            "expected": NUMBER,
            "unseen": NUMBER,
            "annealed_again": COUNT,
            "apart": NUMBER,
            "unseen_annealed": NUMBER,
            "skipped": TEXT,
            "skipped_again": TEXT,
            "control": record(count=COUNT, missed=COUNT),
        },
        widen={"type": "boolean"},
    ),
    "dependentRequired": {
        "simulated": ["missed"],
        "simulated_again": ["beyond", "expected", "unseen"],
        "apart": ["annealed_again", "unseen_annealed"],
    },
}

_OF_SUMMARY: Schema = {
    "generalisation": table(_ESTIMATE),
    "certificate": maybe(_CERTIFICATE),
    "semi_amortized": maybe(_LOCAL_STEPS),
    "families": record(optional={"fitted": list_of(TEXT)}, encoder=TEXT, split=TEXT),
    "findings": list_of(_FINDING),
    "search": _SEARCH,
    "target": maybe(TEXT),
    "effort": maybe(TEXT),
}


def summary_schema(ladder: Ladder) -> Schema:
    """What ``summary.json`` must hold, with means of these rungs and gaps in every split."""
    quantities = table(_QUANTITY, (*rungs_and_gaps(ladder), *ladder.contrasts()))
    split = record(
        {**_OF_SPLIT, "classes": list_of(_class(ladder))},
        quantities=quantities,
        datapoints={**COUNT, "minimum": 1},
        status=table(COUNT),
        other_start=COUNT,
    )
    return record(_OF_SUMMARY, quantities=quantities, splits={**table(split), "minProperties": 1})


def _class(ladder: Ladder) -> Schema:
    gaps = tuple(gap.name for gap in ladder.told)
    return record(label={"anyOf": [TEXT, {"type": "integer"}]}, datapoints=COUNT, quantities=table(_QUANTITY, gaps))
