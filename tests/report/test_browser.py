"""The page in a real browser: sorting, filtering, themes and narrow screens, without any network."""

import os
import shutil
import time

import pytest
from playwright.sync_api import sync_playwright

from gapkit.report import build, render
from gapkit.report.blocks import Caption, Document, Figure, Section
from tests.fast import only
from tests.report.browsed import KINDS, background, click, document_of, luminance, names, page_of, picture_colours
from tests.report.pages import large
from tests.results.by_hand import join, make, three, with_labels

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = os.environ.get("GAPKIT_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(21, 23, 26)"
WORST = "#worst-table"

NO_BROWSER = f"NOT TESTED in a browser: none of {', '.join(BROWSERS)} on PATH; install one or set GAPKIT_CHROMIUM"

pytestmark = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Open a page from disk; in the end it must have been silent and have asked the network for nothing."""
    contexts, requests, messages = [], [], []

    def opened(html, **options):
        path = tmp_path / "report.html"
        path.write_text(html, "utf-8")
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert messages == []
    assert {url for url in requests if not url.startswith("data:")} == {(tmp_path / "report.html").as_uri()}


@pytest.mark.parametrize(
    ("label", "first", "second"),
    [
        ("Name", "decba", "abced"),  # as people sort: numbers inside words by size, capitals and small letters alike
        ("Nats", "dacbe", "cadbe"),
        ("Count", "abced", "ecbad"),
        ("Percent", "daecb", "ceadb"),
        ("Interval", "daecb", "ceadb"),
        ("Plus", "cdeab", "aedcb"),
    ],
)
def test_sorting_by_each_kind_of_column(visit, label, first, second):
    page = visit(render(KINDS))
    click(page, label)
    assert "".join(names(page)) == first
    click(page, label)
    assert "".join(names(page)) == second
    click(page, label)
    assert "".join(names(page)) == first


def test_the_sorted_column_says_so(visit):
    page = visit(render(KINDS))
    states = "heads => heads.map(head => head.getAttribute('aria-sort'))"
    assert page.eval_on_selector_all("#all-kinds th[scope=col]", states) == ["none"] * 6
    click(page, "Nats")
    assert page.eval_on_selector_all("#all-kinds th[scope=col]", states)[:2] == ["none", "descending"]
    click(page, "Name")
    assert page.eval_on_selector_all("#all-kinds th[scope=col]", states)[:2] == ["ascending", "none"]


@pytest.mark.slow
def test_the_worst_datapoints_sort_by_any_column(visit):
    page = visit(page_of("many"))
    worst = document_of("many").table("worst-table")
    for place, column in enumerate(worst.columns):
        click(page, column.label, WORST)
        values = [row.cells[place] for row in worst.rows]
        if column.key == "total_gap":
            values = [cell.value for cell in values]
        if column.key in ("status", "split"):
            shown = page.eval_on_selector_all(
                f"{WORST} tbody tr", f"rows => rows.map(row => row.cells[{place}].textContent)"
            )
            assert shown == sorted(shown)
            continue
        by_name = dict(zip((row.name for row in worst.rows), values, strict=True))
        if column.key == "index":
            assert [int(by_name[name]) for name in names(page, WORST)] == sorted(map(int, values))
            continue
        known = sorted((value for value in values if value is not None), reverse=True)
        assert [by_name[name] for name in names(page, WORST)] == known + [None] * (len(values) - len(known))


@pytest.mark.slow
def test_filtering_counts_what_is_left(visit):
    rows = ["ok"] * 8 + ["fit_budget,evidence_weak", "negative_gap"]
    gaps = [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    result = make([-100 - gap for gap in gaps], [-99] * 10, [-98] * 10, status=rows)
    page = visit(render(build(join(result, three(split="train")))))
    count = page.locator("[data-count=worst-table]")
    field = page.get_by_label("Filter rows")
    for typed, expected in (
        ("", 13),
        ("budget", 1),
        ("FIT_B", 1),
        ("train", 3),
        ("test ok", 8),
        ("8", 1),
        ("1 train", 1),
        ("nothing like it", 0),
        ("", 13),
    ):
        field.fill(typed)
        assert count.text_content() == f"{expected} of 13 rows", typed
        assert len(names(page, WORST)) == expected
    field.fill("train")
    click(page, "Index", WORST)
    assert names(page, WORST) == ["train 0", "train 1", "train 2"]


def test_rows_are_filtered_and_sorted_by_their_label(visit):
    page = visit(render(build(with_labels(three(), ["shoe 10", "shoe 9", "<b>hat</b>"]))))
    field = page.get_by_label("Filter rows")
    assert field.get_attribute("placeholder") == "index, split, label, status"
    for typed, expected in (("shoe", ["test 0", "test 1"]), ("<b>", ["test 2"]), ("", ["test 2", "test 0", "test 1"])):
        field.fill(typed)
        assert names(page, WORST) == expected
    click(page, "Label", WORST)
    assert names(page, WORST) == ["test 2", "test 1", "test 0"]


def test_the_page_can_be_used_with_the_keyboard_alone(visit):
    page = visit(render(KINDS))
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        where = page.evaluate(
            "() => { const at = document.activeElement, style = getComputedStyle(at);"
            " return at === document.body ? null"
            " : [at.id || at.dataset.filter || at.textContent.trim().slice(0, 20), style.outlineStyle] }"
        )
        if where is None:  # past the last one
            break
        seen.append(where)
    reached = [name for name, _ in seen]
    assert reached[0] == "theme"
    assert {"all-kinds", "Name", "Nats", "Plus"} <= set(reached)
    assert {outline for _, outline in seen} == {"solid"}
    page.get_by_label("Filter rows").focus()
    page.keyboard.type("run")
    assert sorted(names(page)) == ["a", "b", "c"]
    page.locator("#all-kinds thead button").nth(2).focus()
    page.keyboard.press("Enter")
    assert names(page) == ["a", "b", "c"]
    page.keyboard.press("Space")
    assert names(page) == ["c", "b", "a"]


@pytest.mark.parametrize(("scheme", "own", "other"), [("light", LIGHT, DARK), ("dark", DARK, LIGHT)])
def test_the_theme_button_goes_round(visit, scheme, own, other):
    page = visit(page_of("three"), color_scheme=scheme)
    button = page.locator("#theme")
    assert button.text_content() == "Theme: as the system"
    assert background(page) == own
    assert own in picture_colours(page)
    assert other not in picture_colours(page)
    seen = {}
    for name in ("light", "dark"):
        button.click()
        assert button.text_content() == f"Theme: {name}"
        seen[name] = background(page)
    assert seen == {"light": LIGHT, "dark": DARK}
    page.reload()
    assert button.text_content() == "Theme: dark"
    button.press("Enter")
    assert background(page) == own


def test_an_open_page_follows_the_system(visit):
    page = visit(page_of("three"), color_scheme="light")
    page.emulate_media(color_scheme="dark")
    assert background(page) == DARK


@pytest.mark.parametrize("scheme", only(["light", "dark"], "dark"))
def test_all_words_stand_out_from_their_background(visit, scheme):
    page = visit(page_of("rich"), color_scheme=scheme)
    colours = page.eval_on_selector_all(
        "p, li, td, th, dt, dd, figcaption, caption, h1, h2, h3, a, button, input, output, .formula",
        "all => [...new Set(all.map(element => getComputedStyle(element).color))]",
    )
    assert len(colours) >= 2
    paper = luminance(background(page))
    for colour in colours:
        light, dark = sorted((luminance(colour), paper), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colour  # WCAG 2.1, level AA


def test_pictures_stand_out_in_the_dark(visit):
    page = visit(page_of("rich"), color_scheme="dark")
    colours = page.eval_on_selector_all(
        "figure:not(.photographic) svg :is(path, use, line, rect)",
        "all => [...new Set(all.flatMap(e => [getComputedStyle(e).fill, getComputedStyle(e).stroke]))]",
    )
    painted = {colour for colour in colours if colour.startswith("rgb(")} - {DARK}
    assert len(painted) >= 5
    for colour in painted:
        assert (luminance(colour) + 0.05) / (luminance(DARK) + 0.05) > 2.5, colour


@pytest.mark.parametrize("scheme", only(["light", "dark"], "dark"))
def test_pictures_of_data_stay_as_they_are(visit, scheme):
    svg = '<svg width="90pt" height="30pt"><rect id="a" style="fill: #ffffff"/><path id="b"/></svg>'
    figure = Figure("photo", svg, Caption("Caption"), "Alt", photographic=True)
    page = visit(render(Document("Data", (), (Section("s", "S", (figure,)),))), color_scheme=scheme)
    fills = page.eval_on_selector_all("#a, #b", "all => all.map(element => getComputedStyle(element).fill)")
    assert fills == [LIGHT, "rgb(0, 0, 0)"]
    assert page.locator(".picture").evaluate("at => getComputedStyle(at).backgroundColor") == LIGHT


@pytest.mark.parametrize("width", only([320, 390, 768], 320))
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_narrow_screen_scrolls_down_only(visit, width, script):
    page = visit(page_of("long"), viewport={"width": width, "height": 800}, java_script_enabled=script)
    if script:
        wide = (
            "width => [...document.querySelectorAll('body *')].filter(e => !e.closest('.wide, svg'))"
            ".filter(e => e.getBoundingClientRect().right > width + 1).map(e => e.outerHTML.slice(0, 80))"
        )
        assert page.evaluate(wide, width) == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    else:
        assert page.locator("header, main").count() == 2
        assert page.locator("main").bounding_box()["width"] <= width


@pytest.mark.slow
def test_a_table_wider_than_the_screen_keeps_its_first_column(visit):
    page = visit(page_of("many"), viewport={"width": 390, "height": 800})
    table = page.locator(WORST)
    table.locator("xpath=..").evaluate("region => { region.scrollLeft = 200; }")
    first, second = (table.locator(f"tbody tr:first-child > :nth-child({number})").bounding_box() for number in (1, 2))
    assert 0 <= first["x"] < 30
    assert second["x"] < 0
    assert table.locator("tbody .name").first.bounding_box()["height"] < 30  # the index is not broken into its digits
    named = visit(page_of("long names"), viewport={"width": 390, "height": 800})
    column = named.locator("#all-kinds tbody th").first
    assert 100 < column.bounding_box()["width"] < 0.5 * 390
    roomy = visit(page_of("many"), viewport={"width": 1200, "height": 800}).locator(WORST)
    assert roomy.locator("tbody th").first.evaluate("cell => getComputedStyle(cell).position") == "static"


def test_more_on_a_picture_opens_by_key_and_on_paper(visit):
    page = visit(page_of("three"))
    more = page.locator("figcaption details")
    assert more.count() == page.locator("figure").count() > 1
    words = more.first.locator("p")
    assert not words.is_visible()
    more.first.locator("summary").focus()
    page.keyboard.press("Enter")
    assert words.is_visible()
    assert not more.nth(1).locator("p").is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert all(part.is_visible() for part in more.locator("p").all())


def test_without_scripts_the_page_is_whole(visit):
    page = visit(page_of("many"), java_script_enabled=False)
    assert page.locator(f"{WORST} tbody tr").count() == 200
    assert page.locator(".tools").is_hidden()
    assert page.locator("#theme").is_hidden()


@pytest.mark.slow
def test_ten_thousand_datapoints_are_soon_interactive(visit):
    document, _ = large()
    html = render(document)
    start = time.perf_counter()
    page = visit(html)
    loaded = time.perf_counter()
    click(page, "L[q]", WORST)
    first = page.locator(f"{WORST} tbody tr").first.get_attribute("data-row")
    ready = time.perf_counter()
    print(f"\n{len(html) / 1e6:.2f} MB: loaded after {loaded - start:.2f} s, sorted after {ready - start:.2f} s")
    rows = document.table("worst-table").rows
    assert first == max((row for row in rows if row.cells[2] is not None), key=lambda row: row.cells[2]).name
