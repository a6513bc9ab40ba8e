"""All cells of an experiment as a table: ``python -m satqkd.laboratory.matrix blinding --seed 1 --output t.csv``."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from satqkd.files import finished
from satqkd.laboratory.cell import Outcome, run_cell
from satqkd.laboratory.experiments import EXPERIMENTS

# From the worst verdict to the best one.
VERDICTS = ("broken", "priced", "stopped")


def rows(name: str, setup: str, strength: float, outcome: Outcome) -> Iterator[dict[str, object]]:
    """Yield the rows of a cell: one for each proof, the laboratory's own first."""
    verdicts = outcome.verdicts
    for number, (proof, length) in enumerate(outcome.lengths.items()):
        yield {
            "attack": name,
            "setup": setup,
            "strength": strength,
            "proof": proof,
            "own_proof": number == 0,
            "key_bits": length,
            "left_bits": outcome.left,
            "verdict": verdicts[proof],
            "sifted": outcome.sifted,
            "qber": outcome.errors / outcome.sifted if outcome.sifted else np.nan,
            "s": outcome.s,
            "s_sigma": outcome.s_sigma,
            "alarms": "; ".join(outcome.alarms),
            "eve_bits": outcome.eve_bits,
            "guessed": outcome.guessed,
            "computed": outcome.computed,
        }


def run_experiment(name: str, *, seed: int) -> pd.DataFrame:
    """Run all cells of an experiment.

    Parameters
    ----------
    name : str
        One of `EXPERIMENTS`.
    seed : int

    Returns
    -------
    pandas.DataFrame
        A row for each setup, strength and proof.
    """
    experiment = EXPERIMENTS[name]
    cells = [(setup, strength) for setup in experiment.setups for strength in experiment.strengths]
    return pd.DataFrame(
        row
        for setup, strength in cells
        for row in rows(name, setup, strength, run_cell(experiment, setup=setup, strength=strength, seed=seed))
    )


def worst_verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """Return the worst verdict on the laboratory's own proof over all strengths, for each attack and setup.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {
    ...         "attack": "blinding",
    ...         "setup": "none",
    ...         "strength": [0.5, 1.0],
    ...         "own_proof": True,
    ...         "verdict": ["priced", "broken"],
    ...     }
    ... )
    >>> worst_verdicts(table).verdict.tolist()
    ['broken']
    """
    own = table[table.own_proof & (table.strength > 0)]
    worst = own.verdict.map(VERDICTS.index).groupby([own.attack, own.setup], sort=False).min()
    return worst.map(dict(enumerate(VERDICTS))).reset_index()


def read_tables(paths: list[str | Path]) -> pd.DataFrame:
    """Read the tables of several experiments as one."""
    return pd.concat([pd.read_csv(path, keep_default_na=False, na_values=["nan"]) for path in paths], ignore_index=True)


def main(arguments: list[str] | None = None) -> None:
    """Run an experiment and write its table."""
    parser = argparse.ArgumentParser(prog="python -m satqkd.laboratory.matrix", description=__doc__)
    parser.add_argument("name", choices=EXPERIMENTS, help="the attack")
    parser.add_argument("--seed", type=int, required=True, help="seed of the simulation")
    parser.add_argument("--output", required=True, help="CSV file to write")
    options = parser.parse_args(arguments)
    with finished(options.output) as draft:
        run_experiment(options.name, seed=options.seed).to_csv(draft, index=False, float_format="%.6g", na_rep="nan")


if __name__ == "__main__":
    main()
