"""What presentation needs of ``run.json``, as a JSON Schema, and of the table, as columns: checked when a run is read.

More may be there, and is not looked at: what a later part of gapkit reads of a run belongs here too.
"""

from gapkit.ladder import Ladder, error_of
from gapkit.results.schema_words import SEED, TEXT, list_of, maybe, record, table

__all__ = ["NUMBERS", "RUN", "WORDS", "required", "rungs_and_gaps"]

RUN = record(
    optional={
        "families": maybe(record(optional={"split": maybe(TEXT)})),
        "settings": maybe(record(optional={"seed": SEED})),
        "versions": maybe(table(TEXT)),
        "details": record(optional={"split": maybe(TEXT)}),
        "warnings": maybe(list_of(TEXT)),
        "command": maybe(list_of(TEXT)),
        "data": {
            "anyOf": [
                {"type": ["null", "string"]},
                record(optional={"splits": table(record(optional={"sha256": maybe(TEXT)}))}),
            ]
        },
        "checkpoint": {
            "anyOf": [
                {"type": ["null", "string"]},
                record(
                    optional={
                        "name": maybe(TEXT),
                        "sha256": maybe(TEXT),
                        "description": maybe(TEXT),
                        "training": maybe(TEXT),
                    }
                ),
            ]
        },
    },
)

WORDS = ("split", "status", "fit", "ais_reason", "log_px_source", "route")  # columns of text; label may be anything
NUMBERS = (
    "index",
    "start",
    "modes",
    "unseen_mass",
    "route_mass",
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


def rungs_and_gaps(ladder: Ladder) -> tuple[str, ...]:
    """The columns of numbers that every table with this ladder has, beside their errors."""
    return tuple(part.name for part in (*ladder.rungs, *ladder.told))


def required(ladder: Ladder) -> tuple[str, ...]:
    """The columns without which a table of datapoints is none."""
    names = rungs_and_gaps(ladder)
    return ("split", "index", "status", *names, *(error_of(name) for name in names))
