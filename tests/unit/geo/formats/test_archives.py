"""Archives from strangers: every trick is refused before anything is written outside, and ordinary ones are read."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from geo.errors import ArchiveError
from geo.formats.archives import ArchiveParams, unpack_archive

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
