"""Hold a model still during an analysis, and name layers that make p or q depend on more than one datapoint."""

import dis
import functools
import re
import types
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

__all__ = ["coupling_layers", "frozen", "training_layers"]

Model = TypeVar("Model")

_CONTRACT = ("encode", "decode", "prior")
_OWNER = re.compile(r"^owners\.\d+\.?")  # where a pair of functions keeps the modules that they are methods of
_MAX_DEPTH = 4  # plain objects inside plain objects; modules are followed to any depth


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what ``value`` refers to, as (name, object); a decoder may hide in a closure or a bound method."""
    if isinstance(value, nn.Module):
        yield from value.named_children()
        yield from value.named_parameters(recurse=False)
        yield from ((name, part) for name, part in vars(value).items() if not name.startswith("_"))
    elif isinstance(value, list | tuple):
        yield from ((str(i), part) for i, part in enumerate(value))
    elif isinstance(value, dict):
        yield from ((str(key), part) for key, part in value.items())
    elif isinstance(value, types.MethodType):
        yield "", value.__self__
        yield "", value.__func__
    elif isinstance(value, functools.partial):
        yield from (("", value.func), *((str(i), part) for i, part in enumerate(value.args)), *value.keywords.items())
    elif isinstance(value, types.FunctionType):
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            try:
                yield name, cell.cell_contents
            except ValueError:  # a cell that is not filled yet
                continue
        # Networks that a function uses as globals of its file: an ordinary way to write a small model.
        used = (step.argval for step in dis.get_instructions(value) if step.opname == "LOAD_GLOBAL")
        for name in dict.fromkeys(used):
            part = value.__globals__.get(name)
            if isinstance(part, nn.Module | nn.Parameter):
                yield name, part
    elif not isinstance(value, Tensor | type | types.ModuleType) and hasattr(value, "__dict__"):
        yield from vars(value).items()
    if not isinstance(value, type):
        methods = (vars(base).get(name) for base in type(value).__mro__ for name in _CONTRACT)
        yield from (("", method) for method in methods if isinstance(method, types.FunctionType))


def _collect(model: Any) -> tuple[list[tuple[str, nn.Module]], list[nn.Parameter]]:
    """Return the modules with a path and the parameters that ``model`` reaches, each once; paths may repeat."""
    modules: list[tuple[str, nn.Module]] = []
    parameters: list[nn.Parameter] = []
    seen: set[int] = set()

    def visit(path: str, value: Any, depth: int) -> None:
        if id(value) in seen or depth > _MAX_DEPTH:
            return
        seen.add(id(value))
        if isinstance(value, nn.Parameter):
            parameters.append(value)
        if isinstance(value, nn.Module):
            modules.append((path, value))
            depth = 0
        for name, part in _parts(value):
            visit(".".join(filter(None, (path, name))), part, depth + 1)

    visit("", model, 0)
    return modules, parameters


@contextmanager
def frozen(model: Model) -> Iterator[Model]:
    """Put every module of ``model`` in eval mode and stop gradients to its parameters; restore both on leaving.

    Args:
        model: a module, or any object whose attributes lead to modules, also through containers, closures, partials
            and bound methods. Every flag is restored as it was, one by one, also after an exception.

    Yields:
        The same model.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
        >>> with frozen(net):
        ...     net[1].training, net[0].weight.requires_grad
        (False, False)
        >>> net[1].training, net[0].weight.requires_grad
        (True, True)
    """
    modules, parameters = _collect(model)
    training = [(module, module.training) for _, module in modules]
    requires_grad = [(parameter, parameter.requires_grad) for parameter in parameters]
    try:
        for module, _ in training:
            module.training = False  # not eval(): user classes override it, and then the old state cannot be restored
        for parameter, _ in requires_grad:
            parameter.requires_grad_(False)
        yield model
    finally:
        for module, flag in training:
            module.training = flag
        for parameter, flag in requires_grad:
            parameter.requires_grad_(flag)


def training_layers(model: Any) -> list[str]:
    """Count, by their kind, the layers that do something else in training, such as dropout.

    Args:
        model: as for :func:`frozen`.

    Example:
        >>> training_layers(nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Dropout(), nn.BatchNorm1d(2)))
        ['2 Dropout', '1 BatchNorm1d']
    """
    kinds = (_BatchNorm, _DropoutNd, nn.RReLU, nn.AlphaDropout)
    names = [type(module).__name__ for _, module in _collect(model)[0] if isinstance(module, kinds)]
    return [f"{count} {name}" for name, count in Counter(names).items()]


def coupling_layers(model: Any) -> list[str]:
    """Name the layers that make a datapoint's numbers depend on its neighbours even in eval mode.

    Args:
        model: as for :func:`frozen`.

    Example:
        >>> coupling_layers(nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False)))
        ['0 (BatchNorm1d without running statistics)']
    """
    return [
        f"{_OWNER.sub('', path) or 'model'} ({type(module).__name__} without running statistics)"
        for path, module in _collect(model)[0]
        if isinstance(module, _BatchNorm) and module.running_mean is None
    ]
