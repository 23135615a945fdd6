"""Sizes in an exported graph: arithmetic with names, written as Python, told from all else without running it."""

import ast
import re

__all__ = ["is_size"]

_LONGEST = 2000
_FUNCTIONS = {
    "Symbol",
    "Integer",
    "Float",
    "Rational",
    "Add",
    "Mul",
    "Max",
    "Min",
    "Mod",
    "Abs",
    "Eq",
    "Ne",
    "Lt",
    "Le",
    "Gt",
    "Ge",
    "Equality",
    "Unequality",
    "StrictLessThan",
    "StrictGreaterThan",
    "LessThan",
    "GreaterThan",
    "And",
    "Or",
    "Not",
    "FloorDiv",
    "ModularIndexing",
    "PythonMod",
    "CleanDiv",
    "CeilDiv",
    "FloorToInt",
    "CeilToInt",
    "TruncToInt",
    "RoundToInt",
    "ToFloat",
    "IntTrueDiv",
    "FloatTrueDiv",
    "Where",
    "Identity",
}
_WORDS = {"oo", "int_oo", "true", "false"}
_NODES = (
    ast.Expression,
    ast.Call,
    ast.keyword,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.UnaryOp,
    ast.BinOp,
    ast.Compare,
    ast.unaryop,
    ast.operator,
    ast.cmpop,
)


def is_size(text: str) -> bool:
    """Whether a text is arithmetic of sizes, which may be given to ``sympy.sympify`` although that evaluates Python.

    Powers and shifts are left out: a short text of them makes numbers without end.

    Example:
        >>> is_size("4*s77 + 1"), is_size("Mul(Integer(4), Symbol('s77', integer=True))")
        (True, True)
        >>> is_size("__import__('os')"), is_size("s77.__class__"), is_size("9**9**9")
        (False, False, False)
    """
    if len(text) > _LONGEST:
        return False
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(_known(node) for node in ast.walk(tree))


def _known(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
    if isinstance(node, ast.Name):
        return node.id in _FUNCTIONS | _WORDS or re.fullmatch(r"[a-z]{1,3}\d+", node.id) is not None
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return re.fullmatch(r"[a-z]\w{0,40}", node.value) is not None
        return isinstance(node.value, bool | float) or (isinstance(node.value, int) and abs(node.value) < 2**63)
    return isinstance(node, _NODES) and not isinstance(node, ast.Pow | ast.LShift | ast.RShift | ast.MatMult)
