"""The command line: each command is one service of ``geo.services``.

Importing this module must stay cheap (``yiwang --help`` answers in under half a second), so each command imports what it
needs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli_output import print_report, shown
from api.cli_values import read_columns, read_profile_option, read_visit_rule

if TYPE_CHECKING:
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


@app.command("columns")
def columns_command(
    file: Path,
    kind: Annotated[str, typer.Option(help="zoning, community, facility, street, incident, building, team")],
    project: ProjectOption = _DEFAULT_PROJECT,
    column: Annotated[list[str] | None, typer.Option(help="列对应 / TARGET=COLUMN of the file; repeat")] = None,
    profile: Annotated[str, typer.Option(help="列对应方案 / column profile: name, or .json file")] = "",
    save_profile: Annotated[str, typer.Option(help="保存为项目的方案 / keep it with the project")] = "",
    write: Annotated[Path | None, typer.Option(help="写成方案文件 / write it as a .json file")] = None,
    layer: Annotated[str | None, typer.Option(help="多图层文件中的图层 / layer of a file with several")] = None,
    encoding: Annotated[str | None, typer.Option(help="属性编码 / encoding, e.g. GB18030")] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系 / coordinate system, e.g. EPSG:4490")] = None,
    lang: LanguageOption = "zh",
) -> None:
    """查看列对应 / show how the columns of a file would be taken, and keep that as a profile."""
    from geo.services import column_profiles as profiles
    from geo.services.import_layer import SourceParams

    from_file, name = read_profile_option(profile)
    wanted = {**from_file, **read_columns(column or [])}
    with _opened(project) as store:
        kept = profiles.read_profile(store, kind, name) if name else None
        source = SourceParams(layer=layer, encoding=encoding, crs=crs)
        proposal = profiles.propose_columns(file, kind, source, wanted, kept)
        chosen = {**{target: "" for target, source in wanted.items() if not source}, **proposal.chosen}
        if save_profile:
            profiles.save_profile(store, profiles.ColumnProfile(save_profile, kind, chosen))
    if write is not None:
        profiles.write_profile_file(profiles.ColumnProfile(save_profile or name or write.stem, kind, chosen), write)
    print_report(proposal, lang)


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
    converted_from: Annotated[
        Literal["gcj02", "bd09"] | None,
        typer.Option("--from", help="由火星/百度坐标转换 / convert from GCJ-02 or BD-09"),
    ] = None,
    append: Annotated[bool, typer.Option("--append", help="追加 / add to the layer")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="替换 / empty the layer first")] = False,
    facility_kind: Annotated[str | None, typer.Option(help="全部设施的类型 / kind of all facilities")] = None,
    profile: Annotated[str, typer.Option(help="列对应方案 / column profile: name, or .json file")] = "",
    save_profile: Annotated[str, typer.Option(help="保存列对应为方案 / keep the mapping under this name")] = "",
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
    from_file, profile = read_profile_option(profile)
    params = ImportParams(
        kind=kind,
        zoning_id=zoning,
        zoning_name=name,
        domain=domain,
        columns={**from_file, **read_columns(column or [])},
        source=SourceParams(layer, encoding, crs, swap_xy, converted_from),
        mode="append" if append else "replace" if replace else None,
        project_name=project_name,
        project_epsg=project_epsg,
        project_time_zone=time_zone,
        project_code_prefix=code_prefix,
        facility_kind=facility_kind,
        profile=profile,
        save_profile=save_profile,
    )
    with _opened(project) as store, shown(f"导入 import {file.name}", lang) as progress:
        report = import_layer(store, file, params, progress)
    print_report(report, lang)


@app.command()
def unify(
    project: ProjectOption = _DEFAULT_PROJECT,
    policy: Annotated[
        Literal["atomic", "reference", "optimised"],
        typer.Option(help="成格方式 / every piece a cell, one zoning leads, or cells of even size"),
    ] = "atomic",
    reference: Annotated[str | None, typer.Option(help="主导网格 / key of the zoning whose borders lead")] = None,
    tolerance_m: Annotated[
        float | None, typer.Option(help="容差 / borders nearer than this are one line, metres; none = proposed")
    ] = None,
    min_width_m: Annotated[float, typer.Option(help="碎片宽度 / slivers are narrower, metres")] = 15.0,
    min_area_m2: Annotated[float, typer.Option(help="碎片面积 / slivers are smaller, m²")] = 500.0,
    measure: Annotated[
        Literal["area", "households", "workload"],
        typer.Option(help="均衡指标 / what bounds the size of optimised cells"),
    ] = "area",
    lower: Annotated[float | None, typer.Option(help="规模下限 / smallest optimised cell")] = None,
    upper: Annotated[float | None, typer.Option(help="规模上限 / largest optimised cell")] = None,
    scheme: Annotated[str, typer.Option(help="编码方案 / beijing-15, city-14 or cjt349-20")] = "beijing-15",
    lang: LanguageOption = "zh",
) -> None:
    """多网合一 / unify the zonings into 一网."""
    from geo.errors import ParameterError
    from geo.services.unify_zonings import OptimiseParams, SliverParams, UnifyParams, unify_zonings

    if measure != "area" and (lower is None or upper is None):
        raise ParameterError("Cells measured by {measure} need both --lower and --upper.", measure=measure)
    usual = OptimiseParams()
    bounds = (usual.lower if lower is None else lower, usual.upper if upper is None else upper)
    params = UnifyParams(
        policy=policy,
        reference=reference,
        tolerance_m=tolerance_m,
        slivers=SliverParams(min_width_m, min_area_m2),
        optimise=OptimiseParams(measure, *bounds),
        scheme=scheme,
    )
    with _opened(project) as store, shown("统一 unify", lang) as progress:
        report = unify_zonings(store, params, progress)
    print_report(report, lang)


@app.command()
def edit(
    zoning: Annotated[str, typer.Option(help="网格体系的键 / key of the zoning, e.g. police")],
    file: Annotated[Path | None, typer.Argument(help="图层文件 / file with the cells to change or to add")] = None,
    project: ProjectOption = _DEFAULT_PROJECT,
    remove: Annotated[list[str] | None, typer.Option(help="删除的网格 / code of a cell to take away; repeat")] = None,
    column: Annotated[list[str] | None, typer.Option(help="列对应 / TARGET=COLUMN of the file; repeat")] = None,
    layer: Annotated[str | None, typer.Option(help="多图层文件中的图层 / layer of a file with several")] = None,
    encoding: Annotated[str | None, typer.Option(help="属性编码 / encoding, e.g. GB18030")] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系 / coordinate system, e.g. EPSG:4490")] = None,
    lang: LanguageOption = "zh",
) -> None:
    """编辑网格 / change cells of a zoning and unify again only what they touch."""
    from geo.services.edit_cells import EditParams, edit_cells
    from geo.services.edit_from_file import SourceParams, edit_cells_from_file

    removed = tuple(remove or ())
    with _opened(project) as store, shown("编辑 edit", lang) as progress:
        if file is None:
            report = edit_cells(store, EditParams(zoning, removed=removed), progress)
        else:
            source = SourceParams(layer=layer, encoding=encoding, crs=crs)
            report = edit_cells_from_file(store, file, zoning, source, read_columns(column or []), removed, progress)
    print_report(report, lang)


@app.command()
def network(
    project: ProjectOption = _DEFAULT_PROJECT,
    tolerance_m: Annotated[float, typer.Option(help="端点吸附距离 / ends within this are joined, metres")] = 0.5,
    lang: LanguageOption = "zh",
) -> None:
    """构建路网 / build the street network."""
    from geo.services.build_network import NodingParams, build_network

    with _opened(project) as store, shown("路网 network", lang) as progress:
        report = build_network(store, NodingParams(tolerance_m), progress)
    print_report(report, lang)


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

    with _opened(project) as store, shown("风险 risk", lang) as progress:
        report = assess_risk(store, IntensityParams(bandwidth_m, cell_size_m, half_life_days), progress)
    print_report(report, lang)


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
        visit_rules=tuple(read_visit_rule(text) for text in visit or ()),
        teams=tuple(team or ()),
        solve=SolveParams(seconds=seconds, seed=seed),
    )
    with _opened(project) as store, shown("巡防 plan", lang) as progress:
        report = plan_patrols(store, params, progress)
    print_report(report, lang)


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
    out: Annotated[
        Path,
        typer.Argument(
            help="文件或目录 / .shp .gpkg .geojson .kml .parquet .csv .xlsx or, for routes, directory or .zip"
        ),
    ],
    layer: Annotated[
        str,
        typer.Option(help="图层 / table to export; of the routes gpx, kml, geojson, sheet, or handout for all four"),
    ] = "unified_cell",
    project: ProjectOption = _DEFAULT_PROJECT,
    plan_id: Annotated[str | None, typer.Option(help="方案 / patrol plan; none = the newest")] = None,
    zoning: Annotated[str | None, typer.Option(help="网格体系 / only its cells, with --layer cell")] = None,
    route: Annotated[int | None, typer.Option(help="路线号 / only this route; none = all")] = None,
    base_url: Annotated[
        str, typer.Option(envvar="YIWANG_BASE_URL", help="手机页面地址 / address of the phone pages, for QR codes")
    ] = "",
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="巡防日期 / day of the patrol, on sheets")
    ] = None,
    bilingual: Annotated[bool, typer.Option("--bilingual", help="中英对照路线单 / sheets in both languages")] = False,
    lang: LanguageOption = "zh",
) -> None:
    """导出图层或路线 / export a layer, or what the patrol teams take along."""
    from api.route_files import HANDOUT_KINDS, SheetParams, handouts
    from geo.services.export_layers import export_layer
    from geo.services.export_routes import read_routes, write_files

    kinds = HANDOUT_KINDS if layer == "handout" else tuple(kind for kind in HANDOUT_KINDS if kind == layer)
    with _opened(project) as store:
        if kinds:
            params = SheetParams("both" if bilingual else lang, base_url, date.date() if date else None)
            paths = write_files(handouts(read_routes(store, plan_id, route), kinds, params), out)
        else:
            paths = [export_layer(store, layer, out, zoning_id=zoning, language=lang)]
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

    with shown("演示 demo", lang) as progress:
        summary = run_demo(out, recipe, progress)
    print_summary(summary, out, lang)
    if serve_it:
        serve(str(out / "yiwang.gpkg"), port, "127.0.0.1")


if __name__ == "__main__":
    main()
