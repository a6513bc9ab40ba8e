"""Hold a validation table to its tolerances: ``python -m satqkd.validation results/validation.csv``."""

import argparse
import sys

from satqkd.scenario import ScenarioError
from satqkd.validation.stage import read_table, tally


def main(arguments: list[str] | None = None) -> int:
    """Print how the rows stand; non-zero where one is outside its tolerance without a listed reason."""
    parser = argparse.ArgumentParser(prog="python -m satqkd.validation", description=__doc__.split(":")[0])
    parser.add_argument("table", help="results/validation.csv")
    try:
        frame = read_table(parser.parse_args(arguments).table)
    except ScenarioError as error:
        raise SystemExit(str(error)) from None
    print(tally(frame).to_string())
    outside = frame[frame.verdict == "outside"]
    for row in outside.itertuples():
        print(
            f"{row.scenario} {row.id}: published {row.published}, simulated {row.simulated} {row.unit}, "
            f"tolerance {row.tolerance}: list it with its reason in data/reference/known_deviations.yaml, or mend it"
        )
    return 1 if len(outside) else 0


if __name__ == "__main__":
    sys.exit(main())
