"""The one error tree of the project.

::

    YiwangError
    ├── InputError              what the user handed over cannot be used
    │   ├── FileFormatError       not a readable layer, or a broken one
    │   ├── ArchiveError          a zip that is unsafe or holds no layer
    │   ├── EncodingError         attribute text in no encoding that fits
    │   ├── CrsError              coordinate system missing, unknown or contradicted by the coordinates
    │   ├── SchemaError           a needed column is missing or holds wrong values
    │   ├── GeometryError         geometry that cannot be repaired
    │   └── ParameterError        a parameter out of its range
    ├── StateError              the project is not ready for this step
    │   ├── ProjectNotFoundError  no project where one was named
    │   ├── ProjectExistsError    a project is already there
    │   └── MissingLayerError     a layer that the step needs was not imported or computed
    ├── InfeasibleError         the problem is well put but has no solution
    ├── CheckFailedError        an independent checker refused a result: a defect of ours
    ├── StorageError            the store cannot be read or written
    ├── AssetError              a web asset is missing, or a page asked for an outside address
    └── CancelledError          the user stopped the step

Each class has a stable ``code`` and an English ``template``; each instance a ``context`` that fills it. Messages for
people come from :func:`geo.model.text.describe_error`, which knows the Chinese text of every template.
"""

from __future__ import annotations

from typing import Any, ClassVar


class YiwangError(Exception):
    """Base of all errors that the project raises on purpose.

    Parameters
    ----------
    template
        English sentence with ``{name}`` fields; says what happened, where, and what to do.
    **context
        Values of the fields; kept for logs and for the HTTP answer.
    """

    code: ClassVar[str] = "yiwang_error"

    def __init__(self, template: str, **context: Any) -> None:
        self.template = template
        self.context: dict[str, Any] = context
        super().__init__(template.format(**context) if context else template)

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep template and context when the error crosses a process border."""
        return (_rebuild, (type(self), self.template, self.context))


def _rebuild(cls: type[YiwangError], template: str, context: dict[str, Any]) -> YiwangError:
    return cls(template, **context)


class InputError(YiwangError):
    """What the user handed over cannot be used."""

    code = "input_error"


class FileFormatError(InputError):
    """Not a readable layer, or a broken one."""

    code = "file_format"


class ArchiveError(InputError):
    """A zip archive that is unsafe or holds no layer."""

    code = "archive"


class EncodingError(InputError):
    """Attribute text is in no encoding that fits."""

    code = "encoding"


class CrsError(InputError):
    """The coordinate system is missing, unknown or contradicted by the coordinates."""

    code = "crs"


class SchemaError(InputError):
    """A needed column is missing or holds wrong values."""

    code = "schema"


class GeometryError(InputError):
    """Geometry that cannot be used and cannot be repaired."""

    code = "geometry"


class ParameterError(InputError):
    """A parameter is out of its range."""

    code = "parameter"


class StateError(YiwangError):
    """The project is not ready for this step."""

    code = "state"


class ProjectNotFoundError(StateError):
    """No project where one was named."""

    code = "project_not_found"


class ProjectExistsError(StateError):
    """A project is already there."""

    code = "project_exists"


class MissingLayerError(StateError):
    """A layer that the step needs was not imported or computed."""

    code = "missing_layer"


class InfeasibleError(YiwangError):
    """The problem is well put but has no solution."""

    code = "infeasible"


class CheckFailedError(YiwangError):
    """An independent checker refused a result."""

    code = "check_failed"


class StorageError(YiwangError):
    """The store cannot be read or written."""

    code = "storage"


class AssetError(YiwangError):
    """A web asset is missing, or a page asked for an outside address."""

    code = "asset"


class CancelledError(YiwangError):
    """The user stopped the step."""

    code = "cancelled"
