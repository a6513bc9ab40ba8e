"""Compare with peers: ``make bench`` writes results/benchmarks.csv.

``python -m benchmarks matching`` renews one part of it.
"""

import csv
import importlib
import sys
from pathlib import Path

from satqkd.files import finished

PARTS = (
    "workflow", "generation", "recordings", "matching", "clock", "reconciliation", "amplification", "finite_key",
    "passes", "growth",
)  # fmt: skip
TABLE = Path("results/benchmarks.csv")
COLUMNS = (
    "part", "what", "size", "ours", "peer", "unit", "ratio", "ratio_is", "low", "high", "peer_is", "cores", "peak_mb",
)  # fmt: skip


def main(parts: tuple[str, ...]) -> None:
    """Run benchmarks and write their ratios; rows of other parts are kept."""
    rows = _before()
    for part in parts:
        if part not in PARTS:
            raise SystemExit(f"{part!r} is not a part of the benchmarks: give one of {', '.join(PARTS)}")
        rows[part] = importlib.import_module(f"benchmarks.{part}").rows()
        for row in rows[part]:
            print(part, *(row.get(name, "") for name in COLUMNS[1:]), sep="  ", flush=True)
        with finished(TABLE) as draft, draft.open("w", newline="") as handle:
            writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows({"part": name} | row for name in PARTS for row in rows.get(name, []))


def _before() -> dict[str, list[dict]]:
    """Return the table's rows by part; empty without a table."""
    rows: dict[str, list[dict]] = {}
    if TABLE.exists():
        with TABLE.open(newline="") as handle:
            for row in csv.DictReader(handle):
                rows.setdefault(row["part"], []).append(row)
    return rows


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or PARTS)
