"""The help of a command: its options in panels, by what they are for, with the words that complete them."""

import copy
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args, get_origin

__all__ = ["PANELS", "WORDS", "in_panel", "literal"]

# By the names of parameters; a new option is added here, which a test holds.
PANELS: dict[str, tuple[str, ...]] = {
    "The model": (
        *("model", "model_arg", "state_key", "ignore_keys", "likelihood", "likelihood_param", "encoder_output"),
        *("latent_shape", "encoder_file", "decoder_file", "allow_global", "trust_pickle", "encoder", "bound", "trust"),
        *("hidden", "decoder_hidden", "activation", "latent", "posterior", "factor", "weight_norm_bound"),
    ),
    "The data": (
        *("data", "data_key", "reference", "reference_key", "run", "reference_run", "label_column", "split"),
        *("reference_split", "limit", "scale", "binarize", "encode_from", "condition", "context_size", "datapoints"),
    ),
    "What is computed": (
        *("effort", "family", "log_px", "target_se", "semi_amortized", "allow", "seed", "evaluate", "against"),
        *("half_widths", "widths", "worth", "steps", "complete"),
    ),
    "Training": (
        *("start", "on", "epochs", "batch_size", "learning_rate", "schedule", "optimizer", "objective"),
        *("num_samples", "annealing", "annealing_epochs", "encoder_noise", "early_stopping", "validation_fraction"),
        *("checkpoint_every", "sgvb", "weight_prior", "initial_std"),
    ),
    "Where it runs": (
        *("device", "threads", "engine", "workers", "ray_address", "gpus_per_worker", "shard", "price", "probe"),
    ),
    "What it leaves": ("out", "formats", "form", "track", "resume", "overwrite", "open_report"),
    "What it says": ("as_json", "quiet", "verbose", "log_json", "config", "print_config"),
}
_PANEL_OF = {name: panel for panel, names in PANELS.items() for name in names}

# What completes an option in a shell. These are words, so that nothing is imported to complete one; a test holds them
# against what they stand for.
WORDS: dict[str, tuple[str, ...]] = {
    "data": ("digits", "mnist", "fashion_mnist", "cifar10"),
    "reference": ("digits", "mnist", "fashion_mnist", "cifar10"),
    "split": ("test", "train"),
    "binarize": ("none", "threshold", "sample"),
    "encode_from": ("binary", "original"),
    "effort": ("quick", "standard", "thorough"),
    "family": ("mean_field", "full_rank", "low_rank", "flow", "auxiliary"),
    "posterior": ("mean_field", "full_rank", "low_rank", "flow", "auxiliary"),
    "log_px": ("auto", "ais"),
    "engine": ("local", "ray"),
    "device": ("cpu", "cuda", "mps"),
    "track": ("tensorboard:", "mlflow:", "wandb:"),
    "start": ("fine_tune", "fresh", "larger"),
    "on": ("data", "samples", "mixture"),
}


def in_panel(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter of a command with the panel of its option, and its help as it is written."""
    if get_origin(parameter.annotation) is not Annotated:
        return parameter
    kind, *told = get_args(parameter.annotation)
    made = [_placed(info, parameter.name) if hasattr(info, "param_decls") else info for info in told]
    return parameter.replace(annotation=Annotated[kind, *made])


def _placed(info: Any, name: str) -> Any:
    """A copy: several commands share an option."""
    info = copy.copy(info)
    info.help = literal(info.help or "")
    if isinstance(info.show_default, str):
        info.show_default = literal(info.show_default)
    if type(info).__name__ == "OptionInfo":
        info.rich_help_panel = _PANEL_OF.get(name)
        if name in WORDS:
            info.autocompletion = _completing(WORDS[name])
    return info


def _completing(words: Sequence[str]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def literal(text: str) -> str:
    r"""Text that stays as it is where square brackets are read as markup.

    Example:
        >>> literal("the curve of L[q]")
        'the curve of L\\[q]'
    """
    return re.sub(r"\[(?=[a-zA-Z/@#])", r"\\[", text)
