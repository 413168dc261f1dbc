"""Zip archives from strangers: looked at before anything is unpacked."""

from __future__ import annotations

import errno
import gzip
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from geo.errors import ArchiveError

_UTF8_FLAG = 0x800
_BLOCK_BYTES = 1024 * 1024
_MAX_NAME_BYTES = 240
_ARCHIVES = frozenset(
    {".zip", ".kmz", ".7z", ".rar", ".gz", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".cab", ".iso", ".jar"}
)
_PROGRAMS = frozenset(
    {".exe", ".com", ".bat", ".cmd", ".scr", ".msi", ".dll", ".lnk", ".vbs", ".js", ".ps1", ".sh", ".pif"}
)
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


@dataclass(frozen=True)
class ArchiveParams:
    """Limits for archives.

    Attributes
    ----------
    max_files
        Members at the most.
    max_bytes
        Unpacked size at the most.
    max_ratio
        Unpacked size over packed size at the most; a larger one is a zip bomb.
    """

    max_files: int = 500
    max_bytes: int = 4 * 1024**3
    max_ratio: float = 200.0


def unpack_archive(archive: Path, directory: Path, params: ArchiveParams | None = None) -> list[Path]:
    """Unpack a zip into an empty directory, flat names first checked.

    File names written by Chinese Windows without the UTF-8 flag are read as GB18030.

    Returns
    -------
    list of Path
        The files, in the order of their names.

    Raises
    ------
    ArchiveError
        Not a zip, encrypted, a name that leads outside, too many or too large members, or a zip in the zip.
    """
    params = params or ArchiveParams()
    with _opened(archive) as packed:
        members = _harmless_members(archive, packed, params)
        left = params.max_bytes
        paths = []
        for name in sorted(members):
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(members[name]) as source:
                left -= _write_counted(archive, source, path, left)
            paths.append(path)
    return paths


def unpack_gzip(packed: Path, directory: Path, params: ArchiveParams | None = None) -> Path:
    """Unpack a gzipped file into a directory, under its name without ``.gz``.

    Raises
    ------
    ArchiveError
        It is broken, another archive, or too large.
    """
    params = params or ArchiveParams()
    path = directory / packed.stem
    if path.suffix.lower() in _ARCHIVES:
        raise ArchiveError("'{file}' holds another archive, '{name}'. Unpack it.", file=packed.name, name=path.name)
    limit = min(params.max_bytes, max(10_000_000, int(packed.stat().st_size * params.max_ratio)))
    try:
        with gzip.open(packed) as source:
            _write_counted(packed, source, path, limit)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ArchiveError("'{file}' cannot be unpacked. Pack it again.", file=packed.name) from error
    return path


def require_harmless_archive(archive: Path, params: ArchiveParams | None = None) -> None:
    """Raise when a file that is a zip inside, such as a workbook, would not be unpacked either.

    Raises
    ------
    ArchiveError
        See :func:`unpack_archive`.
    """
    with _opened(archive) as packed:
        _harmless_members(archive, packed, params or ArchiveParams())


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as packed:
            yield packed
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _not_readable(archive) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place in the file that is none
            raise
        raise _not_readable(archive) from error


def _not_readable(archive: Path) -> ArchiveError:
    return ArchiveError("'{file}' is not a readable zip archive. Pack it again.", file=archive.name)


def _write_counted(archive: Path, source: IO[bytes] | gzip.GzipFile, path: Path, left: int) -> int:
    """Unpack one file and return its size; the bytes are counted, whatever the directory of the archive says."""
    written = 0
    with path.open("xb") as target:
        while block := source.read(_BLOCK_BYTES):
            written += len(block)
            if written > left:
                raise _too_large(archive, written)
            target.write(block)
    return written


def _too_large(archive: Path, size: int) -> ArchiveError:
    message = "'{file}' would unpack to {size_mb:.0f} MB and is refused. Hand over the files unpacked."
    return ArchiveError(message, file=archive.name, size_mb=size / 1e6)


def _is_shadow(name: str) -> bool:
    """Return whether macOS made the member to keep what it knows of another one."""
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith("._")


def _member_name(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & _UTF8_FLAG or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename


def _harmless_members(archive: Path, packed: zipfile.ZipFile, params: ArchiveParams) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by their names; nothing was unpacked yet."""
    members = [info for info in packed.infolist() if not info.is_dir() and not _is_shadow(info.filename)]
    if len(members) > params.max_files:
        raise ArchiveError(
            "'{file}' holds {count} files, allowed are {limit}. Pack one layer into one archive.",
            file=archive.name,
            count=len(members),
            limit=params.max_files,
        )
    unpacked = sum(info.file_size for info in members)
    compressed = max(min(sum(info.compress_size for info in members), archive.stat().st_size), 1)
    if unpacked > params.max_bytes or (unpacked > 10_000_000 and unpacked / compressed > params.max_ratio):
        raise _too_large(archive, unpacked)
    by_name: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    for info in members:
        name = _member_name(info).replace("\\", "/")
        _require_harmless_member(archive, info, name)
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in seen:
            raise ArchiveError("'{file}' holds the unsafe name '{name}' and is refused.", file=archive.name, name=name)
        seen.add(folded)
        by_name[name] = info
    for name in by_name:
        if any(str(folder).casefold() in seen for folder in PurePosixPath(unicodedata.normalize("NFC", name)).parents):
            raise ArchiveError("'{file}' holds the unsafe name '{name}' and is refused.", file=archive.name, name=name)
    return by_name


def _require_harmless_member(archive: Path, info: zipfile.ZipInfo, name: str) -> None:
    path = PurePosixPath(name)
    is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
    if path.is_absolute() or is_link or not all(_is_plain(part) for part in path.parts) or not path.parts:
        shown = name.encode("utf-8", "replace").decode("utf-8")
        raise ArchiveError("'{file}' holds the unsafe name '{name}' and is refused.", file=archive.name, name=shown)
    if info.flag_bits & 0x1:
        raise ArchiveError("'{file}' is encrypted. Hand it over without a password.", file=archive.name)
    if path.suffix.lower() in _ARCHIVES:
        raise ArchiveError("'{file}' holds another archive, '{name}'. Unpack it.", file=archive.name, name=name)
    if path.suffix.lower() in _PROGRAMS:
        raise ArchiveError(
            "'{file}' holds a program, '{name}', and is refused. Pack only the files of the layer.",
            file=archive.name,
            name=name,
        )


def _is_plain(part: str) -> bool:
    """Return whether a part of a path is the name of a file or a folder on every system, and reads as what it is."""
    if (
        part in ("..", ".")
        or part != part.rstrip(". ")
        or _DEVICE.match(part)
        or any(char in ':*?"<>|' for char in part)
    ):
        return False
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in part):
        return False
    return len(part.encode()) <= _MAX_NAME_BYTES
