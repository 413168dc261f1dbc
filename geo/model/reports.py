"""What the long steps report: counts, problems with their place, and figures of quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["note", "warning", "error"]
MAX_ROWS_LISTED = 20


@dataclass(frozen=True)
class Finding:
    """One kind of problem found in a layer, with where it is.

    Attributes
    ----------
    code
        Stable key, for programs.
    severity
        ``note``: nothing to do; ``warning``: look at it; ``error``: rows were left out.
    message
        English message id with ``{fields}`` that ``context`` fills; Chinese in the catalogue.
    count
        Number of rows concerned.
    rows
        Feature numbers in the source, from 0; the first twenty.
    x, y
        A place to look at, in the project's CRS; None when there is none.
    context
        Values of the fields of the message.
    """

    code: str
    severity: Severity
    message: str
    count: int = 1
    rows: tuple[int, ...] = ()
    x: float | None = None
    y: float | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


def list_rows(rows: Sequence[int]) -> tuple[int, ...]:
    """Return the first feature numbers, as many as a finding lists."""
    return tuple(int(row) for row in rows[:MAX_ROWS_LISTED])


@dataclass(frozen=True)
class Report:
    """Base of the reports; turns itself into a JSON object."""

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain lists, numbers and texts."""
        return asdict(self)


@dataclass(frozen=True)
class ImportReport(Report):
    """What an import found and stored.

    Attributes
    ----------
    kind, zoning_id, source, layer
        What was imported from where; ``zoning_id`` is empty except for zonings.
    encoding, encoding_reason
        Encoding of the attribute text and how it was found.
    source_crs, crs_reason, epsg
        CRS of the source, how it was found, and the project's CRS.
    converted_from
        ``gcj02`` or ``bd09`` when the coordinates were converted, now on request or before as the file says, else empty.
    resolution_m
        Step of the coordinates as the file writes them, in metres on the ground; 0 when it shows none.
    rows_read, rows_stored
        Features in the file and in the store.
    columns
        Column here → column of the source.
    unmapped, dropped
        Columns kept in ``attributes``, and columns left out because they look personal.
    moved_area_m2
        Area that repair added or took away, summed over the features.
    bounds
        minx, miny, maxx, maxy in the project's CRS.
    findings
        Every problem.
    """

    kind: str
    zoning_id: str
    source: str
    layer: str
    encoding: str
    encoding_reason: str
    source_crs: str
    crs_reason: str
    epsg: int
    converted_from: str
    resolution_m: float
    rows_read: int
    rows_stored: int
    columns: Mapping[str, str]
    unmapped: tuple[str, ...]
    dropped: tuple[str, ...]
    moved_area_m2: float
    bounds: tuple[float, float, float, float]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class UnifyReport(Report):
    """What unifying found.

    Attributes
    ----------
    zonings
        Zoning → number of its cells.
    policy, params
        How faces became cells, and all parameters as plain values.
    tolerance_m, is_tolerance_proposed
        Borders nearer than this were taken for one line, and whether that was proposed from the accuracy of the borders.
    snapped_area_m2
        Bound of the ground that this moved across borders of source cells, summed over the cells.
    faces, slivers_dissolved, cells
        Pieces of the overlay, those dissolved into a neighbour, and cells of the result.
    sliver_area_m2
        Area of the dissolved slivers.
    area_m2
        Area of the result.
    area_error_m2
        Largest difference between a source cell and the sum of its pieces.
    codes_kept, codes_new, codes_ended
        Grid codes that stay from the layer before, that begin, and that end with it.
    conflicts, conflict_area_m2
        Kind → number and sum of the areas; ground that several pairs of departments dispute counts for each.
    disputed_area_m2
        Ground in any conflict, counted once.
    objective
        Terms of the objective of the optimised policy; empty under the others.
    facilities_outside, streets_outside_m
        What no cell holds.
    checks
        Check → outcome; all true or the step fails.
    findings
        What users should look at.
    """

    zonings: Mapping[str, int]
    policy: str
    params: Mapping[str, Any]
    tolerance_m: float
    is_tolerance_proposed: bool
    snapped_area_m2: float
    faces: int
    slivers_dissolved: int
    cells: int
    sliver_area_m2: float
    area_m2: float
    area_error_m2: float
    codes_kept: int
    codes_new: int
    codes_ended: int
    conflicts: Mapping[str, int]
    conflict_area_m2: Mapping[str, float]
    disputed_area_m2: float
    objective: Mapping[str, float]
    facilities_outside: int
    streets_outside_m: float
    checks: Mapping[str, bool]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class EditReport(Report):
    """What an edit of source cells did to the unified layer.

    Attributes
    ----------
    zoning_id
        Zoning that was edited.
    added, changed, removed
        Codes of its cells.
    communities
        Communities that were unified again.
    cells_kept, codes_new, codes_ended
        Unified cells there that stayed as they were, and grid codes that begin and end.
    conflicts_before, conflicts_after
        Conflicts there.
    checks
        Check → outcome; all true or the step fails.
    """

    zoning_id: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    communities: tuple[str, ...]
    cells_kept: int
    codes_new: tuple[str, ...]
    codes_ended: tuple[str, ...]
    conflicts_before: int
    conflicts_after: int
    checks: Mapping[str, bool]


@dataclass(frozen=True)
class NetworkReport(Report):
    """What building the street network found.

    Attributes
    ----------
    streets, nodes, edges, length_m
        Source lines; junctions, segments and length of the network.
    crossings_noded, ends_snapped
        Crossings without a vertex that were cut, and line ends that were joined within the tolerance.
    islands, island_length_m
        Parts not connected to the largest one.
    dead_ends
        Junctions where one segment ends.
    one_way_traps
        Mode → junctions from which, or to which, the main part cannot be reached because of one-way streets.
    reachable_length_share
        Mode → share of the length open to it that lies in the part all of which can be reached and left.
    findings
        Each with a place.
    """

    streets: int
    nodes: int
    edges: int
    length_m: float
    crossings_noded: int
    ends_snapped: int
    islands: int
    island_length_m: float
    dead_ends: int
    one_way_traps: Mapping[str, int]
    reachable_length_share: Mapping[str, float]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class RiskReport(Report):
    """What the risk assessment found."""

    incidents: int
    first_at: str
    last_at: str
    bandwidth_m: float
    half_life_days: float
    cell_size_m: float
    periods: tuple[str, ...]
    cells_ranked: int
    top_cells: tuple[str, ...]


@dataclass(frozen=True)
class PlanReport(Report):
    """Figures of a patrol plan.

    Attributes
    ----------
    plan_id, teams
        The plan and how many teams are on duty.
    required_edges, required_m, served_m
        Segments to be patrolled, their length, and the length that the plan patrols.
    visits, visits_served
        Places to be visited, and those that are.
    total_m, deadhead_m
        Travelled in all, and without patrolling.
    total_s, longest_s, lower_bound_s
        Sum and largest of the durations, and what no plan can bring the largest below.
    max_over_mean, gini
        Fairness of the durations over all teams: 1.0 and 0.0 are perfect.
    seed, iterations, search_s, stopped_early
        How it was found.
    findings
        What could not be served and why.
    """

    plan_id: str
    teams: int
    required_edges: int
    required_m: float
    served_m: float
    visits: int
    visits_served: int
    total_m: float
    deadhead_m: float
    total_s: float
    longest_s: float
    lower_bound_s: float
    max_over_mean: float
    gini: float
    seed: int
    iterations: int
    search_s: float
    stopped_early: bool
    findings: tuple[Finding, ...]
