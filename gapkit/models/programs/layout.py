"""What a Pyro program is made of, read off a few traced runs: its latents, what it observes, who depends on what.

Two runs, on two datapoints and on three, tell which axis of a site counts datapoints; a run on other data tells whether
p(x|z) and p(z) are functions of z alone.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import AffineTransform, Dirichlet, StickBreakingTransform

from gapkit.core.errors import InputError
from gapkit.core.randomness import seeded
from gapkit.core.trees import Tree, rows_of
from gapkit.models.naming import innermost
from gapkit.models.programs.bounded import MemberStep, alike
from gapkit.models.programs.plain import rows_first
from gapkit.models.programs.program import Layout, Program, guide_steps
from gapkit.models.programs.slots import LowerTriangular, Slot, bijection_of, require_continuous
from gapkit.models.pulled import LogRatios

__all__ = ["read_layout"]

_FEW, _MORE = 2, 3
Sites = Mapping[str, Any]


def read_layout(program: Program, x: Tensor, c: Tree = None) -> Layout:
    """Read a program off a few runs on the first datapoints; the random state stays as it is.

    Args:
        program: model, guide and parameters.
        x: data of at least one row.
        c: a condition of as many rows; None for none.

    Raises:
        InputError: latents that belong to no datapoint or are discrete, sites that are missing on one side, or
            distributions that are no transform of Gaussian noise.
    """
    from gapkit.models.programs.pyro_run import run

    asked: set[str] = set()

    def both(count: int) -> tuple[Sites, Sites]:
        rows = torch.arange(count) % len(x)
        of_c = rows_of(c, rows)
        guide = run(program.guide, x[rows].clone(), of_c, store=program.store, asked=asked)
        drawn = {name: site.value for name, site in guide.items()}
        model = run(
            program.model,
            x[rows].clone(),
            of_c,
            values=lambda name, fn: drawn.get(name),
            store=program.store,
            asked=asked,
        )
        return guide, model

    with torch.no_grad(), seeded(0, "layout"):
        few, more = both(_FEW), both(_MORE)
        guide, model = more
        latent = [name for name, site in model.items() if not site.observed]
        _require_same(guide, latent)
        slots, start = [], 0
        for name in (name for name in guide if name in latent):
            slot = _slot(name, few[1][name], model[name], guide[name], start)
            slots.append(slot)
            start += slot.size
        observed = _observed(few[1], model)
        last = max(latent, key=list(model).index)
        layout = Layout(tuple(slots), observed, last, "", True, "general", _notes(model, guide), frozenset(asked))
        rows = torch.arange(_MORE) % len(x)
        apart, own_prior = _apart(program, layout, x[rows], rows_of(c, rows), model, guide)
        family = _family(program, layout, x[rows], rows_of(c, rows))
    return Layout(tuple(slots), observed, last, apart, own_prior, family, layout.notes, layout.asked)


def _require_same(guide: Sites, latent: list[str]) -> None:
    asked = "a model and a guide with the same latent sites"
    inner = [name for name, site in guide.items() if site.factor or site.observed]
    if inner:
        found = f"{', '.join(inner)} in the guide, a pyro.factor or an observation: its draws have no density q(z|x)"
        raise InputError(asked, found, "leave it out of the guide that is analysed")
    missing, more = sorted(set(latent) - set(guide)), sorted(set(guide) - set(latent))
    if not latent:
        raise InputError(asked, "no latent site in the model", "name them with pyro.sample in the model")
    if missing:
        do = "give the guide these sites too; one that it leaves to the prior is not part of q(z|x)"
        raise InputError(asked, f"{', '.join(missing)} in the model alone", do)
    if more:
        do = "leave them out: with auxiliary variables q(z|x) has no density of its own"
        raise InputError(asked, f"{', '.join(more)} in the guide alone", do)


def _axis(small: torch.Size, large: torch.Size) -> int | None:
    """The axis, from the front, that has as many entries as there are datapoints; None where there is not one."""
    places = [at for at, (a, b) in enumerate(zip(small, large, strict=False)) if (a, b) == (_FEW, _MORE)]
    return places[0] if len(places) == 1 and len(small) == len(large) else None


def _slot(name: str, small: Any, site: Any, of_guide: Any, start: int) -> Slot:
    require_continuous(name, site.fn)
    place = _axis(small.fn.batch_shape, site.fn.batch_shape)
    asked = f"the latent site {name} as part of z, which every datapoint has its own of"
    if site.infer.get("enumerate") or of_guide.infer.get("enumerate"):
        raise InputError(asked, "a site that is enumerated", "sum it out in the model, and leave it out of the guide")
    if place is None:
        shapes = f"batch shape {tuple(small.fn.batch_shape)} for {_FEW} datapoints, {tuple(site.fn.batch_shape)} for 3"
        do = (
            "gapkit takes log p(x, z) apart by datapoints: put the site inside the plate of the datapoints "
            "(pyro.plate('data', len(x)), or subsample=x); a global latent, which all datapoints share, has no gap for "
            "each of them: fix it at a value (pyro.condition, pyro.param)"
        )
        raise InputError(asked, f"a site outside of their plate ({shapes})", do)
    if site.masked or of_guide.masked:
        do = "leave the latents that are masked out of model and guide: they count in neither density"
        raise InputError(asked, "a mask on it (poutine.mask)", do)
    bijection = bijection_of(name, site.fn, place)
    if isinstance(bijection, StickBreakingTransform) and isinstance(innermost(of_guide.fn), Dirichlet):
        bijection = LogRatios()  # stick-breaking suits normals: each is in a family that has a fit then
    rest = tuple(size for at, size in enumerate(site.fn.batch_shape) if at != place)
    inner = tuple(bijection.inverse_shape(site.value.shape)[len(site.fn.batch_shape) :])
    if of_guide.value.shape != site.fn.batch_shape + site.fn.event_shape:
        found = f"shape {tuple(of_guide.value.shape)} in the guide, {tuple(site.fn.shape())} in the model"
        raise InputError(f"one shape of the latent site {name}", found, "give both the same plates and event shape")
    return Slot(name, start, rest, inner, place, bijection)


def _observed(few: Sites, more: Sites) -> dict[str, int]:
    """Where the datapoints' axis stands in the log density of every observed site, from the back."""
    found = {}
    for name, site in more.items():
        if not site.observed:
            continue
        small, large = few[name].log_prob().shape, site.log_prob().shape
        place = _axis(small, large)
        if place is None:
            asked = f"the density of {name} for every datapoint"
            shapes = f"shape {tuple(small)} for {_FEW} datapoints, {tuple(large)} for {_MORE}"
            do = (
                "observe it inside the plate of the datapoints, pyro.plate('data', len(x)); a plate of fixed size that "
            )
            raise InputError(asked, shapes, do + "draws its own mini-batch does not follow the rows: pass subsample=x")
        found[name] = place - len(large)
    if not found:
        do = "observe x: pyro.sample('x', ..., obs=x)"
        raise InputError("a model that observes the data", "no site with obs=", do)
    return found


