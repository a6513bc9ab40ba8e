"""Stage 2: what does the link lose?"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from satqkd.bench import still_channel
from satqkd.channel.atmosphere import air_mass, extinction_db
from satqkd.channel.diffraction import beam_diameter_m, captured_fraction, geometric_loss_db
from satqkd.channel.far_field import FarField, captured_of_pattern, divergences_rad, far_field, scanned
from satqkd.channel.nights import (
    SEASONS,
    NightAir,
    angstrom_ratio,
    log_normal_of,
    molecular_extinction_db,
    night_extinctions_db,
)
from satqkd.channel.pointing import mean_pointing_factor, pointing_variance
from satqkd.channel.polarization_train import Element, contrast_with, mirror, plate, setting_error, train, wrong_share
from satqkd.channel.tracking import (
    Loop,
    correlation_time_s,
    drive_residual_rad,
    frequencies_hz,
    point_ahead_rad,
    residual_rms_rad,
    residual_spectrum,
)
from satqkd.channel.turbulence import (
    HufnagelValley,
    coherence_time_s,
    field_of_view_fraction,
    flux_variance,
    fried_parameter_m,
    scintillation_height_m,
    scintillation_index,
    turbulent_divergence_rad,
)
from satqkd.dataset import label, variable
from satqkd.scenario import Bench, Scenario
from satqkd.scenario.mission import Nights, Optic, PolarizationTrain, Station, Tracking, Transmitter
from satqkd.streams import stream

# Seconds to work out together: the quadratures along the path and over the mirror take hundreds of numbers for each.
PART = 4096
COMPONENTS = ("transmitter", "diffraction", "pointing", "atmosphere", "turbulence", "field stop", "receiver")


def to_db(transmittance: ArrayLike) -> np.ndarray:
    """Return the loss [dB] of a transmittance [1].

    Examples
    --------
    >>> to_db([1.0, 0.1, 0.01])
    array([-0., 10., 20.])
    """
    return -10 * np.log10(transmittance)


def link_budget(scenario: Scenario, orbit: xr.Dataset, *, seed: int | None = None) -> xr.Dataset:
    """Compute the loss of every link, second by second and component by component.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.
    seed : int, optional
        The configuration's seed, for `channel.nights.sessions: drawn`; without one all nights have the stated
        extinction. A budget with drawn nights has it as its attribute.

    Returns
    -------
    xarray.Dataset
        loss(time, station, component) [dB], attenuation and transmittance of each link without its detectors,
        fading_variance for stage 3, and total_attenuation(time) of all links together in the convention of the
        publication (`channel.attenuation_includes_detectors`).

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("data/scenarios/liao2017.yaml")
    >>> channel = link_budget(mission, find_sessions(mission))
    >>> round(float(channel.attenuation.min()), -1), round(float(channel.attenuation.max()), -1)
    (30.0, 40.0)
    """
    if isinstance(scenario, Bench):
        return label(still_channel(orbit, scenario.losses_db[orbit.session_number.values]), "channel", scenario)
    orbit = orbit.assign(jitter=(("time", "station"), _jitter_rad(scenario, orbit)))
    loss = _in_parts(_losses, scenario, orbit)
    nights = scenario.channel.nights
    night_seed = seed if nights is not None and nights.sessions == "drawn" else None
    if night_seed is not None:
        loss[:, :, COMPONENTS.index("atmosphere")] += _more_by_night_db(scenario, orbit, night_seed)
    attenuation = loss.sum(axis=2)
    detectors = [np.mean([d.efficiency for d in station.detectors]) for station in scenario.stations]
    beam_m = beam_diameter_m(orbit.range.values, np.sqrt(scenario.transmitter.divergence_rad.prod()))
    total = attenuation.sum(axis=1) + (to_db(detectors).sum() if scenario.channel.attenuation_includes_detectors else 0)
    each = ("time", "station")
    data = xr.Dataset(
        {
            "loss": variable((*each, "component"), loss, "dB", "loss by component"),
            "attenuation": variable(each, attenuation, "dB", "loss of the link, detectors not included"),
            "transmittance": variable(
                each, 10 ** (-attenuation / 10), "1", "mean transmittance, detectors not included"
            ),
            "fading_variance": variable(
                each,
                _in_parts(_fading_variance, scenario, orbit),
                "1",
                "variance of the received power over its squared mean",
            ),
            "beam_diameter": variable(each, beam_m, "m", "1/e2 diameter of the round beam of the same area"),
            "geometric_loss": variable(
                each,
                geometric_loss_db(beam_m, [station.aperture_m for station in scenario.stations]),
                "dB",
                "area of the beam over that of the receiver",
            ),
            "total_attenuation": variable("time", total, "dB", "loss of all links as the publication counts it"),
            "range": orbit.range,
            "elevation": orbit.elevation,
            "measurement": orbit.measurement,
        },
        coords={
            "time": orbit.time,
            "station": orbit.station,
            "component": list(COMPONENTS),
            "session_number": orbit.session_number,
        },
        attrs={"showcase": orbit.attrs["showcase"]},
    )
    data["distance"] = _distance(orbit)
    if (tracking := scenario.transmitter.tracking) is not None:
        data["pointing_jitter"] = variable(each, orbit.jitter.values, "rad", "tracking error, per axis")
        speed_m_s = _angular_rate_rad_s(orbit) * orbit.range.values
        data["point_ahead"] = variable(each, point_ahead_rad(speed_m_s), "rad", "angle from the beacon to the downlink")
        data["tracking_error"] = variable(
            (), tracking_error_rad(tracking), "rad", "what the tracking loops leave, per axis"
        )
    if scenario.transmitter.far_field is not None:
        pattern = telescope_pattern(scenario.transmitter)
        smeared = scanned(pattern, jitter_rad=scenario.transmitter.pointing_jitter_urad * 1e-6)
        for name, one, text in [
            ("divergence", pattern, "full 1/e2 angles of the far field"),
            ("divergence_scanned", smeared, "the same of a scan, with the pointing jitter"),
        ]:
            data[name] = variable("axis", list(divergences_rad(one)), "rad", text)
    if scenario.channel.fading == "correlated":
        _add_correlation(scenario, orbit, data)
    if (optics := scenario.polarization.train) is not None and "frame_rotation" in orbit:
        data = data.merge(polarization_contrast(optics, orbit, compensated=scenario.polarization.compensated))
    if scenario.channel.quoted_range_m is not None:
        data.attrs["quoted_range_m"] = scenario.channel.quoted_range_m
    return label(data, "channel", scenario, night_seed)


def night_air(nights: Nights, *, wavelength_m: float) -> NightAir:
    """Return the distribution of the air over the nights of a scenario, at the wavelength of its link.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> air = night_air(load_scenario("liao2017").channel.nights, wavelength_m=848.6e-9)
    >>> air.depth_median.round(3).tolist()
    [0.048, 0.098, 0.089, 0.05]
    """
    known = {str(season): values for season, values in nights.aerosol_depth.items()}
    printed = np.array([known.get(season, (np.nan, np.nan)) for season in SEASONS])
    median, log_sigma = log_normal_of(*printed.T)
    ratio = angstrom_ratio(wavelength_m, measured_m=nights.depth_nm * 1e-9, exponent=nights.angstrom_exponent)
    return NightAir(
        depth_median=ratio * median,
        depth_log_sigma=log_sigma,
        decorrelation_s=86400 * nights.decorrelation_d,
        cirrus_share=nights.cirrus_share,
        cirrus_median=nights.cirrus_depth[0],
        cirrus_log_sigma=float(np.log(nights.cirrus_depth[1])),
    )


def drawn_extinctions_db(
    scenario: Scenario,
    times: np.ndarray,
    rng: np.random.Generator,
    *,
    stated_time: np.datetime64,
    zenith_extinction_db: ArrayLike,
    station: int = 0,
) -> np.ndarray:
    """Draw the extinction of one air mass over a station at times of several nights [dB], shape (draw, time).

    Parameters
    ----------
    scenario : Scenario
    times : ndarray of datetime64, shape (time,)
        UTC.
    rng : numpy.random.Generator
    stated_time : datetime64
        Moment, or season, that the stated extinction belongs to, see `satqkd.channel.nights.night_extinctions_db`.
    zenith_extinction_db : array_like, shape (draw,)
        The stated extinction in each draw [dB].
    station : int
        Of the scenario, by number.

    Returns
    -------
    ndarray
        Without a model of the nights, or with `extinction: one`, the stated extinction at all times.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> night = np.array(["2016-12-19T16:49"], "datetime64[s]")
    >>> arguments = {"stated_time": night[0], "zenith_extinction_db": [3.2, 3.3]}
    >>> drawn_extinctions_db(load_scenario("liao2017"), night, np.random.default_rng(1), **arguments).round(3).tolist()
    [[3.2], [3.3]]
    """
    stated_db = np.asarray(zenith_extinction_db, float)
    nights, site = scenario.channel.nights, scenario.stations[station]
    wavelength_m = scenario.transmitter.wavelength_nm * 1e-9
    if nights is None or nights.extinction == "one":
        return np.repeat(stated_db[:, None], len(times), axis=1)
    return night_extinctions_db(
        rng,
        times,
        air=night_air(nights, wavelength_m=wavelength_m),
        zenith_extinction_db=stated_db,
        molecular_db=molecular_extinction_db(wavelength_m, altitude_m=site.altitude_m),
        stated=nights.stated,
        stated_time=stated_time,
        place_deg=(site.latitude_deg, site.longitude_deg),
        draws=stated_db.size,
    )


def _more_by_night_db(scenario: Scenario, orbit: xr.Dataset, seed: int) -> np.ndarray:
    """Return what the air of each night takes beyond the stated extinction [dB], shape (time, station).

    It is drawn for start and end of each session, for each station by itself; a straight line lies in between.
    """
    number, more = orbit.session_number.values, np.zeros(orbit.elevation.shape)
    sessions = [np.flatnonzero(number == session) for session in np.unique(number)]
    times = orbit.time.values
    edges = np.concatenate([times[rows[[0, -1]]] for rows in sessions])
    for index, station in enumerate(scenario.stations):
        drawn = drawn_extinctions_db(
            scenario,
            edges,
            stream(seed, scenario.name, "channel", "nights", station.name),
            stated_time=orbit.closest_approach.values[orbit.attrs["showcase"]],
            zenith_extinction_db=[station.zenith_extinction_db],
            station=index,
        )[0]
        seconds, at_s = ((part - times[0]) / np.timedelta64(1, "s") for part in (times, edges))
        extinction = np.interp(seconds, at_s, drawn)
        more[:, index] = (extinction - station.zenith_extinction_db) * air_mass(orbit.elevation.values[:, index])
    return more


def polarization_contrast(optics: PolarizationTrain, orbit: xr.Dataset, *, compensated: bool = True) -> xr.Dataset:
    """Return what a polarisation train does to the light, second by second.

    Parameters
    ----------
    optics : PolarizationTrain
    orbit : xarray.Dataset
        Result of stage 1.
    compensated : bool
        Whether the light that stage 3 draws has passed plates that follow the frames, or standing ones.

    Returns
    -------
    xarray.Dataset
        contrast_compensated and contrast_uncompensated(time, station), ratios to 1; and for stage 3 the Jones matrix
        jones(time, station, to, from, part) and the share of `polarization_flips`.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("liao2017")
    >>> contrast = polarization_contrast(mission.polarization.train, find_sessions(mission))
    >>> bool((contrast.contrast_compensated > 100).all()), bool(contrast.contrast_uncompensated.min() < 0.1)
    (True, True)
    """
    turned, late, standing = frames_of_plates(orbit, delay_s=optics.plate_delay_s)
    each, result = ("time", "station"), xr.Dataset()
    for name, plates_rad in (("compensated", late), ("uncompensated", standing)):
        jones = polarization_jones(optics, rotation_rad=turned, plate_rotation_rad=plates_rad)
        result[f"contrast_{name}"] = variable(
            each, contrast_of(optics, jones), "1", f"polarisation contrast, ratio to 1, {name}"
        )
        if optics.contrast == "train" and compensated == (name == "compensated"):
            parts = np.stack([jones.real, jones.imag], axis=-1)
            result["jones"] = variable((*each, "to", "from", "part"), parts, "1", "Jones matrix, source to analyser")
            result["polarization_flips"] = variable(
                (), polarization_flips(optics), "1", "share that leaves by the wrong port in addition"
            )
    return result


def frames_of_plates(orbit: xr.Dataset, *, delay_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the turn of the frames, and that for which following and standing plates are set [rad].

    Parameters
    ----------
    orbit : xarray.Dataset
        Result of stage 1.
    delay_s : float
        Time by which following plates are late [s].

    Returns
    -------
    tuple of ndarray, shape (time, station)

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> turned, late, standing = frames_of_plates(find_sessions(load_scenario("yin2017")), delay_s=1.0)
    >>> bool((late[1:10] == turned[:9]).all()), bool((standing[0] == turned[0]).all())
    (True, True)
    """
    turned = np.radians(orbit.frame_rotation.values)
    standing = np.radians(orbit.fitting_rotation.values[orbit.session_number.values])
    return turned, _late_rad(turned, orbit, delay_s), standing


