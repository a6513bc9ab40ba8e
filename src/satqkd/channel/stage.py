"""Stage 2: what does the link lose?"""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from satqkd.bench import still_channel
from satqkd.channel.atmosphere import extinction_db
from satqkd.channel.diffraction import beam_diameter_m, captured_fraction, geometric_loss_db
from satqkd.channel.pointing import mean_pointing_factor, pointing_variance
from satqkd.channel.turbulence import (
    HufnagelValley,
    field_of_view_fraction,
    flux_variance,
    fried_parameter_m,
    scintillation_index,
    turbulent_divergence_rad,
)
from satqkd.dataset import label, variable
from satqkd.scenario import Bench, Scenario
from satqkd.scenario.mission import Station

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


def link_budget(scenario: Scenario, orbit: xr.Dataset) -> xr.Dataset:
    """Compute the loss of every link, second by second and component by component.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.

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
    loss = _in_parts(_losses, scenario, orbit)
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
    if scenario.channel.quoted_range_m is not None:
        data.attrs["quoted_range_m"] = scenario.channel.quoted_range_m
    return label(data, "channel", scenario)


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
    seen = orbit[["range", "elevation"]]
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
    captured = captured_fraction(
        range_m,
        divergence_full_angle_rad=tuple(divergence),
        aperture_m=station.aperture_m,
        obscuration_m=station.obscuration_m,
    )
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
            to_db(mean_pointing_factor(transmitter.pointing_jitter_urad * 1e-6, tuple(divergence))) * every_second,
            extinction_db(elevation_deg, zenith_extinction_db=station.zenith_extinction_db),
            to_db(widened / captured),
            to_db(_through_field_stop(scenario, station, elevation_deg)),
            to_db(station.receiver_efficiency) * every_second,
        ],
        axis=1,
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
    flux = flux_variance(orbit.elevation.values, aperture_m=station.aperture_m, **_air(scenario, station))
    pointing = pointing_variance(
        scenario.transmitter.pointing_jitter_urad * 1e-6, tuple(scenario.transmitter.divergence_rad)
    )
    return (1 + scintillation_index(flux)) * (1 + pointing) - 1


def observables(data: xr.Dataset) -> dict[str, tuple[float | list[float], str]]:
    """Return what a publication can be compared with: name to (value or [low, high], unit)."""
    if "diffraction" not in data.component:  # a bench
        return {"attenuation": ([float(data.total_attenuation.min()), float(data.total_attenuation.max())], "dB")}
    shown = data.isel(time=data.session_number.values == data.attrs["showcase"])
    total = shown.total_attenuation.values
    result: dict[str, tuple[Any, str]] = {"attenuation": ([total.min(), total.max()], "dB")}
    high = total[shown.elevation.values.min(axis=1) >= 15]
    result["attenuation_above_15deg"] = ([high.min(), high.max()] if high.size else [np.nan] * 2, "dB")
    first = shown.isel(station=0)
    diffraction = first.loss.sel(component="diffraction").values
    result["diffraction_loss"] = ([diffraction.min(), diffraction.max()], "dB")
    result["geometric_loss"] = ([first.geometric_loss.min(), first.geometric_loss.max()], "dB")
    result["receiver_loss"] = (float(first.loss.sel(component="receiver").mean()), "dB")
    if "quoted_range_m" in data.attrs:
        result |= _at_range(first, data.attrs["quoted_range_m"])
    return {name: (np.asarray(value, float).tolist(), unit) for name, (value, unit) in result.items()}


def _at_range(link: xr.Dataset, range_m: float) -> dict:
    """Return single losses at a range, on the side of the pass on which the satellite recedes."""
    nearest, farthest = int(np.argmin(link.range.values)), int(np.argmax(link.range.values))
    side = link.isel(time=slice(min(nearest, farthest), max(nearest, farthest) + 1)).sortby("range")
    loss = {name: np.interp(range_m, side.range, side.loss.sel(component=name)) for name in COMPONENTS}
    # The beam grows with the range from nothing, so that one second tells its width at any range.
    diameter = float(side.beam_diameter[-1] / side.range[-1]) * range_m
    return {
        "diffraction_loss_quoted": (loss["diffraction"], "dB"),
        "geometric_loss_quoted": (np.interp(range_m, side.range, side.geometric_loss), "dB"),
        "atmosphere_and_turbulence_loss_quoted": (loss["atmosphere"] + loss["turbulence"], "dB"),
        "pointing_loss_quoted": (loss["pointing"], "dB"),
        "beam_diameter_quoted": (diameter, "m"),
    }
