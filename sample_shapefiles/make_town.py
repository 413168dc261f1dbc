"""Make the sample town: ``python sample_shapefiles/make_town.py [--seed N] [--out DIR]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from sample_shapefiles.town.build import build_town, write_town  # noqa: E402

SEED = 20261101


def main() -> None:
    """Read the command line, build the town and write its files."""
    parser = argparse.ArgumentParser(description="Make a small made-up town as shapefiles.")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the random generator")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write into")
    arguments = parser.parse_args()
    town = build_town(arguments.seed)
    write_town(town, arguments.out, arguments.seed)
    for name, frame in town.layers.items():
        print(f"{name}: {len(frame)}")


if __name__ == "__main__":
    main()
