"""The model of a count table: acquisitions whose counts a laboratory has, in one row each."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from satqkd.scenario.fields import BellState, FileName, Number, Positive, Section, Whole
from satqkd.scenario.mission import AnyScenario, DecoySource, Key

# Seconds by unit of a column.
TIME_UNITS = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
ColumnName = Annotated[str, Field(min_length=1, max_length=200)]
PerDetector = Annotated[tuple[ColumnName, ...], Field(min_length=4, max_length=4)]
PerIntensity = Annotated[tuple[ColumnName, ...], Field(min_length=3, max_length=3)]
TimeUnit = Literal["h", "min", "s", "ms", "us", "ns", "ps"]


class TimeColumn(Section):
    """A column of times with its unit."""

    column: ColumnName = Field(description="name of the column")
    unit: TimeUnit = Field(description="unit of its values")


class PairColumns(Section):
    """Columns of a table of photon pairs."""

    singles: Annotated[tuple[PerDetector, ...], Field(min_length=2, max_length=2)] | None = Field(
        None, description="singles of each detector, for each station by (setting, outcome): 0+, 0-, 1+, 1-"
    )
    singles_unit: Literal["1", "1/s", "kHz"] = Field("1", description="of the singles: numbers, or rates")
    coincidences: str | Annotated[tuple[PerDetector, ...], Field(min_length=4, max_length=4)] = Field(
        description="coincidences of each pair of detectors: four lists, one for each detector of the first station; "
        "or a pattern such as {a}_{b} of the two names in singles"
    )
    accidentals: ColumnName | None = Field(
        None, description="accidental coincidences of all pairs together, as counted with a delay"
    )
    measurement: ColumnName | None = Field(
        None, description="name of the measurement that the row belongs to; requires measurements"
    )
    pump_mw: ColumnName | None = Field(None, description="pump power, for the fit [mW]")
    loss_db: Annotated[tuple[ColumnName | Number, ...], Field(min_length=2, max_length=2)] = Field(
        (0.0, 0.0), description="loss that is set in each arm, for the fit: a column or one number [dB]"
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if isinstance(self.coincidences, str):
            if self.singles is None:
                raise ValueError("coincidences is a pattern of names in singles: add singles, or list the columns")
            if "{a}" not in self.coincidences or "{b}" not in self.coincidences:
                raise ValueError(f"coincidences={self.coincidences} is not a pattern with {{a}} and {{b}}")
        names = [name for row in self.coincidence_columns for name in row]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"column {twice[0]} occurs twice in coincidences: give each pair of detectors its own")
        return self

    @property
    def coincidence_columns(self) -> tuple[tuple[str, ...], ...]:
        """Return the column of each pair of detectors, shape (detector, detector)."""
        if not isinstance(self.coincidences, str):
            return self.coincidences
        assert self.singles is not None
        first, second = self.singles
        return tuple(tuple(self.coincidences.replace("{a}", a).replace("{b}", b) for b in second) for a in first)


class PulseColumns(Section):
    """Columns of a table of decoy states; lists over signal, decoy and vacuum."""

    detections_z: PerIntensity = Field(description="sifted detections in Z, by intensity")
    detections_x: PerIntensity = Field(description="sifted detections in X, by intensity")
    errors_z: PerIntensity = Field(description="errors among those in Z, by intensity")
    errors_x: PerIntensity = Field(description="errors among those in X, by intensity")


class Counted(Section):
    """What the rows of a measurement are for, and the angles of their analysers."""

    name: Literal["key", "bell", "state"] = Field(description="what the coincidences are for")
    angles_deg: Annotated[tuple[tuple[Number, Number], ...], Field(min_length=2, max_length=2)] = Field(
        description="analyser angles of settings 0 and 1, for each station [degree]"
    )


class CountedPairs(Section):
    """What is known of a source of pairs: the intended state fixes the signs of the correlations before any count."""

    kind: Literal["entangled"]
    bell_state: BellState = Field(description="the intended state")


class Counts(AnyScenario):
    """Acquisitions whose counts are in a table, one row each."""

    kind: Literal["counts"] = Field(description="counted by a laboratory")
    table: FileName = Field(description="the table (CSV or Parquet), below data/counts or beside the scenario")
    duration_s: Positive | TimeColumn | ColumnName = Field(
        description="acquisition time of a row: a number, the name of a column, or column and unit [s]"
    )
    window_ns: Positive | TimeColumn | ColumnName | None = Field(
        None, description="coincidence window of pairs: a number, the name of a column, or column and unit [ns]"
    )
    window_is: Literal["full", "half"] = Field(
        "full", description="full: delays up to half the window to either side count; half: delays up to the window"
    )
    pairs: PairColumns | None = None
    pulses: PulseColumns | None = None
    fit_rows: Annotated[tuple[Whole, ...], Field(min_length=1)] | None = Field(
        None, description="rows of the table, from 1, to which a bench is fitted; the others are predicted"
    )
    source: CountedPairs | DecoySource = Field(discriminator="kind")
    measurements: Annotated[tuple[Counted, ...], Field(min_length=1)] = (
        Counted(name="key", angles_deg=((0, 45), (0, 45))),
    )
    key: Key

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wanted, other = ("pulses", "pairs") if isinstance(self.source, DecoySource) else ("pairs", "pulses")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            raise ValueError(f"a source of kind {self.source.kind} requires {wanted}, and no {other}: name the columns")
        names = [measurement.name for measurement in self.measurements]
        if len(set(names)) < len(names):
            raise ValueError(f"measurements have the names {', '.join(names)}: give each its own")
        if len(names) > 1 and (self.pairs is None or self.pairs.measurement is None):
            raise ValueError("measurements are several: name the column that tells them apart in pairs.measurement")
        if self.pairs and self.pairs.singles and self.window_ns is None:
            raise ValueError("window_ns is missing: with singles it gives the accidental coincidences")
        if self.fit_rows and (self.pairs is None or self.pairs.singles is None):
            raise ValueError("fit_rows requires singles: name their columns in pairs.singles, or leave fit_rows out")
        self._require_proof()
        return self

    def file(self, name: str) -> Path:
        """Return the path of the table: beside the scenario file, in `counts` beside its folder, or in the data."""
        return self._file(name, "counts", "table", "table")