def polarization_flips(optics: PolarizationTrain) -> float:
    """Return the share that source, analyser and the setting of plates send to the wrong port [1].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> round(polarization_flips(load_scenario("liao2017").polarization.train), 5)
    0.0023
    """
    own, setting = 1 / (1 + optics.own_contrast), setting_error(float(np.radians(optics.plate_sigma_deg)))
    return own + setting - 2 * own * setting


def polarization_jones(
    optics: PolarizationTrain, *, rotation_rad: np.ndarray, plate_rotation_rad: np.ndarray
) -> np.ndarray:
    """Return the Jones matrix of a scenario's optics, shape (..., 2, 2).

    Parameters
    ----------
    optics : PolarizationTrain
    rotation_rad, plate_rotation_rad : ndarray
        Turn of the frames, and that for which the plates are set [rad].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> optics = load_scenario("liao2017").polarization.train
    >>> polarization_jones(optics, rotation_rad=np.zeros(3), plate_rotation_rad=np.zeros(3)).shape
    (3, 2, 2)
    """
    satellite, station = (tuple(map(_element, side)) for side in (optics.satellite, optics.station))
    return train(
        satellite,
        station,
        rotation_rad=rotation_rad,
        plate_rotation_rad=plate_rotation_rad,
        plates=optics.plates,
        retardance_error_rad=float(np.radians(optics.plate_retardance_error_deg)),
    )


