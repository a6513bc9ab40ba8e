"""Write the count table of a simulated bench: ``python -m satqkd.counts BENCH TABLE.csv PUMP_MW...``."""

import sys

from satqkd.counts.simulate import simulate_table
from satqkd.files import finished
from satqkd.scenario import Bench, ScenarioError, load_scenario

SEED = 20170616


def main(bench: str, table: str, *pump_mw: str) -> None:
    """Write the table."""
    scenario = load_scenario(bench)
    if not isinstance(scenario, Bench):
        raise ScenarioError(f"{bench}: kind={scenario.kind} is not a bench: give a scenario of kind: bench")
    made = simulate_table(scenario, pump_mw=[float(power) for power in pump_mw], seed=SEED)
    command = f"python -m satqkd.counts {' '.join([bench, table, *pump_mw])}"
    with finished(table) as draft:
        text = f"# Simulated, not measured: {command}\n" + made.to_csv(index=False, lineterminator="\n")
        draft.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (ValueError, OSError) as error:
        raise SystemExit(str(error)) from None
