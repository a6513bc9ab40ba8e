"""What the user writes: the model of a scenario file, its schema and its messages."""

import difflib
import hashlib
import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args

import numpy as np
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import models_json_schema

INTENSITIES = ("signal", "decoy", "vacuum")
ORIGINS = ("published", "assumed", "calibrated")


class ScenarioError(ValueError):
    """Bad input, said in one sentence that names file, key, value, bound and a way out."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))  # what it quotes may hold line breaks


def _number(value: Any) -> Any:
    """YAML 1.1 reads 5.9e6 as text: take it as the number that the user meant."""
    if isinstance(value, bool):
        raise ValueError("is not a number")
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise ValueError("is not a number: write the number alone, its unit stands in the key") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("is not a finite number")
    return value


def _angle(letters: str) -> BeforeValidator:
    """Degrees, or degrees, minutes and seconds with a compass letter as papers print them: 37 22 44.43 N."""
    printed = re.compile(rf"\s*([0-9]+) +([0-5]?[0-9]) +([0-5]?[0-9](?:\.[0-9]+)?) *([{letters}])\s*")

    def degrees_of(value: Any) -> Any:
        if isinstance(value, str) and re.search(r"[NSEW]\s*$", value):
            if not (parts := printed.fullmatch(value)):
                raise ValueError(f"is not an angle: give degrees, or as in 37 22 44.43 {letters[0]}")
            degrees, minutes, seconds = (float(part) for part in parts.groups()[:3])
            return (degrees + minutes / 60 + seconds / 3600) * (-1 if parts[4] in "SW" else 1)
        return _number(value)

    return BeforeValidator(degrees_of)


def _written_time(value: Any) -> Any:
    if isinstance(value, datetime) or isinstance(value, str) and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", value):
        return value
    raise ValueError("is not a time: write it as in 2016-12-19T16:00:00Z")  # a bare number would be seconds since 1970


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None or value.utcoffset().total_seconds() != 0:
        raise ValueError("is not in UTC: end it with Z, as in 2016-12-19T16:00:00Z")
    if not 1957 <= value.year < 2200:
        raise ValueError("is outside the years 1957 to 2199: give a time for which there are element sets")
    return value.astimezone(UTC)


def _file_name(value: str) -> str:
    if len(value) > 255 or not value.isprintable():
        raise ValueError("is no name of a file: give one of up to 255 printable characters")
    if Path(value).is_absolute() or ".." in Path(value).parts:
        raise ValueError("leaves its folder: give a path below the scenario file or below data/orbits")
    return value


Number = Annotated[float, BeforeValidator(_number)]
Positive = Annotated[Number, Field(gt=0)]
NonNegative = Annotated[Number, Field(ge=0)]
Fraction = Annotated[Number, Field(gt=0, le=1)]
Probability = Annotated[Number, Field(gt=0, lt=1)]
Elevation = Annotated[Number, Field(ge=0, lt=90)]
Latitude = Annotated[float, _angle("NS"), Field(ge=-90, le=90)]
Longitude = Annotated[float, _angle("EW"), Field(ge=-180, le=360)]
Altitude = Annotated[Number, Field(ge=-500, le=9000)]
TimeZone = Annotated[Number, Field(ge=-12, le=14)]
Time = Annotated[datetime, BeforeValidator(_written_time), AfterValidator(_utc)]
FileName = Annotated[str, Field(min_length=1), AfterValidator(_file_name)]
Whole = Annotated[int, BeforeValidator(_number), Field(ge=1)]
ChannelNumber = Annotated[int, BeforeValidator(_number), Field(ge=0, le=255)]
BellState = Literal["psi_minus", "psi_plus", "phi_minus", "phi_plus"]


class Section(BaseModel):
    """A part of a scenario: closed, so that a key nobody reads is an error, and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Orbit(Section):
    """Who flies, when to look, and which seconds of a pass count as the session."""

    elements: FileName = Field(description="element sets (CCSDS OMM or TLE), below data/orbits or beside the scenario")
    search_start: Time = Field(description="UTC time at which the search for passes begins")
    search_end: Time = Field(description="UTC time at which it ends")
    min_elevation_deg: Elevation = Field(description="lowest elevation of a session, at every station [degree]")
    max_range_m: Positive | None = Field(None, description="longest range of a session, at every station [m]")
    max_duration_s: Positive | None = Field(None, description="end a session after this time [s]")
    min_duration_s: NonNegative = Field(0, description="leave out shorter sessions [s]")
    max_sun_elevation_deg: Number = Field(-6, ge=-90, le=90, description="highest Sun at every station [degree]")
    satellite_in_shadow: bool = Field(False, description="ask for the satellite in the Earth's shadow")
    showcase: Time | None = Field(None, description="the session nearest to this time stands in the figures")
    survey: FileName | None = Field(None, description="nights and stations (CSV) whose passes are tabulated besides")

    @model_validator(mode="after")
    def _ordered(self):
        if self.search_end <= self.search_start:
            raise ValueError(f"search_end={self.search_end} is not after search_start={self.search_start}")
        return self