def contrast_of(optics: PolarizationTrain, jones: np.ndarray) -> np.ndarray:
    """Return the contrast of a scenario's optics with its source and analyser, ratio to 1.

    Parameters
    ----------
    optics : PolarizationTrain
    jones : ndarray of complex, shape (..., 2, 2)
        Of `polarization_jones`.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> contrast_of(load_scenario("liao2017").polarization.train, np.eye(2)).round()
    np.float64(434.0)
    """
    return contrast_with(wrong_share(jones), flips=polarization_flips(optics))


def _element(optic: Optic) -> Element:
    """Return one of the scenario's optics."""
    angle_rad = float(np.radians(optic.angle_deg))
    if optic.index is not None:
        return mirror(complex(*optic.index), float(np.radians(optic.incidence_deg)), angle_rad=angle_rad)
    return plate(float(np.radians(optic.retardance_deg)), diattenuation=optic.diattenuation, angle_rad=angle_rad)


def _late_rad(angle_rad: np.ndarray, orbit: xr.Dataset, delay_s: float) -> np.ndarray:
    """Return the angle of a time before, shape (time, station); before a session begins, that of its start."""
    if not delay_s:
        return angle_rad
    seconds, number = (orbit.time.values - orbit.time.values[0]) / np.timedelta64(1, "s"), orbit.session_number.values
    late = np.empty_like(angle_rad)
    for session in np.unique(number):
        rows = number == session
        for i in range(angle_rad.shape[1]):
            late[rows, i] = np.interp(seconds[rows] - delay_s, seconds[rows], angle_rad[rows, i])
    return late


