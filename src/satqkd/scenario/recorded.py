"""The model of recordings: time tags of photon pairs or of a transmitter's pulses that laboratories recorded."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from satqkd.scenario.fields import (
    Altitude,
    BellState,
    CatalogueNumber,
    ChannelNumber,
    FileName,
    Latitude,
    Longitude,
    NonNegative,
    Number,
    Positive,
    Section,
    Time,
    TimeZone,
)
from satqkd.scenario.mission import DecoyPulses, Experiment, Polarization

# What stands for a setting in a column: words that spell a number are numbers.
SettingValues = Annotated[
    tuple[Annotated[float | str, Field(union_mode="left_to_right")], ...], Field(min_length=1, max_length=100)
]
ZERO_AND_ONE: tuple[SettingValues, SettingValues] = ((0.0,), (1.0,))


class RecordedStation(Section):
    """A receiver: its recording, the outcome that each channel stands for, and its place."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, description="name in lower case")
    recording: FileName | None = Field(
        None, description="its tags, below data/recordings or beside the scenario; left out where runs name them"
    )
    format: (
        Literal["zarr", "npy", "csv", "parquet", "ptu", "ht3", "sfifteen", "sfifteen_swapped", "qutag", "photon_hdf5"]
        | None
    ) = Field(None, description="format of the recording; by default that of its suffix")
    channels: Annotated[tuple[ChannelNumber, ...], Field(min_length=2, max_length=4)] = Field(
        description="the recording's channel by (setting, outcome): 0+, 0-, 1+, 1-; or by outcome, +, -, of an "
        "analyser that is turned"
    )
    settings: FileName | None = Field(
        None, description="when the analyser was turned, a CSV with the columns time_ps and setting"
    )
    settings_column: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description="in place of settings: the column of the recording that has the setting at each tag"
    )
    settings_values: Annotated[tuple[SettingValues, ...], Field(min_length=2, max_length=2)] = Field(
        ZERO_AND_ONE, description="what settings_column has at setting 0, and what at 1: numbers or words"
    )
    settings_random: bool = Field(
        False, description="whether those settings were random and fast, as a key requires, and not turned by hand"
    )
    ignored_channels: tuple[ChannelNumber, ...] = Field(
        (), description="other channels of the recording, such as a trigger or GPS seconds"
    )
    disorder_ns: Annotated[Number, Field(ge=0, le=1e9)] = Field(
        1000, description="tags up to this time before an earlier one are sorted, more is an error [ns]"
    )
    delays_ns: Annotated[tuple[Number, ...], Field(min_length=2, max_length=4)] = Field(
        (0, 0, 0, 0), description="subtracted from the tags of each of `channels`, for cables and electronics [ns]"
    )
    start_s: Number = Field(
        0, description="when the recording began, roughly, by a clock that is the same for both, without an orbit [s]"
    )
    start_uncertainty_s: Annotated[Number, Field(gt=0, le=3600)] = Field(
        1, description="by how much start_s or time_zero may be wrong [s]"
    )
    latitude_deg: Latitude | None = Field(None, description="WGS84, with an orbit [degree]")
    longitude_deg: Longitude | None = Field(None, description="WGS84, east positive, with an orbit [degree]")
    altitude_m: Altitude | None = Field(None, description="above the WGS84 ellipsoid, with an orbit [m]")
    time_zero: Time | None = Field(None, description="UTC time at which the recording's time is 0, with an orbit")
    utc_offset_h: TimeZone = Field(0, description="local time minus UTC [h]")
    mount: ClassVar[str] = "altazimuth"

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        numbers = [*self.channels, *self.ignored_channels]
        if twice := [number for number in numbers if numbers.count(number) > 1]:
            raise ValueError(f"channel {twice[0]} occurs twice in channels and ignored_channels: keep one")
        detectors = len(self.channels)
        if detectors == 3:
            raise ValueError("channels are three: give four, or the two of an analyser that is turned")
        if "delays_ns" in self.model_fields_set and len(self.delays_ns) not in (detectors, 4):
            raise ValueError(f"delays_ns has {len(self.delays_ns)} entries for {detectors} channels: give one for each")
        if self.settings and self.settings_column:
            raise ValueError("settings and settings_column both say where the analyser stood: keep one")
        if self.turned_meanwhile and detectors == 4:
            key = "settings" if self.settings else "settings_column"
            raise ValueError(f"{key} goes with two channels: of four the channel gives the setting")
        if self.settings_random and not self.turned_meanwhile:
            raise ValueError("settings_random goes with settings or settings_column, and only with one of them")
        if self.settings_values != ZERO_AND_ONE and not self.settings_column:
            raise ValueError("settings_values goes with settings_column, and only with it")
        values = [value for stand_for in self.settings_values for value in stand_for]
        if repeated := [value for value in values if values.count(value) > 1]:
            raise ValueError(f"settings_values has {repeated[0]} twice: give each value to one setting")
        if -1 in values:
            raise ValueError("settings_values has -1, which stands for an analyser that moves: leave it out")
        return self

    @property
    def turned_meanwhile(self) -> bool:
        """Return whether the analyser was turned while a recording went on."""
        return self.settings is not None or self.settings_column is not None


