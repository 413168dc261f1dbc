"""Imports every broken and odd file of the real inputs, alone, and tells what happened to each.

Usage: ``python -m benchmarks.ugly_files [--output FILE] [--table FILE]``

A file is imported as it is; when it is refused with a remedy that names a value (a coordinate system, the axes, a layer),
it is imported again as the message says. Anything but an import or one of our errors is a defect, and ends the program with
code 1.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from benchmarks.circumstances import RESULTS, ROOT, circumstances, real_data, write_result
from geo.errors import YiwangError
from geo.formats.sources import read_source
from geo.model.text import describe_error, translate
from geo.services.import_layer import ImportParams, SourceParams, import_layer
from geo.services.project import open_project

_PARTS = (".dbf", ".shx", ".prj", ".cpg", ".qpj", ".dbt")
_NAMED = (
    "shenzhen-taz/shapefile/*.shp", "shenzhen-taz/shapefile/*/*.shp", "shenzhen-taz/*.json",
    "shenzhen-taz/data/*.geojson", "wuhan-xujiapeng/fireHydrant.json", "wuhan-xujiapeng/geojson/社区.json",
    "guangzhou-tianhe/*.json", "changsha-yuelu/*.json", "portland/data/nij/*.zip", "philadelphia/street_centerline/*",
)  # fmt: skip
_KIND_OF_TYPE = {0: "facility", 4: "facility", 1: "street", 5: "street", 2: "street"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=RESULTS / "ugly_files.json", help="result file")
    parser.add_argument("--table", type=Path, default=ROOT / "docs" / "ugly-files.md", help="table of every file")
    arguments = parser.parse_args()
    started = time.perf_counter()
    files = try_files(real_data())
    body = {"files": files, "seconds": round(time.perf_counter() - started, 1)} | summary(files) | circumstances()
    path = write_result(arguments.output.name, body, arguments.output.resolve().parent)
    arguments.table.write_text(table(body), encoding="utf-8")
    print({name: body[name] for name in ("count", "imported", "refused", "parts", "defects")}, path, arguments.table)
    if body["defects"]:
        sys.exit("\n".join(f"{row['file']}: {row['message']}" for row in files if row["outcome"] == "defect"))


def try_files(folder: Path) -> list[dict[str, Any]]:
    """Return one row for every file under ``ugly`` and for every other file named by its SOURCE.md."""
    ugly = sorted(path for path in (folder / "ugly").rglob("*") if path.is_file())
    named = sorted({path for pattern in _NAMED for path in folder.glob(pattern)})
    return [try_file(path, folder) for path in [*ugly, *named]]


def try_file(path: Path, folder: Path) -> dict[str, Any]:
    """Return what importing one file came to."""
    name = path.relative_to(folder).as_posix()
    if path.suffix.lower() in _PARTS and path.with_suffix(".shp").exists():
        return {"file": name, "outcome": "part", "of": path.with_suffix(".shp").name}
    with tempfile.TemporaryDirectory(prefix="yiwang-ugly-") as scratch:
        copy = _copy(path, Path(scratch))
        first, remedy = _try(copy, SourceParams(), Path(scratch) / "first.gpkg")
        row = {"file": name} | first
        if remedy is not None:
            row["remedy"] = {key: value for key, value in asdict(remedy).items() if value}
            row["then"] = _try(copy, remedy, Path(scratch) / "then.gpkg")[0]
    return row


def _copy(path: Path, scratch: Path) -> Path:
    """Copy a file with the parts of a shapefile beside it: GDAL writes beside what it reads."""
    inputs = scratch / "inputs"
    inputs.mkdir()
    beside = [path]
    if path.suffix.lower() == ".shp":
        suffixes = (".shp", *_PARTS)
        beside = [
            other for other in path.parent.iterdir() if other.stem == path.stem and other.suffix.lower() in suffixes
        ]
    for file in beside:
        shutil.copyfile(file, inputs / file.name)
    return inputs / path.name


def _try(path: Path, source: SourceParams, project: Path) -> tuple[dict[str, Any], SourceParams | None]:
    """Return what happened, and what the message of a refusal says to do instead, when that is a value."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            kind = _fitting_kind(path, source)
            with open_project(str(project)) as store:
                params = ImportParams(kind, zoning_id="ugly" if kind == "zoning" else "", source=source)
                report = import_layer(store, path, params)
    except YiwangError as error:
        refusal = {
            "outcome": "refused",
            "error": type(error).__name__,
            "message": str(error),
            "message_zh": describe_error(error, "zh"),
        }
        return refusal, _remedy(error, source)
    except Exception as error:
        return {"outcome": "defect", "error": type(error).__name__, "message": str(error)[:300]}, None
    return {
        "outcome": "imported",
        "kind": kind,
        "rows_read": report.rows_read,
        "rows_stored": report.rows_stored,
        "encoding": report.encoding,
        "source_crs": report.source_crs,
        "epsg": report.epsg,
        "resolution_m": report.resolution_m,
        "findings": {finding.code: finding.count for finding in report.findings},
        "messages": [str(finding.message).format(**finding.context) for finding in report.findings],
        "messages_zh": [translate(finding.message, "zh").format(**finding.context) for finding in report.findings],
    }, None


