"""Parameter dataclasses from plain values, as they come from TOML and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from geo.errors import ParameterError


def read_params(kind: Any, values: Mapping[str, Any]) -> Any:
    """Return a parameter dataclass from plain values, nested ones included; lists become tuples.

    Raises
    ------
    ParameterError
        A key is not a parameter, one is missing, or a value is out of range or of a wrong kind.
    """
    hints = get_type_hints(kind)
    known = {field.name for field in fields(kind)}
    for key in values:
        if key not in known:
            raise ParameterError(
                "'{key}' is not a parameter of {kind}. Known are {known}.",
                key=key,
                kind=kind.__name__,
                known=", ".join(sorted(known)),
            )
    try:
        return kind(**{key: _value(hints[key], value) for key, value in values.items()})
    except TypeError as error:
        raise ParameterError(
            "The parameters of {kind} are incomplete or of a wrong kind: {reason}",
            kind=kind.__name__,
            reason=str(error),
        ) from error


def _value(hint: Any, value: Any) -> Any:
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise TypeError(f"{value!r} is not a table")
        return read_params(hint, value)
    if isinstance(value, list):
        inner = next((arg for arg in getattr(hint, "__args__", ()) if is_dataclass(arg)), None)
        return tuple(
            read_params(inner, item) if inner and isinstance(item, Mapping) else _value(None, item) for item in value
        )
    return value
