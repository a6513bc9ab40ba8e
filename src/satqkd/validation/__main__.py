"""Check a validation table against the committed verdicts: ``python -m satqkd.validation results/validation.csv``.

With ``--scenario data/scenarios/yin2020.yaml`` print the rows of one experiment, from its results so far.
"""

import argparse
import sys

import pandas as pd

from satqkd.files import MissingResult
from satqkd.scenario import ScenarioError, load_scenario
from satqkd.validation.stage import agreement_of_all, read_table, tally, validate_results, verdicts_that_moved

_SHOWN = ["id", "published", "median", "simulated", "unit", "role", "z", "verdict"]


def main(arguments: list[str] | None = None) -> int:
    """Print the verdicts; return non-zero where a row has left the verdict that is committed."""
    parser = argparse.ArgumentParser(prog="python -m satqkd.validation", description=__doc__.split(":")[0])
    parser.add_argument("table", nargs="?", default="results/validation.csv", help="default: results/validation.csv")
    parser.add_argument("--verdicts", default="docs/validation.csv", help="default: docs/validation.csv")
    parser.add_argument("--scenario", help="print the rows of this scenario file instead, from its results so far")
    given = parser.parse_args(arguments)
    try:
        if given.scenario:
            print(_first_rows(given.scenario).to_string(index=False, float_format="{:.4g}".format))
            return 0
        frame, committed = read_table(given.table), read_table(given.verdicts)
    except (ScenarioError, MissingResult) as error:
        raise SystemExit(str(error)) from None
    print(tally(frame).to_string())
    print(f"predicted rows: {agreement_of_all(frame)}")
    moved = verdicts_that_moved(frame, committed)
    for sentence in moved:
        print(f"{sentence}: correct it, or explain it in CHANGELOG.md and renew it by python -m satqkd.report readme")
    return 1 if moved else 0


def _first_rows(path: str) -> pd.DataFrame:
    """Return the rows of one experiment that its results so far give."""
    mission = load_scenario(path)
    if mission.kind != "mission" or not mission.reference:
        return pd.DataFrame(columns=_SHOWN)
    frame = validate_results("results", {mission.name: mission}, "data/reference")
    return frame.loc[frame.verdict != "missing", _SHOWN]


if __name__ == "__main__":
    sys.exit(main())
