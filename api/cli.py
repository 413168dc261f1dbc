"""The command line: each command is one service of ``geo.services``.

Importing this module must stay cheap (``yiwang --help`` answers in under half a second), so each command imports what it
needs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from geo.model.progress import Progress
    from geo.model.reports import Report
    from geo.model.text import Language
    from geo.storage.store import Store

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="一网 yiwang: 多网合一、巡防路线、离线地图 / unify grids, plan patrols, offline maps.",
    pretty_exceptions_enable=False,
)

ProjectOption = Annotated[
    str,
    typer.Option(
        "--project",
        "-p",
        envvar="YIWANG_DATABASE_URL",
        help="项目文件或数据库 / project .gpkg or postgresql:// address.",
    ),
]
LanguageOption = Annotated[
    Literal["zh", "en"], typer.Option("--lang", envvar="YIWANG_LANGUAGE", help="中文或英文 / Chinese or English.")
]
_DEFAULT_PROJECT = "yiwang.gpkg"


def main() -> None:
    """Run the command line; errors of ours become one message and exit code 2, a stop by the user 130."""
    from geo.errors import CancelledError, YiwangError
    from geo.model.text import describe_error

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # Windows consoles default to GBK
    try:
        app()
    except CancelledError:
        typer.echo("已停止 / stopped", err=True)
        sys.exit(130)
    except YiwangError as error:
        typer.echo(f"错误：{describe_error(error, 'zh')}", err=True)
        typer.echo(f"Error [{error.code}]: {error}", err=True)
        sys.exit(2)


@contextmanager
def _opened(project: str) -> Iterator[Store]:
    from geo.services.project import open_project

    with open_project(project) as store:
        yield store


@contextmanager
def _shown(title: str, language: Language) -> Iterator[Progress]:
    """Show a progress bar on standard error.

    The first Ctrl-C asks the step to stop at its next report, so that a plan keeps its best so far; the second interrupts.
    """
    import signal

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from geo.errors import CancelledError
    from geo.model.text import translate

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as bars:
        bar = bars.add_task(title, total=1.0)

        asked: list[int] = []

        def ask(number: int, _frame: object) -> None:
            asked.append(number)
            signal.signal(signal.SIGINT, before)

        before = signal.signal(signal.SIGINT, ask)

        def show(message: str, fraction: float) -> None:
            if asked:
                asked.clear()
                raise CancelledError("The step was stopped.")
            text = translate(message, language)
            bars.update(bar, completed=fraction, description=f"{title} · {text}")

        try:
            yield show
        finally:
            signal.signal(signal.SIGINT, before)
        bars.update(bar, completed=1.0, description=title)


def _print_report(report: Report, language: Language) -> None:
    """Print the findings in the user's language, then the whole report as JSON on standard output."""
    from geo.model.text import describe_finding

    body = report.as_json()
    marks = {"note": "·", "warning": "!", "error": "✗"}
    for finding in body.get("findings", ()):
        place = f"  @ {finding['x']:.1f}, {finding['y']:.1f}" if finding["x"] is not None else ""
        text = describe_finding(finding, language)
        typer.echo(f"{marks[finding['severity']]} {text}{place}", err=True)
    typer.echo(json.dumps(body, ensure_ascii=False, indent=1, default=str))


def _columns(pairs: list[str]) -> dict[str, str]:
    from geo.errors import ParameterError

    result = {}
    for pair in pairs:
        target, separator, source = pair.partition("=")
        if not separator:
            raise ParameterError("--column takes TARGET=COLUMN, e.g. name=名称; given was '{given}'.", given=pair)
        result[target] = source
    return result


