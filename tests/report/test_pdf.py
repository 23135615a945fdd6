"""The PDF, tested by what a reader finds on its pages."""

import re
import time

import numpy as np
import pypdfium2
import pytest

from gapkit.report import build, render_pdf, write_report
from gapkit.report.blocks import Column, Definitions, PlusMinus, Row, Table, Term, Text
from gapkit.report.document import Document, Section
from gapkit.report.wording import DEFINITIONS
from tests.fast import only
from tests.report.pages import large, odd, pages_of
from tests.results.by_hand import FEW, ODD, join, many, three, with_extras, with_labels

HOSTILE = (
    '#import "@preview/x:1.0.0"',
    "#panic()",
    "$x^2$",
    "*bold* _slanted_ `raw`",
    "= heading",
    "<label> @reference",
    "// comment /* comment */",
    "back\\slash \\u{41} \\# \\",
    "\"quotes\" and 'quotes'",
    "<script>alert(1)</script> &amp;",
    "[content] {code} (group)",
    "- list + list / term: word",
    "~ -- --- ... https://example.org",
    "smile \U0001f600 and snow \u2603",
)


def squash(text):
    """Without any space: lines break anywhere, also inside long words."""
    return re.sub(r"[\s\u200b]", "", text)


def text_of(document):
    return squash("".join(pages_of(render_pdf(document))))


@pytest.mark.parametrize("name", only(ODD, *FEW))
def test_odd_results_give_pages_that_say_so(name):
    document = odd(name)
    pages = pages_of(render_pdf(document))
    assert 1 <= len(pages) <= 12
    for sentence in document.verdict:
        assert squash(sentence) in squash("".join(pages))


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_words_is_text(text):
    document = Document(
        f"title {text}",
        (f"verdict {text}",),
        (
            Section(
                "one",
                f"section {text}",
                (
                    Text((f"sentence {text}",), "list"),
                    Table(
                        "table",
                        f"caption {text}",
                        (Column("a", f"label {text}", "text"), Column("b", "b", "text")),
                        (Row("row", (f"first {text}", f"cell {text}"), f"note {text}"),),
                        footnote=f"foot {text}",
                    ),
                    Definitions((Term(f"term {text}", f"definition {text}"),)),
                ),
            ),
        ),
    )
    found = text_of(document)
    words = ("title", "verdict", "section", "sentence", "caption", "label", "first", "cell", "note", "foot")
    for place in (*words, "term", "definition"):
        assert squash(f"{place} {text}") in found, place


@pytest.mark.usefixtures("no_pictures")
def test_a_hostile_result_is_shown_as_it_is():
    bad = " ".join(HOSTILE)
    run = {"checkpoint": {"name": bad, "sha256": "ab" * 32}, "warnings": [bad], "settings": {bad: bad}, bad: bad}
    found = text_of(build(three(run=run, split=bad, status=bad.replace(",", ""))))
    assert found.count(squash(bad)) >= 8


@pytest.mark.parametrize("text", only(HOSTILE, HOSTILE[0], HOSTILE[7], HOSTILE[-1]))
def test_markup_in_labels_is_text(text):
    found = text_of(build(with_labels(three(), [text, f"other {text}", text])))
    assert found.count(squash(text)) >= 5  # two classes, three datapoints


def test_long_labels_stay_inside_the_page():
    labels = [f"{'abcdefghij' * 6} {number}" for number in range(3)]
    pdf = render_pdf(build(with_labels(three(), labels)))
    document = pypdfium2.PdfDocument(pdf)
    for page in document:
        width, text = page.get_width(), page.get_textpage()
        assert all(text.get_charbox(place)[2] < width - 40 for place in range(text.count_chars()))
        assert all(part.get_bounds()[2] < width - 30 for part in page.get_objects() if hasattr(part, "get_bounds"))
    document.close()
    assert all(squash(label) in squash("".join(pages_of(pdf))) for label in labels)


@pytest.mark.usefixtures("no_pictures")
def test_long_words_break_inside_the_page():
    word = "abcdefghij" * 12
    pdf = render_pdf(build(three(run={"checkpoint": {"name": word, "sha256": word}}, split=word, status=word)))
    document = pypdfium2.PdfDocument(pdf)
    for page in document:
        width, text = page.get_width(), page.get_textpage()
        assert all(text.get_charbox(place)[2] < width - 40 for place in range(text.count_chars()))
    document.close()
    assert word in squash("".join(pages_of(pdf)))


