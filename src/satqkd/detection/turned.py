"""Analysers that are turned: from the two outcomes of a receiver, and when it had which setting, to four detectors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from satqkd.detection.columns import first_line

NAMES = ("time_ps", "setting")
# From times and outcomes of tags to 2 x setting + outcome, and which tags have a setting.
Turned = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def turned_by_table(path: Path) -> Turned:
    """Return the function that gives each tag the setting of its time, by a table of when the analyser was turned.

    Parameters
    ----------
    path : Path
        CSV (also compressed) or Parquet with the columns ``time_ps`` (of the recording's clock, ascending) and
        ``setting``: 0, 1, or -1 while the analyser moves.

    Returns
    -------
    callable
        Times [ps] and outcomes to detectors, and whether each tag has a setting: before the first row, and where the
        setting is -1, it has none.

    Raises
    ------
    ValueError
        For a table that cannot be read, that lacks a column, or has other values, with the row.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "turned.csv").write_text("time_ps,setting\\n100,1\\n200,-1\\n300,0\\n")
    ...     turned = turned_by_table(Path(folder, "turned.csv"))
    >>> detector, known = turned(np.array([50, 100, 250, 300]), np.array([0, 1, 0, 1], np.uint8))
    >>> detector[known].tolist(), known.tolist()
    ([3, 1], [False, True, False, True])
    """
    try:
        table = pd.read_parquet(path) if ".parquet" in path.suffixes else pd.read_csv(path, comment="#")
    except Exception as error:  # of the several readers
        raise ValueError(f"{path}: cannot be read as a table of settings: {first_line(error)[:200]}") from None
    table.columns = table.columns.astype(str).str.strip()
    for name in NAMES:
        if name not in table or not len(table) or table[name].dtype.kind not in "iu":
            raise ValueError(
                f"{path}: has no column {name} of whole numbers: give time_ps, when the analyser was turned, and "
                "setting, to which: 0, 1, or -1 while it moves"
            )
    time_ps, setting = (table[name].to_numpy(np.int64) for name in NAMES)
    wrong = ~np.isin(setting, (-1, 0, 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{path}: row {row + 1} has setting={setting[row]}: give 0, 1, or -1 while the analyser moves")
    if (np.diff(time_ps) <= 0).any():
        row = int(np.argmax(np.diff(time_ps) <= 0)) + 1
        raise ValueError(f"{path}: row {row + 1} has time_ps={time_ps[row]}, not after the row before: sort the rows")
    # What comes before the first row has no setting.
    settings = np.append(-1, setting)

    def turned(time: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own = settings[np.searchsorted(time_ps, time, "right")]
        return (2 * np.maximum(own, 0) + outcome).astype(np.uint8), own >= 0

    return turned


def turned_to(setting: int) -> Turned:
    """Return the function that gives all tags of a recording one setting.

    Examples
    --------
    >>> turned_to(1)(np.array([5, 7]), np.array([0, 1], np.uint8))[0].tolist()
    [2, 3]
    """
    return lambda time, outcome: ((2 * setting + outcome).astype(np.uint8), np.ones(time.size, bool))
