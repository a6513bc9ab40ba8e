"""Check a validation table against its tolerances: ``python -m satqkd.validation results/validation.csv``.

With ``--scenario data/scenarios/yin2020.yaml`` print the rows of one experiment, from its results so far.
"""

import argparse
import sys

import pandas as pd

from satqkd.files import MissingResult
from satqkd.scenario import ScenarioError, load_scenario
from satqkd.validation.stage import read_table, tally, validate_results

_SHOWN = ["id", "published", "simulated", "unit", "role", "verdict"]


def main(arguments: list[str] | None = None) -> int:
    """Print the verdicts; return non-zero where a row is outside its tolerance without a listed reason."""
    parser = argparse.ArgumentParser(prog="python -m satqkd.validation", description=__doc__.split(":")[0])
    parser.add_argument("table", nargs="?", default="results/validation.csv", help="default: results/validation.csv")
    parser.add_argument("--scenario", help="print the rows of this scenario file instead, from its results so far")
    given = parser.parse_args(arguments)
    try:
        if given.scenario:
            print(_first_rows(given.scenario).to_string(index=False, float_format="{:.4g}".format))
            return 0
        frame = read_table(given.table)
    except (ScenarioError, MissingResult) as error:
        raise SystemExit(str(error)) from None
    print(tally(frame).to_string())
    outside = frame[frame.verdict == "outside"]
    for row in outside.itertuples():
        print(
            f"{row.scenario} {row.id}: published {row.published}, simulated {row.simulated} {row.unit}, "
            f"tolerance {row.tolerance}: list it with its reason in data/reference/known_deviations.yaml, or correct it"
        )
    return 1 if len(outside) else 0


def _first_rows(path: str) -> pd.DataFrame:
    """Return the rows of one experiment that its results so far give."""
    mission = load_scenario(path)
    if mission.kind != "mission" or not mission.reference:
        return pd.DataFrame(columns=_SHOWN)
    frame = validate_results("results", {mission.name: mission}, "data/reference")
    return frame.loc[frame.verdict != "missing", _SHOWN]


if __name__ == "__main__":
    sys.exit(main())