def _distance(orbit: xr.Dataset) -> xr.Variable:
    """Return the distance that a fibre would bridge [m]: the stations' baseline, or the longest range of a single
    downlink.
    """
    baseline = float(orbit.baseline)
    return variable(
        (), baseline if np.isfinite(baseline) else float(orbit.longest_range.max()), "m", "distance bridged"
    )


def _in_parts(each: Callable, scenario: Scenario, orbit: xr.Dataset) -> np.ndarray:
    """Evaluate a function for each station, shape (time, station, ...), in chunks of time, to bound memory."""
    seen = orbit[["range", "elevation", "jitter"]]
    parts = [seen.isel(time=slice(first, first + PART)) for first in range(0, seen.sizes["time"], PART)]
    return np.concatenate(
        [
            np.stack([each(scenario, station, part.isel(station=i)) for i, station in enumerate(scenario.stations)], 1)
            for part in parts
        ]
    )


def _losses(scenario: Scenario, station: Station, orbit: xr.Dataset) -> np.ndarray:
    """Return the losses of one link, shape (time, component) [dB]."""
    transmitter = scenario.transmitter
    divergence = transmitter.divergence_rad
    range_m, elevation_deg = orbit.range.values, orbit.elevation.values
    captured = _captured(scenario, station, range_m)
    added = turbulent_divergence_rad(elevation_deg, range_m=range_m, **_air(scenario, station))
    # Turbulence widens the beam so little that one mean width serves for the seconds of a pass, to 0.001 dB.
    widened = (
        captured
        * (divergence[0] * divergence[1])
        / np.sqrt((divergence[0] ** 2 + added**2) * (divergence[1] ** 2 + added**2))
    )
    every_second = np.ones(range_m.size)
    return np.stack(
        [
            to_db(transmitter.optics_efficiency) * every_second,
            to_db(captured),
            to_db(_each_jitter(mean_pointing_factor, scenario, orbit)),
            extinction_db(elevation_deg, zenith_extinction_db=station.zenith_extinction_db),
            to_db(widened / captured),
            to_db(_through_field_stop(scenario, station, elevation_deg)),
            to_db(station.receiver_efficiency) * every_second,
        ],
        axis=1,
    )


