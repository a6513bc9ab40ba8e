"""The model of a mission, an experiment that is simulated from the orbit on; and what it shares with recordings."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

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
from satqkd.scenario.hostile import Attack
from satqkd.scenario.messages import ScenarioError, validated
from satqkd.scenario.provided import data_folder
from satqkd.scenario.uncertain import Uncertainty, Unknown, unknowns

if TYPE_CHECKING:
    from satqkd.scenario.counts import CountedPairs
    from satqkd.scenario.recorded import (
        RecordedDetection,
        RecordedOrbit,
        RecordedPairs,
        RecordedPulses,
        RecordedStation,
    )

Intensity = Literal["signal", "decoy", "vacuum"]
Season = Literal["winter", "spring", "summer", "autumn"]
ROUNDING = 1e-9  # relative, of a value on its bound
# Sections whose models stand beside what the counts follow from, unless the scenario names them for the counts; ranges
# of their values are drawn for what they show, and no calibration fits them.
BESIDE = ("orbit.acquisition.", "polarization.train.")
INTENSITIES: tuple[Intensity, ...] = ("signal", "decoy", "vacuum")
# The security proofs that apply to each kind of source.
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
# Those of them that accept a source that sends light back with its settings on it.
LEAKAGE_PROOFS = ("asymptotic", "multinomial", "multinomial_two_way")


# The smallest 1/e2 full angle of a Gaussian beam, in wavelengths over the clear aperture: cut at 1.12 times its 1/e2
# radius, which gives the highest irradiance on the axis (docs/physics/channel.md, Transmitter).
NARROWEST_DIVERGENCE = 1.8836


class Acquisition(Section):
    """How two terminals find each other: phases of a pass, from the rising satellite to the end of the link."""

    begin_elevation_deg: Elevation = Field(
        description="elevation of the rising satellite at which initialisation begins, at every station [degree]"
    )
    end_elevation_deg: Elevation | None = Field(
        None, description="elevation of the setting satellite at which the link ends; with the session if left out"
    )
    initialisation_s: NonNegative = Field(description="until both telescopes are where the orbit predicts [s]")
    pointing_sigma_urad: Positive = Field(
        description="error of the predicted direction, standard deviation per axis [urad]"
    )
    look_urad: Positive = Field(
        description="full angle that one look covers: the smaller of beacon and field of the coarse sensor [urad]"
    )
    overlap: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.1, description="share by which neighbouring looks overlap [1]"
    )
    dwell_s: Positive = Field(description="time of a look [s]")
    coarse_bandwidth_hz: Positive = Field(description="bandwidth of the coarse loop [1/s]")
    fine_field_urad: Positive = Field(description="full angle of the fine sensor's field [urad]")
    fine_bandwidth_hz: Positive = Field(description="bandwidth of the fine loop [1/s]")
    residual_urad: Positive = Field(description="error at which the fine loop counts as settled [urad]")
    link_s: NonNegative = Field(description="from settled loops to the first bits: clocks, polarisation, tests [s]")
    sessions: Literal["stated", "timeline"] = Field(
        "stated", description="whether a session is as the conditions of the orbit say, or also waits for the link"
    )


class Orbit(Section):
    """Which satellite flies, when to search for passes, and which seconds of a pass form a session."""

    elements: FileName = Field(description="element sets (CCSDS OMM or TLE), below data/orbits or beside the scenario")
    norad_id: CatalogueNumber | None = Field(
        None, description="catalogue number, where the file holds several satellites"
    )
    search_start: Time = Field(description="UTC time at which the search for passes begins")
    search_end: Time = Field(description="UTC time at which the search ends")
    min_elevation_deg: Elevation = Field(description="lowest elevation of a session, at every station [degree]")
    max_range_m: Positive | None = Field(None, description="longest range of a session, at every station [m]")
    max_duration_s: Positive | None = Field(None, description="end a session after this time [s]")
    min_duration_s: NonNegative = Field(0, description="leave out shorter sessions [s]")
    max_sun_elevation_deg: Number = Field(
        -6, ge=-90, le=90, description="highest elevation of the Sun, at every station [degree]"
    )
    satellite_in_shadow: bool = Field(False, description="require the satellite in the Earth's shadow")
    acquisition: Acquisition | None = Field(None, description="model of how the link is found")
    showcase: Time | None = Field(None, description="the figures show the session nearest to this time")
    measurement_nights: Literal["stated", "unknown"] = Field(
        "stated",
        description="whether measurements had the sessions in their order, or predictions draw which, and their air",
    )
    survey: FileName | None = Field(None, description="nights and stations (CSV) whose highest passes are listed")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.search_end <= self.search_start:
            raise ValueError(f"search_end={self.search_end} is not after search_start={self.search_start}")
        return self


class ControlLoop(Section):
    """A loop of the tracking: its sensor, and the integrator behind it."""

    frame_hz: Positive = Field(description="frames of the sensor [1/s]")
    bandwidth_hz: Positive = Field(description="frequency at which the open loop has a gain of one [1/s]")
    delay_frames: Annotated[int, Field(ge=0, le=100)] = Field(
        1, description="frames from the end of an exposure to the correction"
    )
    noise_urad: NonNegative = Field(0, description="standard deviation of the sensor in one frame, per axis [urad]")

    @model_validator(mode="after")
    def _stable(self) -> Self:
        widest_hz = self.frame_hz / np.pi * np.sin(np.pi / (4 * self.delay_frames + 2))
        if self.bandwidth_hz >= widest_hz:
            raise ValueError(
                f"bandwidth_hz={self.bandwidth_hz:g} is not below {widest_hz:.4g}, where a loop of frame_hz="
                f"{self.frame_hz:g} and delay_frames={self.delay_frames} oscillates: lower it"
            )
        return self


class Tracking(Section):
    """The loops that point the transmitter, and what disturbs them."""

    platform_rms_urad: NonNegative = Field(description="vibration of the platform, standard deviation per axis [urad]")
    platform_highest_hz: Positive | None = Field(
        None, description="frequency above which the platform does not vibrate; no end without it [1/s]"
    )
    coarse: ControlLoop = Field(description="loop of the gimbal or the satellite's attitude")
    fine: ControlLoop = Field(description="loop of the fast mirror; its frames are a multiple of the coarse ones")
    drive_error_urad: NonNegative = Field(0, description="amplitude of the periodic error of the drive [urad]")
    drive_period_deg: Positive = Field(1, description="angle after which the drive's error repeats [degree]")
    jitter: Literal["stated", "loops"] = Field(
        "stated", description="whether the link has pointing_jitter_urad, or what the loops leave"
    )

    @model_validator(mode="after")
    def _frames_fit(self) -> Self:
        ratio = self.fine.frame_hz / self.coarse.frame_hz
        if ratio != round(ratio):
            raise ValueError(
                f"fine.frame_hz={self.fine.frame_hz:g} is not a multiple of coarse.frame_hz={self.coarse.frame_hz:g}: "
                "choose one that is"
            )
        return self


class TelescopePattern(Section):
    """The far field of the transmitting telescope, beyond its divergence."""

    obscuration_m: NonNegative = Field(0, description="diameter of the central obscuration [m]")
    truncation: Annotated[Number, Field(ge=0.01, le=5)] = Field(
        1.12, description="radius of the aperture over the 1/e2 radius of the beam in it [1]"
    )
    wavefront_waves: dict[
        Literal["defocus", "astigmatism_0", "astigmatism_45", "coma_x", "coma_y", "spherical"],
        Annotated[Number, Field(ge=-1, le=1)],
    ] = Field({}, description="wavefront errors, rms over a full circle by Zernike term [wavelengths]")
    capture: Literal["gaussian", "pattern"] = Field(
        "gaussian", description="whether a Gaussian of the stated divergence reaches the station, or this pattern"
    )


class Transmitter(Section):
    """The transmitting telescope on the satellite."""

    wavelength_nm: Annotated[Number, Field(ge=300, le=2000)] = Field(description="wavelength [nm]")
    aperture_m: Annotated[Number, Field(gt=0, le=10)] = Field(description="clear aperture [m]")
    divergence_full_angle_urad: (
        Annotated[Number, Field(ge=0.1, le=1e4)]
        | tuple[Annotated[Number, Field(ge=0.1, le=1e4)], Annotated[Number, Field(ge=0.1, le=1e4)]]
        | None
    ) = Field(
        None,
        description="full angle between the 1/e2 points, or [x, y] of an elliptical beam; if left out, that of the "
        "aperture's diffraction limit times beam_quality [urad]",
    )
    beam_quality: Annotated[Number, Field(ge=1, le=100)] | None = Field(
        None, description="M2, divergence over the diffraction limit of the aperture; 1 if both are left out [1]"
    )
    optics_efficiency: Fraction = Field(description="transmittance of the transmitting optics [1]")
    pointing_jitter_urad: NonNegative = Field(description="tracking error, standard deviation per axis [urad]")
    tracking: Tracking | None = Field(None, description="model of the tracking loops")
    far_field: TelescopePattern | None = Field(None, description="model of the telescope's far field")

    @property
    def narrowest_divergence_rad(self) -> float:
        """Return the smallest full 1/e2 angle that the aperture allows [rad]."""
        return NARROWEST_DIVERGENCE * self.wavelength_nm * 1e-9 / self.aperture_m

    @property
    def divergence_rad(self) -> np.ndarray:
        """Return the full 1/e2 angles of both axes [rad], shape (2,)."""
        if self.divergence_full_angle_urad is None:
            return np.full(2, self.narrowest_divergence_rad * (self.beam_quality or 1.0))
        return np.broadcast_to(np.asarray(self.divergence_full_angle_urad, float) * 1e-6, 2)

    @model_validator(mode="after")
    def _within_diffraction(self) -> Self:
        given = self.divergence_full_angle_urad
        if given is not None and self.beam_quality is not None:
            raise ValueError("beam_quality goes with a divergence_full_angle_urad that is left out, and only with it")
        narrowest_urad = 1e6 * self.narrowest_divergence_rad
        if given is not None and np.min(given) < narrowest_urad * (1 - ROUNDING):
            raise ValueError(
                f"divergence_full_angle_urad={np.min(given):g} is below {narrowest_urad:.4g}, the diffraction limit of "
                f"aperture_m={self.aperture_m:g} at {self.wavelength_nm:g} nm: give a wider beam or aperture, or leave "
                "the divergence out"
            )
        return self


class Nights(Section):
    """How the extinction differs from night to night; counts where sessions of several nights are predicted."""

    extinction: Literal["one", "log_normal"] = Field(
        "log_normal", description="one for all nights, or drawn: aerosol of log-normal depth, cirrus and molecules"
    )
    stated: Literal["median", "night"] = Field(
        "median", description="whether zenith_extinction_db is the median of the season, or that of the session shown"
    )
    aerosol_depth: dict[Season, tuple[Positive, Positive]] = Field(
        {}, description="mean and standard deviation of the aerosol's optical depth at depth_nm, by season [1]"
    )
    depth_nm: Annotated[Number, Field(ge=300, le=2000)] = Field(440, description="wavelength of aerosol_depth [nm]")
    angstrom_exponent: Annotated[Number, Field(ge=-1, le=4)] = Field(
        1.1, description="power of the wavelength with which the aerosol's optical depth falls [1]"
    )
    decorrelation_d: Positive = Field(4, description="time over which the aerosol keeps its value [day]")
    cirrus_share: Annotated[Number, Field(ge=0, le=1)] = Field(0, description="share of nights with thin cirrus [1]")
    cirrus_depth: tuple[Positive, Annotated[Number, Field(ge=1)]] = Field(
        (0.1, 2.0), description="optical depth of thin cirrus: median, and geometric standard deviation [1]"
    )
    sessions: Literal["stated", "drawn"] = Field(
        "stated", description="whether the scenario's own sessions have the stated extinction, or one drawn by night"
    )
    season: tuple[Time, Time] | None = Field(None, description="first and last day of the nights that figures show")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.extinction == "log_normal" and not self.aerosol_depth:
            raise ValueError(
                "extinction=log_normal goes with aerosol_depth: give [mean, standard deviation] of each season"
            )
        if self.season is not None and self.season[1] <= self.season[0]:
            raise ValueError(f"season ends at {self.season[1]}, not after {self.season[0]}: give first and last day")
        return self


class Channel(Section):
    """The atmosphere, and what the publication counts as attenuation."""

    ground_cn2: Positive = Field(1.7e-14, description="structure constant at the ground, Hufnagel-Valley [m^(-2/3)]")
    wind_rms_m_s: Positive = Field(21, description="root mean square of the high-altitude wind [m/s]")
    fading_coherence_ms: Positive = Field(10, description="time over which the received power keeps its value [ms]")
    fading: Literal["cells", "correlated"] = Field(
        "cells",
        description="each time of fading_coherence_ms independent, or correlated by wind, slew and tracking loop",
    )
    quoted_range_m: Positive | None = Field(None, description="range at which the loss of each component is quoted [m]")
    attenuation_includes_detectors: bool = Field(
        False, description="whether the attenuation that is compared with a publication includes the detectors"
    )
    nights: Nights | None = Field(None, description="model of the nights; without it all have one extinction")


class Detector(Section):
    """A single-photon detector, or several identical ones."""

    efficiency: Fraction = Field(description="probability that a photon makes a click [1]")
    dark_rate_hz: NonNegative = Field(description="dark counts [1/s]")


class Sky(Section):
    """The light of the sky in a field of view, second by second, in addition to `background_rate_hz`."""

    filter_nm: Positive = Field(description="equivalent width of the spectral filter [nm]")
    dark_magnitude: Annotated[Number, Field(ge=10, le=25)] = Field(
        description="AB magnitude of a square arc second of the moonless zenith, at the wavelength of the link"
    )
    extinction_mag: Annotated[Number, Field(ge=0, le=2)] = Field(
        0.172, description="extinction of the V band at the zenith, which scatters moonlight [mag]"
    )
    glow: tuple[tuple[Annotated[Number, Field(ge=0, lt=360)], NonNegative], ...] = Field(
        (), description="light of towns: azimuth [degree], and sky over dark zenith 20 degrees above the horizon there"
    )


class Station(Section):
    """A ground station: its place, telescope, detectors and clock."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, description="name in lower case")
    latitude_deg: Latitude = Field(description="WGS84 [degree]")
    longitude_deg: Longitude = Field(description="WGS84, east positive [degree]")
    altitude_m: Altitude = Field(description="above the WGS84 ellipsoid [m]")
    utc_offset_h: TimeZone = Field(0, description="local time minus UTC [h]")
    aperture_m: Annotated[Number, Field(gt=0, le=50)] = Field(description="receiving aperture [m]")
    obscuration_m: NonNegative = Field(0, description="diameter of the central obscuration [m]")
    field_of_view_urad: Annotated[Number, Field(gt=0, le=1e5)] | None = Field(
        None, description="full angle of the round field stop; leave out if none [urad]"
    )
    receiver_efficiency: Fraction = Field(description="transmittance of telescope, filters, analyser and coupling [1]")
    zenith_extinction_db: NonNegative = Field(description="extinction at one air mass [dB]")
    background_rate_hz: NonNegative = Field(description="background light at each detector [1/s]")
    sky: Sky | None = Field(None, description="model of the sky's light; without it only background_rate_hz counts")
    mount: Literal["altazimuth", "equatorial"] = Field(
        "altazimuth", description="mount that the analyser turns with; equatorial also for altazimuth with a derotator"
    )
    detectors: Annotated[tuple[Detector, ...], Field(min_length=4, max_length=4)] = Field(
        description="by (setting, outcome): 0+, 0-, 1+, 1-; an active analyser has the same two at both settings"
    )
    clock_offset_s: Annotated[Number, Field(ge=-0.4, le=0.4)] = Field(0, description="local minus GPS time [s]")
    clock_drift: Annotated[Number, Field(ge=-1e-4, le=1e-4)] = Field(0, description="fractional frequency error [1]")

    @model_validator(mode="after")
    def _field_of_sky(self) -> Self:
        if self.sky is not None and self.field_of_view_urad is None:
            raise ValueError("sky goes with a field_of_view_urad: give the angle that the receiver sees of it")
        return self


