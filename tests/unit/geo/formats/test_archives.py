"""Archives from strangers: every trick is refused before anything is written outside, and ordinary ones are read."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from geo.errors import ArchiveError
from geo.formats.archives import ArchiveParams, unpack_archive, unpack_gzip

WriteZip = Callable[..., Path]
Member = tuple[str | zipfile.ZipInfo, bytes]


@pytest.fixture
def write_zip(tmp_path: Path) -> WriteZip:
    def write(members: Iterable[Member]) -> Path:
        path = tmp_path / "包.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members:
                archive.writestr(name, content)
        return path

    return write


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "deep" / "out"
    folder.mkdir(parents=True)
    return folder


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def test_unpacks_files_and_folders(write_zip: WriteZip, out: Path) -> None:
    archive = write_zip([("社区/社区.shp", b"shp"), ("readme.txt", b"hello"), ("社区/", b"")])
    paths = unpack_archive(archive, out)
    assert [path.relative_to(out).as_posix() for path in paths] == ["readme.txt", "社区/社区.shp"]
    assert [path.read_bytes() for path in paths] == [b"hello", b"shp"]


@pytest.mark.parametrize(
    "name",
    ["../evil.shp", "a/../../evil.shp", "..\\evil.shp", "/etc/evil.shp", "\\\\server\\evil.shp", "C:\\evil.shp",
     "C:evil.shp", "a.shp:stream"],
)  # fmt: skip
def test_names_that_lead_outside(write_zip: WriteZip, out: Path, tmp_path: Path, name: str) -> None:
    archive = write_zip([("good.shp", b"x"), (name, b"x")])
    with pytest.raises(ArchiveError, match="unsafe name"):
        unpack_archive(archive, out)
    assert files_in(tmp_path) == [archive]


def test_symbolic_link(write_zip: WriteZip, out: Path) -> None:
    link = zipfile.ZipInfo("link.shp")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with pytest.raises(ArchiveError, match="unsafe name"):
        unpack_archive(write_zip([(link, b"/etc/passwd")]), out)
    assert files_in(out) == []


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_same_name_twice(write_zip: WriteZip, out: Path) -> None:
    with pytest.raises(ArchiveError, match="unsafe name"):
        unpack_archive(write_zip([("a.shp", b"1"), ("a.shp", b"2")]), out)


def test_bomb_by_ratio(write_zip: WriteZip, out: Path) -> None:
    archive = write_zip([("a.shp", bytes(11_000_000))])
    assert archive.stat().st_size < 20_000
    with pytest.raises(ArchiveError, match="would unpack to 11 MB"):
        unpack_archive(archive, out)
    assert files_in(out) == []


def test_a_small_archive_may_pack_well(write_zip: WriteZip, out: Path) -> None:
    # an empty .dbf of 5 MB packs by 1,000 and is no bomb
    assert unpack_archive(write_zip([("a.dbf", bytes(5_000_000))]), out)[0].stat().st_size == 5_000_000


def test_bomb_by_size(write_zip: WriteZip, out: Path) -> None:
    with pytest.raises(ArchiveError, match="would unpack to"):
        unpack_archive(write_zip([("a.shp", b"12345"), ("b.shp", b"678901")]), out, ArchiveParams(max_bytes=10))


def test_bomb_by_count(write_zip: WriteZip, out: Path) -> None:
    members = [(f"{number}.txt", b"") for number in range(4)]
    assert len(unpack_archive(write_zip(members), out, ArchiveParams(max_files=4))) == 4
    with pytest.raises(ArchiveError, match="holds 4 files, allowed are 3"):
        unpack_archive(write_zip(members), out, ArchiveParams(max_files=3))


def test_size_that_lies(write_zip: WriteZip, out: Path) -> None:
    """The directory says 10 bytes, the stream holds 20 million: not more than 10 are ever written."""
    archive = write_zip([("a.shp", bytes(20_000_000))])
    blob = bytearray(archive.read_bytes())
    real, lie = struct.pack("<L", 20_000_000), struct.pack("<L", 10)
    assert blob.count(real) == 2
    archive.write_bytes(bytes(blob).replace(real, lie))
    with pytest.raises(ArchiveError, match="not a readable zip"):
        unpack_archive(archive, out)
    assert sum(path.stat().st_size for path in files_in(out)) <= 10


def test_encrypted(write_zip: WriteZip, out: Path) -> None:
    archive = write_zip([("a.shp", b"secret")])
    blob = bytearray(archive.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        blob[blob.index(signature) + flags] |= 1
    archive.write_bytes(bytes(blob))
    with pytest.raises(ArchiveError, match="encrypted"):
        unpack_archive(archive, out)


@pytest.mark.parametrize("name", ["inner.zip", "deep/INNER.ZIP", "a.7z", "a.rar", "a.tar", "a.geojson.gz"])
def test_nested_archive(write_zip: WriteZip, out: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="holds another archive"):
        unpack_archive(write_zip([(name, b"PK")]), out)


def test_gbk_names_without_utf8_flag(write_zip: WriteZip, out: Path) -> None:
    """Chinese Windows writes file names in GBK and does not set the flag."""
    archive = write_zip([("XXXXXX.shp", b"shp"), ("XXXXXX.dbf", b"dbf")])
    archive.write_bytes(archive.read_bytes().replace(b"XXXXXX", "警务格".encode("gbk")))
    assert [path.name for path in unpack_archive(archive, out)] == ["警务格.dbf", "警务格.shp"]


@pytest.mark.parametrize(
    "blob", [b"", b"not a zip", b"PK\x03\x04" + bytes(40), b"Rar!\x1a\x07\x00"], ids=["empty", "text", "cut", "rar"]
)
def test_not_a_zip(tmp_path: Path, out: Path, blob: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(blob)
    with pytest.raises(ArchiveError, match="not a readable zip"):
        unpack_archive(path, out)


@pytest.mark.parametrize("position", [40, 60, 200])
def test_damaged_content(tmp_path: Path, out: Path, position: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.shp", bytes(range(256)) * 8 + b"0123456789" * 90)
    blob = bytearray(buffer.getvalue())
    blob[position : position + 8] = b"\xff" * 8
    path = tmp_path / "a.zip"
    path.write_bytes(bytes(blob))
    with pytest.raises(ArchiveError, match="not a readable zip"):
        unpack_archive(path, out)


def test_archive_made_on_a_mac(write_zip: WriteZip, out: Path) -> None:
    """macOS adds a shadow of each file, which is no layer."""
    members = [("社区.shp", b"shp"), ("__MACOSX/._社区.shp", b"shadow"), ("._社区.shp", b"shadow")]
    assert [path.name for path in unpack_archive(write_zip(members), out)] == ["社区.shp"]


@pytest.mark.parametrize(
    "name", ["CON.shp", "图层/nul", "a\x01.shp", "a\u202eshp.exe", "a.shp.", "x" * 300 + ".shp", "a?.shp", "a*.shp"]
)
def test_names_that_mislead_or_mean_a_device(write_zip: WriteZip, out: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="unsafe name"):
        unpack_archive(write_zip([(name, b"x")]), out)
    assert files_in(out) == []


@pytest.mark.parametrize(
    "pair", [("a.shp", "A.SHP"), ("é.shp", "e\u0301.shp"), ("a", "a/b.shp"), ("a\\b.shp", "a/b.shp")]
)
def test_names_that_are_one_elsewhere(write_zip: WriteZip, out: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(ArchiveError, match="unsafe name"):
        unpack_archive(write_zip([(name, b"x") for name in pair]), out)
    assert files_in(out) == []


@pytest.mark.parametrize("name", ["setup.exe", "图层/打开.BAT", "a.lnk", "a.dll"])
def test_programs(write_zip: WriteZip, out: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="holds a program"):
        unpack_archive(write_zip([("a.shp", b"x"), (name, b"MZ")]), out)
    assert files_in(out) == []


def test_folders_of_windows(write_zip: WriteZip, out: Path) -> None:
    (path,) = unpack_archive(write_zip([("图层\\a.shp", b"x")]), out)
    assert path.relative_to(out).as_posix() == "图层/a.shp"


def test_bomb_of_one_stream_used_many_times(write_zip: WriteZip, out: Path) -> None:
    """Every entry of the directory points to the same packed bytes: sizes add up, the archive stays small."""
    archive = write_zip([(f"{number:03}.shp", bytes(4_000_000)) for number in range(3)])
    with zipfile.ZipFile(archive) as packed:
        infos = packed.infolist()
        offset, size = infos[0].header_offset, infos[0].compress_size
    blob = bytearray(archive.read_bytes())
    for info in infos:
        entry = blob.index(info.filename.encode(), packed.start_dir) - 46
        blob[entry + 42 : entry + 46] = struct.pack("<L", offset)
        blob[entry + 20 : entry + 24] = struct.pack("<L", size * 500_000)
    archive.write_bytes(bytes(blob))
    with pytest.raises(ArchiveError):
        unpack_archive(archive, out)
    assert sum(path.stat().st_size for path in files_in(out)) <= 4_000_000


class TestGzip:
    def test_unpacks(self, tmp_path: Path, out: Path) -> None:
        (tmp_path / "a.geojson.gz").write_bytes(gzip.compress(b"{}"))
        path = unpack_gzip(tmp_path / "a.geojson.gz", out)
        assert (path.name, path.read_bytes()) == ("a.geojson", b"{}")

    def test_bomb(self, tmp_path: Path, out: Path) -> None:
        (tmp_path / "a.json.gz").write_bytes(gzip.compress(bytes(30_000_000)))
        with pytest.raises(ArchiveError, match="would unpack"):
            unpack_gzip(tmp_path / "a.json.gz", out)
        assert sum(path.stat().st_size for path in files_in(out)) <= 10_000_000

    @pytest.mark.parametrize(
        "blob", [b"", b"text", gzip.compress(b"0123456789" * 100)[:-9]], ids=["empty", "text", "cut"]
    )
    def test_broken(self, tmp_path: Path, out: Path, blob: bytes) -> None:
        (tmp_path / "a.json.gz").write_bytes(blob)
        if blob:
            with pytest.raises(ArchiveError, match="cannot be unpacked"):
                unpack_gzip(tmp_path / "a.json.gz", out)
        else:
            assert unpack_gzip(tmp_path / "a.json.gz", out).stat().st_size == 0

    def test_nested(self, tmp_path: Path, out: Path) -> None:
        (tmp_path / "a.zip.gz").write_bytes(gzip.compress(b"PK"))
        with pytest.raises(ArchiveError, match="holds another archive"):
            unpack_gzip(tmp_path / "a.zip.gz", out)
