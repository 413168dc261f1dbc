"""Two years of incidents (事件): places and times only, nothing about people."""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from .places import Frontages, place_xy
from .streets import CRS
from .warp import FloatArray, Warp

IntArray = NDArray[np.int64]
FIRST_DAY, DAYS = np.datetime64("2024-11-01"), 730
INCIDENTS = 6000
MOVE_DAY = 365
"""Day on which the night-food street moves from 老夜市 to 新夜市."""

REPEAT_SHARE, REPEAT_RADIUS_M, REPEAT_DAYS = 0.24, 200.0, 14.0
SOURCES = {"110警情": 0.46, "网格上报": 0.27, "12345热线": 0.19, "视频巡查": 0.08}


@dataclass(frozen=True)
class IncidentKind:
    """One kind of incident.

    Attributes
    ----------
    share
        Share of all incidents.
    hours
        (hour of day, spread in hours, weight) of the daily peaks.
    week
        Weight of Monday to Sunday.
    places
        Hot spot -> share of this kind that happens around it; the rest is spread over all streets.
    trend
        Relative change of the rate from the first day to the last.
    summer
        Relative strength of the season: +1 doubles midsummer, -1 doubles midwinter.
    repeats
        Whether one incident draws another nearby soon after.
    """

    share: float
    hours: list[tuple[float, float, float]]
    week: list[float]
    places: dict[str, float] = field(default_factory=dict)
    trend: float = 0.0
    summer: float = 0.0
    repeats: bool = False


NIGHT = "夜市"
EVEN = [1.0] * 7
WORKDAYS = [1.15, 1.1, 1.1, 1.1, 1.2, 0.7, 0.6]
WEEKEND = [0.75, 0.75, 0.8, 0.9, 1.3, 1.6, 1.25]
KINDS = {
    "盗窃": IncidentKind(
        0.15,
        [(10.5, 2.0, 0.4), (15.5, 2.5, 0.35), (2.5, 1.5, 0.25)],
        EVEN,
        {"农贸市场": 0.16, "汽车客运站": 0.1, "步行街": 0.08, "火车站": 0.05},
        -0.25,
        -0.2,
        True,
    ),
    "电动车盗窃": IncidentKind(
        0.14,
        [(19.5, 2.5, 0.55), (13.0, 2.5, 0.25), (3.0, 2.0, 0.2)],
        EVEN,
        {"商城": 0.13, "中学": 0.06, "医院": 0.09, "汽车客运站": 0.08},
        0.3,
        0.15,
        True,
    ),
    "入室盗窃": IncidentKind(0.06, [(14.0, 2.5, 0.55), (2.5, 1.6, 0.45)], WORKDAYS, {}, -0.3, -0.25, True),
    "纠纷": IncidentKind(
        0.17, [(10.0, 2.5, 0.45), (18.5, 2.5, 0.55)], EVEN, {"农贸市场": 0.1, "批发市场": 0.06}, 0.05, 0.1
    ),
    "打架斗殴": IncidentKind(
        0.06, [(22.8, 1.6, 0.8), (1.2, 1.2, 0.2)], WEEKEND, {NIGHT: 0.42, "步行街": 0.08}, -0.1, 0.4
    ),
    "噪声扰民": IncidentKind(
        0.13, [(21.8, 1.4, 0.75), (7.0, 1.2, 0.25)], WEEKEND, {NIGHT: 0.27, "商城": 0.06}, 0.1, 0.5
    ),
    "乱停车": IncidentKind(
        0.13,
        [(7.7, 0.6, 0.35), (16.6, 0.7, 0.35), (11.0, 2.5, 0.3)],
        WORKDAYS,
        {"小学": 0.14, "中学": 0.12, "新城小学": 0.08, "医院": 0.1, "火车站": 0.05},
        0.35,
        0.0,
    ),
    "占道经营": IncidentKind(
        0.09,
        [(7.2, 1.2, 0.45), (18.8, 1.8, 0.55)],
        [0.9, 0.9, 0.9, 0.95, 1.05, 1.25, 1.2],
        {"农贸市场": 0.26, NIGHT: 0.22, "小学": 0.06, "批发市场": 0.06},
        0.0,
        0.3,
    ),
    "消防隐患": IncidentKind(
        0.07,
        [(9.8, 1.2, 0.55), (15.2, 1.4, 0.45)],
        [1.3, 1.2, 1.2, 1.1, 1.1, 0.4, 0.3],
        {"批发市场": 0.14, "老夜市": 0.05},
        0.1,
        -0.4,
    ),
}
HOT_RADIUS_M = 85.0
GRADE_WEIGHT = {"主干路": 0.9, "次干路": 1.2, "支路": 1.0, "巷道": 0.75, "步行街": 1.6}


def _days(kind: IncidentKind, count: int, rng: np.random.Generator) -> IntArray:
    """Days since the first one, following trend, season and week."""
    day = np.arange(DAYS)
    weekday = (FIRST_DAY + day).astype("datetime64[D]").view("int64") + 3
    season = np.cos(2 * np.pi * (day + 107) / 365.25)
    weight = (1 + kind.trend * day / DAYS) * (1 + 0.5 * kind.summer * season) * np.array(kind.week)[weekday % 7]
    chosen: IntArray = rng.choice(day, size=count, p=weight / weight.sum())
    return chosen