class Relay(Section):
    """A second station, to which the satellite relays the key of the first on a later pass."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, description="name in lower case")
    latitude_deg: Latitude = Field(description="WGS84 [degree]")
    longitude_deg: Longitude = Field(description="WGS84, east positive [degree]")
    altitude_m: Altitude = Field(description="above the WGS84 ellipsoid [m]")
    max_delay_h: Annotated[Number, Field(gt=0, le=240)] = Field(24, description="longest wait for its pass [h]")


class Optic(Section):
    """One of the optics that polarised light passes: a bare metal mirror, or a part of stated retardance."""

    index: tuple[NonNegative, NonNegative] | None = Field(
        None, description="n and k of a metal mirror; without it the part has retardance_deg and diattenuation"
    )
    incidence_deg: Annotated[Number, Field(ge=0, lt=90)] = Field(
        45, description="angle of incidence on a metal mirror [degree]"
    )
    retardance_deg: Annotated[Number, Field(ge=-180, le=180)] = Field(
        0, description="phase between the axis at angle_deg and the other, in addition to an ideal part's [degree]"
    )
    diattenuation: Annotated[Number, Field(gt=-1, lt=1)] = Field(
        0, description="difference over sum of the transmittances of the axis at angle_deg and the other [1]"
    )
    angle_deg: Number = Field(
        0, description="angle of the axis, or of the plane of incidence, from the horizontal of its telescope [degree]"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.index is not None and (self.retardance_deg or self.diattenuation):
            raise ValueError(
                "index is that of a bare metal, from which retardance_deg and diattenuation follow: leave these out"
            )
        return self


class PolarizationTrain(Section):
    """The optics between source and analyser, and the plates that correct the polarisation."""

    satellite: tuple[Optic, ...] = Field((), description="optics on the satellite, in the order of the light")
    station: tuple[Optic, ...] = Field((), description="optics of every station, in the order of the light")
    own_contrast: Annotated[Number, Field(gt=1)] = Field(
        description="contrast of source and analyser without the optics between them, ratio to 1"
    )
    plates: Literal["half_wave", "three"] = Field(
        "half_wave", description="a half-wave plate that follows the frames, or three plates that also undo the optics"
    )
    plate_sigma_deg: Annotated[Number, Field(ge=0, le=45)] = Field(
        0, description="error of a half-wave plate's angle, standard deviation [degree]"
    )
    plate_delay_s: Annotated[Number, Field(ge=0, le=60)] = Field(
        0, description="time by which the plates follow late [s]"
    )
    plate_retardance_error_deg: Annotated[Number, Field(ge=-180, le=180)] = Field(
        0, description="retardance of the half-wave plate less half a wave [degree]"
    )
    contrast: Literal["stated", "train"] = Field(
        "stated", description="whether the light has the source's polarization_contrast, or that of these optics"
    )


class Polarization(Section):
    """How the polarisation frames of satellite and stations rotate against each other, and how this is compensated."""

    satellite_axis: Literal["velocity", "orbit_normal", "nadir"] = Field(
        "velocity", description="direction of the satellite's horizontal polarisation, across the line of sight"
    )
    compensated: bool = Field(True, description="whether a half-wave plate at each station follows the rotation")
    plate_elevation_deg: Annotated[Number, Field(ge=0, lt=90)] | None = Field(
        None,
        description="without compensation: elevation of the rising satellite at which each station's standing plate "
        "fits; the session's start if left out [degree]",
    )
    residual_deg: Annotated[Number, Field(ge=-45, le=45)] = Field(
        0, description="rotation that the plate leaves at every station; 0 if the contrast includes it [degree]"
    )
    train: PolarizationTrain | None = Field(None, description="model of the optics in the path of the polarised light")

    @property
    def has_own_contrast(self) -> bool:
        """Return whether the light has the contrast of the train, not that of the source."""
        return self.train is not None and self.train.contrast == "train"


class EntangledSource(Section):
    """A source of polarisation-entangled photon pairs with a continuous-wave pump."""

    kind: Literal["entangled"]
    pair_rate_hz: Annotated[Number, Field(gt=0, le=1e12)] = Field(description="pairs generated and collected [1/s]")
    bell_state: BellState = Field(description="the intended state")
    fidelity: Annotated[Number, Field(gt=0.25, le=1)] | None = Field(
        None, description="fidelity to the Bell state, as a Werner state; or give bell_weights [1]"
    )
    bell_weights: dict[BellState, Annotated[Number, Field(ge=0, le=1)]] | None = Field(
        None, description="weights of the Bell states in a mixture of them, 0 where left out; or give fidelity [1]"
    )
    polarization_contrast: Annotated[Number, Field(gt=1)] | None = Field(
        None, description="contrast of each channel, ratio to 1; leave out if the fidelity includes it"
    )
    monitor_tap: Annotated[Number, Field(gt=0, lt=1)] | None = Field(
        None, description="share of each path that is tapped to monitor the source on board [1]"
    )

    @model_validator(mode="after")
    def _one_state(self) -> Self:
        weights = self.bell_weights
        if (self.fidelity is None) == (weights is None):
            raise ValueError("fidelity and bell_weights describe the same state: give one of the two")
        if weights is not None:
            if abs(sum(weights.values()) - 1) > 1e-9:
                raise ValueError(f"bell_weights sum to {sum(weights.values()):.6g}: they must sum to 1")
            largest = max(weights, key=lambda name: weights[name])
            if largest != self.bell_state:
                raise ValueError(
                    f"bell_weights are largest for {largest}, but bell_state={self.bell_state} is intended: "
                    "give that state the largest weight"
                )
        return self


class DecoyPulses(Section):
    """Phase-randomised weak coherent pulses at three intensities, as the proofs need them."""

    kind: Literal["decoy"]
    pulse_rate_hz: Annotated[Number, Field(gt=0, le=1e11)] = Field(description="pulses [1/s]")
    mean_photon_numbers: dict[Intensity, NonNegative] = Field(description="mean photon number by intensity [1]")
    intensity_probabilities: dict[Intensity, Probability] = Field(description="share of the pulses by intensity [1]")
    intensity_fluctuation: Annotated[Number, Field(ge=0, lt=1)] = Field(0, description="relative uncertainty [1]")
    returned_photons: Annotated[Number, Field(ge=0, le=1e3)] = Field(
        0,
        description="largest mean photon number of an eavesdropper's light that comes back in a pulse with the "
        "settings on it, which the proof takes into account [1]",
    )

    @property
    def mu(self) -> np.ndarray:
        """Return the mean photon numbers in the order of `INTENSITIES`, shape (intensity,)."""
        return np.array([self.mean_photon_numbers[name] for name in INTENSITIES])

    @property
    def shares(self) -> np.ndarray:
        """Return the intensity probabilities in the order of `INTENSITIES`, shape (intensity,)."""
        return np.array([self.intensity_probabilities[name] for name in INTENSITIES])

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name in ("mean_photon_numbers", "intensity_probabilities"):
            if missing := set(INTENSITIES) - set(getattr(self, name)):
                raise ValueError(f"{name} lacks {', '.join(sorted(missing))}: give signal, decoy and vacuum")
        mu, share = self.mean_photon_numbers, self.intensity_probabilities
        if not mu["signal"] > mu["decoy"] + mu["vacuum"] or not mu["decoy"] > mu["vacuum"]:
            raise ValueError(f"mean_photon_numbers={mu} do not hold signal > decoy + vacuum and decoy > vacuum")
        if abs(sum(share.values()) - 1) > 1e-9:
            raise ValueError(f"intensity_probabilities sum to {sum(share.values()):.6g}: they must sum to 1")
        return self


class DecoySource(DecoyPulses):
    """A source of decoy-state pulses that is simulated."""

    pulse_width_ps: Annotated[Number, Field(gt=0, le=1e5)] = Field(description="full width at half maximum [ps]")
    polarization_contrast: Annotated[Number, Field(gt=1)] | None = Field(
        None, description="contrast of the channel, ratio to 1"
    )
    preparation_error: Annotated[Number, Field(ge=0, lt=0.5)] = Field(
        0, description="probability that preparation and optics flip a bit, in addition to the contrast [1]"
    )


class Detection(Section):
    """Properties that the receivers of all stations share."""

    basis_choice: Literal["passive", "active"] = Field(
        description="passive: a beam splitter; active: a switch set at random"
    )
    switch_rate_hz: Positive | None = Field(None, description="random settings of an active receiver [1/s]")
    random_number_delay_ns: NonNegative = Field(
        0, description="from the random event of an active receiver to the setting it determines [ns]"
    )
    measurement_delay_ns: NonNegative | None = Field(
        None,
        description="from the light cone of the emission to the end of a measurement; for the locality test [ns]",
    )
    timing_jitter_ps: Annotated[Number, Field(ge=0, le=1e5)] = Field(
        description="standard deviation of one time tag, from all causes together [ps]"
    )
    dead_time_ns: NonNegative = Field(description="dead time of a detector after a click [ns]")
    afterpulse_probability: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0, description="probability that a click is followed by an after-pulse once the detector is ready again [1]"
    )
    afterpulse_decay_ns: Positive | None = Field(
        None, description="mean time from the end of the dead time to an after-pulse [ns]"
    )

    @model_validator(mode="after")
    def _switch(self) -> Self:
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
    """The pulsed laser on the satellite that synchronises the stations."""

    pulse_rate_hz: Annotated[Number, Field(gt=0, le=1e7)] = Field(description="pulses [1/s]")
    recorded_one_in: Whole = Field(1, description="divider in front of the time tagger [1]")
    jitter_ps: NonNegative = Field(description="standard deviation of one beacon tag [ps]")
    gps_jitter_ns: NonNegative = Field(50, description="standard deviation of the GPS second [ns]")


class Coincidence(Section):
    """Which clicks count as coincident."""

    window_ns: Annotated[Number, Field(gt=0, le=1e6)] = Field(description="full width of the window [ns]")
    dead_time_rule: Literal["station", "setting", "detector"] = Field(
        "station",
        description="pairs: an event is left out while a detector is dead: any of the station, as the proofs of a key "
        "assume, one of its setting, or its own",
    )
    double_clicks: Literal["random", "discard"] = Field(
        "random", description="pairs: give an event of several clicks one of their outcomes at random, or leave it out"
    )
    accidental_gap_ns: Positive = Field(
        100, description="distance from the peak at which accidentals are counted, at least window_ns [ns]"
    )

    @model_validator(mode="after")
    def _off_the_peak(self) -> Self:
        if self.accidental_gap_ns < self.window_ns:
            raise ValueError(
                f"accidental_gap_ns={self.accidental_gap_ns:g} is less than window_ns={self.window_ns:g}: "
                "accidentals would be counted on the peak, so give a larger gap"
            )
        return self


class Measurement(Section):
    """Settings of the analysers, and for how many seconds of open link."""

    name: Literal["key", "bell", "state"] = Field(description="what the coincidences are for")
    duration_s: Positive | None = Field(
        None,
        description="seconds of open link; the last measurement may leave it out, and gets what the others leave of "
        "their sessions (a single one: a whole session; of recordings: the rest) [s]",
    )
    angles_deg: Annotated[tuple[tuple[Number, Number], ...], Field(min_length=1, max_length=2)] = Field(
        description="analyser angles of settings 0 and 1, for each station [degree]"
    )
    pause_s: NonNegative = Field(
        0, description="of recordings: seconds before it that no measurement gets, while analysers are moved [s]"
    )


class Key(Section):
    """How the secret key is distilled."""

    eps_sec: Probability = Field(description="secrecy failure probability [1]")
    eps_cor: Probability = Field(description="correctness failure probability [1]")
    f_ec: Annotated[Number, Field(ge=1, le=3)] = Field(description="inefficiency of error correction [1]")
    efficiency_mismatch: Annotated[Number, Field(ge=0, lt=1)] = Field(0, description="relative, between detectors [1]")
    bound: str = Field(description="security proof whose key is compared with the publication")


class PublicLink(Section):
    """The classical link on which the key is made. Alice is the transmitter of pulses, or the first station."""

    alice_bit_s: Positive = Field(description="rate at which Alice can send: of a satellite, its downlink [bit/s]")
    bob_bit_s: Positive = Field(description="rate at which Bob, the station that corrects, can send [bit/s]")
    delay_ms: NonNegative = Field(description="from the end of a message until the other side has read it [ms]")
    announcements: Literal["plain", "compressed"] = Field("plain", description="how detections are announced")


class Fiber(Section):
    """The fibre that the satellite is compared with."""

    attenuation_db_km: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        (0.2, 0.16, 0.13, 0.095), description="fibre losses to compare with [dB/km]"
    )
    ideal_rate_hz: Positive = Field(
        1e10, description="photons or pairs of an ideal source at the input of the first fibre [1/s]"
    )
    ideal_length_m: Positive = Field(1e6, description="length of that fibre [m]")
    ideal_sifting: Fraction = Field(1, description="share of the ideal source's detections that is kept [1]")


def _ids(origins: dict[str, tuple[str, str]]) -> set[str]:
    """Return the ids of the published values that calibrated values name."""
    calibrated = [words for origin, words in origins.values() if origin == "calibrated"]
    return {name.strip() for words in calibrated for name in words.split(",")}


class AnyScenario(Section):
    """What every scenario file has, whatever its kind: base of `Experiment` and `Counts`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, description="name of the results folder")
    title: str = Field(min_length=1, description="one line for figures and reports")

    if TYPE_CHECKING:  # fields of every kind, declared there because their order is that of the pages

        @property
        def kind(self) -> str: ...
        @property
        def source(self) -> EntangledSource | DecoySource | RecordedPulses | RecordedPairs | CountedPairs: ...
        @property
        def key(self) -> Key: ...

    _path: Path = PrivateAttr(default=Path())
    _origins: dict[str, tuple[str, str]] = PrivateAttr(default_factory=dict)
    _widths: dict[str, Uncertainty] = PrivateAttr(default_factory=dict)

    def _require_proof(self) -> None:
        """Refuse a proof that does not apply to the source."""
        if self.key.bound not in self.proofs:
            raise ValueError(
                f"key.bound={self.key.bound} is not a proof for this source: take one of {', '.join(self.proofs)}"
            )

    @property
    def proofs(self) -> tuple[str, ...]:
        """Return the proofs that apply to the source.

        The formulas of tiangong2 require a true vacuum, and few proofs accept a source that sends light back.
        """
        source, bounds = self.source, PROOFS[self.source.kind]
        if isinstance(source, DecoyPulses) and source.mean_photon_numbers["vacuum"] > 0:
            bounds = tuple(bound for bound in bounds if bound != "tiangong2")
        if isinstance(source, DecoyPulses) and source.returned_photons > 0:
            bounds = tuple(bound for bound in bounds if bound in LEAKAGE_PROOFS)
        return bounds

    @property
    def origins(self) -> dict[str, tuple[str, str]]:
        """Return the origin of each value: dotted key to (published, assumed, calibrated or transferred; source)."""
        return dict(self._origins)

    @property
    def fitted(self) -> set[str]:
        """Return the ids of the published values that calibrated parameters were fitted to."""
        return _ids(self._origins)

    @property
    def transferred(self) -> dict[str, str]:
        """Return the name of the scenario that each value taken from another one comes from, by dotted key."""
        return {key: words.split(":")[0] for key, (origin, words) in self._origins.items() if origin == "transferred"}

    @property
    def widths(self) -> dict[str, Uncertainty]:
        """Return the uncertainty of each value whose range or standard deviation the file states, by dotted key."""
        return dict(self._widths)

    @property
    def unknowns(self) -> list[Unknown]:
        """Return the uncertain quantities that counts depend on; equal entries of several stations are one."""
        return [one for one in unknowns(self._origins, self._widths) if not self._is_beside(one)]

    @property
    def unknowns_beside(self) -> list[Unknown]:
        """Return the uncertain quantities of models that are only shown beside a stated value.

        Examples
        --------
        >>> from satqkd import load_scenario
        >>> {unknown.name.split(".")[1] for unknown in load_scenario("tiangong2").unknowns_beside}
        {'acquisition'}
        """
        return [one for one in unknowns(self._origins, self._widths) if self._is_beside(one)]

    def _is_beside(self, unknown: Unknown) -> bool:
        return all(key.startswith(BESIDE) for key in unknown.keys)

    @property
    def path(self) -> Path:
        """Return the path of the scenario file, empty for a scenario that was made in Python."""
        return self._path

    @property
    def _place(self) -> Path | str:
        return self.name if self._path == Path() else self._path

    @property
    def content_hash(self) -> str:
        """Return the SHA-256 of the values, independent of layout, comments and origins in the file."""
        values = self.model_dump(mode="json")
        # Without these keys the hash is the one from before they existed.
        usual = [
            (values.get("orbit"), "norad_id", None),
            (values.get("source"), "bell_weights", None),
            (values.get("source"), "returned_photons", 0),
            (values.get("transmitter"), "tracking", None),
            (values.get("transmitter"), "far_field", None),
            (values.get("orbit"), "acquisition", None),
            (values.get("polarization"), "train", None),
            (values.get("channel"), "fading", "cells"),
            (values.get("coincidence"), "dead_time_rule", "station"),
            (values.get("coincidence"), "double_clicks", "random"),
            (values, "public_link", None),
            (values, "attack", None),
            *((station, "sky", None) for station in values.get("stations", ())),
            *((station, "settings", None) for station in values.get("stations", ())),
            (values, "runs", None),
            (values, "transmitter", None),
            *((measurement, "pause_s", 0) for measurement in values.get("measurements", ())),
        ]
        for section, key, value in usual:
            if section and section.get(key, ...) == value:
                del section[key]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def file(self, name: str) -> Path:
        """Return the path of a file that the scenario names.

        It is beside the scenario file, in the folder `orbits` beside its folder, or in the package's data.

        Parameters
        ----------
        name : str

        Raises
        ------
        ScenarioError
            Where there is no such file.

        Examples
        --------
        >>> from satqkd import load_scenario
        >>> mission = load_scenario("liao2017")
        >>> mission.file(mission.orbit.elements).name
        'micius.csv'
        """
        return self._file(name, "orbits", "orbit", "element sets")

    def _file(self, name: str, folder: str, key: str, what: str) -> Path:
        """Return the first path at which a file exists."""
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
        changed._path, changed._origins, changed._widths = self._path, dict(self._origins), dict(self._widths)
        return changed


