"""Readers of published instances, and the benchmark's own check of costs."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.arc_instances import ArcInstance, InstanceFormatError, Street, instance_paths, read_instance
from benchmarks.arc_routing import checked_costs, encode, main, read_best_known, set_of

CARP = """NOMBRE : tiny
COMENTARIO : 12 (cota)
VERTICES : 4
ARISTAS_REQ : 3
ARISTAS_NOREQ : 1
VEHICULOS : 2
CAPACIDAD : 5
TIPO_COSTES_ARISTAS : EXPLICITOS
LISTA_ARISTAS_REQ :
 ( 1, 2)   coste 3   demanda 2
 (2,3) coste 4 demanda 3
 ( 3, 4)   COSTE 5   DEMANDA 1
LISTA_ARISTAS_NOREQ :
 ( 1, 4)   coste 2
DEPOSITO :   1
"""
MCGRP = """Name:\t\tsmall
Optimal value:\t-1
#Vehicles:\t-1
Capacity:\t5
Depot Node:\t1
#Nodes:\t\t3

ReN.\tDEMAND\tS. COST
N3\t1\t1

ReE.\tFROM N.\tTO N.\tT. COST\tDEMAND\tS. COST
E1\t1\t2\t3\t1\t1

EDGE\tFROM N.\tTO N.\tT. COST
NrE1\t1\t2\t2

ReA.\tFROM N.\tTO N.\tT. COST\tDEMAND\tS. COST
A1\t2\t3\t8\t1\t1

ARC\tFROM N.\tTO N.\tT. COST
NrA1\t3\t1\t4
"""
WINDY = """ NOMBRE :P01
 VERTICES : 3
 ARISTAS_REQ : 2
 ARISTAS_NOREQ : 1
 LISTA_ARISTAS_REQ :
 (  1,  2)   coste   39    43
 (  2,  3)   coste    1     7
 LISTA_ARISTAS_NOREQ :
 (  1,  3)   coste   84    25
"""


def read(folder: Path, name: str, text: str) -> ArcInstance:
    (folder / name).write_text(text, encoding="utf-8")
    return read_instance(folder / name)


def test_carplib(tmp_path: Path) -> None:
    instance = read(tmp_path, "tiny.dat", CARP)
    assert (instance.kind, instance.name, instance.depot, instance.capacity, instance.vehicles) == (
        "carp",
        "tiny",
        1,
        5,
        2,
    )
    assert instance.required[1] == Street(2, 3, 4, 4, 3, True)
    assert instance.streets[3] == Street(1, 4, 2, 2)


@pytest.mark.parametrize("line", ["VEHICULOS : 2", "DEPOSITO :   1", "VERTICES : 4"])
def test_carplib_without_a_header_line(tmp_path: Path, line: str) -> None:
    instance = read(tmp_path, "tiny.DAT", CARP.replace(line, "").replace("NOMBRE", "nombre").replace("LISTA", "Lista"))
    assert (instance.depot, len(instance.required)) == (1, 3)


def test_mcgrp(tmp_path: Path) -> None:
    instance = read(tmp_path, "small.dat", MCGRP)
    assert (instance.kind, instance.vehicles, instance.places) == ("mcgrp", 0, {3: 1.0})
    assert math.isnan(instance.published)
    assert [s.backward for s in instance.streets] == [3, 2, math.inf, math.inf]
    # over the parallel edge of 2 to 2, arc of 8 to 3, back by 4; the served edge itself out of its way costs 3 + 2
    assert checked_costs(instance, [[1, 2], [0]], [[0, 0], [0]]) == [14, 5]
    assert checked_costs(instance, [[0, 1, 2]], [[0, 0, 1]]) == [15]


def test_windy(tmp_path: Path) -> None:
    instance = read(tmp_path, "P01", WINDY)
    assert (instance.kind, instance.capacity, set_of(instance)) == ("mm-kwrpp", math.inf, "mm-kwrpp")
    assert instance.required[0] == Street(1, 2, 39, 43, 0, True)
    assert checked_costs(instance, [[0], [1]], [[1], [0]]) == [39 + 43, 39 + 1 + 25]


@pytest.mark.parametrize("text", ["", "nonsense\n", CARP.split("LISTA", 1)[0]])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InstanceFormatError):
        read(tmp_path, "other.dat", text)


@pytest.mark.parametrize("routes", [[[0, 1]], [[0, 1, 2]], [[0], [1], [2, 2]]])
def test_the_check_refuses_wrong_plans(tmp_path: Path, routes: list[list[int]]) -> None:
    instance = read(tmp_path, "tiny.dat", CARP)
    with pytest.raises(ValueError, match="tiny"):
        checked_costs(instance, routes, [[0] * len(route) for route in routes])


def test_sets_are_told_by_names() -> None:
    def named(name: str) -> str:
        return set_of(ArcInstance(name, "carp", [], 1))

    assert [named(name) for name in ("egl-e1-A", "egl-s4-C", "egl-g2-E", "val10D", "gdb9", "C01", "kshs3")] == [
        "egl-e", "egl-s", "egl-g", "val", "gdb", "C", "kshs",
    ]  # fmt: skip


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "instances"
    folder.mkdir()
    for name, text in (("tiny.dat", CARP), ("small.dat", MCGRP), ("P01", WINDY), ("README.md", "text")):
        (folder / name).write_text(text, encoding="utf-8")
    best = tmp_path / "best.csv"
    best.write_text("name,lower_bound,best_known\ntiny,20,20\n", encoding="utf-8")
    assert len(instance_paths(folder)) == 3
    assert read_best_known(best)["tiny"] == (20, 20)
    assert encode(read_instance(folder / "tiny.dat"), fleet="file").vehicles == 2
    output = tmp_path / "result.json"
    arguments = ["--instances", str(folder), "--best-known", str(best), "--time-limit", "0.2", "--vehicles", "2"]
    main([*arguments, "--output", str(output)])
    text = output.read_text(encoding="utf-8")
    assert text.count('"checked": true') == 3
    assert "tiny" in capsys.readouterr().out
