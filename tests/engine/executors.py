"""Executors that do the units in another order, or only some of them."""

from gapkit.engine import Local


class Ordered(Local):
    """Does the units of each split as a function of them says."""

    def __init__(self, order):
        self.order = order

    def map(self, work, units, tell, store):
        splits = dict.fromkeys(split for split, _ in units)
        by_split = {split: tuple(unit for other, unit in units if other == split) for split in splits}
        chosen = [(split, unit) for split, planned in by_split.items() for unit in self.order(planned)]
        return super().map(work, chosen, tell, store)


BACKWARDS = Ordered(lambda units: tuple(reversed(units)))