@app.command("import")
def import_command(
    file: Path,
    kind: Annotated[str, typer.Option(help="zoning, community, facility, street, incident, building, team")],
    project: ProjectOption = _DEFAULT_PROJECT,
    zoning: Annotated[str, typer.Option(help="网格体系的键 / key of the zoning, e.g. police")] = "",
    name: Annotated[str, typer.Option(help="网格体系名称 / name of the zoning")] = "",
    domain: Annotated[str, typer.Option(help="部门 / department")] = "",
    column: Annotated[list[str] | None, typer.Option(help="列对应 / TARGET=COLUMN of the file; repeat")] = None,
    layer: Annotated[str | None, typer.Option(help="多图层文件中的图层 / layer of a file with several")] = None,
    encoding: Annotated[str | None, typer.Option(help="属性编码 / encoding, e.g. GB18030")] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系 / coordinate system, e.g. EPSG:4490")] = None,
    swap_xy: Annotated[bool, typer.Option("--swap-xy", help="交换坐标轴 / exchange the axes")] = False,
    append: Annotated[bool, typer.Option("--append", help="追加 / add to the layer")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="替换 / empty the layer first")] = False,
    facility_kind: Annotated[str | None, typer.Option(help="全部设施的类型 / kind of all facilities")] = None,
    project_name: Annotated[str, typer.Option(help="新项目名称 / name of a new project")] = "",
    project_epsg: Annotated[int | None, typer.Option(help="新项目坐标系 / metric CRS of a new project")] = None,
    time_zone: Annotated[str | None, typer.Option(help="新项目时区 / time zone of a new project, IANA name")] = None,
    code_prefix: Annotated[
        str | None, typer.Option(help="编码前缀 / county and street of grid codes, 9 digits")
    ] = None,
    lang: LanguageOption = "zh",
) -> None:
    """导入图层 / import a layer; the first import makes the project."""
    from geo.errors import ParameterError
    from geo.services.import_layer import ImportParams, SourceParams, import_layer

    if append and replace:
        raise ParameterError("Choose one of --append and --replace.")
    params = ImportParams(
        kind=kind,
        zoning_id=zoning,
        zoning_name=name,
        domain=domain,
        columns=_columns(column or []),
        source=SourceParams(layer, encoding, crs, swap_xy),
        mode="append" if append else "replace" if replace else None,
        project_name=project_name,
        project_epsg=project_epsg,
        project_time_zone=time_zone,
        project_code_prefix=code_prefix,
        facility_kind=facility_kind,
    )
    with _opened(project) as store, _shown(f"导入 import {file.name}", lang) as progress:
        report = import_layer(store, file, params, progress)
    _print_report(report, lang)


@app.command()
def unify(
    project: ProjectOption = _DEFAULT_PROJECT,
    min_width_m: Annotated[float, typer.Option(help="碎片宽度 / slivers are narrower, metres")] = 15.0,
    min_area_m2: Annotated[float, typer.Option(help="碎片面积 / slivers are smaller, m²")] = 500.0,
    scheme: Annotated[str, typer.Option(help="编码方案 / beijing-15, city-14 or cjt349-20")] = "beijing-15",
    lang: LanguageOption = "zh",
) -> None:
    """多网合一 / unify the zonings into 一网."""
    from geo.services.unify_zonings import SliverParams, UnifyParams, unify_zonings

    params = UnifyParams(slivers=SliverParams(min_width_m, min_area_m2), scheme=scheme)
    with _opened(project) as store, _shown("统一 unify", lang) as progress:
        report = unify_zonings(store, params, progress)
    _print_report(report, lang)


@app.command()
def network(
    project: ProjectOption = _DEFAULT_PROJECT,
    tolerance_m: Annotated[float, typer.Option(help="端点吸附距离 / ends within this are joined, metres")] = 0.5,
    lang: LanguageOption = "zh",
) -> None:
    """构建路网 / build the street network."""
    from geo.services.build_network import NodingParams, build_network

    with _opened(project) as store, _shown("路网 network", lang) as progress:
        report = build_network(store, NodingParams(tolerance_m), progress)
    _print_report(report, lang)


@app.command()
def risk(
    project: ProjectOption = _DEFAULT_PROJECT,
    bandwidth_m: Annotated[float, typer.Option(help="核半径 / radius of the kernel, metres")] = 250.0,
    cell_size_m: Annotated[float, typer.Option(help="栅格边长 / side of the raster cells, metres")] = 50.0,
    half_life_days: Annotated[float, typer.Option(help="半衰期 / age that halves the weight, days")] = 180.0,
    lang: LanguageOption = "zh",
) -> None:
    """评估风险 / assess the risk from incidents."""
    from geo.services.assess_risk import IntensityParams, assess_risk

    with _opened(project) as store, _shown("风险 risk", lang) as progress:
        report = assess_risk(store, IntensityParams(bandwidth_m, cell_size_m, half_life_days), progress)
    _print_report(report, lang)


def _seconds_of_day(text: str) -> float:
    from geo.errors import ParameterError

    hours, separator, minutes = text.partition(":")
    if not (separator and hours.isdigit() and minutes.isdigit() and int(minutes) < 60):
        raise ParameterError("'{text}' is not a time of day. Write it as 08:30.", text=text)
    return int(hours) * 3600.0 + int(minutes) * 60.0


def _visit_rule(text: str) -> Any:
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


