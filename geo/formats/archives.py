"""Zip archives from strangers: looked at before anything is unpacked."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from geo.errors import ArchiveError

_UTF8_FLAG = 0x800


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
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [info for info in packed.infolist() if not info.is_dir() and not _is_shadow(info.filename)]
            names = [_member_name(info) for info in members]
            _require_harmless(archive, members, names, params)
            paths = []
            for info, name in sorted(zip(members, names, strict=True), key=lambda pair: pair[1]):
                path = directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(info) as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target)
                paths.append(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ArchiveError("'{file}' is not a readable zip archive. Pack it again.", file=archive.name) from error
    return paths


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


def _require_harmless(archive: Path, members: list[zipfile.ZipInfo], names: list[str], params: ArchiveParams) -> None:
    if len(members) > params.max_files:
        raise ArchiveError(
            "'{file}' holds {count} files, allowed are {limit}. Pack one layer into one archive.",
            file=archive.name,
            count=len(members),
            limit=params.max_files,
        )
    unpacked = sum(info.file_size for info in members)
    packed = max(sum(info.compress_size for info in members), 1)
    if unpacked > params.max_bytes or (unpacked > 10_000_000 and unpacked / packed > params.max_ratio):
        raise ArchiveError(
            "'{file}' would unpack to {size_mb:.0f} MB and is refused. Hand over the files unpacked.",
            file=archive.name,
            size_mb=unpacked / 1e6,
        )
    seen: set[str] = set()
    for info, name in zip(members, names, strict=True):
        path = PurePosixPath(name.replace("\\", "/"))
        is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
        if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name or is_link or name in seen:
            raise ArchiveError("'{file}' holds the unsafe name '{name}' and is refused.", file=archive.name, name=name)
        if info.flag_bits & 0x1:
            raise ArchiveError("'{file}' is encrypted. Hand it over without a password.", file=archive.name)
        if path.suffix.lower() in {".zip", ".7z", ".rar", ".gz", ".tar"}:
            raise ArchiveError("'{file}' holds another archive, '{name}'. Unpack it.", file=archive.name, name=name)
        seen.add(name)