class Transmitter(Section):
    """The telescope on the satellite."""

    wavelength_nm: Annotated[Number, Field(ge=300, le=2000)] = Field(description="wavelength [nm]")
    aperture_m: Annotated[Number, Field(gt=0, le=10)] = Field(description="clear aperture [m]")
    divergence_full_angle_urad: (
        Annotated[Number, Field(ge=0.1, le=1e4)]
        | tuple[Annotated[Number, Field(ge=0.1, le=1e4)], Annotated[Number, Field(ge=0.1, le=1e4)]]
    ) = Field(description="full angle between the 1/e2 points, or [x, y] of an elliptical beam [urad]")
    optics_efficiency: Fraction = Field(description="transmittance of the transmitting optics [1]")
    pointing_jitter_urad: NonNegative = Field(description="tracking error, standard deviation per axis [urad]")

    @property
    def divergence_rad(self) -> np.ndarray:
        """Full 1/e2 angles of both axes [rad], shape (2,)."""
        return np.broadcast_to(np.asarray(self.divergence_full_angle_urad, float) * 1e-6, 2)


class Channel(Section):
    """The air and the sign convention of the printed attenuation."""

    ground_cn2: Positive = Field(1.7e-14, description="structure constant at the ground, Hufnagel-Valley [m^(-2/3)]")
    wind_rms_m_s: Positive = Field(21, description="root mean square of the high-altitude wind [m/s]")
    fading_coherence_ms: Positive = Field(10, description="time over which the received power keeps its value [ms]")
    quoted_range_m: Positive | None = Field(None, description="range at which single losses are quoted [m]")
    attenuation_includes_detectors: bool = Field(
        False, description="whether the attenuation that is compared with a publication contains the detectors"
    )


class Detector(Section):
    """A single-photon detector, or several equal ones."""

    efficiency: Fraction = Field(description="probability that a photon clicks [1]")
    dark_rate_hz: NonNegative = Field(description="dark counts [1/s]")


class Station(Section):
    """A ground station: where it stands, its telescope, its detectors and its clock."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, description="name in lower case")
    latitude_deg: Latitude = Field(description="WGS84 [degree]")
    longitude_deg: Longitude = Field(description="WGS84, east positive [degree]")
    altitude_m: Altitude = Field(description="above the WGS84 ellipsoid [m]")
    utc_offset_h: TimeZone = Field(0, description="local time minus UTC [h]")
    aperture_m: Annotated[Number, Field(gt=0, le=50)] = Field(description="receiving aperture [m]")
    obscuration_m: NonNegative = Field(0, description="diameter of the central obscuration [m]")
    receiver_efficiency: Fraction = Field(description="telescope, filters, analyser and coupling, no detector [1]")
    zenith_extinction_db: NonNegative = Field(description="extinction at one air mass [dB]")
    background_rate_hz: NonNegative = Field(description="background light at each detector [1/s]")
    mount: Literal["altazimuth", "equatorial"] = Field(
        "altazimuth", description="to what the analyser is fixed; equatorial is also an altazimuth one with a derotator"
    )
    detectors: Annotated[tuple[Detector, ...], Field(min_length=4, max_length=4)] = Field(
        description="by (setting, outcome): 0+, 0-, 1+, 1-; an active analyser has the same two at both settings"
    )
    clock_offset_s: Annotated[Number, Field(ge=-0.4, le=0.4)] = Field(0, description="local minus GPS time [s]")
    clock_drift: Annotated[Number, Field(ge=-1e-4, le=1e-4)] = Field(0, description="fractional frequency error [1]")


class Relay(Section):
    """A second station, to which the satellite passes on the key of the first when it comes by later."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, description="name in lower case")
    latitude_deg: Latitude = Field(description="WGS84 [degree]")
    longitude_deg: Longitude = Field(description="WGS84, east positive [degree]")
    altitude_m: Altitude = Field(description="above the WGS84 ellipsoid [m]")
    max_delay_h: Annotated[Number, Field(gt=0, le=240)] = Field(24, description="search so long for its pass [h]")