def _notes(model: Sites, guide: Sites) -> tuple[str, ...]:
    notes = []
    weighted = {name: site.weight for sites in (guide, model) for name, site in sites.items()}
    for name, weight in weighted.items():
        if bool((torch.as_tensor(weight) != 1.0).any()):
            value = f"{float(torch.as_tensor(weight).flatten()[0]):g}"
            notes.append(
                f"the site {name} has the weight {value} (poutine.scale): it is left out, log p(x) is that of the "
                "model without it, and q was trained for another one"
            )
    for name, site in model.items():
        if site.observed and site.masked:
            notes.append(f"the site {name} is masked: what is masked counts as not observed")
        if site.factor:
            notes.append(f"the site {name} (pyro.factor) counts as a part of log p(x, z)")
    return tuple(notes)


def _apart(program: Program, layout: Layout, x: Tensor, c: Tree, model: Sites, guide: Sites) -> tuple[str, bool]:
    """Why p(x|z) is no function of z alone, and whether p(z) is one."""
    from gapkit.models.programs.pyro_run import run

    drawn = {name: site.value for name, site in guide.items()}
    given: Callable[[str, Any], Tensor | None] = lambda name, fn: drawn.get(name)  # noqa: E731
    try:
        other = run(program.model, torch.zeros_like(x), c, values=given, store=program.store)
        own_prior = all(_same(model[slot.name], other[slot.name]) for slot in layout.slots)
    except Exception:  # of the user's code, which was not made for such data
        return "the model looks at x itself", False
    sites = [model[name] for name in layout.observed]
    if len(sites) > 1:
        return f"several sites are observed ({', '.join(site.name for site in sites)})", own_prior
    (site,) = sites
    if site.factor or site.masked:
        return f"the site {site.name} is {'a pyro.factor' if site.factor else 'masked'}", own_prior
    place = layout.observed[site.name]
    rows = site.value.movedim(site.value.dim() - len(site.fn.event_shape) + place, 0).reshape(len(x), -1)
    if rows.shape != x.reshape(len(x), -1).shape or not torch.equal(rows.to(x), x.reshape(len(x), -1)):
        return f"what is observed at {site.name} is not x itself", own_prior
    if not _same(site, other[site.name]):
        return "p(x|z) depends on x itself (autoregressive, or with skip connections)", own_prior
    whole = len(site.fn.batch_shape) >= -place
    made = rows_first(site.fn, place, tuple(x.shape[1:])) if whole else None
    if made is None:
        return f"the density at {site.name} ({type(site.fn).__name__}) has another shape than a datapoint", own_prior
    total = site.log_prob().movedim(place, 0).reshape(len(x), -1).sum(1)
    if not torch.allclose(made.log_prob(x), total, rtol=1e-4, atol=1e-3):
        return f"the density at {site.name} cannot be read for each datapoint", own_prior
    return "", own_prior


