"""Stage 7: would a fibre do?"""

import numpy as np
import xarray as xr

from satqkd.dataset import label, variable
from satqkd.fiber.link import (
    advantage_orders_of_magnitude,
    fiber_loss_db,
    fiber_transmittance,
    pair_rate_hz,
    plob_bound,
    sifted_rate_hz,
    years_per_bit,
)
from satqkd.scenario import Scenario
from satqkd.scenario.mission import EntangledSource


def compare(scenario: Scenario, channel: xr.Dataset, key: xr.Dataset) -> xr.Dataset:
    """Compute the same source and detectors through fibre of several kinds over the same distance.

    Parameters
    ----------
    scenario : Scenario
    channel, key : xarray.Dataset
        Results of stages 2 and 5.

    Returns
    -------
    xarray.Dataset
        By fibre attenuation: loss, rate with the scenario's own source and detectors, years per bit, PLOB bound, and
        the orders of magnitude by which the satellite transmits more. For two downlinks its loss is the mean from pairs
        to coincidences, detectors included, as both papers reckon it; for one it is that at the longest range.

    Examples
    --------
    >>> from satqkd import channel, load_scenario, orbit
    >>> mission = load_scenario("tiangong2")
    >>> link = channel.link_budget(mission, orbit.find_sessions(mission))
    >>> key = xr.Dataset({"length": ("bound", [60e3]), "duration": 150.0}, {"bound": ["tiangong2"]})
    >>> fibre = compare(mission, link, key.assign_attrs(compared_bound="tiangong2"))
    >>> float(fibre.satellite_key_rate), fibre.loss.round().values.tolist()
    (400.0, [144.0, 115.0, 93.0, 68.0])
    """
    distance_m = float(channel.distance)
    per_km = np.array(scenario.fiber.attenuation_db_km)
    eta = fiber_transmittance(distance_m, attenuation_db_per_km=per_km)
    names = ("total_attenuation", "range", "transmittance")
    total_db, range_m, transmittance = (channel[name].values[channel.measurement.values >= 0] for name in names)
    if isinstance(scenario.source, EntangledSource):
        repetition = scenario.source.pair_rate_hz
        first, second = (np.mean([d.efficiency for d in station.detectors]) for station in scenario.stations)
        satellite_db = -10 * np.log10(np.mean(transmittance.prod(axis=1)) * first * second)
        half = np.sqrt(eta)
        rate = (
            pair_rate_hz(scenario.source.pair_rate_hz, transmittance_a=half * first, transmittance_b=half * second) / 2
        )
    else:
        repetition = scenario.source.pulse_rate_hz
        satellite_db = float(total_db[np.argmax(range_m[:, 0])])
        efficiency = np.mean([d.efficiency for d in scenario.stations[0].detectors])
        signal = scenario.source.pulse_rate_hz * scenario.source.shares[0] * scenario.source.mu[0]
        rate = sifted_rate_hz(signal, transmittance=eta * efficiency)
    ideal = scenario.fiber
    ideal_rate = sifted_rate_hz(
        ideal.ideal_rate_hz,
        transmittance=fiber_transmittance(ideal.ideal_length_m, attenuation_db_per_km=per_km[0]),
        sifting_fraction=ideal.ideal_sifting,
    )
    loss_db = fiber_loss_db(distance_m, attenuation_db_per_km=per_km)
    data = xr.Dataset(
        {
            "loss": variable("fiber", loss_db, "dB", "loss of the fibre"),
            "sifted_rate": variable("fiber", rate, "bit s-1", "sifted bits through the fibre"),
            "years_per_bit": variable("fiber", years_per_bit(rate), "year", "time to a sifted bit"),
            "plob": variable("fiber", plob_bound(eta), "bit", "secret bits per use at most, without repeater"),
            "plob_rate": variable("fiber", plob_bound(eta) * repetition, "bit s-1", "the same at the source's rate"),
            "advantage": variable(
                "fiber",
                advantage_orders_of_magnitude(satellite_db, loss_db),
                "1",
                "orders of magnitude by which the satellite transmits more",
            ),
            "distance": variable((), distance_m, "m", "distance bridged"),
            "satellite_loss": variable(
                (), satellite_db, "dB", "loss of the satellite link, from pairs to coincidences for two downlinks"
            ),
            "satellite_key_rate": variable(
                (),
                float(key.length.sel(bound=key.attrs["compared_bound"]) / key.duration),
                "bit s-1",
                "secret key over the session",
            ),
            "ideal_rate": variable((), float(ideal_rate), "s-1", "an ideal source through the first fibre"),
            "ideal_years_per_bit": variable((), float(years_per_bit(ideal_rate)), "year", "the same as time to a bit"),
        },
        coords={"fiber": variable("fiber", per_km, "dB km-1", "attenuation of the fibre")},
    )
    return label(data, "fiber", scenario)


def observables(data: xr.Dataset) -> dict[str, tuple[float | list[float], str]]:
    """Return what a publication can be compared with: name to (value or [low, high], unit).

    A paper that says "over 12 orders of magnitude" has counted whole ones: ``whole_advantage`` is cut off, not rounded.

    Examples
    --------
    >>> data = xr.Dataset(
    ...     {"advantage": ("fiber", [17.4]), "ideal_rate": 1e-9, "ideal_years_per_bit": 31.7}, {"fiber": [0.2]}
    ... )
    >>> observables(data)["advantage_0.2"], observables(data)["whole_advantage_0.2"]
    ((17.4, 'orders of magnitude'), (17.0, 'orders of magnitude'))
    """
    unit = "orders of magnitude"
    result: dict[str, tuple[float | list[float], str]] = {}
    advantage = dict(zip(data.fiber.values.tolist(), data.advantage.values.tolist(), strict=True))
    for per_km, orders in advantage.items():
        result |= {
            f"advantage_{per_km:g}": (orders, unit),
            f"whole_advantage_{per_km:g}": (float(np.floor(orders)), unit),
        }
    if {0.13, 0.095} <= advantage.keys():
        result["whole_advantage_limit"] = (sorted(np.floor([advantage[0.13], advantage[0.095]]).tolist()), unit)
    return result | {
        "ideal_rate": (float(data.ideal_rate), "1/s"),
        "ideal_years_per_bit": (float(data.ideal_years_per_bit), "year"),
    }
