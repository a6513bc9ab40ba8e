"""Side by side with peers: ``make bench`` writes results/benchmarks.csv."""

import csv

from benchmarks import workflow
from satqkd.dataset import finished

COLUMNS = (
    "what", "size", "ours", "peer", "unit", "ratio", "ratio_is", "low", "high", "peer_is", "cores", "peak_mb",
)  # fmt: skip


def main() -> None:
    """Run every benchmark and write its ratio."""
    rows = workflow.rows()
    with finished("results/benchmarks.csv") as draft, draft.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(*(row.get(name, "") for name in COLUMNS), sep="  ")


if __name__ == "__main__":
    main()
