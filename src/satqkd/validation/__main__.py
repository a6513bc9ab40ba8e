"""Hold a validation table to its tolerances: ``python -m satqkd.validation results/validation.csv``."""

import sys

import pandas as pd

from satqkd.validation.stage import tally


def main(path: str) -> int:
    """Print how the rows stand; non-zero where one is outside its tolerance without a listed reason."""
    frame = pd.read_csv(path)
    print(tally(frame).to_string())
    outside = frame[frame.verdict == "outside"]
    for row in outside.itertuples():
        print(
            f"{row.scenario} {row.id}: published {row.published}, simulated {row.simulated} {row.unit}, "
            f"tolerance {row.tolerance}: list it with its reason in data/reference/known_deviations.yaml, or mend it"
        )
    return 1 if len(outside) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
