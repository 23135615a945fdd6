"""Likelihoods as strings: ``bernoulli:probs``, ``gaussian:sigma=0.1``, ``gaussian:scale=pixel,chunk_dim=-1``."""

from dataclasses import MISSING, fields
from typing import Any

from gapkit.core.errors import InputError
from gapkit.models.likelihoods.binary import Bernoulli, ContinuousBernoulli, CrossEntropy
from gapkit.models.likelihoods.counts import NegativeBinomial, Poisson
from gapkit.models.likelihoods.discrete import Categorical, DiscretizedLogistic
from gapkit.models.likelihoods.gaussian import Gaussian
from gapkit.models.likelihoods.protocol import Likelihood

__all__ = ["LIKELIHOODS", "parse", "spec"]

LIKELIHOODS: dict[str, Any] = {  # name -> frozen dataclass
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "continuous_bernoulli": ContinuousBernoulli,
    "cross_entropy": CrossEntropy,
    "discretized_logistic": DiscretizedLogistic,
    "gaussian": Gaussian,
    "negative_binomial": NegativeBinomial,
    "poisson": Poisson,
}


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parse(text: str) -> Likelihood:
    """Read a likelihood from ``name`` or ``name:option=value,option=value``.

    Args:
        text: the string; names are the keys of ``LIKELIHOODS``, options the fields of the dataclass. What the decoder
            returns needs no ``output=``: ``bernoulli:probs``, ``poisson:rate``, ``categorical:num_classes=10,probs``.

    Raises:
        InputError: if the name or an option is unknown or missing; it lists what exists.

    Example:
        >>> parse("gaussian:sigma=0.1").sigma
        0.1
        >>> parse("categorical:num_classes=10")
        Categorical(num_classes=10, output=None)
        >>> parse("bernoulli:probs")
        Bernoulli(output='probs')
    """
    name, _, rest = text.partition(":")
    kind = LIKELIHOODS.get(name.strip())
    if kind is None:
        raise InputError(f"likelihood {text!r}", "no such likelihood", f"choose from {', '.join(sorted(LIKELIHOODS))}")
    known = {field.name: field for field in fields(kind)}
    outputs = getattr(kind, "outputs", ())
    listed = [f"output ({' or '.join(outputs)})" if key == "output" else key for key in known]
    have = f"options of {kind.name}: {', '.join(listed)}"
    options: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals and key in outputs:
            key, equals, value = "output", "=", key
        if not equals or key not in known:
            found = f"unknown option {key!r}" if equals else f"{item!r} is not of the form option=value"
            raise InputError(f"likelihood {text!r}", found, have)
        if key in options:
            raise InputError(f"likelihood {text!r}", f"{key} is given twice", "give it once")
        options[key] = _value(value)
    missing = [key for key, field in known.items() if field.default is MISSING and key not in options]
    if missing:
        raise InputError(f"likelihood {text!r}", f"no value for {', '.join(missing)}", f"write {name}:{missing[0]}=...")
    return kind(**options)


def spec(likelihood: Likelihood) -> str:
    """Write a likelihood as the string that ``parse`` reads.

    Example:
        >>> spec(Gaussian(sigma=0.1)), spec(Bernoulli()), spec(Bernoulli("probs"))
        ('gaussian:sigma=0.1', 'bernoulli', 'bernoulli:probs')
    """
    items = [(field, getattr(likelihood, field.name)) for field in fields(likelihood)]  # type: ignore[arg-type]
    # A fixed scale follows from sigma, so it is not written.
    options = [
        value if field.name == "output" else f"{field.name}={value}"
        for field, value in items
        if value not in (field.default, "fixed")
    ]
    return ":".join([likelihood.name, ",".join(options)]).rstrip(":")