@app.command()
def plan(
    project: ProjectOption = _DEFAULT_PROJECT,
    street_class: Annotated[list[str] | None, typer.Option(help="必巡道路等级 / classes to patrol; none = all")] = None,
    risk_share: Annotated[float, typer.Option(help="高风险网格占比 / streets in this share of risky cells, 0-1")] = 0.0,
    area: Annotated[str | None, typer.Option(help="巡区 / only inside ZONING:CODE")] = None,
    visit: Annotated[list[str] | None, typer.Option(help="必巡点 / KIND=MINUTES@08:00-09:00,…; repeat")] = None,
    team: Annotated[list[str] | None, typer.Option(help="值班队伍 / teams on duty; none = all")] = None,
    seconds: Annotated[float, typer.Option(help="搜索时间 / search time, seconds")] = 10.0,
    seed: Annotated[int, typer.Option(help="随机种子 / seed")] = 1,
    lang: LanguageOption = "zh",
) -> None:
    """规划巡防 / plan the patrols of a shift."""
    from geo.errors import ParameterError
    from geo.services.plan_patrols import PatrolParams, SolveParams, plan_patrols

    zoning, separator, code = (area or "").partition(":")
    if area and not separator:
        raise ParameterError("--area takes ZONING:CODE, e.g. police:JW00101; given was '{given}'.", given=area)
    params = PatrolParams(
        required_classes=tuple(street_class or ()),
        risk_share=risk_share,
        area=(zoning, code) if area else None,
        visit_rules=tuple(_visit_rule(text) for text in visit or ()),
        teams=tuple(team or ()),
        solve=SolveParams(seconds=seconds, seed=seed),
    )
    with _opened(project) as store, _shown("巡防 plan", lang) as progress:
        report = plan_patrols(store, params, progress)
    _print_report(report, lang)


@app.command("map")
def map_command(
    out: Annotated[Path, typer.Argument(help="目录 / directory for the pages")],
    project: ProjectOption = _DEFAULT_PROJECT,
    plan_id: Annotated[str | None, typer.Option(help="方案 / patrol plan; none = the newest")] = None,
) -> None:
    """生成离线地图 / draw the offline pages."""
    from api.demo import draw_pages

    with _opened(project) as store:
        for path in draw_pages(store, out, plan_id)[0]:
            typer.echo(str(path))


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="文件或目录 / file (.geojson .gpkg .shp) or, for routes, directory")],
    layer: Annotated[str, typer.Option(help="图层 / table to export, or 'gpx' for the routes")] = "unified_cell",
    project: ProjectOption = _DEFAULT_PROJECT,
    plan_id: Annotated[str | None, typer.Option(help="方案 / patrol plan; none = the newest")] = None,
) -> None:
    """导出图层或路线 / export a layer, or the routes as GPX."""
    from geo.services.export_layers import export_layer, export_routes

    with _opened(project) as store:
        paths = export_routes(store, out, plan_id) if layer == "gpx" else [export_layer(store, layer, out)]
    for path in paths:
        typer.echo(str(path))


@app.command()
def serve(
    project: ProjectOption = _DEFAULT_PROJECT,
    port: Annotated[int, typer.Option(envvar="YIWANG_PORT", help="端口 / port")] = 8000,
    host: Annotated[str, typer.Option(envvar="YIWANG_HOST", help="只限本机 / loopback only")] = "127.0.0.1",
) -> None:
    """启动服务 / serve the console, the pages and the interface."""
    from pydantic import ValidationError

    from api.server import run_server
    from api.settings import Settings
    from geo.errors import ParameterError

    try:
        settings = Settings(database_url=project, port=port, host=host)
    except ValidationError as error:
        first = error.errors()[0]
        name = f"YIWANG_{'_'.join(map(str, first['loc']))}".upper()
        raise ParameterError("Setting {name}: {reason}", name=name, reason=first["msg"]) from error
    run_server(settings)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="结果目录 / directory for the results")] = Path("demo"),
    recipe: Annotated[Path | None, typer.Option(help="配方 / recipe; none = the sample town")] = None,
    serve_it: Annotated[bool, typer.Option("--serve/--no-serve", help="完成后启动服务 / serve the result")] = True,
    port: Annotated[int, typer.Option(envvar="YIWANG_PORT", help="端口 / port")] = 8000,
    lang: LanguageOption = "zh",
) -> None:
    """演示全流程 / run the main job on the sample town and serve the result."""
    from api.demo import print_summary, run_demo

    with _shown("演示 demo", lang) as progress:
        summary = run_demo(out, recipe, progress)
    print_summary(summary, out, lang)
    if serve_it:
        serve(str(out / "yiwang.gpkg"), port, "127.0.0.1")


if __name__ == "__main__":
    main()
