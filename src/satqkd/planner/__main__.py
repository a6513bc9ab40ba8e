"""Plan from the command line: ``python -m satqkd.planner data/plans/example.yaml results/plan/example``."""

import argparse

from satqkd.planner.plan import make_plan
from satqkd.planner.planfile import load_plan
from satqkd.planner.write import save_plan
from satqkd.scenario import ScenarioError


def main() -> None:
    """Read a plan, compute it under a progress bar, write it; end with one sentence where the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m satqkd.planner", description=__doc__.split(":")[0])
    parser.add_argument("plan", help="YAML file")
    parser.add_argument("folder", help="where the results go")
    parser.add_argument("--start", help="first day, replaces the plan's")
    parser.add_argument("--days", help="how many days, replaces the plan's")
    asked = parser.parse_args()
    try:
        forecast = make_plan(load_plan(asked.plan, start=asked.start, days=asked.days), progress=True)
    except ScenarioError as error:
        raise SystemExit(str(error)) from None
    save_plan(forecast, asked.folder)
    print(forecast.links.to_string(index=False))


if __name__ == "__main__":
    main()
