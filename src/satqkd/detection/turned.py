"""Analysers that are turned: from two outcomes and the setting at the time of each tag to four detectors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from satqkd.detection.columns import first_line

NAMES = ("time_ps", "setting")
# From times and outcomes of tags to 2 x setting + outcome, and whether each tag has a setting.
Turned = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def turned_by_table(path: Path) -> Turned:
    """Return a function that gives each tag the setting at its time, from a table of the analyser's settings.

    Parameters
    ----------
    path : Path
        CSV (also compressed) or Parquet with the columns ``time_ps`` (ascending, by the recording's clock) and
        ``setting``: 0, 1, or -1 while the analyser moves.

    Returns
    -------
    callable
        From times [ps] and outcomes to detectors, and whether each tag has a setting. Tags before the first row, and
        tags with the setting -1, have none.

    Raises
    ------
    ValueError
        For a table that cannot be read or lacks a column, and for an unexpected value, with its row.

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
    except Exception as error:  # each reader raises its own errors
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
    # Tags before the first row have no setting.
    settings = np.append(-1, setting)

    def turned(time: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own = settings[np.searchsorted(time_ps, time, "right")]
        return (2 * np.maximum(own, 0) + outcome).astype(np.uint8), own >= 0

    return turned


def turned_to(setting: int) -> Turned:
    """Return a function that gives all tags of a recording the same setting.

    Examples
    --------
    >>> turned_to(1)(np.array([5, 7]), np.array([0, 1], np.uint8))[0].tolist()
    [2, 3]
    """
    return lambda time, outcome: ((2 * setting + outcome).astype(np.uint8), np.ones(time.size, bool))