class Experiment(AnyScenario):
    """An experiment, whether its tags are simulated or recorded: base of `Scenario` and `Recorded`.

    Each kind has all of the attributes that are declared here, with its own sections: `Recorded` has no `reference`,
    `relay` or `public_link`, and an `orbit` only where a satellite flew.
    """

    coincidence: Coincidence
    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1)]
    key: Key

    if TYPE_CHECKING:  # for readers and mypy: to pydantic these are fields of the two kinds, or constants

        @property
        def reference(self) -> str | None: ...
        @property
        def orbit(self) -> Orbit | RecordedOrbit | None: ...
        @property
        def stations(self) -> tuple[Station, ...] | tuple[RecordedStation, ...]: ...
        @property
        def relay(self) -> Relay | None: ...
        @property
        def polarization(self) -> Polarization: ...
        @property
        def source(self) -> EntangledSource | DecoySource | RecordedPulses | RecordedPairs: ...
        @property
        def detection(self) -> Detection | RecordedDetection: ...
        @property
        def public_link(self) -> PublicLink | None: ...

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wanted = 2 if self.source.kind == "entangled" else 1
        if len(self.stations) != wanted:
            raise ValueError(
                f"stations has {len(self.stations)} entries: a source of kind {self.source.kind} requires {wanted}"
            )
        if len({station.name for station in self.stations}) != wanted:
            raise ValueError("stations have the same name: give each its own")
        names = [measurement.name for measurement in self.measurements]
        if len(set(names)) < len(names):
            raise ValueError(f"measurements have the names {', '.join(names)}: give each its own")
        train = self.polarization.train
        if train is not None and train.contrast == "train" and self.source.polarization_contrast is not None:
            raise ValueError(
                f"polarization.train.contrast=train replaces source.polarization_contrast="
                f"{self.source.polarization_contrast:g}: leave that out, or set contrast: stated"
            )
        if self.relay and (wanted != 1 or self.relay.name == self.stations[0].name):
            raise ValueError(
                f"relay {self.relay.name} requires a scenario of one other station: a key is shared by two"
            )
        self._require_durations()
        for measurement in self.measurements:
            if len(measurement.angles_deg) != wanted:
                raise ValueError(f"measurement {measurement.name} requires angles_deg for {wanted} station(s)")
        if isinstance(self.source, DecoyPulses):
            self._require_window_of_pulses(self.source)
        self._require_proof()
        return self

    def _require_durations(self) -> None:
        """Refuse measurements that do not say how long they last, before the last one."""
        if any(measurement.duration_s is None for measurement in self.measurements[:-1]):
            raise ValueError("measurements lack duration_s: only the last one may leave it out")

    @property
    def turned(self) -> bool:
        """Return whether analysers were turned by hand, which only recordings can be."""
        return False

    def _require_window_of_pulses(self, source: DecoyPulses) -> None:
        """Refuse rules of pairs, and windows in which a tag would belong to several pulses."""
        rule, period_ns = self.coincidence.dead_time_rule, 1e9 / source.pulse_rate_hz
        if rule != "station":
            raise ValueError(
                f"coincidence.dead_time_rule={rule} is for pairs: leave it out, no "
                "detection of a pulse is dropped for a dead time"
            )
        if self.coincidence.window_ns > period_ns:
            raise ValueError(
                f"coincidence.window_ns={self.coincidence.window_ns:g} is longer than the {period_ns:g} ns between "
                "pulses: a tag would belong to several, so give a shorter window"
            )

    def schedule(self, seconds: int) -> np.ndarray:
        """Return which measurement each second of open link is for, in their order: its index, -1 for none.

        Parameters
        ----------
        seconds : int
            Seconds of open link of all sessions; the last measurement may take what the others leave.

        Returns
        -------
        ndarray of int8, shape (seconds,)

        Examples
        --------
        >>> from satqkd import load_scenario
        >>> load_scenario("yin2017").replaced({"measurements.0.duration_s": 2}).schedule(4).tolist()
        [0, 0, 1, 1]
        """
        result = np.full(seconds, -1, np.int8)
        first = 0
        for index, measurement in enumerate(self.measurements):
            first += round(measurement.pause_s)
            count = seconds - first if measurement.duration_s is None else round(measurement.duration_s)
            result[first : first + count] = index
            first += count
        return result


