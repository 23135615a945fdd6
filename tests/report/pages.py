"""Pages of reports, read back, and documents that several tests look at."""

import time
from dataclasses import fields, is_dataclass
from functools import cache
from html.parser import HTMLParser

import pypdfium2

from gapkit.report import build
from tests.results.by_hand import ODD, many

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Collects elements, ids and the cells of each table; refuses tags that do not close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.tables, self.headings, self.named = [], [], [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
            self.named[dict(attrs).get("id")] = self.tables[-1]
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag in ("h1", "h2", "h3"):
            self.headings.append([tag, ""])

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings[-1][1] += data

    def table(self, name):
        return self.named[name]

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@cache
def odd(name):
    return build(ODD[name]())


def strings(value, name=""):
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, tuple):
        for item in value:
            yield from strings(item, name)
    elif is_dataclass(value):
        for field in fields(value):
            yield from strings(getattr(value, field.name), field.name)


@cache
def large():
    """The document of a whole test set, and the seconds of work to build it."""
    result = many()
    start = time.process_time()
    document = build(result)
    return document, time.process_time() - start


def pages_of(pdf):
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()