class RecordedOrbit(Section):
    """Where the satellite was during the recordings, for the time of flight."""

    elements: FileName = Field(description="element sets (CCSDS OMM or TLE), below data/orbits or beside the scenario")
    norad_id: CatalogueNumber | None = Field(
        None, description="catalogue number, where the file holds several satellites"
    )
    start: Time = Field(description="UTC time at which the part to analyse begins")
    duration_s: Annotated[Number, Field(ge=1, le=86400)] = Field(
        description="whole seconds of that part, within one pass [s]"
    )
    showcase: ClassVar[None] = None
    survey: ClassVar[None] = None


class RecordedPairs(Section):
    """What is known of a source of pairs: the intended state fixes the signs of the correlations before any count."""

    kind: Literal["entangled"] = Field("entangled", exclude=True, description="pairs; may be left out")
    bell_state: BellState = Field(description="the intended state")
    polarization_contrast: ClassVar[None] = None


class RecordedPulses(DecoyPulses):
    """What is known of a source of decoy-state pulses: rate and intensities, which were calibrated."""

    polarization_contrast: ClassVar[None] = None


class RecordedTransmitter(Section):
    """The transmitter of pulses: its log of what it sent."""

    log: FileName = Field(
        description="intensity, basis and bit of each pulse, one row a pulse: CSV, Parquet, npz or npy, below "
        "data/recordings or beside the scenario"
    )
    repeats: bool = Field(False, description="whether the record is sent again and again")
    log_intensities: Annotated[
        tuple[Annotated[int, Field(ge=0, le=255)] | str, ...], Field(min_length=3, max_length=3)
    ] = Field((0, 1, 2), description="what the log writes for signal, decoy and vacuum: numbers or words")
    start_s: Number = Field(
        0, description="when the first pulse left, roughly, by the clock of the station's start_s, without an orbit [s]"
    )
    start_uncertainty_s: Annotated[Number, Field(gt=0, le=3600)] = Field(
        1, description="by how much start_s or time_zero may be wrong [s]"
    )
    time_zero: Time | None = Field(None, description="UTC time of the first pulse, with an orbit")

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if len(set(map(str, self.log_intensities))) < 3:
            raise ValueError(
                f"log_intensities={list(self.log_intensities)} are not three different ones: name each once"
            )
        return self


class RecordedRun(Section):
    """A recording of both stations at fixed settings of those analysers that are turned."""

    measurement: Literal["key", "bell", "state"] = Field(description="the measurement that it belongs to")
    recordings: Annotated[tuple[FileName, ...], Field(min_length=2, max_length=2)] = Field(
        description="the tags of either station, below data/recordings or beside the scenario"
    )
    settings: Annotated[tuple[Literal[0, 1] | None, ...], Field(min_length=2, max_length=2)] = Field(
        (None, None), description="setting of either station, null for one with four channels"
    )
    duration_s: Positive | None = Field(None, description="seconds to use; all if left out [s]")


def _kind_of_source(value: Any) -> str:
    """Return whether a source is of pulses or, as by default, of pairs."""
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return "decoy" if kind == "decoy" else "entangled"


class RecordedDetection(Section):
    """Properties of the detectors."""

    dead_time_ns: NonNegative = Field(description="dead time of the slowest detector after a click [ns]")
    measurement_delay_ns: ClassVar[None] = None


