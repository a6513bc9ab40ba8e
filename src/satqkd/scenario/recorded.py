"""The model of recordings: time tags of photon pairs that two laboratories recorded."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

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
    Section,
    Time,
    TimeZone,
)
from satqkd.scenario.mission import Experiment, Polarization


class RecordedStation(Section):
    """One of the two parties: its recording, the outcome that each channel stands for, and its place."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, description="name in lower case")
    recording: FileName = Field(description="its tags, below data/recordings or beside the scenario")
    format: (
        Literal["zarr", "npy", "csv", "parquet", "ptu", "ht3", "sfifteen", "sfifteen_swapped", "qutag", "photon_hdf5"]
        | None
    ) = Field(None, description="format of the recording; by default that of its suffix")
    channels: Annotated[tuple[ChannelNumber, ...], Field(min_length=4, max_length=4)] = Field(
        description="the recording's channel by (setting, outcome): 0+, 0-, 1+, 1-"
    )
    ignored_channels: tuple[ChannelNumber, ...] = Field(
        (), description="other channels of the recording, such as a trigger or GPS seconds"
    )
    disorder_ns: Annotated[Number, Field(ge=0, le=1e9)] = Field(
        1000, description="tags up to this time before an earlier one are sorted, more is an error [ns]"
    )
    delays_ns: Annotated[tuple[Number, ...], Field(min_length=4, max_length=4)] = Field(
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
        return self


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


class RecordedSource(Section):
    """What is known of the source: the intended state fixes the signs of the correlations before any count."""

    bell_state: BellState = Field(description="the intended state")
    kind: ClassVar[str] = "entangled"
    polarization_contrast: ClassVar[None] = None


class RecordedDetection(Section):
    """Properties of the detectors."""

    dead_time_ns: NonNegative = Field(description="dead time of the slowest detector after a click [ns]")
    measurement_delay_ns: ClassVar[None] = None


class Recorded(Experiment):
    """An experiment whose tags two laboratories recorded."""

    kind: Literal["recorded"] = Field(description="recorded by laboratories")
    stations: Annotated[tuple[RecordedStation, ...], Field(min_length=2, max_length=2)]
    orbit: RecordedOrbit | None = None
    source: RecordedSource
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

    def recording(self, station: RecordedStation) -> Path:
        """Return the path of a station's recording.

        It is beside the scenario file, in the folder `recordings` beside its folder, or in the package's data.
        """
        return self._file(station.recording, "recordings", f"station {station.name}", "recording")