class Polarization(Section):
    """How the polarisation frames of satellite and station turn against each other, and what is done about it."""

    satellite_axis: Literal["velocity", "orbit_normal", "nadir"] = Field(
        "velocity", description="what the telescopes' horizontal polarisation is held along, across the line of sight"
    )
    compensated: bool = Field(True, description="whether a half-wave plate at each station follows the rotation")
    residual_deg: Annotated[Number, Field(ge=-45, le=45)] = Field(
        0, description="rotation that the plate leaves, at every station; 0 where the contrast contains it [degree]"
    )


class EntangledSource(Section):
    """Polarisation-entangled photon pairs, a continuous-wave pumped source."""

    kind: Literal["entangled"]
    pair_rate_hz: Annotated[Number, Field(gt=0, le=1e12)] = Field(description="pairs made and collected [1/s]")
    bell_state: BellState = Field(description="the intended state")
    fidelity: Annotated[Number, Field(gt=0.25, le=1)] = Field(description="with the Bell state, as a Werner state [1]")
    polarization_contrast: Annotated[Number, Field(gt=1)] | None = Field(
        None, description="contrast of each channel, ratio to 1; leave out where the fidelity contains it"
    )
    monitor_tap: Annotated[Number, Field(gt=0, lt=1)] | None = Field(
        None, description="share of each path that is tapped to watch the source on board [1]"
    )


class DecoySource(Section):
    """Phase-randomised weak coherent pulses at three intensities."""

    kind: Literal["decoy"]
    pulse_rate_hz: Annotated[Number, Field(gt=0, le=1e11)] = Field(description="pulses [1/s]")
    pulse_width_ps: Annotated[Number, Field(gt=0, le=1e5)] = Field(description="full width at half maximum [ps]")
    mean_photon_numbers: dict[Literal["signal", "decoy", "vacuum"], NonNegative] = Field(
        description="mean photon number by intensity [1]"
    )
    intensity_probabilities: dict[Literal["signal", "decoy", "vacuum"], Probability] = Field(
        description="share of the pulses by intensity [1]"
    )
    intensity_fluctuation: Annotated[Number, Field(ge=0, lt=1)] = Field(0, description="relative uncertainty [1]")
    polarization_contrast: Annotated[Number, Field(gt=1)] | None = Field(
        None, description="contrast of the channel, ratio to 1"
    )
    preparation_error: Annotated[Number, Field(ge=0, lt=0.5)] = Field(
        0, description="probability of a flipped bit from the preparation and the optics besides the contrast [1]"
    )

    @property
    def mu(self) -> np.ndarray:
        """Mean photon numbers in the order of `INTENSITIES`, shape (intensity,)."""
        return np.array([self.mean_photon_numbers[name] for name in INTENSITIES])

    @property
    def shares(self) -> np.ndarray:
        """Intensity probabilities in the order of `INTENSITIES`, shape (intensity,)."""
        return np.array([self.intensity_probabilities[name] for name in INTENSITIES])

    @model_validator(mode="after")
    def _complete(self):
        for name in ("mean_photon_numbers", "intensity_probabilities"):
            if missing := set(INTENSITIES) - set(getattr(self, name)):
                raise ValueError(f"{name} lacks {', '.join(sorted(missing))}: give signal, decoy and vacuum")
        mu, share = self.mean_photon_numbers, self.intensity_probabilities
        if not mu["signal"] > mu["decoy"] + mu["vacuum"] or not mu["decoy"] > mu["vacuum"]:
            raise ValueError(f"mean_photon_numbers={mu} do not hold signal > decoy + vacuum and decoy > vacuum")
        if abs(sum(share.values()) - 1) > 1e-9:
            raise ValueError(f"intensity_probabilities sum to {sum(share.values()):.6g}: they have to sum to 1")
        return self


