"""What is said of the search for modes, and of what it cannot find."""

from gapkit.results.records import Summary
from gapkit.results.verdict.search import search_sentences
from tests.results.verdict.builder import sound

WIDE = {"simulated": 20, "missed": 7, "widen": True, "control": {"count": 0, "missed": 0}}


def said(**search):
    summary = sound()
    summary["search"] = search
    summary["splits"]["test"]["checks"]["route"] = {"looked": {"all": 100}, "found": 3, "unseen": 0.0}
    return " ".join(search_sentences(Summary.of(summary)))


def test_why_it_was_not_tried_on_simulated_data():
    words = said(skipped="NotImplementedError: no sample", widen=False)
    assert "could not be tried on data simulated from the model: NotImplementedError: no sample." in words


def test_what_the_wide_search_misses_is_a_share_of_the_posterior():
    words = said(**WIDE, simulated_again=30, beyond=12, expected=0.3, unseen=0.39)
    assert "12 came from latents beyond what log p(x) was estimated with (its weights expect 0.3)" in words
    assert "nothing that was tried gets to about 39% of the posterior" in words


def test_as_many_as_the_weights_expect_are_no_news():
    words = said(**WIDE, simulated_again=30, beyond=0, expected=0.0, unseen=0.0)
    assert "none came from latents beyond" in words
    assert "nothing that was tried" not in words


def test_bounds_of_ais_that_are_apart_make_its_values_doubtful():
    some = {"simulated_again": 0, "beyond": 0, "expected": 0.0, "unseen": 0.0, "annealed_again": 20}
    words = said(**WIDE, **some, apart=1.57, unseen_annealed=0.54)
    assert "For 20 datapoints simulated from the model AIS gave log p(x)" in words
    assert "1.57 nats above it, on average (each counted up to 4): log p(x) may be too low wherever" in words
    assert "too low" not in said(**WIDE, **some, apart=0.01, unseen_annealed=0.0)
    assert "AIS gave" not in said(**WIDE, **some | {"annealed_again": 2})


def test_why_what_is_missed_even_so_could_not_be_tried():
    assert "could not be tried on simulated data: ValueError: no." in said(**WIDE, skipped_again="ValueError: no")


def test_a_run_of_before_says_nothing_of_it():
    assert "beyond" not in said(**WIDE)