def _minutes(kind: IncidentKind, count: int, rng: np.random.Generator) -> IntArray:
    """Minute of the day, following the kind's daily peaks."""
    weights = np.array([weight for *_, weight in kind.hours])
    which = rng.choice(len(weights), size=count, p=weights / weights.sum())
    mean, spread = np.array(kind.hours)[which, :2].T
    minutes: IntArray = np.round(rng.normal(mean, spread) * 60).astype(int) % 1440
    return minutes


def _background(frontages: Frontages, grades: NDArray[np.str_], warp: Warp) -> FloatArray:
    """Weight of every frontage for incidents that belong to no hot spot: the centre is livelier than the fields."""
    plan_xy = warp.backward(frontages.xy)
    distance = np.hypot(plan_xy[:, 0], plan_xy[:, 1] * 1.15)
    grade = np.array([GRADE_WEIGHT[name] for name in grades[frontages.road]])
    weight = grade * (0.06 + np.exp(-((distance / 780.0) ** 2)))
    shares: FloatArray = weight / weight.sum()
    return shares


def _spots(
    kind: IncidentKind, days: IntArray, streets: tuple[Frontages, FloatArray], warp: Warp, rng: np.random.Generator
) -> IntArray:
    """Frontage of every incident of one kind."""
    frontages, base = streets
    names = [*kind.places, ""]
    shares = np.array([*kind.places.values(), 1 - sum(kind.places.values())])
    which = rng.choice(len(names), size=len(days), p=shares)
    spot = np.empty(len(days), dtype=int)
    for number, name in enumerate(names):
        for late in (False, True):
            mine = np.flatnonzero((which == number) & ((days >= MOVE_DAY) == late))
            weight = base
            if name:
                place = name if name != NIGHT else "新夜市" if late else "老夜市"
                away = np.hypot(*(frontages.xy - place_xy(warp, place)).T)
                weight = np.exp(-((away / HOT_RADIUS_M) ** 2))
            spot[mine] = rng.choice(len(base), size=len(mine), p=weight / weight.sum())
    return spot


def _add_repeats(
    rows: list[tuple[str, int, int, int]], count: int, frontages: Frontages, rng: np.random.Generator
) -> list[tuple[str, int, int, int]]:
    """Near repeats: burglary-type incidents that follow another within 200 m and 14 days."""
    parents = [row for row in rows if KINDS[row[0]].repeats]
    added: list[tuple[str, int, int, int]] = []
    while len(added) < count:
        name, day, _, spot = parents[int(rng.integers(len(parents)))]
        later = day + 1 + int(rng.exponential(4.0))
        near = frontages.tree.query_ball_point(frontages.xy[spot], REPEAT_RADIUS_M - 10.0)
        away = np.hypot(*(frontages.xy[near] - frontages.xy[spot]).T)
        weight = np.exp(-away / 70.0)
        if later - day >= REPEAT_DAYS or later >= DAYS:
            continue
        place = int(rng.choice(near, p=weight / weight.sum()))
        added.append((name, later, int(_minutes(KINDS[name], 1, rng)[0]), place))
        parents.append(added[-1])
    return added


def draw_incidents(
    roads: gpd.GeoDataFrame, frontages: Frontages, warp: Warp, rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """Draw the incidents.

    Returns
    -------
    GeoDataFrame
        ``INCIDENTS`` points in EPSG:4547 in the order of their time (Asia/Shanghai), fields as in the file.
    """
    base = _background(frontages, roads["道路等级"].to_numpy().astype(str), warp)
    burglary = sum(kind.share for kind in KINDS.values() if kind.repeats)
    repeats = round(INCIDENTS * burglary * REPEAT_SHARE)
    counts = np.round(np.array([kind.share for kind in KINDS.values()]) * (INCIDENTS - repeats)).astype(int)
    counts[0] += INCIDENTS - repeats - counts.sum()
    rows: list[tuple[str, int, int, int]] = []
    for (name, kind), count in zip(KINDS.items(), counts, strict=True):
        days = _days(kind, int(count), rng)
        spots = _spots(kind, days, (frontages, base), warp, rng)
        minutes = _minutes(kind, len(days), rng)
        rows += zip([name] * len(days), days.tolist(), minutes.tolist(), spots.tolist(), strict=True)
    rows += _add_repeats(rows, repeats, frontages, rng)
    rows.sort(key=lambda row: (row[1], row[2], row[0], row[3]))
    names, days_since, minutes_of_day, spots_taken = zip(*rows, strict=True)
    at = FIRST_DAY + np.array(days_since) + np.array(minutes_of_day).astype("timedelta64[m]")
    xy = np.round(frontages.xy[list(spots_taken)] + np.clip(rng.normal(0.0, 2.2, size=(len(rows), 2)), -5, 5), 2)
    return gpd.GeoDataFrame(
        {
            "事件类型": names,
            "发生时间": [text.replace("T", " ") for text in np.datetime_as_string(at, unit="m")],
            "来源": rng.choice(list(SOURCES), size=len(rows), p=list(SOURCES.values())),
        },
        geometry=gpd.points_from_xy(*xy.T),
        crs=CRS,
    )
