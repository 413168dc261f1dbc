"""What is wrong with a street network for those who are to patrol it: every cause, with counts and an example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo.algorithms.components import group_connected
from geo.algorithms.network.connect import strong_part
from geo.algorithms.network.turns import list_turns
from geo.model.frames import MODES
from geo.model.network import Arcs, Mode, StreetNetwork
from geo.model.reports import Finding, Severity, list_rows


def check_network(
    network: StreetNetwork,
    modes: Sequence[Mode],
    required_edges: Sequence[int] = (),
    places: Mapping[str, int] | None = None,
) -> tuple[Finding, ...]:
    """Return every cause in the network for which something cannot be served; nothing when all is well.

    Codes of the findings; rows are numbers of segments, except of places and rules, and x, y is the first of them:

    - errors: ``bad_length``, ``bad_speed``, ``bad_time`` (negative, empty or infinite), ``unknown_junction`` (a segment ends
      nowhere), ``mode_without_streets``, ``unknown_segment``, ``required_closed`` (open to no mode of the teams),
      ``required_unreachable`` (open, but no team can come there and return), ``required_turns`` (turn bans forbid that),
      ``unknown_place``, ``unreachable_place``;
    - warnings: ``mode_island`` (not connected to the largest part open to the mode), ``mode_trap`` (connected, but one-way
      streets let one in only or out only), ``unknown_turn`` (a rule whose segments do not meet at its junction).

    When a segment ends nowhere nothing else is looked at.

    Parameters
    ----------
    network
        Streets.
    modes
        Modes of the teams.
    required_edges
        Segments to be patrolled.
    places
        Name → junction of each place that a team must reach and leave: visits and depots.
    """
    findings = _bad_values(network)
    count = len(network.nodes)
    ends = network.edges[["from_node", "to_node"]].to_numpy()
    lost = np.flatnonzero(((ends < 0) | (ends >= count)).any(axis=1))
    if len(lost):
        message = "{count} street segments end at a junction that does not exist, e.g. number {first}."
        return (*findings, _finding(network, "unknown_junction", "error", message, lost, with_place=False))
    findings += _unknown_turns(network)
    arcs = {mode: network.arcs(mode) for mode in dict.fromkeys(modes)}
    strong = {mode: strong_part(count, one) for mode, one in arcs.items()}
    for mode, one in arcs.items():
        findings += _parts(network, mode, one, strong[mode])
    findings += _required(network, arcs, strong, np.unique(np.asarray(required_edges, dtype=np.int64)))
    return (*findings, *_places(network, strong, places or {}))


def _finding(
    network: StreetNetwork,
    code: str,
    severity: Severity,
    message: str,
    edges: NDArray[np.int64],
    *,
    with_place: bool = True,
    **context: Any,
) -> Finding:
    """Return a finding on segments; ``count``, ``first``, ``name`` and ``length_m`` fill the message."""
    frame = network.edges
    x, y = network.xy[int(frame["from_node"].iloc[edges[0]])].tolist() if with_place else (None, None)
    context = {
        "count": len(edges),
        "first": int(edges[0]),
        "name": str(frame["name"].iloc[edges[0]] or edges[0]),
        "length_m": float(frame["length_m"].to_numpy()[edges].sum()),
    } | context
    return Finding(code, severity, message, len(edges), list_rows(edges.tolist()), x, y, context)


def _bad_values(network: StreetNetwork) -> list[Finding]:
    findings = []
    length = network.edges["length_m"].to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~((length >= 0) & (length < np.inf)))
    if len(bad):
        message = "{count} street segments have a negative or empty length, e.g. number {first}."
        findings.append(_finding(network, "bad_length", "error", message, bad, with_place=False))
    for mode in MODES:
        speed = network.edges[f"speed_{mode}_mps"].to_numpy(dtype=np.float64)
        bad = np.flatnonzero(~((speed >= 0) & (speed < np.inf)))
        if len(bad):
            message = "{count} street segments have a negative or empty speed by {mode}, e.g. number {first}."
            findings.append(_finding(network, "bad_speed", "error", message, bad, with_place=False, mode=mode))
    for mode, times_s in network.times_s.items():
        bad = np.flatnonzero(~(times_s >= 0).all(axis=1))
        if len(bad):
            message = "{count} street segments have a negative or empty travel time by {mode}, e.g. number {first}."
            findings.append(_finding(network, "bad_time", "error", message, bad, with_place=False, mode=mode))
    return findings


def _unknown_turns(network: StreetNetwork) -> list[Finding]:
    ends = network.edges[["from_node", "to_node"]].to_numpy()
    unknown = [
        number
        for number, rule in enumerate(network.turn_rules)
        if not all(
            0 <= edge < len(ends) and rule.via_node in ends[edge].tolist() for edge in (rule.from_edge, rule.to_edge)
        )
    ]
    if not unknown:
        return []
    message = (
        "{count} turn rules name segments that do not meet at the junction, e.g. rule {first}; they have no effect."
    )
    context = {"count": len(unknown), "first": unknown[0]}
    return [Finding("unknown_turn", "warning", message, len(unknown), list_rows(unknown), context=context)]


def _parts(network: StreetNetwork, mode: Mode, arcs: Arcs, strong: NDArray[np.bool_]) -> list[Finding]:
    """Return the islands and traps of a mode."""
    if not len(arcs.tail):
        return [Finding("mode_without_streets", "error", "No street is open to {mode}.", context={"mode": mode})]
    part = group_connected(len(strong), arcs.tail, arcs.head)
    main = int(np.bincount(part[arcs.tail][strong[arcs.tail] & strong[arcs.head]], minlength=1).argmax())
    if not strong.any():
        main = int(np.bincount(part[arcs.tail]).argmax())
    is_main = part == main
    findings = []
    outside = np.unique(arcs.edge[~is_main[arcs.tail]])
    if len(outside):
        islands = len(np.unique(part[arcs.tail][~is_main[arcs.tail]]))
        message = (
            "By {mode}, {islands} islands with {length_m:.0f} m of street are not connected to the rest, e.g. {name}."
        )
        findings.append(_finding(network, "mode_island", "warning", message, outside, mode=mode, islands=islands))
    trapped = np.unique(arcs.edge[is_main[arcs.tail] & ~(strong[arcs.tail] & strong[arcs.head])])
    if len(trapped):
        message = "By {mode}, one-way streets let nobody come to {length_m:.0f} m of street and return, e.g. {name}."
        findings.append(_finding(network, "mode_trap", "warning", message, trapped, mode=mode))
    return findings


def _required(
    network: StreetNetwork,
    arcs: Mapping[Mode, Arcs],
    strong: Mapping[Mode, NDArray[np.bool_]],
    required: NDArray[np.int64],
) -> list[Finding]:
    """Return why required segments cannot be patrolled; each is listed once, under the first cause."""
    count = len(network.edges)
    findings = []
    unknown = required[(required < 0) | (required >= count)]
    if len(unknown):
        message = "{count} required street segments do not exist, e.g. number {first}."
        context = {"count": len(unknown), "first": int(unknown[0])}
        findings.append(
            Finding("unknown_segment", "error", message, len(unknown), list_rows(unknown.tolist()), context=context)
        )
    required = required[(required >= 0) & (required < count)]
    is_open, is_reached, can_turn = (np.zeros(count, dtype=bool) for _ in range(3))
    for mode, one in arcs.items():
        inside = strong[mode][one.tail] & strong[mode][one.head]
        is_open[one.edge] = True
        is_reached[one.edge[inside]] = True
        can_turn[one.edge[_turning_part(network, mode, one) if _bans_turns(network, mode) else inside]] = True
    modes = ", ".join(arcs)
    if len(closed := required[~is_open[required]]):
        message = "{count} required street segments ({length_m:.0f} m) are closed to {modes}, e.g. {name}."
        findings.append(_finding(network, "required_closed", "error", message, closed, modes=modes))
    if len(cut_off := required[is_open[required] & ~is_reached[required]]):
        message = (
            "{count} required street segments ({length_m:.0f} m) cannot be reached and left by {modes}, e.g. {name}."
        )
        findings.append(_finding(network, "required_unreachable", "error", message, cut_off, modes=modes))
    if len(banned := required[is_reached[required] & ~can_turn[required]]):
        message = "Turn bans keep {modes} from {count} required street segments ({length_m:.0f} m), e.g. {name}."
        findings.append(_finding(network, "required_turns", "error", message, banned, modes=modes))
    return findings


def _bans_turns(network: StreetNetwork, mode: Mode) -> bool:
    penalties = network.turn_penalties.get(mode)
    is_ruled = any(mode in rule.modes and rule.penalty_s == np.inf for rule in network.turn_rules)
    return is_ruled or (penalties is not None and penalties.is_u_turn_banned)


def _turning_part(network: StreetNetwork, mode: Mode, arcs: Arcs) -> NDArray[np.bool_]:
    """Return which arcs lie in the largest part in which each leads to each by allowed turns."""
    turns = list_turns(network, mode, arcs)
    size = len(arcs.tail)
    links = coo_array((np.ones(len(turns.to_arc), dtype=np.int8), (turns.from_arc, turns.to_arc)), shape=(size, size))
    if not size:
        return np.zeros(0, dtype=bool)
    _, part = connected_components(links, directed=True, connection="strong")
    return np.asarray(part == np.bincount(part).argmax(), dtype=bool)


def _places(
    network: StreetNetwork, strong: Mapping[Mode, NDArray[np.bool_]], places: Mapping[str, int]
) -> list[Finding]:
    findings = []
    names = list(places)
    nodes = np.array(list(places.values()), dtype=np.int64)
    known = (nodes >= 0) & (nodes < len(network.nodes))
    unknown = np.flatnonzero(~known)
    if len(unknown):
        message = "{count} places lie at a junction that does not exist, e.g. {name}."
        context: dict[str, Any] = {"count": len(unknown), "name": names[unknown[0]]}
        findings.append(
            Finding("unknown_place", "error", message, len(unknown), list_rows(unknown.tolist()), context=context)
        )
    reached = np.any(list(strong.values()), axis=0) if strong else np.zeros(len(network.nodes), dtype=bool)
    cut_off = np.flatnonzero(known)[~reached[nodes[known]]]
    if len(cut_off):
        message = "{count} places cannot be reached and left by {modes}, e.g. {name}."
        x, y = network.xy[nodes[cut_off[0]]].tolist()
        context = {"count": len(cut_off), "name": names[cut_off[0]], "modes": ", ".join(strong)}
        rows = list_rows(cut_off.tolist())
        findings.append(Finding("unreachable_place", "error", message, len(cut_off), rows, x, y, context))
    return findings
