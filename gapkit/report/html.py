"""A document as one HTML file that needs nothing else: no network, no scripts, pictures inside."""

import math
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gapkit.report.document import Document
from gapkit.report.figures import Figure

__all__ = ["nats", "percent", "render"]


def render(document: Document) -> str:
    """Return the report as HTML. All text is escaped; only the pictures, which gapkit drew itself, are inserted."""
    return _environment().get_template("report.html.jinja").render(document=document)


def nats(value: float | None) -> str:
    """Write a number of nats with three decimals, and a dash where there is none.

    Example:
        >>> nats(1.23456), nats(-0.0), nats(None), nats(float("nan"))
        ('1.235', '0.000', '–', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    return f"{value:z.3f}" if abs(value) < 1e7 else f"{value:.4g}"


def percent(value: float | None) -> str:
    """Write a fraction in percent, and a dash where there is none.

    Example:
        >>> percent(0.934), percent(-0.001), percent(None)
        ('93%', '0%', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{value:z.0%}"


def _picture(figure: Figure) -> Markup:
    """The SVG with its description for screen readers."""
    attributes = f'<svg role="img" aria-label="{escape(figure.alt)}"'
    return Markup(figure.svg.replace("<svg", attributes, 1))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gapkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"nats": nats, "percent": percent, "picture": _picture}
    return environment
