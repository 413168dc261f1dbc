"""What the scripts of the console need to know: texts in both languages, and the values that parameters may take."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import Any

from markupsafe import Markup

from api.schemas import STEP_TITLES, params_class
from api.uploads import LAYER_SUFFIXES, PART_SUFFIXES
from api.wording import all_words, phrase
from geo.model.frames import CONFLICT_KINDS, FACILITY_KINDS, IMPORT_KINDS, MODES, ROAD_CLASSES, SCHEMAS, TEAM_KINDS
from geo.model.patrol import PATROL_SPEED_MPS
from geo.services.project import STEPS
from maps.labels import label
from maps.wording import Phrase, verbatim

_FAMILIES = {
    "facility": FACILITY_KINDS,
    "road_class": ROAD_CLASSES,
    "mode": MODES,
    "conflict": CONFLICT_KINDS,
    "team_kind": TEAM_KINDS,
}


_FILLED_BY_US = ("attributes", "cell_code", "zoning_id", "street_id")


def _column_titles() -> dict[str, Phrase]:
    """Return what users read for the columns that a file may fill."""
    return {
        "code": phrase("Code"),
        "name": phrase("Name"),
        "community_name": phrase("Community"),
        "street_name": phrase("Street office"),
        "kind": phrase("Kind"),
        "address": phrase("Address"),
        "road_class": phrase("Road class"),
        "oneway": phrase("One-way"),
        "level": phrase("Level (bridge, tunnel)"),
        "maxspeed_kmh": phrase("Speed limit (km/h)"),
        "occurred_at": phrase("Time of the incident"),
        "households": phrase("Households"),
        "floors": phrase("Storeys"),
        "members": phrase("Members"),
        "mode": phrase("Means of travel"),
        "shift_start_s": phrase("Start of shift"),
        "shift_end_s": phrase("End of shift"),
    }


@cache
def console_words() -> Markup:
    """Return the JSON that the page embeds, safe inside a script element."""
    values: dict[str, Any] = {
        "words": all_words(),
        "labels": {
            family: {value: label(family, value).pair() for value in members} for family, members in _FAMILIES.items()
        },
        "tables": {table: [schema.title_zh, schema.title_en] for table, schema in SCHEMAS.items()},
        "columns": {
            kind: [
                [column.name, *_column_titles().get(column.name, verbatim(column.name)).pair()]
                for column in SCHEMAS["cell" if kind == "zoning" else kind].columns
                if column.name not in _FILLED_BY_US
            ]
            for kind in IMPORT_KINDS
        },
        "kinds": list(IMPORT_KINDS),
        "layerSuffixes": list(LAYER_SUFFIXES),
        "partSuffixes": list(PART_SUFFIXES),
        "patrolSpeed": dict(PATROL_SPEED_MPS),
    }
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))  # noqa: S704


_SCHEMES = {
    "beijing-15": "15 digits (Beijing DB11)",
    "city-14": "14 digits",
    "cjt349-20": "20 digits (CJ/T 349-2010)",
}
_MEASURE_TITLES = {"area": "Area", "households": "Households", "workload": "Incidents (workload)"}
_MEASURE_UNITS = {"area": "m²", "households": "households", "workload": "incidents"}
_MEASURE_BOUNDS = {"area": (6_000, 14_000), "households": (300, 500), "workload": (5, 20)}
"""Measure → bounds that the form begins with: those of 万米单元网格, of an urban grid, and a first guess."""
_SPEED_TITLES = {
    "foot": "Patrol speed on foot",
    "ebike": "Patrol speed by e-bike",
    "car": "Patrol speed by car",
}


@cache
def console_context() -> dict[str, Any]:
    """Return what the template of the console draws: steps, default parameters, words."""
    defaults = {step: dataclasses.asdict(params_class(step)()) for step in STEPS if step != "import"}
    measures = [
        (key, phrase(title), phrase(_MEASURE_UNITS[key]), *_MEASURE_BOUNDS[key])
        for key, title in _MEASURE_TITLES.items()
    ]
    return {
        "words": console_words(),
        "steps": [(step, phrase(STEP_TITLES[step])) for step in STEPS],
        "defaults": defaults,
        "measures": measures,
        "schemes": [(key, phrase(title)) for key, title in _SCHEMES.items()],
        "speed_titles": {mode: phrase(title) for mode, title in _SPEED_TITLES.items()},
    }
