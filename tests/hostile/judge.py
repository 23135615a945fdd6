"""What every hostile input must end in."""

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
_SECONDS, _MEGABYTES, _LONGEST = 5, 2000, 6000


def judged(case, runner, folder):
    """Make the files, run the command, and hold it to what is promised; return the outcome."""
    case.make(folder)
    before = set(folder.rglob("*"))
    outcome = runner(folder, *case.words)
    assert "Traceback" not in outcome.err, outcome.err[-3000:]
    assert outcome.code in case.codes, (outcome.code, outcome.out[-500:], outcome.err[-2000:])
    assert not (folder / "canary").exists(), "code of the file was executed"
    assert len(outcome.err) < _LONGEST, f"a message of {len(outcome.err)} characters: {outcome.err[:300]}"
    for text in (outcome.out, outcome.err):
        assert not _CONTROL.search(text), f"a control character at {_CONTROL.search(text)}: {text[:500]!r}"
    assert outcome.seconds < _SECONDS, outcome.seconds
    assert outcome.peak_mb < _MEGABYTES, outcome.peak_mb
    if outcome.code:
        assert "to do:" in outcome.err or "Usage:" in outcome.err, outcome.err
        assert case.told in outcome.err, outcome.err
        after = {path for path in folder.rglob("*") if "__pycache__" not in path.parts}  # which Python writes
        assert after == before, "something was written, and the command failed"
    return outcome
