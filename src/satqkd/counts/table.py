"""Read a count table: CSV or Parquet, with the columns that the scenario names."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from satqkd.key import DecoyCounts
from satqkd.result import Result
from satqkd.scenario import Counts
from satqkd.scenario.counts import TIME_UNITS, PairColumns, PulseColumns, TimeColumn
from satqkd.scenario.mission import DecoySource

SINGLES_UNITS = {"1/s": 1.0, "kHz": 1e3}


@dataclass(frozen=True, repr=False)
class CountTable(Result):
    """Counts of acquisitions, one row each.

    Attributes
    ----------
    duration_s : ndarray, shape (row,)
        Acquisition time [s].
    window_s : ndarray, shape (row,)
        Full width of the coincidence window [s]; nan where the scenario has none.
    measurement : ndarray of int, shape (row,)
        Index into the scenario's measurements.
    coincidences : ndarray, shape (row, 2, 2, 2, 2), or None
        Of pairs by setting and outcome: (setting, setting, outcome, outcome).
    singles : ndarray, shape (row, station, detector), or None
        Of pairs, by detector.
    accidentals : ndarray, shape (row,), or None
        Accidental coincidences of all pairs of detectors together, as the laboratory counted them with a delay.
    pump_mw : ndarray, shape (row,), or None
        Pump power [mW].
    loss_db : ndarray, shape (row, station)
        Loss that is set in each arm [dB].
    pulses : DecoyCounts or None
        Of decoy states.
    """

    duration_s: np.ndarray
    window_s: np.ndarray
    measurement: np.ndarray
    coincidences: np.ndarray | None = None
    singles: np.ndarray | None = None
    accidentals: np.ndarray | None = None
    pump_mw: np.ndarray | None = None
    loss_db: np.ndarray | None = None
    pulses: DecoyCounts | None = None


def read_table(scenario: Counts) -> CountTable:
    """Read the table of a scenario, and check every column that it names.

    Parameters
    ----------
    scenario : Counts

    Returns
    -------
    CountTable

    Raises
    ------
    ScenarioError
        Where there is no such file.
    ValueError
        One sentence that names the file, the column, the row and the value.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> table = read_table(load_scenario("counts_example"))
    >>> table.coincidences.shape[1:], table.singles.shape[1:]
    ((2, 2, 2, 2), (2, 4))
    """
    columns = _Columns(scenario.file(scenario.table))
    duration_s = columns.times(scenario.duration_s, "s")
    if (duration_s <= 0).any():
        raise ValueError(f"{columns.path}: an acquisition time is {duration_s.min():g} s: leave such rows out")
    window_s = np.full(columns.rows, np.nan)
    if scenario.window_ns is not None:
        window_s = columns.times(scenario.window_ns, "ns") * (2.0 if scenario.window_is == "half" else 1.0)
    if scenario.pairs:
        return _pairs(scenario, scenario.pairs, columns, duration_s, window_s)
    assert scenario.pulses is not None
    return _pulses(scenario, scenario.pulses, columns, duration_s, window_s)


def _pairs(
    scenario: Counts, names: PairColumns, columns: "_Columns", duration_s: np.ndarray, window_s: np.ndarray
) -> CountTable:
    """Return the counts of pairs."""
    by_detectors = np.stack([columns.counts(row) for row in names.coincidence_columns], axis=1)
    # Detector 2 * setting + outcome of either station: to settings first, then outcomes.
    coincidences = by_detectors.reshape(-1, 2, 2, 2, 2).transpose(0, 1, 3, 2, 4)
    singles = None
    if names.singles:
        if names.singles_unit == "1":
            singles = np.stack([columns.counts(station) for station in names.singles], axis=1)
        else:
            rates = np.stack([np.stack([columns.numbers(n) for n in s], axis=1) for s in names.singles], axis=1)
            singles = rates * SINGLES_UNITS[names.singles_unit] * duration_s[:, None, None]
    measurement = np.zeros(columns.rows, int)
    if names.measurement:
        measurement = columns.choices(names.measurement, [m.name for m in scenario.measurements])
    losses = [columns.numbers(n) if isinstance(n, str) else np.full(columns.rows, float(n)) for n in names.loss_db]
    return CountTable(
        duration_s,
        window_s,
        measurement,
        coincidences,
        singles,
        accidentals=columns.numbers(names.accidentals) if names.accidentals else None,
        pump_mw=columns.numbers(names.pump_mw) if names.pump_mw else None,
        loss_db=np.stack(losses, axis=1),
    )


def _pulses(
    scenario: Counts, names: PulseColumns, columns: "_Columns", duration_s: np.ndarray, window_s: np.ndarray
) -> CountTable:
    """Return the counts of decoy states, and the pulses that were sent meanwhile."""
    assert isinstance(scenario.source, DecoySource)
    named = ("detections_x", "detections_z", "errors_x", "errors_z")
    counts = [columns.counts(getattr(names, name)) for name in named]
    for detected, wrong, name in zip(counts[:2], counts[2:], named[2:], strict=True):
        if (wrong > detected).any():
            row = int(np.argmax((wrong > detected).any(axis=1)))
            raise ValueError(f"{columns.path}: row {row + 1}: there are more {name} than detections: check the columns")
    pulses = scenario.source.pulse_rate_hz * scenario.source.shares * duration_s[:, None]
    detections_x, detections_z, errors_x, errors_z = counts
    counted = DecoyCounts(detections_x, detections_z, errors_x, errors_z, pulses)
    return CountTable(duration_s, window_s, np.zeros(columns.rows, int), pulses=counted)


class _Columns:
    """The columns of a table, checked when they are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if ".parquet" in path.suffixes:
                self._frame = pd.read_parquet(path)
            else:
                # The separator is guessed from the first line; a line that begins with # is a comment.
                self._frame = pd.read_csv(path, sep=None, engine="python", comment="#", encoding="utf-8-sig")
        except Exception as error:  # of the several readers
            raise ValueError(
                f"{path}: cannot be read as a table ({type(error).__name__}): give CSV or Parquet"
            ) from None
        self._frame.columns = self._frame.columns.astype(str).str.strip()
        self.rows = len(self._frame)
        if not self.rows:
            raise ValueError(f"{path}: has no rows: give one for each acquisition")

    def _column(self, name: str) -> pd.Series:
        if name not in self._frame.columns:
            known = [str(column) for column in self._frame.columns]
            near = difflib.get_close_matches(name, known, 1, 0.5)
            way = f"did you mean {near[0]}?" if near else f"it has {', '.join(known[:30])}"
            raise ValueError(f"{self.path}: has no column {name}: {way}")
        return self._frame[name]

    def numbers(self, name: str) -> np.ndarray:
        """Return a column of numbers, shape (row,)."""
        column = self._column(name)
        values = pd.to_numeric(column, errors="coerce").to_numpy(float)
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            raise ValueError(f"{self.path}: row {row + 1}: {name}={str(column.iloc[row])[:40]} is not a number")
        return values

    def counts(self, names: Sequence[str]) -> np.ndarray:
        """Return columns of counts, shape (row, column)."""
        values = np.stack([self.numbers(name) for name in names], axis=1)
        wrong = (values < 0) | (values != np.floor(values))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ValueError(
                f"{self.path}: row {row + 1}: {names[column]}={values[row, column]:g} is not a whole number of counts: "
                "give what was counted in the acquisition, neither rates nor means"
            )
        return values.astype(np.int64)

    def times(self, given: float | TimeColumn | str, unit: str) -> np.ndarray:
        """Return times [s], shape (row,)."""
        if isinstance(given, TimeColumn):
            return self.numbers(given.column) * TIME_UNITS[given.unit]
        return (self.numbers(given) if isinstance(given, str) else np.full(self.rows, given)) * TIME_UNITS[unit]

    def choices(self, name: str, known: list[str]) -> np.ndarray:
        """Return the index of each word of a column among those known, shape (row,)."""
        words = self._column(name).astype(str).str.strip().tolist()
        for row, word in enumerate(words):
            if word not in known:
                raise ValueError(f"{self.path}: row {row + 1}: {name}={word[:40]} is not one of {', '.join(known)}")
        return np.array([known.index(word) for word in words])
