"""Summaries with some of their parts replaced."""

from dataclasses import replace


def with_parts(summary, split="test", **parts):
    """The summary with other parts of a split."""
    return replace(summary, splits={**summary.splits, split: replace(summary.splits[split], **parts)})


def with_mean(summary, name, split="test", **changes):
    """The summary with another mean of a quantity."""
    quantities = summary.splits[split].quantities
    return with_parts(summary, split, quantities={**quantities, name: replace(quantities[name], **changes)})


def of_parts(result, split="test", **parts):
    """The result with other parts of a split of its summary."""
    return replace(result, summary_values=with_parts(result.summary_values, split, **parts))