def _fitting_kind(path: Path, source: SourceParams) -> str:
    types = shapely.get_type_id(read_source(path, source).frame.geometry.to_numpy())
    types = types[types >= 0]
    kinds = [_KIND_OF_TYPE.get(int(number), "zoning") for number in np.unique(types)]
    counts = {kind: sum(_KIND_OF_TYPE.get(int(number), "zoning") == kind for number in types) for kind in kinds}
    return max(counts, key=lambda kind: counts[kind])


def _remedy(error: YiwangError, source: SourceParams) -> SourceParams | None:
    if source != SourceParams():
        return None
    if "--swap-xy" in error.template:
        return replace(source, swap_xy=True)
    if "example" in error.context:
        return replace(source, crs=error.context["example"])
    if "Name the one to import" in error.template and error.context["names"] != "-":
        return replace(source, layer=error.context["names"].split(", ")[0])
    return None


def summary(files: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many files came to what."""
    outcomes = [row["outcome"] for row in files]
    names = {"imported": "imported", "refused": "refused", "parts": "part", "defects": "defect"}
    then = [row["then"]["outcome"] for row in files if "then" in row]
    counts = {name: outcomes.count(outcome) for name, outcome in names.items()}
    counts["defects"] += then.count("defect")
    return {"count": len(files), **counts, "imported_with_remedy": then.count("imported")}


def table(body: dict[str, Any]) -> str:
    """Return the document: one row a file."""
    lines = [
        "# 每个疑难文件的结果 / What happened to every ugly file",
        "",
        "Generated by `python -m benchmarks.ugly_files`; the same figures are in benchmarks/results/ugly_files.json.",
        "",
        f"共 {body['count']} 个文件：导入 {body['imported']}，说明原因后拒绝 {body['refused']}"
        f"（其中 {body['imported_with_remedy']} 个照提示再次导入成功），"
        f"属于某个 .shp 的 {body['parts']}，意外错误 {body['defects']}。",
        "",
        f"{body['count']} files: {body['imported']} imported, {body['refused']} refused with a reason (of which "
        f"{body['imported_with_remedy']} were then imported as the message says), {body['parts']} are parts of a .shp, "
        f"{body['defects']} ended in an unexpected error.",
        "",
        "| 文件 file | 结果 outcome | 读 read | 存 stored | 发生了什么 what happened |",
        "|---|---|---:|---:|---|",
    ]
    return "\n".join([*lines, *map(_table_row, body["files"])]) + "\n"


def _table_row(row: dict[str, Any]) -> str:
    if row["outcome"] == "part":
        cells = [f"`{row['file']}`", "部件 part", "", "", f"{row['of']}"]
    else:
        last = row.get("then", row)
        story = _story(row)
        if "then" in row:
            options = ", ".join(f"{key}={value}" for key, value in row["remedy"].items())
            story += f"<br>→ {options}：{_story(row['then'])}"
        outcome = {"imported": "导入 imported", "refused": "拒绝 refused", "defect": "缺陷 defect"}[row["outcome"]]
        if "then" in row and last["outcome"] == "imported":
            outcome += " → 导入 imported"
        cells = [f"`{row['file']}`", outcome, str(last.get("rows_read", "")), str(last.get("rows_stored", "")), story]
    return "| " + " | ".join(re.sub(r"\s*\n\s*", " ", cell.replace("|", "\\|")) for cell in cells) + " |"


def _story(row: dict[str, Any]) -> str:
    if row["outcome"] == "imported":
        pairs = zip(row["messages_zh"], row["messages"], strict=True)
        facts = f"{row['encoding']}, {row['source_crs']}"
        return "<br>".join([facts, *(f"{chinese} {english}" for chinese, english in pairs)])
    return f"{row.get('message_zh', '')} {row['message']}".strip()


if __name__ == "__main__":
    main()
