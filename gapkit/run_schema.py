"""What presentation needs of a stored run, as JSON Schemas and a list of columns: checked once, when a run is read.

More may be there, and is not looked at: what a later part of gapkit reads of a run belongs here too. Source: JSON
Schema, draft 2020-12, https://json-schema.org/draft/2020-12.
"""

from typing import Any

__all__ = ["NUMBERS", "REQUIRED", "RUN", "SUMMARY", "WORDS"]

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number", "minimum": -1e300, "maximum": 1e300}
_COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 2**53}
# Earlier versions wrote NumPy's whole numbers as text.
_SEED: Schema = {"type": ["integer", "string"], "minimum": 0, "maximum": 2**128, "pattern": r"^\d{1,38}$"}
_INTERVAL: Schema = {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}


def _maybe(schema: Schema) -> Schema:
    if isinstance(schema.get("type"), str):  # the other words are of that type alone
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [{"type": "null"}, schema]}


def _list(schema: Schema, at_least: int = 0) -> Schema:
    return {"type": "array", "items": schema, "minItems": at_least}


def _table(schema: Schema, required: tuple[str, ...] = ()) -> Schema:
    """An object with entries of one kind, some of which must be there."""
    return {"type": "object", "additionalProperties": schema, "required": list(required)}


def _object(optional: Schema | None = None, **required: Schema) -> Schema:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def _unless(name: str, full: Schema) -> Schema:
    """Nothing more is needed of an object that says, by this entry, why it is empty."""
    return {"type": "object", "if": {"required": [name]}, "then": {"properties": {name: _TEXT}}, "else": full}


def _unless_none(counted: Schema, full: Schema) -> Schema:
    """Means are there unless there were no datapoints."""
    none = {"properties": {"datapoints": {"const": 0}}}
    return {"allOf": [counted, {"if": none, "then": True, "else": full}]}


# A mean that is unknown has no errors and no interval.
_ESTIMATE = _object(
    optional={"range": _maybe(_INTERVAL), "left_to_gain": _maybe(_NUMBER)},
    mean=_maybe(_NUMBER),
    se_datapoints=_maybe(_NUMBER),
    ci95=_maybe(_INTERVAL),
)
_QUANTITY = {"allOf": [_ESTIMATE, _object(se_monte_carlo=_maybe(_NUMBER), count=_COUNT, left_out=_COUNT)]}
_KNOWN = {"allOf": [_QUANTITY, _object(mean=_NUMBER)]}
_GAPS = ("total_gap", "amortization_gap", "approximation_gap")
_LADDER = ("log_px", "elbo_star", "elbo", *_GAPS, "amortization_minus_approximation")
_CURVE_MEAN = {
    **_object(mean=_maybe(_NUMBER)),
    "if": _object(mean=_NUMBER),
    "then": _object(ci95=_INTERVAL),
}