class Detection(Section):
    """What the stations' receivers have in common."""

    basis_choice: Literal["passive", "active"] = Field(description="beam splitter, or a switch set at random")
    switch_rate_hz: Positive | None = Field(None, description="random settings of an active receiver [1/s]")
    random_number_delay_ns: NonNegative = Field(
        0, description="from the random event of an active receiver to the setting that it makes [ns]"
    )
    measurement_delay_ns: NonNegative | None = Field(
        None, description="end of a measurement behind the light cone of the emission; without it no locality test [ns]"
    )
    timing_jitter_ps: Annotated[Number, Field(ge=0, le=1e5)] = Field(
        description="standard deviation of one time tag, everything in it [ps]"
    )
    dead_time_ns: NonNegative = Field(description="of a detector after a click [ns]")
    afterpulse_probability: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0, description="that a click is followed by an after-pulse when the detector is ready again [1]"
    )
    afterpulse_decay_ns: Positive | None = Field(
        None, description="mean time from the end of the dead time to an after-pulse [ns]"
    )

    @model_validator(mode="after")
    def _switch(self):
        if (self.basis_choice == "active") != (self.switch_rate_hz is not None):
            raise ValueError("switch_rate_hz goes with basis_choice active, and only with it")
        if self.random_number_delay_ns and self.basis_choice == "passive":
            raise ValueError(
                f"random_number_delay_ns={self.random_number_delay_ns:g} goes with basis_choice active: leave it out, "
                "a beam splitter chooses when the photon arrives"
            )
        if (self.afterpulse_probability > 0) != (self.afterpulse_decay_ns is not None):
            raise ValueError("afterpulse_decay_ns goes with an afterpulse_probability above 0, and only with it")
        return self


class Beacon(Section):
    """The pulsed laser on the satellite by which the stations keep time."""

    pulse_rate_hz: Annotated[Number, Field(gt=0, le=1e7)] = Field(description="pulses [1/s]")
    recorded_one_in: Whole = Field(1, description="divider in front of the time tagger [1]")
    jitter_ps: NonNegative = Field(description="standard deviation of one beacon tag [ps]")
    gps_jitter_ns: NonNegative = Field(50, description="standard deviation of the GPS second [ns]")


class Coincidence(Section):
    """What counts as together."""

    window_ns: Annotated[Number, Field(gt=0, le=1e6)] = Field(description="full width of the window [ns]")
    accidental_gap_ns: Positive = Field(
        100, description="how far off the peak accidental coincidences are counted, at least the window's width [ns]"
    )

    @model_validator(mode="after")
    def _off_the_peak(self):
        if self.accidental_gap_ns < self.window_ns:
            raise ValueError(
                f"accidental_gap_ns={self.accidental_gap_ns:g} is less than window_ns={self.window_ns:g}: "
                "accidentals would be counted on the peak, give more"
            )
        return self


class Measurement(Section):
    """What the analysers do, and for how many seconds of open link."""

    name: Literal["key", "bell", "state"] = Field(description="what the coincidences are for")
    duration_s: Positive | None = Field(None, description="seconds of open link; without it, one whole session [s]")
    angles_deg: Annotated[tuple[tuple[Number, Number], ...], Field(min_length=1, max_length=2)] = Field(
        description="for each station the analyser angles of settings 0 and 1 [degree]"
    )


class Key(Section):
    """How the key is distilled."""

    eps_sec: Probability = Field(description="secrecy failure probability [1]")
    eps_cor: Probability = Field(description="correctness failure probability [1]")
    f_ec: Annotated[Number, Field(ge=1, le=3)] = Field(description="error correction inefficiency [1]")
    efficiency_mismatch: Annotated[Number, Field(ge=0, lt=1)] = Field(0, description="between detectors [1]")
    bound: str = Field(description="the proof that is compared with the publication")