class Scenario(Experiment):
    """A simulated experiment between a satellite and one or two ground stations."""

    # Not in the hash of the values, so that naming the default changes no result.
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
    public_link: PublicLink | None = None
    fiber: Fiber = Fiber()
    outlook: dict[str, Number] = Field({}, description="values that the outlook changes, by dotted key")
    attack: Annotated[Attack, Field(discriminator="kind")] | None = Field(
        None, description="what Eve does at the last station; leave out if nobody attacks"
    )

    @model_validator(mode="after")
    def _of_a_mission(self) -> Self:
        names = [measurement.name for measurement in self.measurements]
        if self.source.kind == "entangled" and not {"key", "state"} & set(names):
            raise ValueError(f"measurements are {', '.join(names)}: add one of name key or state for the error rates")
        if paused := [measurement for measurement in self.measurements if measurement.pause_s]:
            raise ValueError(
                f"measurement {paused[0].name} has pause_s={paused[0].pause_s:g}: only recordings have pauses, a "
                "mission measures in every second of open link, so leave it out"
            )
        nights = self.channel.nights
        if nights is not None and nights.sessions == "drawn" and self.orbit.measurement_nights == "unknown":
            raise ValueError(
                "orbit.measurement_nights=unknown and channel.nights.sessions=drawn would both draw the air of each "
                "night: give one of the two"
            )
        rule = self.coincidence.dead_time_rule
        if rule != "station" and self.detection.basis_choice == "active":
            raise ValueError(
                f"coincidence.dead_time_rule={rule} is for passive receivers: an active one has two detectors for both "
                "settings, so take station"
            )
        return self

    @model_validator(mode="after")
    def _attackable(self) -> Self:
        if self.attack is None:
            return self
        kind, source, active = self.attack.kind, self.source.kind, self.detection.basis_choice == "active"
        if kind in ("photon_number_splitting", "trojan_horse", "laser_seeding") and source != "decoy":
            raise ValueError(f"attack.kind={kind} requires pulses: take a source of kind decoy, not {source}")
        of_settings = kind in ("double_clicks", "predictable_settings", "unbalanced_settings")
        if of_settings and not (active and source == "entangled"):
            raise ValueError(f"attack.kind={kind} requires pairs and detection.basis_choice active")
        if kind in ("wavelength", "spatial_mode", "dead_time") and active:
            raise ValueError(f"attack.kind={kind} requires detection.basis_choice passive: it acts on four detectors")
        return self
