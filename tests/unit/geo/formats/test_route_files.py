"""Route files are read by others: GPX by gpxpy and GDAL, KML by GDAL, GeoJSON by its RFC; and GPX is as its schema says."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import gpxpy
import pyogrio
import pytest
from pyproj import Transformer

from geo.formats.route_files import routes_geojson, routes_gpx, routes_kml

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from walks import EPSG, ROUND, X0, Y0, itinerary_of, town, visit_at

HOSTILE = "一队 <b>&\x0b\"'</name>"
WPT_ORDER = (
    "ele", "time", "magvar", "geoidheight", "name", "cmt", "desc", "src", "link", "sym", "type", "fix", "sat", "hdop",
    "vdop", "pdop", "ageofdgpsdata", "dgpsid", "extensions",
)  # fmt: skip
TRK_ORDER = ("name", "cmt", "desc", "src", "link", "number", "type", "extensions", "trkseg", "rtept")
GPX_ORDER = ("metadata", "wpt", "rte", "trk", "extensions")


def degrees(x, y):
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(X0 + x, Y0 + y)
    return pytest.approx((lon, lat), abs=1e-7)


@pytest.fixture(scope="module")
def itinerary():
    network = town()
    return itinerary_of(network, ROUND, [visit_at(network, 200, 100, windows=((28_800.0, 30_000.0),))])


@pytest.fixture(scope="module")
def hostile():
    network = town(name="路 ]]> & <i>")
    return itinerary_of(network, ROUND, [visit_at(network, 200, 100, name=HOSTILE)], team=HOSTILE)


class TestGpx:
    def test_track_goes_the_way(self, itinerary):
        track = gpxpy.parse(routes_gpx([itinerary])).tracks[0]
        assert track.name == "巡逻一队 08:00-08:19"
        assert [len(part.points) for part in track.segments] == [3, 2, 2, 2, 2]
        places = [(point.longitude, point.latitude) for part in track.segments for point in part.points]
        wanted = [
            (0, 0),
            (100, 0),
            (200, 0),
            (200, 0),
            (200, 100),
            (200, 100),
            (100, 100),
            (100, 100),
            (100, 0),
            (100, 0),
            (0, 0),
        ]
        assert places == [degrees(*place) for place in wanted]
        assert track.length_2d() == pytest.approx(600, rel=5e-3)

    def test_route_has_a_point_for_each_instruction(self, itinerary):
        points = gpxpy.parse(routes_gpx([itinerary])).routes[0].points
        assert [point.name for point in points] == [
            "从人民路向东出发", "左转，进入三巷", "1. 和平小学 08:05", "左转，进入解放路",
            "左转，进入二巷", "右转，进入人民路", "回到出发点，巡防结束",
        ]  # fmt: skip
        assert points[0].comment == "巡防 Patrol 200 m 08:00"
        assert points[1].description == "左转，进入三巷\nTurn left onto 三巷"
        assert points[1].comment == "途经 Pass through 100 m 08:03"

    def test_waypoints_are_visits_and_turns(self, itinerary):
        waypoints = gpxpy.parse(routes_gpx([itinerary])).waypoints
        assert [point.type for point in waypoints] == ["turn", "turn", "school", "turn", "turn", "turn"]
        visit = waypoints[2]
        assert (visit.longitude, visit.latitude) == degrees(200, 120)
        assert visit.description.split("\n") == [
            "第 1 处：和平小学；停留 10 分钟；须在 08:00–08:20 之间开始；路口向北约 20 米；"
            "上下学时段维持校门秩序，疏导门前车辆",
            "Visit 1: 和平小学; Stay 10 min; Begin between 08:00 and 08:20; 20 m north of the junction; "
            "Keep order at the gate at opening and closing; see that vehicles leave the gate free",
        ]

    @pytest.mark.parametrize("kind", ["itinerary", "hostile"])
    def test_structure_is_that_of_gpx_1_1(self, kind, request):
        """Elements stand in the order of the schema's sequences; latitudes and longitudes are in range."""
        one = request.getfixturevalue(kind)
        root = ElementTree.fromstring(routes_gpx([one, one]))
        space = "{http://www.topografix.com/GPX/1/1}"
        assert (root.tag, root.get("version"), root.get("creator")) == (f"{space}gpx", "1.1", "yiwang")
        orders = {
            "gpx": GPX_ORDER,
            "wpt": WPT_ORDER,
            "rtept": WPT_ORDER,
            "trkpt": WPT_ORDER,
            "trk": TRK_ORDER,
            "rte": TRK_ORDER,
        }
        for element in root.iter():
            name = element.tag.removeprefix(space)
            if name in orders:
                places = [orders[name].index(child.tag.removeprefix(space)) for child in element]
                assert places == sorted(places), name
            if name in ("wpt", "rtept", "trkpt"):
                assert 20 < float(element.get("lat")) < 40
                assert 100 < float(element.get("lon")) < 130
        assert len(root.findall(f"{space}trk")) == 2

    def test_gdal_reads_it(self, itinerary, tmp_path):
        path = tmp_path / "路线.gpx"
        path.write_text(routes_gpx([itinerary]), encoding="utf-8")
        tracks = pyogrio.read_dataframe(path, layer="tracks")
        assert tracks["name"].tolist() == ["巡逻一队 08:00-08:19"]
        assert tracks.to_crs(EPSG).length.sum() == pytest.approx(600, abs=0.1)
        points = pyogrio.read_dataframe(path, layer="waypoints")
        assert (points["type"] == "school").sum() == 1
        assert len(pyogrio.read_dataframe(path, layer="route_points")) == 7