def _captured(scenario: Scenario, station: Station, range_m: np.ndarray) -> np.ndarray:
    """Return the share of the transmitted light that the receiver captures, by the model of the transmitter."""
    transmitter = scenario.transmitter
    if transmitter.far_field is not None and transmitter.far_field.capture == "pattern":
        return captured_of_pattern(
            telescope_pattern(transmitter),
            range_m,
            aperture_m=station.aperture_m,
            obscuration_m=station.obscuration_m,
        )
    return captured_fraction(
        range_m,
        divergence_full_angle_rad=tuple(transmitter.divergence_rad),
        aperture_m=station.aperture_m,
        obscuration_m=station.obscuration_m,
    )


def telescope_pattern(transmitter: Transmitter) -> FarField:
    """Return the far field of a scenario's transmitter.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> pattern = telescope_pattern(load_scenario("liao2017").transmitter)
    >>> [round(1e6 * width, 1) for width in divergences_rad(pattern)]
    [8.0, 11.0]
    """
    assert transmitter.far_field is not None
    return _pattern(
        transmitter.wavelength_nm * 1e-9,
        transmitter.aperture_m,
        transmitter.far_field.obscuration_m,
        transmitter.far_field.truncation,
        tuple((str(name), waves) for name, waves in transmitter.far_field.wavefront_waves.items()),
    )