class Fiber(Section):
    """The fibre that the satellite is compared with."""

    attenuation_db_km: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        (0.2, 0.16, 0.13, 0.095), description="fibre losses to compare with [dB/km]"
    )
    ideal_rate_hz: Positive = Field(1e10, description="photons or pairs of an ideal source into the first fibre [1/s]")
    ideal_length_m: Positive = Field(1e6, description="length of that fibre [m]")
    ideal_sifting: Fraction = Field(1, description="share of the ideal source's detections that is kept [1]")


class Experiment(Section):
    """What every scenario has, whether its tags are simulated or recorded."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, description="name of the results folder")
    title: str = Field(min_length=1, description="one line for figures and reports")
    coincidence: Coincidence
    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1)]
    key: Key

    _path: Path = PrivateAttr(default=Path())
    _origins: dict[str, tuple[str, str]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self):
        wanted = 2 if self.source.kind == "entangled" else 1
        if len(self.stations) != wanted:
            raise ValueError(
                f"stations has {len(self.stations)} entries: a source of kind {self.source.kind} wants {wanted}"
            )
        if len({station.name for station in self.stations}) != wanted:
            raise ValueError("stations have the same name: give each its own")
        names = [measurement.name for measurement in self.measurements]
        if len(set(names)) < len(names):
            raise ValueError(f"measurements have the names {', '.join(names)}: give each its own")
        if self.relay and (wanted != 1 or self.relay.name == self.stations[0].name):
            raise ValueError(f"relay {self.relay.name} wants a scenario of one other station: key passes between two")
        if self.source.kind == "entangled" and not {"key", "state"} & set(names):
            raise ValueError(f"measurements are {', '.join(names)}: add one of name key or state for the error rates")
        if any(measurement.duration_s is None for measurement in self.measurements[:-1]):
            raise ValueError("measurements lack duration_s: only the last one may leave it out")
        for measurement in self.measurements:
            if len(measurement.angles_deg) != wanted:
                raise ValueError(f"measurement {measurement.name} wants angles_deg for {wanted} station(s)")
        return self

    @property
    def origins(self) -> dict[str, tuple[str, str]]:
        """Where each parameter comes from: dotted key to (published, assumed or calibrated; the words)."""
        return dict(self._origins)

    @property
    def fitted(self) -> set[str]:
        """Ids of the published values that calibrated parameters were fitted to."""
        calibrated = [words for origin, words in self._origins.values() if origin == "calibrated"]
        return {name.strip() for words in calibrated for name in words.split(",")}

    @property
    def path(self) -> Path:
        return self._path

    @property
    def content_hash(self) -> str:
        """SHA-256 of the values, whatever the file's layout, comments and provenance."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    def file(self, name: str) -> Path:
        """The file that a scenario names: beside the scenario file, or in data/orbits beside its folder."""
        return self._file(name, "orbits", "orbit", "element sets")

    def _file(self, name: str, folder: str, key: str, what: str) -> Path:
        candidates = [self._path.parent / name, self._path.parent.parent / folder / name]
        for candidate in candidates:
            if candidate.exists():
                return candidate
        raise ScenarioError(
            f"{self._path}: {key} names the file {name}, found neither beside the scenario nor in "
            f"{candidates[1].parent}: put the {what} there"
        )

    def replaced(self, values: dict[str, float]) -> Self:
        """The same scenario with some values changed; keys are dotted, as in stations.0.receiver_efficiency."""
        tree = self.model_dump(mode="python")
        for key, value in values.items():
            *parents, leaf = key.split(".")
            node = tree
            try:
                for part in parents:
                    node = node[int(part)] if isinstance(node, list | tuple) else node[part]
                known = isinstance(node, dict) and leaf in node
            except (LookupError, ValueError, TypeError):
                known = False
            if not known:
                raise ScenarioError(f"{self._path}: {key} is not a key of this scenario")
            node[leaf] = value
        changed = _scenario(tree, self._path)
        changed._path, changed._origins = self._path, dict(self._origins)
        return changed


