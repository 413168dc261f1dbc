"""Write the tables of the documentation that come from the code: settings and layers.

``python docs/make_tables.py`` rewrites them; a test fails when they differ from the code.
"""

from __future__ import annotations

import re
from pathlib import Path

from api.settings import settings_table
from geo.model.frames import SCHEMAS

DOCS = Path(__file__).resolve().parent


def settings_markdown() -> str:
    """Return the table of settings."""
    lines = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for row in settings_table():
        unit = f" ({row['unit']})" if row.get("unit") else ""
        lines.append(f"| `{row['variable']}` | {row['default']}{unit} | {row['description']} |")
    return "\n".join(lines)


def layers_markdown() -> str:
    """Return the table of layers and their columns."""
    lines = ["| Table | 名称 | Geometry | Columns |", "|---|---|---|---|"]
    for schema in SCHEMAS.values():
        columns = "<br>".join(f"`{column.name}` {column.meaning}" for column in schema.columns)
        lines.append(f"| `{schema.table}` | {schema.title_zh} | {(schema.geometry or '–').lower()} | {columns} |")
    return "\n".join(lines)


GENERATED = {"administrator.md": ("settings", settings_markdown), "gis.md": ("layers", layers_markdown)}


def with_tables(text: str, name: str, table: str) -> str:
    """Return a page with the part between the markers of a table replaced."""
    pattern = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
    return pattern.sub(lambda _: table + "\n", text)


def main() -> None:
    """Rewrite the pages."""
    for page, (name, make) in GENERATED.items():
        path = DOCS / page
        path.write_text(with_tables(path.read_text("utf-8"), name, make()), encoding="utf-8")


if __name__ == "__main__":
    main()