@lru_cache(maxsize=16)
def _pattern(
    wavelength_m: float,
    aperture_m: float,
    obscuration_m: float,
    truncation: float,
    waves: tuple[tuple[str, float], ...],
) -> FarField:
    """Return a telescope's far field, which is computed once: surveys and sensitivities ask for it for each link."""
    return far_field(
        wavelength_m=wavelength_m,
        aperture_m=aperture_m,
        obscuration_m=obscuration_m,
        truncation=truncation,
        wavefront_waves=dict(waves),
    )


def _through_field_stop(scenario: Scenario, station: Station, elevation_deg: np.ndarray) -> np.ndarray:
    """Return the share of the image, blurred by seeing, that passes the station's field stop; 1 without a stop."""
    if station.field_of_view_urad is None:
        return np.ones_like(elevation_deg)
    air = _air(scenario, station)
    return field_of_view_fraction(
        fried_parameter_m(elevation_deg, **air),
        wavelength_m=air["wavelength_m"],
        field_of_view_rad=station.field_of_view_urad * 1e-6,
    )


def _air(scenario: Scenario, station: Station) -> dict:
    profile = HufnagelValley(
        ground_cn2=scenario.channel.ground_cn2,
        wind_rms_m_s=scenario.channel.wind_rms_m_s,
        station_altitude_m=station.altitude_m,
    )
    return {"wavelength_m": scenario.transmitter.wavelength_nm * 1e-9, "profile": profile}


def _fading_variance(scenario: Scenario, station: Station, orbit: xr.Dataset) -> np.ndarray:
    """Return the variance of scintillation on the mirror and of pointing jitter, which are independent."""
    scintillation = _scintillation(scenario, station, orbit)
    return (1 + scintillation) * (1 + _each_jitter(pointing_variance, scenario, orbit)) - 1


def _scintillation(scenario: Scenario, station: Station, orbit: xr.Dataset) -> np.ndarray:
    """Return the variance of scintillation on the mirror."""
    air = _air(scenario, station)
    return scintillation_index(flux_variance(orbit.elevation.values, aperture_m=station.aperture_m, **air))


def _each_jitter(function: Callable[..., float], scenario: Scenario, orbit: xr.Dataset) -> np.ndarray:
    """Return a function of jitter and divergence for each second; most have the same jitter."""
    jitter_rad, where = np.unique(orbit.jitter.values, return_inverse=True)
    divergence = tuple(scenario.transmitter.divergence_rad)
    return np.array([function(float(one), divergence) for one in jitter_rad])[where]


def control_loops(tracking: Tracking) -> tuple[Loop, Loop]:
    """Return the coarse and the fine loop of a scenario in SI units.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> coarse, fine = control_loops(load_scenario("liao2017").transmitter.tracking)
    >>> coarse.frame_hz, fine.frame_hz
    (40.0, 2000.0)
    """
    coarse, fine = (
        Loop(one.frame_hz, one.bandwidth_hz, one.delay_frames, one.noise_urad * 1e-6)
        for one in (tracking.coarse, tracking.fine)
    )
    return coarse, fine


def vibration(tracking: Tracking) -> dict[str, float]:
    """Return the platform's vibration as arguments of `residual_spectrum`.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> round(vibration(load_scenario("liao2017").transmitter.tracking)["highest_hz"])
    173
    """
    highest_hz = tracking.platform_highest_hz
    return {
        "platform_rms_rad": tracking.platform_rms_urad * 1e-6,
        "highest_hz": np.inf if highest_hz is None else highest_hz,
    }


def tracking_error_rad(tracking: Tracking) -> float:
    """Return the standard deviation of the error that the loops leave of the platform's vibration, per axis [rad].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> round(1e6 * tracking_error_rad(load_scenario("liao2017").transmitter.tracking), 2)
    0.94
    """
    coarse, fine = control_loops(tracking)
    return residual_rms_rad(**vibration(tracking), coarse=coarse, fine=fine)


def _tracking_correlation_s(tracking: Tracking) -> float:
    """Return the correlation time of the error that the loops leave [s]."""
    coarse, fine = control_loops(tracking)
    frequency = frequencies_hz(fine)
    spectrum = residual_spectrum(frequency, **vibration(tracking), coarse=coarse, fine=fine)
    return correlation_time_s(frequency, spectrum)