_CLASS = _object(label={"anyOf": [_TEXT, {"type": "integer"}]}, datapoints=_COUNT, quantities=_table(_QUANTITY, _GAPS))
_CHECKS = _object(
    optional={
        "ais_reason": _table(_COUNT),
        "control": {"allOf": [_QUANTITY, _object(within_two_errors=_COUNT)]},
        "approximate_sandwich": _QUANTITY,
    }
)
_LATENTS = _unless(
    "skipped",
    _object(
        optional={
            "inactive_kl": _maybe(_NUMBER),
            "mixture_datapoints": _COUNT,
            "log_mixture_datapoints": _NUMBER,
            "at_limit": {"type": "boolean"},
        },
        datapoints=_COUNT,
        left_out=_COUNT,
        dimensions=_COUNT,
        threshold=_NUMBER,
        missing=_table(_TEXT),
        kl=_maybe(_QUANTITY),
        kl_per_dimension=_maybe(_object(mean=_list(_NUMBER, 1), se_datapoints=_maybe(_list(_NUMBER)))),
        active=_maybe(_list({"type": "boolean"})),
        active_units=_maybe(_COUNT),
        mutual_information=_maybe(_QUANTITY),
        aggregate_kl=_maybe(_QUANTITY),
    ),
)
_IWAE_CURVE = _unless_none(
    _object(datapoints=_COUNT, left_out=_COUNT),
    _object(
        log_px=_NUMBER,
        curve=_list(_object(k={**_COUNT, "minimum": 1}, bound=_NUMBER, below=_KNOWN), 1),
    ),
)
_CONVERGENCE = _object(
    optional={
        "ais": _object(
            optional={"log_px_se": _maybe(_NUMBER)},
            temperatures=_COUNT,
            curve=_list(_object(temperatures={**_COUNT, "minimum": 1}, lower=_CURVE_MEAN, upper=_CURVE_MEAN), 1),
        ),
        "fit": _object(curve=_list(_object(steps=_COUNT, left=_CURVE_MEAN), 1)),
        "datapoints": _COUNT,
        "skipped": _table(_TEXT),
    },
)
_CONVERGENCE["if"] = {"anyOf": [{"required": ["ais"]}, {"required": ["fit"]}]}
_CONVERGENCE["then"] = {"required": ["datapoints"]}
_STEP = _object(steps=_COUNT, elbo=_QUANTITY, gain=_KNOWN, left=_QUANTITY, share=_maybe(_KNOWN))
_LOCAL_STEPS = _unless(
    "skipped",
    _unless_none(
        _object(
            datapoints=_COUNT,
            left_out=_COUNT,
            split=_TEXT,
            amortization_gap=_QUANTITY,
            steps_to_90=_maybe(_COUNT),
            curve=_list(_object(share=_maybe(_QUANTITY), elbo=_QUANTITY, gain=_QUANTITY, left=_QUANTITY), 1),
        ),
        _object(elbo=_KNOWN, elbo_star=_NUMBER, curve=_list(_STEP, 1)),
    ),
)
_CERTIFICATE = _unless(
    "skipped",
    _object(
        lower=_QUANTITY,
        upper=_QUANTITY,
        gap={"allOf": [_QUANTITY, _object(optional={"median": _maybe(_NUMBER)})]},
    ),
)
_SPLIT = _object(
    optional={
        "fit": _table(_COUNT),
        "checks": _CHECKS,
        "classes": _list(_CLASS),
        "latents": _maybe(_LATENTS),
        "iwae_curve": _maybe(_IWAE_CURVE),
        "convergence": _maybe(_CONVERGENCE),
    },
    quantities=_table(_QUANTITY, _LADDER),
    datapoints={**_COUNT, "minimum": 1},
    status=_table(_COUNT),
    other_start=_COUNT,
)

SUMMARY = _object(
    optional={
        "generalisation": _table(_ESTIMATE),
        "certificate": _maybe(_CERTIFICATE),
        "semi_amortized": _maybe(_LOCAL_STEPS),
        "families": _object(encoder=_TEXT, split=_TEXT),
    },
    quantities=_table(_QUANTITY, _LADDER),
    splits={**_table(_SPLIT), "minProperties": 1},
)

RUN = _object(
    optional={
        "families": _maybe(_object(optional={"split": _maybe(_TEXT)})),
        "settings": _maybe(_object(optional={"seed": _SEED})),
        "versions": _maybe(_table(_TEXT)),
        "details": _object(optional={"split": _maybe(_TEXT)}),
        "warnings": _maybe(_list(_TEXT)),
        "data": {
            "anyOf": [
                {"type": ["null", "string"]},
                _object(optional={"splits": _table(_object(optional={"sha256": _maybe(_TEXT)}))}),
            ]
        },
        "checkpoint": {
            "anyOf": [
                {"type": ["null", "string"]},
                _object(
                    optional={
                        "name": _maybe(_TEXT),
                        "sha256": _maybe(_TEXT),
                        "description": _maybe(_TEXT),
                        "training": _maybe(_TEXT),
                    }
                ),
            ]
        },
    },
)

_ESTIMATES = ("log_px", "elbo_star", "elbo", *_GAPS)
REQUIRED = ("split", "index", "status", *_ESTIMATES, *(f"{name}_se" for name in _ESTIMATES))
WORDS = ("split", "status", "fit", "ais_reason", "log_px_source")  # columns of text; label may be anything
NUMBERS = (
    *_ESTIMATES,
    "index",
    "start",
    "ess",
    "khat",
    "pooled_khat",
    "pooled_samples",
    "gradient_norm",
    "fit_steps",
    "ais_temperatures",
    "ais_acceptance",
    "ais_ess",
)
