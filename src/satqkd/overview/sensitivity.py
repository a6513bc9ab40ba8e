"""What the key of a mission depends on: aperture, divergence, source rate, background, one after the other."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from satqkd.analytic.forecast import expected_counts, key_length
from satqkd.analytic.means import with_means
from satqkd.scenario import Scenario

FACTORS = 2.0 ** (np.arange(-6, 7) / 3)  # one of them is 1
BACKGROUNDS_HZ = np.geomspace(10, 1e5, 13)
EVERY_S = 10


def changes(scenario: Scenario) -> dict[str, list[tuple[float, dict]]]:
    """Return, for each swept parameter, the values to try, each with the scenario's keys that it changes.

    An aperture takes its obscuration along, a divergence ends at the diffraction limit of the transmitter, and all
    stations have the same background.
    """
    numbers = range(len(scenario.stations))
    transmitter, rate = scenario.transmitter, "pulse" if scenario.source.kind == "decoy" else "pair"
    divergence_urad = 1e6 * transmitter.divergence_rad
    rate_key = f"source.{rate}_rate_hz"
    nominal_hz = getattr(scenario.source, f"{rate}_rate_hz")
    least = np.clip(transmitter.narrowest_divergence_rad / transmitter.divergence_rad.min(), FACTORS[0], 1)
    reachable = np.concatenate([np.geomspace(least, 1, 6, endpoint=False), FACTORS[FACTORS >= 1]])

    def aperture(factor: float) -> dict[str, Any]:
        return {
            f"stations.{i}.{key}_m": factor * getattr(scenario.stations[i], f"{key}_m")
            for i in numbers
            for key in ("aperture", "obscuration")
        }

    def scaled_divergence(factor: float) -> dict[str, Any]:
        if factor == 1:  # a divergence that is left out stays so
            return {}
        both = tuple(factor * divergence_urad)
        return {"transmitter.divergence_full_angle_urad": both, "transmitter.beam_quality": None}

    return {
        "aperture_m": [(f * scenario.stations[0].aperture_m, aperture(f)) for f in FACTORS],
        "divergence_urad": [(f * float(np.mean(divergence_urad)), scaled_divergence(f)) for f in reachable],
        f"{rate}_rate_hz": [(f * nominal_hz, {rate_key: f * nominal_hz}) for f in FACTORS],
        "background_hz": [(hz, {f"stations.{i}.background_rate_hz": hz for i in numbers}) for hz in BACKGROUNDS_HZ],
    }


def sensitivity(scenario: Scenario, orbit: xr.Dataset) -> pd.DataFrame:
    """Compute the secret bits per pass with one parameter changed at a time.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.

    Returns
    -------
    pandas.DataFrame
        Columns parameter (aperture_m of the first station, divergence_urad, pulse_rate_hz or pair_rate_hz,
        background_hz per detector), value, bound, bits_per_pass, and nominal, whether it is the scenario itself.

    Notes
    -----
    Expectations of the analytic chain (`satqkd.analytic.forecast`), every tenth second. All sessions of the scenario
    that are for the key are distilled together and their bits shared out: one pass of pairs alone gives none. Each
    parameter is changed alone: with a narrower beam the same pointing error costs more.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("tiangong2")
    >>> table = sensitivity(mission, find_sessions(mission))
    >>> table.parameter.unique().tolist()
    ['aperture_m', 'divergence_urad', 'pulse_rate_hz', 'background_hz']
    """
    scenario = with_means(scenario, orbit)
    names = [m.name for m in scenario.measurements]
    used = np.flatnonzero(orbit.measurement.values == names.index("key" if "key" in names else names[0]))
    passes = np.unique(orbit.session_number.values[used]).size
    nodes = used[EVERY_S // 2 :: EVERY_S]
    path = {
        "range_m": orbit.range.values[None, nodes],
        "elevation_deg": orbit.elevation.values[None, nodes],
        "weights_s": np.full((1, nodes.size), used.size / nodes.size),
    }
    rows = []
    for name, values in changes(scenario).items():
        for value, keys in values:
            one = scenario.replaced(keys)
            counts = expected_counts(one, **path)
            nominal = one.content_hash == scenario.content_hash
            for bound in (scenario.key.bound, "asymptotic"):
                bits = key_length(one.replaced({"key.bound": bound}))(counts.mean, counts.duration_s)
                rows.append((name, value, bound, float(np.sum(bits)) / passes, nominal))
    return pd.DataFrame(rows, columns=["parameter", "value", "bound", "bits_per_pass", "nominal"])
