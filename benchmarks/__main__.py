"""Side by side with peers: ``make bench`` writes results/benchmarks.csv."""

import csv

from benchmarks.workflow import workflow_cost
from satqkd.dataset import finished

COLUMNS = ("what", "size", "ours", "peer", "unit", "ratio", "peer_is", "cores")


def main() -> None:
    """Run every benchmark and write its ratio."""
    rows = workflow_cost()
    with finished("results/benchmarks.csv") as draft, draft.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(*(row[name] for name in COLUMNS), sep="  ")


if __name__ == "__main__":
    main()
