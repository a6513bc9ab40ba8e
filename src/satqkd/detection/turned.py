"""Analysers that are turned: from two outcomes and the setting at the time of each tag to four detectors."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from satqkd.detection.columns import Pieces, Record, first_line
from satqkd.detection.named_columns import UNKNOWN, meanings, named_columns
from satqkd.detection.ordering import ascending

NAMES = ("time_ps", "setting")
# From times and outcomes of tags to 2 x setting + outcome, and whether each tag has a setting.
Turned = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
# Formats of tags that may have further columns.
WITH_COLUMNS = ("csv", "parquet", "npy")
MOVING = 2  # in place of a setting, while the analyser moves


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


def turned_by_column(time: np.ndarray, detector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return detectors that already contain the setting of each tag, and which tags have a setting.

    Examples
    --------
    >>> turned_by_column(np.array([5, 7]), np.array([3, 2 * MOVING + 1], np.uint8))[1].tolist()
    [True, False]
    """
    return detector, detector < 2 * MOVING


def ready_tags(time: np.ndarray, known: np.ndarray, *, dead_ps: int, last_unset_ps: int) -> tuple[np.ndarray, int]:
    """Return which tags have a setting and come while no detector is dead after a tag that has none.

    Tags without a setting are left out, so stage 4 does not see when they leave a detector dead.

    Parameters
    ----------
    time : ndarray of int64, shape (tag,)
        Ascending [ps].
    known : ndarray of bool, shape (tag,)
        Whether the tag has a setting.
    dead_ps : int
        Dead time of the detectors [ps].
    last_unset_ps : int
        Time of the last tag before them that has no setting [ps].

    Returns
    -------
    ready : ndarray of bool, shape (tag,)
    last_unset_ps : int
        For the next tags.

    Examples
    --------
    >>> known = np.array([True, False, True, True])
    >>> ready, last_unset_ps = ready_tags(np.array([10, 20, 25, 30]), known, dead_ps=10, last_unset_ps=0)
    >>> ready.tolist(), last_unset_ps
    ([True, False, False, True], 20)
    """
    if not time.size:
        return known, last_unset_ps
    unset_ps = np.maximum.accumulate(np.where(known, last_unset_ps, time))
    return known & (time >= unset_ps + dead_ps), int(unset_ps[-1])


def settings_of_tags(
    path: Path, kind: str, column: str, *, values: Sequence[Sequence[float | str]] = ((0,), (1,))
) -> Iterator[np.ndarray]:
    """Yield the setting of each tag from a column of its recording, in pieces.

    Parameters
    ----------
    path : Path
    kind : str
        Format of the recording.
    column : str
        Name of the column.
    values : sequence of sequence
        Values, numbers or words, that stand for setting 0 and for setting 1. -1 stands for an analyser that moves.

    Yields
    ------
    ndarray of uint8, shape (tag,)
        Setting of each tag in the order of the file, or `MOVING`.

    Raises
    ------
    ValueError
        For a format without columns, a recording without this one, and a value with another meaning, with its place.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "bob.csv").write_text("time_ps,detector,basis\\n100,1,HV\\n250,1,DA\\n300,2,-1\\n")
    ...     [settings] = settings_of_tags(Path(folder, "bob.csv"), "csv", "basis", values=[["HV"], ["DA"]])
    >>> settings.tolist()
    [0, 1, 2]
    """
    if kind not in WITH_COLUMNS:
        raise ValueError(
            f"{path}: tags of the format {kind} have no column {column}: give settings, a table of when the analyser "
            f"was turned, or write the tags with their settings as one of {', '.join(WITH_COLUMNS)}"
        )
    first = 0
    pieces = named_columns(path, kind, [column], each="tag")
    while True:
        try:
            found = next(pieces, None)
        except Exception as error:  # each reader raises its own errors
            raise ValueError(f"{path}: its column {column} cannot be read: {first_line(error)[:200]}") from None
        if found is None:
            return
        if column not in found:
            raise ValueError(f"{path}: has no column {column}: correct settings_column, or add the column to the tags")
        index = meanings(found[column], [*values, (-1,)])
        if UNKNOWN in index:
            row = int(np.argmax(index == UNKNOWN))
            place = f"line {first + row + 2}" if kind == "csv" else f"record {first + row}"
            value = str(np.asarray(found[column])[row])[:40]
            known = ", ".join(str(value).removesuffix(".0") for stand_for in values for value in stand_for)
            raise ValueError(
                f"{path}: {place} has {column}={value}, not one of {known}, or -1 while the analyser moves: "
                "correct it, or name it in settings_values"
            )
        first += index.size
        yield index.astype(np.uint8)


def ascending_with_settings(
    path: Path, pieces: Pieces, settings: Iterator[np.ndarray], notes: Counter, *, earliest_ps: int, disorder_ps: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Check and sort the tags of a recording as `ascending`; each tag keeps its setting.

    Parameters
    ----------
    path, pieces, notes, earliest_ps, disorder_ps
        As for `ascending`.
    settings : iterator of ndarray of uint8
        From `settings_of_tags`, in pieces of any size.

    Yields
    ------
    time_ps, detector, setting : ndarray of int64, uint8, uint8, shape (tag,)

    Raises
    ------
    ValueError
        As `ascending`, and if there are not as many settings as tags.

    Examples
    --------
    >>> pieces = [(np.array([5, 20, 18]), np.array([1, 2, 1]), range(3))]
    >>> settings = [np.array([0, 1], np.uint8), np.array([0], np.uint8)]
    >>> limits = {"earliest_ps": 0, "disorder_ps": 2}
    >>> found = ascending_with_settings(Path("a.csv"), iter(pieces), iter(settings), Counter(), **limits)
    >>> np.concatenate([setting for _, _, setting in found]).tolist()
    [0, 0, 1]
    """

    waiting: deque[tuple[np.ndarray, np.ndarray, Record]] = deque()  # itertools.tee would keep dozens of pieces

    def with_detectors() -> Pieces:
        held = np.empty(0, np.uint8)
        for time, detector, record in pieces:
            while held.size < time.size:
                if (more := next(settings, None)) is None:
                    raise ValueError(f"{path}: has more tags than settings: copy it again")
                held = np.concatenate([held, more])
            waiting.append((time, held[: time.size], record))
            yield time, detector, record
            held = held[time.size :].copy()
        if held.size or any(more.size for more in settings):
            raise ValueError(f"{path}: has more settings than tags: copy it again")

    def with_settings() -> Pieces:
        while waiting:
            yield waiting.popleft()

    # Detectors and settings are sorted in the same way, piece after piece: the sort sees the times alone.
    limits = {"earliest_ps": earliest_ps, "disorder_ps": disorder_ps}
    by_detector = ascending(path, with_detectors(), notes, **limits)
    by_setting = ascending(path, with_settings(), Counter(), **limits)
    for (time, detector), (_, setting) in zip(by_detector, by_setting, strict=True):
        yield time, detector, setting
