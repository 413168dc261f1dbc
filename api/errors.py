"""From errors to answers: RFC 9457 problem details, in one shape for everything that can go wrong.

The web adds to the tree of :mod:`geo.errors`::

    YiwangError
    └── WebError               the request or the server, not the work
        ├── NotFoundError        nothing at this address
        ├── MethodError          the address does not know this method
        ├── InvalidRequestError  a parameter or body that does not fit
        ├── UploadError          files that are not exactly one layer, or have unusable names
        ├── TooLargeError        the upload is too large
        ├── ForeignHostError     asked under a name that is not this machine
        ├── ForeignOriginError   a page of another site sent this
        ├── QueueFullError       too many jobs wait
        ├── WorkerLostError      the process of a job ended by itself
        ├── TimeLimitError       a job ran too long
        ├── ServerStartError     a setting or port with which the server cannot start
        └── InternalError        a defect of ours
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, ClassVar

from geo import errors
from geo.errors import YiwangError
from geo.model.text import Language, Phrase, translate


class WebError(YiwangError):
    """The request or the server is at fault, not the work."""

    code: ClassVar[str] = "web"


class NotFoundError(WebError):
    """Nothing is at this address."""

    code = "not_found"


class MethodError(WebError):
    """The address does not know this method."""

    code = "method"


class InvalidRequestError(WebError):
    """A parameter or body does not fit."""

    code = "invalid_request"


class UploadError(WebError):
    """The files are not exactly one layer, or have names that cannot be used."""

    code = "upload"


class TooLargeError(WebError):
    """The upload is too large."""

    code = "too_large"


class ForeignHostError(WebError):
    """The request names a host that is not this machine."""

    code = "foreign_host"


class ForeignOriginError(WebError):
    """A page of another site sent the request."""

    code = "foreign_origin"


class QueueFullError(WebError):
    """Too many jobs wait already."""

    code = "queue_full"


class WorkerLostError(WebError):
    """The process of a job ended by itself."""

    code = "worker_lost"


class TimeLimitError(WebError):
    """A job ran longer than allowed."""

    code = "time_limit"


class ServerStartError(WebError):
    """The server cannot start with this setting or on this port."""

    code = "server_start"


class InternalError(WebError):
    """A defect of ours."""

    code = "internal"


STATUS_OF: Mapping[type[YiwangError], int] = {
    errors.InputError: 422,
    errors.StateError: 409,
    errors.ProjectNotFoundError: 404,
    errors.MissingLayerError: 404,
    errors.InfeasibleError: 422,
    errors.CheckFailedError: 500,
    errors.StorageError: 503,
    errors.AssetError: 500,
    errors.CancelledError: 409,
    NotFoundError: 404,
    MethodError: 405,
    InvalidRequestError: 422,
    UploadError: 422,
    TooLargeError: 413,
    ForeignHostError: 421,
    ForeignOriginError: 403,
    QueueFullError: 503,
    WorkerLostError: 500,
    TimeLimitError: 504,
    InternalError: 500,
    YiwangError: 500,
}
"""The one table from errors to HTTP: a class that is not listed takes the status of its nearest base."""

UNEXPECTED = "Something went wrong inside the program. Nothing was changed; the log of the server tells more."
_FIELD_MESSAGES: Mapping[str, str] = {
    "missing": "'{field}' is missing.",
    "extra_forbidden": "'{field}' is not known here. Check its spelling.",
    "unexpected_keyword_argument": "'{field}' is not known here. Check its spelling.",
    "json_invalid": "'{field}' is not valid JSON.",
    "literal_error": "'{field}' must be one of {expected}.",
    "greater_than": "'{field}' must be above {gt}.",
    "greater_than_equal": "'{field}' must be at least {ge}.",
    "less_than": "'{field}' must be below {lt}.",
    "less_than_equal": "'{field}' must be at most {le}.",
    "int_parsing": "'{field}' must be a whole number.",
    "int_from_float": "'{field}' must be a whole number.",
    "int_type": "'{field}' must be a whole number.",
    "float_parsing": "'{field}' must be a number.",
    "float_type": "'{field}' must be a number.",
    "finite_number": "'{field}' must be a finite number.",
    "bool_parsing": "'{field}' must be true or false.",
    "string_type": "'{field}' must be a text.",
}
_OTHER_FIELD_MESSAGE = "'{field}' does not fit: {reason}."


def status_of(error: YiwangError) -> int:
    """Return the HTTP status of an error."""
    return next(STATUS_OF[cls] for cls in type(error).__mro__ if cls in STATUS_OF)


def problem_of(error: YiwangError) -> dict[str, Any]:
    """Return an error as the members of an RFC 9457 problem; folders of the server are left out of it."""
    context = dict(error.context)
    if not isinstance(error, WebError):
        context = {key: _without_folders(value) for key, value in context.items()}
    status = status_of(error)
    return {
        "type": f"urn:yiwang:problem:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": error.code,
        "detail": describe(error, "en", context),
        "detail_zh": describe(error, "zh", context),
        "context": context,
    }


def describe(error: YiwangError, language: Language, context: Mapping[str, Any] | None = None) -> str:
    """Return what an error says to a person; the web's own errors have their texts in the catalogue of ``api``."""
    package = "api" if isinstance(error, WebError) else "geo"
    return translate(error.template, language, package, **(error.context if context is None else context))


def _without_folders(value: Any) -> Any:
    """Return a value of a context fit for JSON, with file names instead of paths and no address of a database."""
    if isinstance(value, (bool, int, float, Phrase)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): _without_folders(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_without_folders(item) for item in value]
    text = str(value)
    if re.match(r"[a-z+]+://", text):
        return text.partition("://")[0] + "://…"
    for path in (PurePosixPath(text), PureWindowsPath(text)):
        if path.is_absolute():
            return path.name
    for folder in (Path.cwd(), Path.home(), Path(tempfile.gettempdir()).resolve(), Path(tempfile.gettempdir())):
        if len(folder.parts) > 1:
            text = text.replace(f"{folder}/", "")
    return text


def invalid_request(found: Sequence[Mapping[str, Any]]) -> InvalidRequestError:
    """Return one error for all that pydantic complained about; its context lists them under ``errors``."""
    listed = [_field_error(item) for item in found]
    first = listed[0]
    error = InvalidRequestError(first["message"], **first["values"])
    error.context["errors"] = [
        {
            "field": item["values"]["field"],
            "type": item["type"],
            "detail": translate(item["message"], "en", "api", **item["values"]),
            "detail_zh": translate(item["message"], "zh", "api", **item["values"]),
        }
        for item in listed
    ]
    return error


def _field_error(item: Mapping[str, Any]) -> dict[str, Any]:
    places = [str(place) for place in item.get("loc", ()) if place not in ("query", "body", "path", "header")]
    values = {
        "field": ".".join(places) or "body",
        **{k: str(v) for k, v in item.get("ctx", {}).items() if k != "error"},
    }
    message = _FIELD_MESSAGES.get(str(item["type"]))
    if message is None:
        message, values["reason"] = _OTHER_FIELD_MESSAGE, str(item.get("msg", item["type"]))
    return {"type": str(item["type"]), "message": message, "values": values}