class Recorded(Experiment):
    """An experiment whose tags two laboratories recorded."""

    kind: Literal["recorded"] = Field(description="recorded by laboratories")
    stations: Annotated[tuple[RecordedStation, ...], Field(min_length=1, max_length=2)]
    transmitter: RecordedTransmitter | None = Field(None, description="of pulses")
    runs: Annotated[tuple[RecordedRun, ...], Field(min_length=1)] | None = Field(
        None, description="recordings one after the other, of analysers that are turned between them"
    )
    orbit: RecordedOrbit | None = None
    source: Annotated[
        Annotated[RecordedPairs, Tag("entangled")] | Annotated[RecordedPulses, Tag("decoy")],
        Discriminator(_kind_of_source),
    ]
    detection: RecordedDetection
    reference: ClassVar[None] = None
    relay: ClassVar[None] = None
    public_link: ClassVar[None] = None
    polarization: ClassVar[Polarization] = Polarization()

    @model_validator(mode="after")
    def _placed(self) -> Self:
        for station in self.stations:
            for key in ("latitude_deg", "longitude_deg", "altitude_m", "time_zero"):
                if (getattr(station, key) is None) != (self.orbit is None):
                    word = "lacks" if self.orbit else "has"
                    raise ValueError(f"station {station.name} {word} {key}: it goes with orbit, and only with it")
            if station.start_s and self.orbit:
                raise ValueError(
                    f"station {station.name} has start_s={station.start_s:g}: with an orbit time_zero says when the "
                    "recording began, so leave start_s out"
                )
        return self

    @model_validator(mode="after")
    def _of_pulses(self) -> Self:
        pulses = isinstance(self.source, RecordedPulses)
        if pulses != (self.transmitter is not None):
            raise ValueError("transmitter goes with a source of kind decoy, and only with it: it names the log")
        if self.transmitter and (self.transmitter.time_zero is None) != (self.orbit is None):
            raise ValueError("transmitter.time_zero goes with orbit, and only with it")
        if pulses and len(self.measurements) > 1:
            raise ValueError("measurements of pulses are one: give that of name key alone")
        return self

    @model_validator(mode="after")
    def _turned_or_not(self) -> Self:
        if self.runs and (self.orbit or self.transmitter):
            raise ValueError("runs are recordings of pairs in a laboratory: leave orbit and transmitter out, or runs")
        for index, station in enumerate(self.stations):
            if (station.recording is None) != bool(self.runs):
                word = "has a recording, which runs name" if self.runs else "lacks its recording"
                raise ValueError(f"station {station.name} {word}: give one of recording and runs")
            by_runs = len(station.channels) == 2 and not station.turned_meanwhile
            if by_runs and not self.runs:
                raise ValueError(
                    f"station {station.name} has two channels: say where its analyser stood, by runs with settings, by "
                    "a table in its key settings or by a column of its tags in settings_column"
                )
            if station.turned_meanwhile and self.coincidence.dead_time_rule != "station":
                raise ValueError(
                    f"coincidence.dead_time_rule={self.coincidence.dead_time_rule} is for four detectors, and station "
                    f"{station.name} has two for both settings: leave it out"
                )
            for number, run in enumerate(self.runs or ()):
                if (run.settings[index] is not None) != by_runs:
                    word = "lacks" if by_runs else "has"
                    raise ValueError(f"runs.{number} {word} a setting of {station.name}: it goes with two channels")
        return self

    @model_validator(mode="after")
    def _measured_by_runs(self) -> Self:
        if self.runs is None:
            return self
        names = [measurement.name for measurement in self.measurements]
        for number, run in enumerate(self.runs):
            if run.measurement not in names:
                raise ValueError(f"runs.{number}.measurement={run.measurement} is not one of {', '.join(names)}")
        if idle := set(names) - {run.measurement for run in self.runs}:
            raise ValueError(f"measurement {min(idle)} has no run: add one, or leave it out")
        if timed := [one.name for one in self.measurements if one.duration_s or one.pause_s]:
            raise ValueError(
                f"measurement {timed[0]} has a duration_s or pause_s: its runs have theirs, so leave it out"
            )
        return self

    def _require_durations(self) -> None:
        if not self.runs:
            super()._require_durations()

    @property
    def turned(self) -> bool:
        """Return whether an analyser was turned by hand, so that its settings were known before the photons came."""
        meanwhile = any(station.turned_meanwhile and not station.settings_random for station in self.stations)
        return meanwhile or any(setting is not None for run in self.runs or () for setting in run.settings)

    def schedule(self, seconds: int, run: RecordedRun | None = None) -> np.ndarray:
        """Return which measurement each second is for, in their order: its index, -1 for none.

        Parameters
        ----------
        seconds : int
            Seconds that the recordings have in common.
        run : RecordedRun, optional
            Of which recordings.
        """
        if run is None:
            return super().schedule(seconds)
        index = [measurement.name for measurement in self.measurements].index(run.measurement)
        return np.full(min(seconds, round(run.duration_s or seconds)), index, np.int8)

    def recording(self, station: RecordedStation, run: RecordedRun | None = None) -> Path:
        """Return the path of a station's recording, of a run where there are several.

        It is beside the scenario file, in the folder `recordings` beside its folder, or in the package's data.
        """
        name = station.recording if run is None else run.recordings[self.stations.index(station)]
        assert name is not None  # one of them names it
        return self._file(name, "recordings", f"station {station.name}", "recording")

    def log_file(self) -> Path:
        """Return the path of the transmitter's log, found as a recording is."""
        assert self.transmitter is not None
        return self._file(self.transmitter.log, "recordings", "transmitter.log", "log")

    def settings_file(self, station: RecordedStation) -> Path | None:
        """Return the path of the table of a station's settings, found as a recording is."""
        if station.settings is None:
            return None
        return self._file(station.settings, "recordings", f"settings of station {station.name}", "table")

    @property
    def recorded_files(self) -> list[Path]:
        """Return all files of tags, of settings, and the transmitter's log."""
        files = [self.recording(station, run) for run in self.runs or (None,) for station in self.stations]
        files += [self.log_file()] if self.transmitter else []
        return files + [file for station in self.stations if (file := self.settings_file(station))]
