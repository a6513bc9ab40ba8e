"""Time of flight there and back, over real passes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.constants import c
from scipy.interpolate import CubicHermiteSpline

from satqkd.flight import arrival_times, emission_times, hermite
from satqkd.orbit import look_angles, read_elements
from satqkd.orbit.elements import Elements, nearest

ONE_PICOSECOND = 1e-12


def links(orbits):
    """Node times, range and range rate of every session over every station."""
    for orbit in orbits.values():
        for number in np.unique(orbit.session_number):
            session = orbit.isel(time=orbit.session_number.values == number)
            for station in range(orbit.sizes["station"]):
                yield {
                    "node_s": np.arange(session.sizes["time"], dtype=float),
                    "range_m": session.range.values[:, station],
                    "range_rate_m_s": session.range_rate.values[:, station],
                }


def test_emission_inverts_arrival_on_every_pass(orbits):
    rng = np.random.default_rng(1)
    seen = list(links(orbits))
    assert len(seen) == 2 * 5 + 1 + 2 * 12 + 1
    for link in seen:
        emission = np.sort(rng.uniform(0, link["node_s"][-1], 5000))
        back = emission_times(arrival_times(emission, **link), **link)
        assert np.abs(back - emission).max() < ONE_PICOSECOND


def test_arrival_inverts_emission_a_little_outside_the_session(orbits):
    for link in links(orbits):
        arrival = link["node_s"][[0, -1]] + link["range_m"][[0, -1]] / c + np.array([-1e-3, 1e-3])
        there = arrival_times(emission_times(arrival, **link), **link)
        assert np.abs(there - arrival).max() < ONE_PICOSECOND


def test_the_flight_takes_milliseconds_and_is_stretched_by_parts_in_a_hundred_thousand(orbits):
    for link in links(orbits):
        emission = np.linspace(0, link["node_s"][-1], 2000)
        flight = arrival_times(emission, **link) - emission
        assert np.all((flight > 1e-3) & (flight < 10e-3))
        doppler = np.diff(flight) / np.diff(emission)
        assert np.abs(doppler).max() < 7.7e3 / c
        assert np.allclose(
            doppler,
            np.interp((emission[1:] + emission[:-1]) / 2, link["node_s"], link["range_rate_m_s"] / c),
            atol=1e-9,
        )


@pytest.mark.parametrize(("name", "largest_s"), [("liao2017", 0.4e-12), ("tiangong2", 1.2e-12)])
def test_interpolation_follows_sgp4_between_the_seconds(missions, orbits, name, largest_s):
    """Half-way between the nodes, where a cubic errs most; the lower the pass, the faster its range bends."""
    orbit, scenario = orbits[name], missions[name]
    elements = read_elements(scenario.file(scenario.orbit.elements))
    times = orbit.time.values
    half = times[:-1] + np.timedelta64(500, "ms")
    which = nearest(elements, times[times.size // 2 : times.size // 2 + 1])[0]
    used = Elements(elements.name, elements.norad_id, elements.satrecs[which : which + 1], elements.epochs[[which]])
    true_m = look_angles(used, scenario.stations[0], half).range_m
    node_s = np.arange(times.size, dtype=float)
    found_m = hermite(node_s[:-1] + 0.5, node_s, orbit.range.values[:, 0], orbit.range_rate.values[:, 0])
    assert np.abs(found_m - true_m).max() / c < largest_s
    linear_m = np.interp(node_s[:-1] + 0.5, node_s, orbit.range.values[:, 0])
    assert np.abs(linear_m - true_m).max() > 1


@given(
    steps=st.lists(st.floats(0.1, 10), min_size=1, max_size=8),
    seed=st.integers(0, 2**32 - 1),
)
def test_hermite_equals_that_of_scipy(steps, seed):
    rng = np.random.default_rng(seed)
    nodes = np.concatenate([[0.0], np.cumsum(steps)]) - 3
    values, slopes = rng.normal(size=(2, nodes.size))
    x = np.sort(np.concatenate([rng.uniform(nodes[0] - 0.5, nodes[-1] + 0.5, 50), nodes]))
    expected = CubicHermiteSpline(nodes, values, slopes)(x)
    np.testing.assert_allclose(hermite(x, nodes, values, slopes), expected, rtol=1e-9, atol=1e-9)


def test_hermite_is_exact_for_cubics_and_at_its_nodes():
    nodes = np.array([0.0, 1.0, 3.0, 4.5])
    cubic = np.polynomial.Polynomial([1, -2, 0.5, 0.25])
    x = np.linspace(-0.5, 5, 100)
    np.testing.assert_allclose(hermite(x, nodes, cubic(nodes), cubic.deriv()(nodes)), cubic(x), rtol=1e-13, atol=1e-13)
    assert (hermite(nodes, nodes, cubic(nodes), cubic.deriv()(nodes)) == cubic(nodes)).all()
    assert hermite(np.empty(0), nodes, nodes, nodes).size == 0