def _same(one: Any, other: Any) -> bool:
    """Whether two runs give a site the same density, looked up at one value."""
    a, b = one.fn.log_prob(one.value), other.fn.log_prob(one.value)
    return bool(a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num()))


def _family(program: Program, layout: Layout, x: Tensor, c: Tree) -> str:
    """What the guide is: independent normals, one normal with covariances, or anything else made of Gaussian noise."""
    generator = torch.Generator().manual_seed(1)
    runs = []
    for _ in range(2):
        noise = torch.randn(len(x), layout.dim, generator=generator).to(x)
        runs.append(guide_steps(program, layout, x, c, noise)[2])
    for slot in layout.slots:
        first, second = runs[0][slot.name], runs[1][slot.name]
        if len(first) != 1 or type(first[0]) is not type(second[0]):
            return "general"
        if any(not torch.equal(a, b) for a, b in zip(_numbers(first[0]), _numbers(second[0]), strict=True)):
            return "general"
    steps = [runs[0][slot.name][0] for slot in layout.slots]
    kinds = {type(step) for step in steps}
    if kinds == {MemberStep}:
        return "member" if alike([step.member for step in steps]) else "general"
    if kinds == {AffineTransform}:
        return "normal"
    alone = len(layout.slots) == 1 and not layout.slots[0].rest and len(layout.slots[0].inner) == 1
    return "full" if alone and kinds == {LowerTriangular} else "general"


def _numbers(step: Any) -> tuple[Tensor, ...]:
    if isinstance(step, MemberStep):
        return tuple(step.member.tensors().values())
    return (step.loc, step.tril) if isinstance(step, LowerTriangular) else (step.loc, step.scale)
