"""All cells of all attacks as a table: ``python -m satqkd.laboratory.matrix --seed 1 --output attacks.csv``."""

import argparse
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
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
            "contradiction": outcome.contradiction,
            "eve_bits": outcome.eve_bits,
            "guessed": outcome.guessed,
            "computed": outcome.computed,
        }


def run_attacks(names: Iterable[str], *, seed: int, processes: int = 1) -> pd.DataFrame:
    """Run all cells of some attacks.

    Parameters
    ----------
    names : iterable of str
        Of `EXPERIMENTS`.
    seed : int
    processes : int
        Cells to run in parallel. It changes no byte of the result.

    Returns
    -------
    pandas.DataFrame
        A row for each attack, setup, strength and proof.
    """
    cells = [
        (name, setup, strength, seed)
        for name in names
        for setup in EXPERIMENTS[name].setups
        for strength in EXPERIMENTS[name].strengths
    ]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return pd.DataFrame(row for of_cell in pool.map(_rows_of_cell, cells) for row in of_cell)


def _rows_of_cell(cell: tuple[str, str, float, int]) -> list[dict[str, object]]:
    """Return the rows of a cell, in a process of its own."""
    name, setup, strength, seed = cell
    outcome = run_cell(EXPERIMENTS[name], setup=setup, strength=strength, seed=seed)
    return list(rows(name, setup, strength, outcome))


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


def read_table(path: str | Path) -> pd.DataFrame:
    """Read the table of all cells."""
    return pd.read_csv(path, keep_default_na=False, na_values=["nan"])


def main(arguments: list[str] | None = None) -> None:
    """Run all attacks and write their table."""
    parser = argparse.ArgumentParser(prog="python -m satqkd.laboratory.matrix", description=__doc__)
    parser.add_argument("--seed", type=int, required=True, help="seed of the simulation")
    parser.add_argument("--processes", type=int, default=1, help="cells to run in parallel")
    parser.add_argument("--output", required=True, help="CSV file to write")
    options = parser.parse_args(arguments)
    table = run_attacks(EXPERIMENTS, seed=options.seed, processes=options.processes)
    with finished(options.output) as draft:
        table.to_csv(draft, index=False, float_format="%.6g", na_rep="nan")


if __name__ == "__main__":
    main()
