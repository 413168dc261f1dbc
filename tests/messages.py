"""Finds the message ids in the sources: what people can get to read, and so must be translated."""

from __future__ import annotations

import ast
from pathlib import Path

from geo import errors

ROOT = Path(__file__).resolve().parents[1]
_ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
_REASON_NAMES = {
    "reason",
    "crs_reason",
    "encoding_reason",
    "UNREACHABLE_EDGE",
    "UNREACHABLE_VISIT",
    "WINDOW_OUTSIDE",
    "NO_TIME",
}
_ARGUMENT = {
    "progress": 0,
    "tell_stored": 1,
    "_progress": 0,
    "leave_out": 2,
    "report": 2,
    "Finding": 2,
    "EncodingChoice": 1,
}


def _constant(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def find_messages(package: str) -> set[str]:
    """Return the message ids of a top-level package."""
    found: set[str | None] = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                position = 0 if name in _ERRORS else _ARGUMENT.get(name)
                if position is not None and len(node.args) > position:
                    found.add(_constant(node.args[position]))
            elif isinstance(node, ast.Assign):
                target = node.targets[0]
                if isinstance(target, ast.Name) and target.id in {"message", *_REASON_NAMES}:
                    branches = (
                        [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
                    )
                    found |= {_constant(branch) for branch in branches}
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for one, value in zip(target.elts, node.value.elts, strict=False):
                        if isinstance(one, ast.Name) and one.id in _REASON_NAMES:
                            found.add(_constant(value))
    return {
        message
        for message in found
        if (message and " " in message) or message in {"Storing", "Checking", "Unified", "Planned", "Imported", "Done"}
    }
