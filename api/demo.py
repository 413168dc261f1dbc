"""The main job from a recipe: project file, pages, routes and a summary in one folder."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from api.route_files import HANDOUT_KINDS, SheetParams, handouts
from geo.errors import ParameterError, ProjectExistsError
from geo.model.progress import Progress, part_of
from geo.services.export_routes import read_routes, write_files
from geo.services.project import Store, change_stamp, open_project
from geo.services.read_views import count_rows, read_view
from geo.services.recipe import read_recipe, run_recipe
from maps import render_pages

SAMPLE_RECIPE = Path(__file__).resolve().parents[1] / "sample_shapefiles" / "recipe.toml"


def run_demo(out: Path, recipe: Path | None, progress: Progress) -> dict[str, Any]:
    """Run a recipe and leave ``yiwang.gpkg``, ``maps/``, ``routes/`` and ``summary.json`` in a folder.

    Parameters
    ----------
    out
        The folder; a project file of an earlier run is replaced.
    recipe
        None takes the sample town's.
    progress
        Told how far it is.

    Returns
    -------
    dict
        The summary, as in ``summary.json``.
    """
    started = time.perf_counter()
    source = recipe or SAMPLE_RECIPE
    steps = read_recipe(source)
    if out.exists() and not out.is_dir():
        raise ParameterError("'{path}' is a file; name a folder for the results.", path=str(out))
    out.mkdir(parents=True, exist_ok=True)
    file = out / "yiwang.gpkg"
    _require_untouched(file, out / "summary.json")
    unfinished = out / "unfinished.gpkg"  # so that a stopped run leaves the former result as it was
    unfinished.unlink(missing_ok=True)
    with open_project(str(unfinished)) as store:
        outcomes = run_recipe(store, steps, part_of(progress, 0.0, 0.85))
    _require_untouched(file, out / "summary.json")
    unfinished.replace(file)
    with open_project(str(file)) as store:
        progress("Drawing the pages", 0.85)
        drawn = time.perf_counter()
        pages, drawn_routes = draw_pages(store, out / "maps")
        drawn = time.perf_counter() - drawn
        progress("Writing the routes", 0.97)
        (out / "routes").mkdir(exist_ok=True)
        routes = [Path(shutil.copy(path, out / "routes")) for path in drawn_routes]
        counts = count_rows(store)
        project, stamp = store.project(), change_stamp(store)
    summary = {
        "project": project.name,
        "epsg": project.epsg,
        "stamp": stamp,
        "recipe": source.name,
        "seconds": {outcome.step: round(outcome.seconds, 3) for outcome in outcomes} | {"maps": round(drawn, 3)},
        "seconds_total": round(time.perf_counter() - started, 3),
        "peak_memory_mib": round(_peak_memory_mib(), 1),
        "machine": _machine(),
        "found": {table: count for table, count in counts.items() if count},
        "reports": [{"step": outcome.step, **outcome.report.as_json()} for outcome in outcomes],
        "pages": [str(path.relative_to(out)) for path in pages],
        "routes": [str(path.relative_to(out)) for path in routes],
    }
    text = json.dumps(summary, ensure_ascii=False, indent=1, default=str)
    (out / "summary.json").write_text(text + "\n", encoding="utf-8")
    progress("Done", 1.0)
    return summary


def draw_pages(
    store: Store, directory: Path, plan_id: str | None = None, sheets: SheetParams | None = None
) -> tuple[list[Path], list[Path]]:
    """Draw all pages of a project into a folder, with the route files and sheets that the page of the routes offers.

    Parameters
    ----------
    store
        Of the project.
    directory
        Made when it does not exist.
    plan_id
        Patrol plan to show; None takes the newest.
    sheets
        Of the route sheets; None takes the usual ones.

    Returns
    -------
    tuple
        The pages, and the files of the routes.
    """
    view = read_view(store, plan_id)
    pages = render_pages(view, directory)
    if view.frames["route"].empty:
        return pages, []
    texts = handouts(read_routes(store, plan_id), HANDOUT_KINDS, sheets or SheetParams())
    return pages, write_files(texts, directory / "routes")


def _require_untouched(file: Path, summary: Path) -> None:
    """Refuse to replace a project that was worked on since the demo made it, or that no demo made.

    Raises
    ------
    ProjectExistsError
        The file holds work that would be lost.
    """
    if not file.exists():
        return
    made = json.loads(summary.read_text("utf-8")).get("stamp") if summary.exists() else None
    with open_project(str(file)) as store:
        untouched = store.exists() and change_stamp(store) == made
    if not untouched:
        raise ProjectExistsError(
            "{place} holds work that the demo did not make. Name another folder with --out, or delete the file.",
            place=str(file),
        )


def _peak_memory_mib() -> float:
    """Return the largest resident memory of this process so far."""
    if sys.platform == "win32":
        import psutil  # noqa: PLC0415

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource  # noqa: PLC0415

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _machine() -> dict[str, Any]:
    return {"system": platform.system(), "cpus": os.cpu_count(), "python": platform.python_version()}


def print_summary(summary: dict[str, Any], out: Path, language: str) -> None:
    """Print what was found, merged and planned, and where it is."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    english = language == "en"
    table = Table(title=f"{summary['project']} · {summary['seconds_total']:.1f} s", show_header=False)
    for label, value in _summary_rows(summary, english=english):
        table.add_row(label[1] if english else label[0], value)
    console = Console()
    console.print(table)
    console.print(f"{'Pages' if english else '页面'}: {(out / 'maps' / 'index.html').resolve()}")
    console.print(
        f"{'Routes (GPX, KML, sheets)' if english else '路线 (GPX、KML、路线单)'}: {(out / 'routes').resolve()}"
    )
    console.print(
        f"{'Project, opens in QGIS' if english else '项目文件，可用 QGIS 打开'}: {(out / 'yiwang.gpkg').resolve()}"
    )


