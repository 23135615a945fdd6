"""The numbers and words that a report shows, of the page and of the PDF, and those of a document."""

import re
from html.parser import HTMLParser
from numbers import Real

from gapkit.report import render, render_pdf
from tests.report.pages import pages_of

NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?%?(?![\w])")


class Words(HTMLParser):
    """The text of a page without its pictures, scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.deep, self.text = 0, ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.deep += tag in ("svg", "script", "style")
        self.text += " "

    def handle_endtag(self, tag):
        self.deep -= tag in ("svg", "script", "style")
        self.text += " "

    def handle_data(self, data):
        self.text += "" if self.deep else data


def of_html(result_document):
    return Words(render(result_document)).text


def of_pdf(result_document):
    pages = [re.sub(r"\d+ / \d+\s*$", "", page) for page in pages_of(render_pdf(result_document))]
    return "\n".join(pages).replace("\u200b", "")


def constants(value):
    """All sentences of the software that hold no number of a result."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | tuple | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from constants(item)


def leaves(value):
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    elif isinstance(value, Real) and not isinstance(value, bool):
        yield float(value)
