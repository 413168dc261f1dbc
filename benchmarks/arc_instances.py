"""Readers of published arc-routing instances: CARPLIB, MCGRP and min-max k-WRPP texts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["carp", "mcgrp", "mm-kwrpp"]
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_IGNORED = {".csv", ".md", ".json", ".py", ".zip", ".pdf", ".gz", ".html", ".xlsx"}


@dataclass(frozen=True)
class Street:
    """An edge or arc of an instance.

    Attributes
    ----------
    tail, head
        Nodes as numbered in the file.
    forward, backward
        Cost from tail to head and back; inf where that is not allowed.
    demand
        Load; 0 when not required.
    required
        Whether it is to be served (in either allowed direction).
    """

    tail: int
    head: int
    forward: float
    backward: float
    demand: float = 0.0
    required: bool = False


@dataclass(frozen=True)
class ArcInstance:
    """A published instance.

    Attributes
    ----------
    name, kind
        File name without ending, and family of problems.
    streets
        All edges and arcs.
    places
        Required nodes and their demand.
    depot
        Node where all routes begin and end.
    capacity
        Of each vehicle; inf when the file names none.
    vehicles
        As the file says; 0 for unlimited or unsaid.
    published
        Optimal value from the header; NaN when unknown.
    """

    name: str
    kind: Kind
    streets: list[Street]
    depot: int
    capacity: float = math.inf
    vehicles: int = 0
    places: dict[int, float] = field(default_factory=dict)
    published: float = math.nan

    @property
    def required(self) -> list[Street]:
        """Required streets in the order of the file."""
        return [street for street in self.streets if street.required]


class InstanceFormatError(ValueError):
    """A file is no instance of a known family."""


def read_instance(path: Path) -> ArcInstance:
    """Read one instance; the family is told by the contents.

    Raises
    ------
    InstanceFormatError
        Not a known family, or without anything required.
    """
    text = path.read_text("utf-8", errors="replace").replace("\ufeff", "")
    lines = [line.strip() for line in text.splitlines()]
    name = path.name if path.suffix.lower() not in {".dat", ".txt"} else path.stem
    reader = _read_mcgrp if re.search(r"^\s*(ReN|ReE|ReA)\b", text, re.IGNORECASE | re.MULTILINE) else _read_carplib
    instance = reader(name, lines)
    if not instance.required and not instance.places:
        raise InstanceFormatError(f"{path}: nothing is required")
    return instance


def instance_paths(folder: Path) -> list[Path]:
    """Return the files of a folder and those below it, or the one file, that may be instances."""
    if folder.is_file():
        return [folder]
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in files if path.suffix.lower() not in _IGNORED and not path.name.startswith((".", "README"))]


def _read_carplib(name: str, lines: list[str]) -> ArcInstance:
    header: dict[str, str] = {}
    streets: list[Street] = []
    section = ""
    windy = False
    for line in lines:
        upper = line.upper()
        match = re.match(r"(LISTA|LIST)_([A-Z]+)_(NOREQ|NO_REQ|NONREQ|REQ)", upper)
        if match:
            section = f"{'arc' if match[2].startswith('ARC') else 'edge'} {'req' if match[3] == 'REQ' else 'non'}"
            continue
        if ":" in line and not line.startswith("("):
            key, value = line.split(":", 1)
            header[key.strip().upper()] = value.strip()
            continue
        if not section or not line:
            continue
        numbers = [float(text) for text in _NUMBER.findall(line)]
        if len(numbers) < 3:
            continue
        street, two_way = _carplib_street(section, numbers, demanded="DEMAND" in upper)
        windy = windy or two_way
        streets.append(street)
    if not streets:
        raise InstanceFormatError(f"{name}: no list of edges")
    capacity = _first_number(header, "CAPACIDAD", "CAPACITY")
    plain = capacity is None and (windy or all(street.demand == 0 for street in streets))
    return ArcInstance(
        name=name,
        kind="mm-kwrpp" if plain else "carp",
        streets=streets,
        depot=int(_first_number(header, "DEPOSITO", "DEPOT") or 1),
        capacity=math.inf if capacity is None or capacity <= 0 else capacity,
        vehicles=max(0, int(_first_number(header, "VEHICULOS", "VEHICLES") or 0)),
    )


def _carplib_street(section: str, numbers: list[float], *, demanded: bool) -> tuple[Street, bool]:
    """Return the street of a line and whether its costs differ by direction: from, to, cost(s), then the demand."""
    tail, head, *rest = numbers
    required = section.endswith("req")
    demand = rest.pop() if demanded else 0.0
    forward = rest[0]
    windy = len(rest) > 1
    backward = math.inf if section.startswith("arc") else (rest[1] if windy else forward)
    return Street(int(tail), int(head), forward, backward, demand, required), windy


def _first_number(header: dict[str, str], *keys: str) -> float | None:
    """Return the first number of the first header line whose key begins so."""
    for key, value in header.items():
        if key.startswith(keys):
            found = _NUMBER.search(value)
            if found:
                return float(found[0])
    return None


def _read_mcgrp(name: str, lines: list[str]) -> ArcInstance:
    header: dict[str, str] = {}
    streets: list[Street] = []
    places: dict[int, float] = {}
    section = ""
    for line in lines:
        if not line:
            continue
        word = line.split()[0].rstrip(".").upper()
        if ":" in line:
            key, value = line.split(":", 1)
            header[key.strip().upper()] = value.strip()
        elif word in {"REN", "REE", "EDGE", "REA", "ARC"}:
            section = word
        elif section:
            _mcgrp_line(section, line, streets, places)
    published = _first_number(header, "OPTIMAL", "BEST")
    return ArcInstance(
        name=name,
        kind="mcgrp",
        streets=streets,
        places=places,
        depot=int(_first_number(header, "DEPOT") or 1),
        capacity=_first_number(header, "CAPACITY") or math.inf,
        vehicles=max(0, int(_first_number(header, "#VEHICLES", "VEHICLES") or 0)),
        published=math.nan if published is None or published < 0 else published,
    )


def _mcgrp_line(section: str, line: str, streets: list[Street], places: dict[int, float]) -> None:
    """Add what a line of a section says; the first word is the element's own name."""
    first, *rest = line.split()
    numbers = [float(text) for text in rest]
    if section == "REN":
        node = int(_NUMBER.findall(first)[0])
        places[node] = places.get(node, 0.0) + numbers[0]
        return
    tail, head, cost, *more = numbers
    backward = cost if section in {"REE", "EDGE"} else math.inf
    required = section.startswith("RE")
    streets.append(Street(int(tail), int(head), cost, backward, more[0] if required and more else 0.0, required))
