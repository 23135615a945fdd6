"""Where things stand on the page, in a real browser: the first screen, the contents, what is folded."""

from tests.report.browsed import needs_browser, page_of

pytestmark = needs_browser


def test_what_is_folded_opens_by_key_by_link_and_on_paper(visit):
    page = visit(page_of("rich"))
    folds = page.locator("section > .fold")
    shut = [fold.evaluate("fold => !fold.open") for fold in folds.all()]
    assert len(shut) >= 3
    assert all(shut)
    terms = page.locator("#definitions dt").first
    assert not terms.is_visible()
    page.locator("#definitions > .fold > summary").focus()
    page.keyboard.press("Enter")
    assert terms.is_visible()
    table = page.locator("#gaps-1")
    assert not table.is_visible()
    page.locator("nav a", has_text="All bounds and gaps").click()
    assert table.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert all(fold.evaluate("fold => fold.open") for fold in folds.all())


def test_the_contents_go_along_on_a_wide_screen(visit):
    page = visit(page_of("rich"), viewport={"width": 1400, "height": 700})
    nav = page.locator("nav")
    main = page.locator("main").bounding_box()
    assert nav.bounding_box()["x"] + nav.bounding_box()["width"] <= main["x"]
    page.evaluate("() => scrollTo(0, 1200)")
    assert 0 <= nav.bounding_box()["y"] < 100
    narrow = visit(page_of("rich"), viewport={"width": 900, "height": 700}).locator("nav")
    assert narrow.evaluate("nav => getComputedStyle(nav).position") == "static"


def test_the_first_screen_answers(visit):
    """What to do, the three numbers, the ladder and the marks are above the edge of a usual screen."""
    page = visit(page_of("rich"), viewport={"width": 1280, "height": 900})
    for part in (".verdict", ".cards", "#ladder-1 svg", ".marks"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 900, part


def test_the_ladder_fits_a_phone(visit):
    """Without a scrollbar, and with letters that can be read."""
    for width in (360, 390, 414):
        picture = visit(page_of("rich"), viewport={"width": width, "height": 700}).locator("#ladder-1 .picture")
        shown, whole = picture.evaluate("part => [part.clientWidth, part.scrollWidth]")
        assert whole <= shown, width
        assert picture.locator("svg").bounding_box()["width"] > 300


def test_pictures_stand_side_by_side_where_there_is_room(visit):
    def tops(width):
        page = visit(page_of("labelled"), viewport={"width": width, "height": 900})
        return [figure.bounding_box()["y"] for figure in page.locator("#gaps .figures figure").all()]

    wide, narrow = tops(1280), tops(600)
    assert wide[0] == wide[1]
    assert narrow[0] < narrow[1]
