"""What the options of the command line say: column mappings, profiles, rules of visits."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read_columns(pairs: list[str]) -> dict[str, str]:
    """Return the column mapping that ``TARGET=COLUMN`` pairs say."""
    from geo.errors import ParameterError

    result = {}
    for pair in pairs:
        target, separator, source = pair.partition("=")
        if not separator:
            raise ParameterError("--column takes TARGET=COLUMN, e.g. name=名称; given was '{given}'.", given=pair)
        result[target] = source
    return result


def read_profile_option(profile: str) -> tuple[dict[str, str], str]:
    """Return the columns of a profile that is a file, and the name of one that is not."""
    if not profile.lower().endswith(".json"):
        return {}, profile
    from geo.services.column_profiles import read_profile_file

    return dict(read_profile_file(Path(profile)).columns), ""


def _seconds_of_day(text: str) -> float:
    from geo.errors import ParameterError

    hours, separator, minutes = text.partition(":")
    if not (separator and hours.isdigit() and minutes.isdigit() and int(minutes) < 60):
        raise ParameterError("'{text}' is not a time of day. Write it as 08:30.", text=text)
    return int(hours) * 3600.0 + int(minutes) * 60.0


def read_visit_rule(text: str) -> Any:
    """Return the rule that ``kind[=minutes][@08:00-09:00,…]`` says."""
    from geo.errors import ParameterError
    from geo.services.plan_patrols import VisitRule

    head, _, times = text.partition("@")
    kind, _, minutes = head.partition("=")
    try:
        stay_s = float(minutes) * 60 if minutes else 720.0
        windows = tuple(
            (_seconds_of_day(start), _seconds_of_day(end))
            for start, end in (window.split("-") for window in times.split(",") if window)
        )
    except ValueError as error:
        raise ParameterError(
            "--visit takes KIND=MINUTES@08:00-09:00,16:00-17:30; given was '{given}'.", given=text
        ) from error
    return VisitRule(kind, stay_s, windows)