class TestKml:
    def test_gdal_reads_legs_and_visits(self, itinerary, tmp_path):
        path = tmp_path / "路线.kml"
        path.write_text(routes_kml([itinerary], "示范镇"), encoding="utf-8")
        layers = pyogrio.list_layers(path)[:, 0].tolist()
        assert layers == ["01 巡逻一队 08:00-08:19 路段 legs", "01 巡逻一队 08:00-08:19 到点 visits"]
        legs = pyogrio.read_dataframe(path, layer=layers[0])
        assert legs["Name"].tolist()[:2] == ["1. 从人民路向东出发", "2. 左转，进入三巷"]
        assert legs["street"].tolist() == ["人民路", "三巷", "解放路", "二巷", "人民路"]
        assert legs["instruction_en"].tolist()[1] == "Turn left onto 三巷"
        assert legs.to_crs(EPSG).length.sum() == pytest.approx(600, abs=0.1)
        visits = pyogrio.read_dataframe(path, layer=layers[1])
        assert visits["facility"].tolist() == ["和平小学"]
        assert visits["Name"].tolist() == ["1. 和平小学 08:05"]

    def test_styles(self, itinerary):
        """Every placemark has a style that is there; patrolled lines in the route's colour, others thin and grey."""
        text = routes_kml([itinerary], "示范镇")
        defined = set(re.findall(r'<Style id="(\w+)"', text))
        used = re.findall(r"<styleUrl>#(\w+)</styleUrl>", text)
        assert used == ["patrol1", "pass", "patrol1", "patrol1", "pass", "visit1"]
        assert set(used) <= defined
        assert '<Style id="patrol1"><LineStyle><color>ffb26f1f</color>' in text
        assert "http" not in text.replace("http://www.opengis.net/kml/2.2", "")

    def test_several_routes_have_folders_of_their_own(self, itinerary):
        root = ElementTree.fromstring(routes_kml([itinerary, itinerary], "示范镇"))
        assert len(root.findall(".//{http://www.opengis.net/kml/2.2}Folder")) == 4

    def test_hostile_names_stay_text(self, hostile):
        root = ElementTree.fromstring(routes_kml([hostile], HOSTILE))
        names = [element.text for element in root.iter("{http://www.opengis.net/kml/2.2}name")]
        assert any("一队 <b>&\ufffd\"'</name>" in name for name in names)


class TestGeojson:
    def test_features(self, itinerary):
        collection = json.loads(routes_geojson([itinerary]))
        assert set(collection) == {"type", "features"}
        features = collection["features"]
        assert [feature["geometry"]["type"] for feature in features] == [
            "LineString",
            "LineString",
            "Point",
            *["LineString"] * 3,
        ]
        assert tuple(features[0]["geometry"]["coordinates"][0]) == degrees(0, 0)
        assert tuple(features[2]["geometry"]["coordinates"]) == degrees(200, 120)
        leg, visit = features[1]["properties"], features[2]["properties"]
        assert (leg["instruction_zh"], leg["instruction_en"]) == ("左转，进入三巷", "Turn left onto 三巷")
        assert (leg["action"], leg["action_zh"], leg["length_m"], leg["clock_start"]) == (
            "pass",
            "途经",
            100.0,
            "08:03",
        )
        assert (visit["sequence"], visit["facility"], visit["kind"]) == (1, "和平小学", "school")
        assert (visit["window_start_s"], visit["window_end_s"]) == (28_800.0, 30_000.0)
        assert (visit["route_no"], visit["team"]) == (1, "巡逻一队")

    def test_gdal_reads_it(self, itinerary, tmp_path):
        path = tmp_path / "路线.geojson"
        path.write_text(routes_geojson([itinerary, itinerary]), encoding="utf-8")
        assert len(pyogrio.read_dataframe(path)) == 12

    def test_hostile_names_stay_text(self, hostile):
        properties = [feature["properties"] for feature in json.loads(routes_geojson([hostile]))["features"]]
        assert properties[0]["team"] == HOSTILE