class Scenario(Experiment):
    """An experiment between a satellite and one or two ground stations."""

    # Not among the values: what was a mission before there were recordings is the same one still.
    kind: Literal["mission"] = Field("mission", exclude=True, description="simulated from the orbit on")
    reference: str | None = Field(
        None, pattern=r"^[a-z][a-z0-9_]*$", max_length=40, description="published values to compare with"
    )
    orbit: Orbit
    transmitter: Transmitter
    channel: Channel = Channel()
    stations: Annotated[tuple[Station, ...], Field(min_length=1, max_length=2)]
    relay: Relay | None = None
    polarization: Polarization = Polarization()
    source: EntangledSource | DecoySource = Field(discriminator="kind")
    detection: Detection
    beacon: Beacon
    fiber: Fiber = Fiber()
    outlook: dict[str, Number] = Field({}, description="what an outlook changes: values by dotted key")


class RecordedStation(Section):
    """One of the two parties: what it recorded, which channel is which outcome, and where it stood."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, description="name in lower case")
    recording: FileName = Field(description="its tags, below data/recordings or beside the scenario")
    format: Literal["zarr", "npy", "csv", "parquet", "ptu", "ht3", "sfifteen", "sfifteen_swapped"] | None = Field(
        None, description="of the recording; without it, what the suffix says"
    )
    channels: Annotated[tuple[ChannelNumber, ...], Field(min_length=4, max_length=4)] = Field(
        description="the recording's channel by (setting, outcome): 0+, 0-, 1+, 1-"
    )
    ignored_channels: tuple[ChannelNumber, ...] = Field(
        (), description="other channels of the recording, such as a trigger or the second of GPS"
    )
    latitude_deg: Latitude | None = Field(None, description="WGS84, with an orbit [degree]")
    longitude_deg: Longitude | None = Field(None, description="WGS84, east positive, with an orbit [degree]")
    altitude_m: Altitude | None = Field(None, description="above the WGS84 ellipsoid, with an orbit [m]")
    time_zero: Time | None = Field(None, description="UTC time at which the recording's time is 0, with an orbit")
    utc_offset_h: TimeZone = Field(0, description="local time minus UTC [h]")
    mount: ClassVar[str] = "altazimuth"

    @model_validator(mode="after")
    def _distinct(self):
        numbers = [*self.channels, *self.ignored_channels]
        if twice := [number for number in numbers if numbers.count(number) > 1]:
            raise ValueError(f"channel {twice[0]} stands twice in channels and ignored_channels: keep one")
        return self


class RecordedOrbit(Section):
    """Where the satellite was while the recordings were made, for the time of flight."""

    elements: FileName = Field(description="element sets (CCSDS OMM or TLE), below data/orbits or beside the scenario")
    start: Time = Field(description="UTC time at which the part to analyse begins")
    duration_s: Annotated[Number, Field(ge=1, le=86400)] = Field(description="whole seconds of it, one pass [s]")
    showcase: ClassVar[None] = None
    survey: ClassVar[None] = None


class RecordedSource(Section):
    """What is known of the source: the intended state fixes the signs before the first count."""

    bell_state: BellState = Field(description="the intended state")
    kind: ClassVar[str] = "entangled"
    polarization_contrast: ClassVar[None] = None


class RecordedDetection(Section):
    """What the detectors do to the clicks."""

    dead_time_ns: NonNegative = Field(description="of the slowest detector after a click [ns]")
    measurement_delay_ns: ClassVar[None] = None


class Recorded(Experiment):
    """Tags that two laboratories recorded of photon pairs."""

    kind: Literal["recorded"] = Field(description="recorded by laboratories")
    stations: Annotated[tuple[RecordedStation, ...], Field(min_length=2, max_length=2)]
    orbit: RecordedOrbit | None = None
    source: RecordedSource
    detection: RecordedDetection
    reference: ClassVar[None] = None
    relay: ClassVar[None] = None
    polarization: ClassVar[Polarization] = Polarization()

    @model_validator(mode="after")
    def _placed(self):
        for station in self.stations:
            for key in ("latitude_deg", "longitude_deg", "altitude_m", "time_zero"):
                if (getattr(station, key) is None) != (self.orbit is None):
                    word = "wants" if self.orbit else "has"
                    raise ValueError(f"station {station.name} {word} {key}: it goes with orbit, and only with it")
        return self

    def recording(self, station: RecordedStation) -> Path:
        """The file that a station names: beside the scenario file, or in data/recordings beside its folder."""
        return self._file(station.recording, "recordings", f"station {station.name}", "recording")


KINDS: dict[str, type[Experiment]] = {"mission": Scenario, "recorded": Recorded}


DEEPEST = 20


# libyaml's is several times faster, where PyYAML was built with it.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(SAFE_LOADER):
    """Safe YAML without duplicate keys."""

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except ScenarioError:
            raise
        except (ValueError, LookupError, AttributeError) as error:  # such as 2016-02-30, which looks like a date
            shown = str(node.value)[:60] if isinstance(node, yaml.ScalarNode) else "what stands here"
            raise ScenarioError(f"line {node.start_mark.line + 1}: {shown} cannot be read ({error})") from None

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float):
                raise ScenarioError(f"line {key_node.start_mark.line + 1}: a key has to be a plain word")
            if key in seen:
                raise ScenarioError(f"line {key_node.start_mark.line + 1}: the key {key} stands twice: keep one")
            seen.add(key)
        return super().construct_mapping(node, deep)


def _require_flat(text: str) -> None:
    """Refuse YAML of many levels, and aliases, which can explode."""
    depth = 0
    for event in yaml.parse(text, SAFE_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise ScenarioError(f"line {event.start_mark.line + 1}: YAML aliases are not allowed: write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth >= DEEPEST:
            raise ScenarioError("is nested too deeply: a scenario has four levels")


def _unwrapped(node: Any, key: str, origins: dict) -> Any:
    """Strip {value: …, published: …} down to the value and note where it comes from."""
    if isinstance(node, dict):
        named = [origin for origin in ORIGINS if origin in node]
        if "value" in node or named:
            if set(node) - {"value", *ORIGINS} or "value" not in node or len(named) != 1:
                raise ScenarioError(
                    f"{key} wants value and one of {', '.join(ORIGINS)}, and has {', '.join(map(str, node))}"
                )
            where = node[named[0]]
            if not isinstance(where, str) or not where.strip():
                raise ScenarioError(f"{key}.{named[0]}={str(where)[:60]} says nothing: write where the value is from")
            origins[key] = (named[0], where)
            return node["value"]
        return {k: _unwrapped(v, f"{key}.{k}".lstrip("."), origins) for k, v in node.items()}
    if isinstance(node, list):
        return [_unwrapped(v, f"{key}.{i}", origins) for i, v in enumerate(node)]
    return node


def _known_keys(model: type[Section], path: list[str | int]) -> list[str]:
    """The keys that the model has at a place, for the nearest valid one."""
    for part in path:
        if not isinstance(part, str) or not (isinstance(model, type) and part in model.model_fields):
            continue
        models = [m for m in _models(model.model_fields[part].annotation)]
        kinds = [m for m in models if getattr(m.model_fields.get("kind"), "annotation", None) is not None]
        model = (
            models[0]
            if not kinds
            else next((m for m in kinds if get_args(m.model_fields["kind"].annotation)[0] in path), kinds[0])
        )
    return list(model.model_fields)


def _models(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _sentence(error: dict, path: Path, model: type[Section]) -> str:
    location = [
        part
        for i, part in enumerate(error["loc"])
        if part not in ("float", "[key]")
        and not (i == 1 and part in ("entangled", "decoy"))
        and not str(part).startswith(("function", "tuple", "constrained"))
    ]
    key = ".".join(map(str, location)) or "the scenario"
    value = error.get("input")
    shown = "" if isinstance(value, dict | list | tuple | Section) else f"={str(value)[:60]}"
    if error["type"] == "extra_forbidden":
        known = _known_keys(model, list(error["loc"])[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, 1, 0.5)
        way = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"{path}: unknown key {key}: {way} (keys carry their unit)"
    if error["type"] == "missing":
        return f"{path}: the key {key} is missing: add it (docs: {_describe(model, location)})"
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:400]
    verb = "" if error["type"] == "value_error" else "is wrong, "
    return f"{path}: {key}{shown} {verb}{message}{_bounds_hint(model, location)}"


def _describe(model: Any, location: list) -> str:
    for part in location:
        field = model.model_fields.get(part) if isinstance(part, str) and isinstance(model, type) else None
        if field is None:
            continue
        if field.description:
            return field.description
        models = _models(field.annotation)
        model = models[0] if models else Section
    return "see the schema"


def _bounds_hint(model: type[Section], location: list) -> str:
    text = _describe(model, location)
    return "" if text == "see the schema" else f" ({location[-1] if location else ''}: {text})"


Model = TypeVar("Model", bound=Section)


def read_tree(path: Path, what: str, example: str) -> dict:
    """The mapping in a YAML file that a user wrote.

    Parameters
    ----------
    path : Path
    what : str
        What the file should be, as in "a scenario".
    example : str
        A file to start from.

    Raises
    ------
    ScenarioError
        One sentence that names the file, the line where there is one, and a way out.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _require_flat(text)
        tree = yaml.load(text, _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read ({type(error).__name__}): give {what}, a YAML file") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ScenarioError(f"{path}: {where}is not YAML: {getattr(error, 'problem', error)}") from None
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None
    if not isinstance(tree, dict):
        raise ScenarioError(f"{path}: holds no mapping: start from {example}")
    return tree


def validated(model: type[Model], tree: dict, path: Path) -> Model:
    """What a file's mapping says, by a model; of several errors the sentence on the first, unknown keys before all."""
    try:
        return model.model_validate(tree)
    except ValidationError as failure:
        errors = sorted(failure.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise ScenarioError(_sentence(errors[0], path, model)) from None


def _scenario(tree: dict, path: Path) -> Experiment:
    kind = tree.get("kind", "mission")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ScenarioError(f"{path}: kind={str(kind)[:60]} is wrong: it is one of {', '.join(KINDS)}")
    return validated(KINDS[kind], tree, path)


def load_scenario(path: str | Path) -> Scenario | Recorded:
    """Read and check a scenario file.

    Parameters
    ----------
    path : str or Path
        YAML file; each value may be written as ``{value: …, published|assumed|calibrated: …}``.

    Raises
    ------
    ScenarioError
        One sentence that names the file, the key, the value, the bound and a way out.
    """
    path = Path(path)
    tree = read_tree(path, "a scenario", "data/scenarios/yin2020.yaml")
    origins: dict[str, tuple[str, str]] = {}
    try:
        tree = _unwrapped(tree, "", origins)
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None
    scenario = _scenario(tree, path)
    scenario._path, scenario._origins = path, origins
    return scenario


def _as_written(node: Any) -> Any:
    """The schema with numbers that YAML 1.1 takes for text (5.9e6), and with the angles that papers print."""
    if isinstance(node, list):
        return [_as_written(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    # pydantic leaves its own words for bounds where a validator runs before them.
    bounds = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
    node = {bounds.get(name, name): _as_written(entry) for name, entry in node.items()}
    if node.get("type") in ("number", "integer"):
        node |= {"type": [node["type"], "string"], "pattern": r"^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$|^[0-9]+ .*[NSEW]$"}
    return node


def json_schema() -> dict:
    """The JSON schema of a scenario file, each value with or without its provenance."""
    _, models = models_json_schema([(model, "validation") for model in KINDS.values()])
    schema = _as_written(models)
    sourced = {
        "type": "object",
        "required": ["value"],
        "minProperties": 2,
        "maxProperties": 2,
        "properties": {"value": {}, **{origin: {"type": "string"} for origin in ORIGINS}},
        "additionalProperties": False,
    }
    for definition in schema["$defs"].values():
        for name, node in definition.get("properties", {}).items():
            if name == "kind" or "$ref" in node or "discriminator" in node:
                continue
            description = node.pop("description", None)
            if isinstance(inner := node.get("additionalProperties"), dict):
                node["additionalProperties"] = {"anyOf": [inner, {"$ref": "#/$defs/Sourced"}]}
            definition["properties"][name] = {"anyOf": [node, {"$ref": "#/$defs/Sourced"}]} | (
                {"description": description} if description else {}
            )
    schema["$defs"]["Sourced"] = sourced
    recorded = {"type": "object", "properties": {"kind": {"const": "recorded"}}, "required": ["kind"]}
    return schema | {"if": recorded, "then": {"$ref": "#/$defs/Recorded"}, "else": {"$ref": "#/$defs/Scenario"}}