def _jitter_rad(scenario: Scenario, orbit: xr.Dataset) -> np.ndarray:
    """Return the pointing jitter per axis, shape (time, station): the stated one, or what the loops leave."""
    tracking = scenario.transmitter.tracking
    if tracking is None or tracking.jitter == "stated":
        return np.full(orbit.range.shape, scenario.transmitter.pointing_jitter_urad * 1e-6)
    coarse, fine = control_loops(tracking)
    drive_rad = drive_residual_rad(
        _angular_rate_rad_s(orbit),
        amplitude_rad=tracking.drive_error_urad * 1e-6,
        period_rad=float(np.radians(tracking.drive_period_deg)),
        coarse=coarse,
        fine=fine,
    )
    return np.hypot(tracking_error_rad(tracking), drive_rad)


def _angular_rate_rad_s(orbit: xr.Dataset) -> np.ndarray:
    """Return how fast the lines of sight turn, shape (time, station); zero where only elevations are known."""
    rate = np.zeros(orbit.range.shape)
    if "azimuth" not in orbit:
        return rate
    number = orbit.session_number.values
    seconds = (orbit.time.values - orbit.time.values[0]) / np.timedelta64(1, "s")
    for session in np.unique(number):
        rows = np.flatnonzero(number == session)
        if rows.size > 1 and np.diff(seconds[rows]).min() > 0:
            elevation = np.radians(orbit.elevation.values[rows])
            azimuth = np.unwrap(np.radians(orbit.azimuth.values[rows]), axis=0)
            turning, rising = (np.gradient(angle, seconds[rows], axis=0) for angle in (azimuth, elevation))
            rate[rows] = np.hypot(turning * np.cos(elevation), rising)
    return rate


def _add_correlation(scenario: Scenario, orbit: xr.Dataset, data: xr.Dataset) -> None:
    """Add variance and correlation time of scintillation and of pointing, each by itself."""
    each, rate = ("time", "station"), _angular_rate_rad_s(orbit)
    times = []
    for i, station in enumerate(scenario.stations):
        air = _air(scenario, station)
        times.append(
            coherence_time_s(
                orbit.elevation.values[:, i],
                wavelength_m=air["wavelength_m"],
                aperture_m=station.aperture_m,
                height_m=scintillation_height_m(air["profile"]),
                wind_speed_m_s=scenario.channel.wind_rms_m_s,
                slew_rate_rad_s=rate[:, i],
            )
        )
    tracking = scenario.transmitter.tracking
    pointing_s = scenario.channel.fading_coherence_ms * 1e-3 if tracking is None else _tracking_correlation_s(tracking)
    for name, values, units, text in [
        ("scintillation_variance", _in_parts(_scintillation, scenario, orbit), "1", "variance of scintillation"),
        ("scintillation_time", np.stack(times, axis=1), "s", "its correlation time, by wind and slew"),
        (
            "pointing_variance",
            _in_parts(lambda s, _, part: _each_jitter(pointing_variance, s, part), scenario, orbit),
            "1",
            "variance of the power by pointing",
        ),
        ("pointing_time", np.full(orbit.range.shape, pointing_s), "s", "its correlation time"),
    ]:
        data[name] = variable(each, values, units, text)


def attenuation_ends_db(data: xr.Dataset) -> list[float]:
    """Return lowest and highest loss of all links together in the session shown [dB].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("tiangong2")
    >>> [round(end) for end in attenuation_ends_db(link_budget(mission, find_sessions(mission)))]
    [32, 42]
    """
    total = data.total_attenuation.values[data.session_number.values == data.attrs["showcase"]]
    return [float(total.min()), float(total.max())]