_CONFLICTS = {
    "border": ("边界错位", "borders shifted"),
    "straddle": ("跨界", "reaching across"),
    "gap": ("缝隙", "gaps"),
    "overlap": ("重叠", "overlaps"),
    "unassigned": ("无归属", "unassigned"),
}


def _conflicts(counts: dict[str, int], *, english: bool) -> str:
    parts = [f"{_CONFLICTS[kind][english]} {counts[kind]}" for kind in _CONFLICTS if kind in counts]
    return ("，", ", ")[english].join(parts)


def _summary_rows(summary: dict[str, Any], *, english: bool) -> list[tuple[tuple[str, str], str]]:
    found = summary["found"]
    by_step = {report["step"]: report for report in summary["reports"]}
    rows = [
        (("社区", "communities"), str(found.get("community", 0))),
        (("部门网格", "department cells"), f"{found.get('cell', 0)} ({found.get('zoning', 0)})"),
        (("设施", "facilities"), str(found.get("facility", 0))),
    ]
    if unify := by_step.get("unify"):
        rows += [
            (("一网单元", "unified cells"), str(unify["cells"])),
            (("消除碎片", "slivers dissolved"), f"{unify['slivers_dissolved']} / {unify['sliver_area_m2']:,.0f} m²"),
            (("边界冲突", "conflicts"), _conflicts(unify["conflicts"], english=english)),
        ]
    if network := by_step.get("network"):
        rows.append(
            (
                ("路网 (长度/路段)", "street network (length/segments)"),
                f"{network['length_m'] / 1000:.1f} km / {network['edges']}",
            )
        )
    if plan := by_step.get("plan"):
        share = plan["served_m"] / max(plan["required_m"], 1e-9)
        rows += [
            (("必巡路段", "streets patrolled"), f"{plan['served_m'] / 1000:.1f} km ({share:.1%})"),
            (("必巡点", "visits"), f"{plan['visits_served']} / {plan['visits']}"),
            (("队伍均衡 (最长/平均)", "fairness (longest/mean)"), f"{plan['max_over_mean']:.3f}"),
        ]
    rows.append((("内存峰值", "peak memory"), f"{summary['peak_memory_mib']:.0f} MiB"))
    return rows
