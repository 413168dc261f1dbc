"""A KML text put into a form of which GDAL loses nothing.

GDAL's reader makes one column of all untyped data whose names hold no Latin letter, and overlooks a document without
namespace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

from geo.errors import FileFormatError
from geo.formats.encodings import EncodingChoice, detect_text_encoding, normalise_encoding

_NAMESPACE = "http://www.opengis.net/kml/2.2"
_DECLARATION = re.compile(rb"""<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9_.-]+)["'][^>]*\?>""")
_ANY_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


@dataclass(frozen=True)
class KmlText:
    """A KML in UTF-8.

    Attributes
    ----------
    blob
        The text; its data fields have plain Latin names.
    names
        Plain name → name in the file.
    encoding
        How the file was encoded.
    folders
        Names of the folders inside others whose places were put into the outer one.
    """

    blob: bytes
    names: dict[str, str]
    encoding: EncodingChoice
    folders: tuple[str, ...] = ()


def read_kml_text(blob: bytes, file: str, encoding: str | None, layer: str | None = None) -> KmlText:
    """Return a KML in which every placemark has its typed and untyped data under plain names.

    Folders inside a folder are parts of it, not layers, unless ``layer`` names one of them.

    Raises
    ------
    FileFormatError
        It is no XML, or declares entities.
    EncodingError
        The text is in no encoding that fits.
    UnicodeDecodeError
        The text is not in the encoding that is named.
    """
    choice = _encoding(blob, file, encoding)
    text = _ANY_DECLARATION.sub("", blob.decode(choice.encoding).removeprefix("\ufeff"), count=1)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise FileFormatError("'{file}' declares XML entities and is refused. Export it again as plain KML.", file=file)
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - entities were refused above
    except ElementTree.ParseError as error:
        raise FileFormatError(
            "'{file}' cannot be read: {reason}. Export it again from the program that made it.",
            file=file,
            reason=str(error),
        ) from error
    for element in root.iter():
        element.tag = _in_namespace(element.tag)
    names: dict[str, str] = {}
    for parent in root.iter():
        for schema in [child for child in parent if child.tag == _tag("Schema")]:
            parent.remove(schema)
    for placemark in root.iter(_tag("Placemark")):
        _flatten(placemark, names)
    plain = {key: name for name, key in names.items()}
    folders = _gather(root, layer)
    return KmlText(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True), plain, choice, folders)


def _gather(root: ElementTree.Element, layer: str | None) -> tuple[str, ...]:
    """Move the placemarks of inner folders into the outermost ones; return the names of the inner ones."""
    gathered: list[str] = []
    for folder in [
        child for parent in (root, *root.findall(_tag("Document"))) for child in parent.findall(_tag("Folder"))
    ]:
        inner = [one for one in folder.iter() if one is not folder and one.tag in (_tag("Folder"), _tag("Document"))]
        names = [one.findtext(_tag("name")) or "-" for one in inner if one.find(_tag("Placemark")) is not None]
        if layer in names or len(names) + (folder.find(_tag("Placemark")) is not None) < 2:
            continue
        gathered += names
        placemarks = list(folder.iter(_tag("Placemark")))
        for child in [one for one in folder if one in inner or one.tag == _tag("Placemark")]:
            folder.remove(child)
        folder.extend(placemarks)
    return tuple(gathered)


def _encoding(blob: bytes, file: str, encoding: str | None) -> EncodingChoice:
    declared = _DECLARATION.search(blob[:300])
    found = detect_text_encoding(blob, file)
    if found.encoding.startswith("utf"):
        return found
    if encoding:
        return EncodingChoice(normalise_encoding(encoding), "given by the user")
    if declared is not None and (name := normalise_encoding(declared[1].decode())) not in ("utf-8", "utf-16"):
        return EncodingChoice(name, "declared by the file")
    return found


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"


def _in_namespace(tag: str) -> str:
    """Return a tag of any version of KML, or of none, in the namespace of version 2.2; extensions keep theirs."""
    space, bracket, name = tag.rpartition("}")
    return _tag(name) if not bracket or ("/kml/2" in space and "/ext/" not in space) else tag


def _flatten(placemark: ElementTree.Element, names: dict[str, str]) -> None:
    """Replace the data of a placemark by untyped data under plain names."""
    pairs: dict[str, str] = {}
    for extended in placemark.findall(_tag("ExtendedData")):
        for one in extended.iter(_tag("Data")):
            pairs[one.get("name", "")] = one.findtext(_tag("value")) or ""
        for one in extended.iter(_tag("SimpleData")):
            pairs[one.get("name", "")] = one.text or ""
        placemark.remove(extended)
    if not pairs:
        return
    extended = ElementTree.SubElement(placemark, _tag("ExtendedData"))
    for name, value in pairs.items():
        key = names.setdefault(name, f"column{len(names) + 1}")
        item = ElementTree.SubElement(extended, _tag("Data"), {"name": key})
        ElementTree.SubElement(item, _tag("value")).text = value