def observables(data: xr.Dataset) -> dict[str, tuple[float | list[float], str]]:
    """Return what a publication can be compared with: name to (value or [low, high], unit).

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("bench_example")
    >>> observables(link_budget(mission, find_sessions(mission)))
    {'attenuation': ([9.0, 18.0], 'dB')}
    """
    if "diffraction" not in data.component:  # a bench
        return {"attenuation": ([float(data.total_attenuation.min()), float(data.total_attenuation.max())], "dB")}
    # Arrays instead of a data set: the predictive distribution asks for these hundreds of times.
    rows = data.session_number.values == data.attrs["showcase"]
    total, loss, range_m = (data[name].values[rows] for name in ("total_attenuation", "loss", "range"))
    by_name = dict(zip(data.component.values.tolist(), loss[:, 0].T, strict=True))
    result: dict[str, tuple[Any, str]] = {"attenuation": (attenuation_ends_db(data), "dB")}
    high = total[data.elevation.values[rows].min(axis=1) >= 15]
    result["attenuation_above_15deg"] = ([high.min(), high.max()] if high.size else [np.nan] * 2, "dB")
    diffraction, geometric = by_name["diffraction"], data.geometric_loss.values[rows, 0]
    result["diffraction_loss"] = ([diffraction.min(), diffraction.max()], "dB")
    result["geometric_loss"] = ([geometric.min(), geometric.max()], "dB")
    result["receiver_loss"] = (float(by_name["receiver"].mean()), "dB")
    if "tracking_error" in data:
        result["tracking_error"] = (float(data.tracking_error) * 1e6, "urad")
    if "divergence_scanned" in data:
        result["divergence_in_vacuum"] = (np.sort(data.divergence.values) * 1e6, "urad")
        result["divergence_scanned"] = (np.sort(data.divergence_scanned.values) * 1e6, "urad")
    if "contrast_compensated" in data:
        result |= contrast_observables(data.contrast_compensated.values[rows], data.contrast_uncompensated.values[rows])
    if "quoted_range_m" in data.attrs:
        single = by_name | {"geometric": geometric}
        diameter_m = data.beam_diameter.values[rows, 0]
        result |= _at_range(single, range_m[:, 0], diameter_m=diameter_m, quoted_m=data.attrs["quoted_range_m"])
    return {name: (np.asarray(value, float).tolist(), unit) for name, (value, unit) in result.items()}


def contrast_observables(
    compensated: np.ndarray, uncompensated: np.ndarray
) -> dict[str, tuple[float | list[float], str]]:
    """Return what a publication can be compared with of a polarisation train, as `observables` does.

    Parameters
    ----------
    compensated, uncompensated : ndarray, shape (time, station)
        Contrasts of the session shown, ratios to 1.

    Examples
    --------
    >>> seen = contrast_observables(np.array([[280.0], [300.0]]), np.array([[150.0], [0.0]]))
    >>> [value for value, _ in seen.values()]
    [290.0, [0.0, 150.0]]
    """
    return {
        "polarization_contrast_compensated": (float(compensated.mean()), "ratio to 1"),
        "polarization_contrast_uncompensated": ([float(uncompensated.min()), float(uncompensated.max())], "ratio to 1"),
    }


def _at_range(
    loss_db: dict[str, np.ndarray], range_m: np.ndarray, *, diameter_m: np.ndarray, quoted_m: float
) -> dict[str, tuple[float, str]]:
    """Return single losses at a range, on the side of the pass on which the satellite recedes."""
    nearest, farthest = int(np.argmin(range_m)), int(np.argmax(range_m))
    side = slice(min(nearest, farthest), max(nearest, farthest) + 1)
    order = np.argsort(range_m[side], kind="stable")
    ascending = range_m[side][order]
    loss = {name: float(np.interp(quoted_m, ascending, values[side][order])) for name, values in loss_db.items()}
    # The beam grows with the range from nothing, so that one second tells its width at any range.
    last = order[-1]
    diameter = float(diameter_m[side][last] / ascending[-1]) * quoted_m
    return {
        "diffraction_loss_quoted": (loss["diffraction"], "dB"),
        "geometric_loss_quoted": (loss["geometric"], "dB"),
        "atmosphere_and_turbulence_loss_quoted": (loss["atmosphere"] + loss["turbulence"], "dB"),
        "pointing_loss_quoted": (loss["pointing"], "dB"),
        "beam_diameter_quoted": (diameter, "m"),
    }
