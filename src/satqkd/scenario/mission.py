"""The model of a mission: an experiment that is simulated from the orbit on."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from satqkd.scenario.fields import (
    Altitude,
    BellState,
    CatalogueNumber,
    Elevation,
    FileName,
    Fraction,
    Latitude,
    Longitude,
    NonNegative,
    Number,
    Positive,
    Probability,
    Section,
    Time,
    TimeZone,
    Whole,
)
from satqkd.scenario.messages import ScenarioError, validated
from satqkd.scenario.provided import data_folder

INTENSITIES = ("signal", "decoy", "vacuum")
# The proofs of a key by kind of source.
PROOFS = {
    "entangled": ("asymptotic", "yin2020", "tomamichel2012", "lim2021", "hypergeometric", "projected"),
    "decoy": (
        "asymptotic",
        "multinomial",
        "multinomial_two_way",
        "lim2014",
        "chernoff",
        "zhang2017",
        "gaussian",
        "rusca2018",
        "tiangong2",
    ),
}


class Orbit(Section):
    """Who flies, when to look, and which seconds of a pass count as the session."""

    elements: FileName = Field(description="element sets (CCSDS OMM or TLE), below data/orbits or beside the scenario")
    norad_id: CatalogueNumber | None = Field(
        None, description="catalogue number, where the file holds several satellites"
    )
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
    duration_s: Positive | None = Field(
        None,
        description="seconds of open link; the last may leave it out, and takes what is left of the sessions that "
        "those before it need (alone: one whole session; recordings: their rest) [s]",
    )
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
        if self.key.bound not in self.proofs:
            raise ValueError(
                f"key.bound={self.key.bound} is not a proof for this source: take one of {', '.join(self.proofs)}"
            )
        return self

    @property
    def proofs(self) -> tuple[str, ...]:
        """The proofs that the source admits: the formulas of tiangong2 take a true vacuum only."""
        dim_vacuum = self.source.kind == "decoy" and self.source.mean_photon_numbers["vacuum"] > 0
        return tuple(bound for bound in PROOFS[self.source.kind] if not (dim_vacuum and bound == "tiangong2"))

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
    def _place(self) -> Path | str:
        return self.name if self._path == Path() else self._path

    @property
    def content_hash(self) -> str:
        """SHA-256 of the values, whatever the file's layout, comments and provenance."""
        values = self.model_dump(mode="json")
        # A scenario that leaves this key out is the one that it was before the key existed.
        if values["orbit"] and values["orbit"]["norad_id"] is None:
            del values["orbit"]["norad_id"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def file(self, name: str) -> Path:
        """The file that a scenario names: beside the scenario file, in orbits beside its folder, or the package's."""
        return self._file(name, "orbits", "orbit", "element sets")

    def _file(self, name: str, folder: str, key: str, what: str) -> Path:
        candidates = [self._path.parent / name, self._path.parent.parent / folder / name, data_folder() / folder / name]
        for candidate in candidates:
            if candidate.exists():
                return candidate
        raise ScenarioError(
            f"{self._place}: {key} names the file {name}, found neither beside the scenario nor in "
            f"{candidates[1].parent}: put the {what} there"
        )

    def replaced(self, values: dict[str, Any]) -> Self:
        """Return the scenario with some values changed, checked as those of a file are.

        Parameters
        ----------
        values : dict
            New value by dotted key, as in ``stations.0.receiver_efficiency``.

        Raises
        ------
        ScenarioError
            One sentence that names the key, the value, the bound and a way out.

        Examples
        --------
        >>> from satqkd import load_scenario
        >>> mission = load_scenario("liao2017")
        >>> wider = mission.replaced({"transmitter.divergence_full_angle_urad": 15, "stations.0.aperture_m": 1.2})
        >>> mission.stations[0].aperture_m, wider.stations[0].aperture_m
        (1.0, 1.2)
        """
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
                raise ScenarioError(f"{self._place}: {key} is not a key of this scenario")
            node[leaf] = value
        changed = validated(type(self), tree, self._place)
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