def test_a_long_table_repeats_its_heads():
    columns = (Column("name", "Heading of names", "text"), Column("value", "Heading of values"))
    rows = tuple(Row(str(number), (f"row {number}", number / 7)) for number in range(150))
    pages = pages_of(render_pdf(Document("Long", (), (Section("s", "Section", (Table("t", "Long", columns, rows),)),))))
    assert len(pages) >= 3
    for number, page in enumerate(pages, 1):
        assert "Heading of names" in page
        assert f"{number} / {len(pages)}" in page
    found = squash("".join(pages))
    assert all(squash(f"row {number}{number / 7:.3f}") in found for number in range(150))


@pytest.mark.usefixtures("no_pictures")
def test_paper_shows_the_first_rows_and_names_the_file_with_all():
    found = text_of(build(many(400)))
    assert squash("The first 20 of 200 rows. datapoints.parquet has every datapoint.") in found


def test_the_definitions_have_formulas():
    found = text_of(odd("three"))
    for term, words, _, formula in DEFINITIONS:
        assert squash(term + words) in found
        assert not formula or squash(formula) not in found  # set, not printed as its source
    assert found.count("\u2112") + found.count("L") > 0


def test_pictures_are_vectors_and_stay_inside_the_page():
    pdf = pypdfium2.PdfDocument(render_pdf(odd("further encoder and local steps")))
    paths = 0
    for page in pdf:
        for part in page.get_objects():
            assert part.type != pypdfium2.raw.FPDF_PAGEOBJ_IMAGE
            paths += part.type == pypdfium2.raw.FPDF_PAGEOBJ_PATH
            if part.level:  # bounds of a part of a group are in the group's coordinates
                continue
            left, bottom, right, top = part.get_bounds() if hasattr(part, "get_bounds") else part.get_pos()
            assert left > 30
            assert right < page.get_width() - 30
            assert bottom > 12
            assert top < page.get_height() - 20
    pdf.close()
    assert paths > 200


@pytest.mark.slow
def test_no_page_ends_in_a_heading():
    run = {"settings": {f"setting {number}": number for number in range(90)}}
    document = build(join(with_extras(), three(split="train"), run=run))
    pages = [[line.strip() for line in page.splitlines() if line.strip()] for page in pages_of(render_pdf(document))]
    titles = {section.title for section in document.sections}
    for lines in pages:
        assert lines[-2] not in titles  # the last line is the number of the page
        assert not re.match(r"Figure \d+ ", lines[-2])
    (begins,) = (lines for lines in pages if "Settings and provenance" in lines)
    assert begins[0] == "Settings and provenance"
    assert begins is pages[-1]  # in three columns: no further page for a line or two


def test_the_same_document_gives_the_same_bytes(tmp_path):
    result = three()
    first = write_report(result, tmp_path / "one.pdf").read_bytes()
    assert first.startswith(b"%PDF-")
    assert write_report(result, str(tmp_path / "two.pdf")).read_bytes() == first
    assert b"CreationDate" not in first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.pdf", "two.pdf"]


def rich():
    document = join(with_extras(), three(split="train"))
    start = time.process_time()
    return build(document), time.process_time() - start


@pytest.mark.parametrize("make_document", [large, rich])
def test_few_pages_soon_written(make_document):
    document, building = make_document()
    start = time.process_time()
    pdf = render_pdf(document)
    seconds, count = building + time.process_time() - start, len(pages_of(pdf))
    print(f"\n{count} pages, {len(pdf) / 1e6:.2f} MB of PDF in {seconds:.1f} s")
    assert count <= 12
    assert len(pdf) <= 3_000_000


def _overlaps(document):
    """Letters of the first page that lie over another one."""
    page = pypdfium2.PdfDocument(render_pdf(document))[0].get_textpage()
    boxes = np.array([page.get_charbox(place) for place in range(page.count_chars())])
    left, bottom, right, top = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])].T
    across = np.minimum.outer(right, right) - np.maximum.outer(left, left)
    along = np.minimum.outer(top, top) - np.maximum.outer(bottom, bottom)
    covered = np.clip(across, 0, None) * np.clip(along, 0, None) / ((right - left) * (top - bottom))
    np.fill_diagonal(covered, 0.0)
    return int((covered > 0.5).sum())


@pytest.mark.parametrize("columns", [5, 9, 12])
def test_no_word_of_a_wide_table_lies_over_another(columns):
    """A column of long texts got what the others left, which may be nothing."""
    numbers = tuple(Column(f"n{place}", "Approximation" if place % 2 else "L[q]") for place in range(columns))
    table = Table(
        "table",
        "Means",
        (Column("kind", "Trained with", "text"), Column("split", "Split", "text"), *numbers),
        tuple(
            Row(kind, (kind, "train", *(PlusMinus(-93.512, 3.6) for _ in numbers)))
            for kind in ("FFG", "FFG, larger encoder", "AF, no annealing")
        ),
    )
    assert _overlaps(Document("title", ("verdict",), (Section("one", "Section", (table,)),))) == 0
