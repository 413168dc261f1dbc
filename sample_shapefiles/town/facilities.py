"""Facilities (设施) and the depots of the patrol teams."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry import Point

from .names import STREET_CODE
from .places import Frontages, place_xy, spaced
from .streets import CRS
from .warp import FloatArray, Warp

CAMERAS, HYDRANTS, BUS_STOPS = 186, 150, 48
SCHOOLS = [
    "青泠第一小学",
    "青泠第二小学",
    "柳河小学",
    "迎宾小学",
    "石桥小学",
    "东岭小学",
    "青泠实验中学",
    "青泠职业学校",
]
KINDERGARTENS = [
    "蓓蕾幼儿园",
    "金色摇篮幼儿园",
    "童心幼儿园",
    "小天鹅幼儿园",
    "彩虹幼儿园",
    "向日葵幼儿园",
    "清河湾幼儿园",
    "学府幼儿园",
    "新城幼儿园",
    "滨江幼儿园",
    "北塘幼儿园",
    "石桥幼儿园",
]
FIXED = {
    "农贸市场": ("市场", "青泠农贸市场"),
    "步行街": ("市场", "鼓楼步行街商场"),
    "批发市场": ("市场", "迎宾批发市场"),
    "汽车客运站": ("车站", "青泠汽车客运站"),
    "火车站": ("车站", "青泠火车站"),
    "中学": ("学校", "青泠中学"),
    "小学": ("学校", "和平小学"),
    "新城小学": ("学校", "新城小学"),
    "医院": ("医院", "青泠街道卫生院"),
    "商城": ("市场", "青泠商城"),
}
"""Place -> (kind, name)."""

SCATTERED = {
    "医院": ["青泠中医门诊部"],
    "养老院": ["夕阳红养老院", "福寿养老院", "石桥养老院"],
    "公园": ["滨江公园", "文庙公园", "体育公园", "北塘湿地公园", "新城广场"],
    "变电站": ["青泠变电站", "新城变电站", "铁北变电站"],
    "派出所": ["青泠派出所"],
    "综治中心": ["青泠街道综治中心"],
    "消防救援站": ["青泠消防救援站"],
    "应急避难场所": ["体育路应急避难场所", "新城应急避难场所", "北塘应急避难场所", "石桥应急避难场所"],
}
PER_COMMUNITY = {
    "警务室": "警务室",
    "综治工作站": "综治工作站",
    "党群服务中心": "党群服务中心",
    "微型消防站": "微型消防站",
    "卫生服务站": "卫生服务站",
}

TEAMS = [
    ("巡警一队", "民警", 4, "汽车", "08:00", "12:00", "派出所"),
    ("鼓楼巡防队", "民警", 3, "步行", "08:00", "12:00", "鼓楼社区"),
    ("网格一组", "网格员", 3, "电动车", "08:00", "12:00", "和平社区"),
    ("网格二组", "网格员", 3, "电动车", "08:30", "12:00", "学府社区"),
    ("网格三组", "网格员", 4, "电动车", "08:00", "12:00", "新城社区"),
    ("柳河志愿者队", "志愿者", 6, "步行", "08:30", "11:30", "柳河社区"),
    ("站前保安队", "保安", 4, "步行", "07:30", "11:30", "站前社区"),
    ("滨江保安队", "保安", 4, "电动车", "07:30", "11:30", "滨江社区"),
]
"""Name, kind, members, mode, start, end, where it starts from."""


class Addresses:
    """Writes addresses (street and house number) for points."""

    def __init__(self, roads: gpd.GeoDataFrame) -> None:
        self._lines = roads.geometry.to_numpy()
        self._names = roads["道路名称"].to_numpy()
        self._tree = shapely.STRtree(self._lines)
        self._first: dict[str, Any] = {}
        for name in dict.fromkeys(self._names):
            coords = shapely.get_coordinates(self._lines[self._names == name])
            self._first[name] = coords[np.argmin(coords.sum(axis=1))]

    def at(self, xy: FloatArray) -> str:
        """Address of one point, EPSG:4547: the nearest street, numbered by distance from its south-western end."""
        name = self._names[self._tree.nearest(Point(xy))]
        number = 2 * int(np.hypot(*(xy - self._first[name])) / 16) + 1 + int(xy[0]) % 2
        return f"{name}{number}号"


def _cameras(roads: gpd.GeoDataFrame, rng: np.random.Generator) -> list[tuple[str, str, FloatArray]]:
    """Cameras at junctions, first at those of main streets; named after the two streets."""
    rank = {"主干路": 3.0, "次干路": 2.0, "步行街": 2.0, "支路": 1.0, "巷道": 0.55}
    meets: dict[tuple[float, float], list[int]] = defaultdict(list)
    for row, line in enumerate(roads.geometry):
        for xy in (line.coords[0], line.coords[-1]):
            meets[(xy[0], xy[1])].append(row)
    nodes = [node for node in sorted(meets) if len(meets[node]) >= 3]
    names, grades = roads["道路名称"].to_numpy(), roads["道路等级"].to_numpy()
    score = np.array([sum(sorted((rank[grades[row]] for row in meets[node]), reverse=True)[:3]) for node in nodes])
    order = np.argsort(-score * rng.uniform(0.35, 1.0, size=len(nodes)))
    chosen = spaced(np.array(nodes), order, CAMERAS, 55.0)
    found = []
    for index in chosen:
        streets = list(dict.fromkeys(names[row] for row in meets[nodes[index]]))
        label = f"{streets[0]}与{streets[-1]}路口" if len(streets) > 1 else f"{streets[0]}路口"
        found.append(("摄像头", label, np.array(nodes[index]) + rng.uniform(3.0, 8.0, size=2) * rng.choice([-1, 1], 2)))
    return found


def _along_streets(
    roads: gpd.GeoDataFrame, frontages: Frontages, rng: np.random.Generator
) -> list[tuple[str, str, FloatArray]]:
    """Hydrants and bus stops on the kerbs of streets that are wide enough."""
    grade = roads["道路等级"].to_numpy()[frontages.road]
    names = roads["道路名称"].to_numpy()[frontages.road]
    found = []
    for kind, grades, count, gap_m, suffix in (
        ("消防栓", ("主干路", "次干路", "支路", "步行街"), HYDRANTS, 96.0, "消防栓"),
        ("公交站", ("主干路", "次干路"), BUS_STOPS, 300.0, "站"),
    ):
        fit = rng.permutation(np.flatnonzero(np.isin(grade, grades)))
        seen: Counter[str] = Counter()
        for index in spaced(frontages.xy, fit, count, gap_m):
            seen[names[index]] += 1
            number = seen[names[index]]
            label = f"{number}号" if kind == "消防栓" else "一二三四五六七八九十"[number - 1]
            found.append((kind, f"{names[index]}{label}{suffix}", frontages.xy[index]))
    return found


def _institutions(
    communities: gpd.GeoDataFrame, frontages: Frontages, warp: Warp, rng: np.random.Generator
) -> list[tuple[str, str, FloatArray]]:
    """Schools, markets, police, rooms of the communities: off the street, apart from each other."""
    found = []
    for place, (kind, name) in FIXED.items():
        nearest = int(frontages.tree.query(place_xy(warp, place))[1])
        found.append((kind, name, frontages.xy[nearest]))
    used = np.array([xy for *_, xy in found])
    owner = np.full(len(frontages.xy), -1)
    for number, area in enumerate(communities.geometry):
        shapely.prepare(area)
        owner[shapely.contains_xy(area, *frontages.xy.T)] = number
    plan_xy = warp.backward(frontages.xy)
    centrality = np.exp(-np.hypot(plan_xy[:, 0], plan_xy[:, 1]) / 700.0)
    names = communities["社区名称"].tolist()
    wanted: list[tuple[str, str, int]] = []
    for kind, suffix in PER_COMMUNITY.items():
        wanted += [(kind, f"{name}{suffix}", number) for number, name in enumerate(names)]
    wanted += [("学校", name, -1) for name in SCHOOLS] + [("幼儿园", name, -1) for name in KINDERGARTENS]
    wanted += [(kind, name, -1) for kind, all_names in SCATTERED.items() for name in all_names]
    for kind, name, number in wanted:
        hint = next((i for i, community in enumerate(names) if name.startswith(community[:2])), number)
        weight = centrality * ((owner == hint) if hint >= 0 else 1.0)
        tries = rng.choice(len(frontages.xy), size=60, p=weight / weight.sum())
        clear = np.array([np.hypot(*(used - frontages.xy[index]).T).min() for index in tries])
        xy = frontages.xy[tries[int(np.argmax(np.minimum(clear, 70.0)))]]
        used = np.vstack([used, xy])
        found.append((kind, name, xy))
    return found


def draw_facilities(
    roads: gpd.GeoDataFrame, communities: gpd.GeoDataFrame, frontages: Frontages, warp: Warp, rng: np.random.Generator
) -> dict[str, gpd.GeoDataFrame]:
    """Draw the facility files.

    Returns
    -------
    dict of str to GeoDataFrame
        File name without suffix -> points in EPSG:4547, fields as in the file.
    """
    addresses = Addresses(roads)
    groups = {
        "设施_公共服务": _institutions(communities, frontages, warp, rng),
        "设施_视频监控": _cameras(roads, rng),
        "设施_市政消防": _along_streets(roads, frontages, rng),
    }
    frames = {}
    for letter, (file, found) in zip("FJS", groups.items(), strict=True):
        xy = np.round(np.array([point for *_, point in found]), 3)
        frames[file] = gpd.GeoDataFrame(
            {
                "设施编号": [f"{STREET_CODE}{letter}{number:04d}" for number in range(1, len(found) + 1)],
                "设施名称": [name for _, name, _ in found],
                "设施类型": [kind for kind, *_ in found],
                "地址": [addresses.at(point) for point in xy],
                "geometry": shapely.points(xy),
            },
            crs=CRS,
        )
    return frames


def draw_teams(public: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Depots of the patrol teams: the police station and the communities' 警务室."""
    where = dict(zip(public["设施名称"], public.geometry, strict=True))
    rows = []
    for name, kind, members, mode, start, end, base in TEAMS:
        depot = where["青泠派出所" if base == "派出所" else f"{base}警务室"]
        rows.append(
            {
                "队伍名称": name,
                "队伍类型": kind,
                "人数": members,
                "出行方式": mode,
                "上班时间": start,
                "下班时间": end,
                "geometry": Point(round(depot.x + 2.0, 3), round(depot.y - 1.5, 3)),
            }
        )
    return gpd.GeoDataFrame(rows, crs=CRS)
