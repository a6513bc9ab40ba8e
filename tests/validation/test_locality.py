"""Locality against what yin2017 prints, and against events in a frame that does not turn with the Earth."""

import numpy as np
import pytest
from scipy.constants import c

from satqkd.bell.locality import separations_s, trial_timing
from satqkd.orbit import frames, propagate, read_elements

PRINTED = {"hold_s": 2e-4, "random_number_delay_s": 2e-7, "measurement_delay_s": 1e-7}


def test_the_printed_difference_of_paths_leaves_the_printed_test_local():
    """Paths that differ by no more than 944 km over 1203 km: 259 km, or 864 us, for all delays together."""
    half_a_kilometre_us = 0.5e3 / c * 1e6 * np.sqrt(2)
    range_m = np.array([[1672e3, 728e3]])
    timing = trial_timing(range_m, **PRINTED)
    found = {k: v[0] * 1e6 for k, v in separations_s(range_m, baseline_m=1203e3, timing=timing).items()}
    assert found["measurements"] == pytest.approx(864, abs=half_a_kilometre_us)
    # A setting of 5 kHz is 200 us old at the most, and its random number 200 ns older.
    assert found["choice b, measurement a"] == pytest.approx(864 - 200.2, abs=half_a_kilometre_us)
    assert found["choices"] == pytest.approx(864 - 200, abs=half_a_kilometre_us)


def test_the_turn_of_the_earth_during_the_flight_does_not_matter(missions, orbits):
    """Events against the stars: stations that move, arrivals by iteration, intervals between four-vectors."""
    the_turn_s = 2 * 465 * 10e-3 / c  # of both stations at the equator, within ten milliseconds
    mission, orbit = missions["yin2017"], orbits["yin2017"]
    shown = orbit.isel(time=orbit.session_number.values == 0)
    times, range_m = shown.time.values, shown.range.values
    elements = read_elements(mission.file(mission.orbit.elements))
    satellite, _ = propagate(elements, times)
    sidereal = frames.sidereal_angle_rad(times)
    sites = [frames.geodetic_to_itrs(s.latitude_deg, s.longitude_deg, s.altitude_m) for s in mission.stations]

    def place(site, after_s):
        return frames.rotate_about_pole(np.tile(site, (times.size, 1)), -(sidereal + 7.2921159e-5 * after_s))

    arrival = []
    for site in sites:
        after = np.zeros(times.size)
        for _ in range(6):
            after = np.linalg.norm(place(site, after) - satellite, axis=1) / c
        arrival.append(after)
    measured = [after + PRINTED["measurement_delay_s"] for after in arrival]
    found = separations_s(range_m, baseline_m=float(orbit.baseline), timing=trial_timing(range_m, **PRINTED))
    age_s = PRINTED["hold_s"] + PRINTED["random_number_delay_s"]
    for name, first, second in [
        ("measurements", (0, measured[0]), (1, measured[1])),
        ("choice a, measurement b", (0, measured[0] - age_s), (1, measured[1])),
        ("choice b, measurement a", (1, measured[1] - age_s), (0, measured[0])),
    ]:
        distance = np.linalg.norm(place(sites[first[0]], first[1]) - place(sites[second[0]], second[1]), axis=1)
        exact = distance / c - np.abs(first[1] - second[1])
        youngest = distance / c - np.abs(first[1] + (name != "measurements") * PRINTED["hold_s"] - second[1])
        np.testing.assert_allclose(found[name], np.minimum(exact, youngest), atol=the_turn_s)
