"""Clocks from GPS seconds, beacon pulses, and the photons themselves."""

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from satqkd.coincidence import Clock, acquisition, detection_limit_hz, recover_clock
from satqkd.coincidence.clock import seconds_clock
from satqkd.detection.detector import local_time_ps
from satqkd.flight import arrival_times, emission_times, hermite

ONE_IN_TEN_THOUSAND = 1e-4
FIVE_SIGMA = 5
BEACON_HZ = 1000.0
JITTER_S = 544e-12
ONE_NANOSECOND = 1e-9


def twins(rng, *, seconds, pairs_hz, singles_hz, offset_s, drift, jitter_s=JITTER_S, fading=0.0):
    """Two streams with pairs in common: their tags [ps], and the pairs' times [s]."""
    if fading:
        power = np.exp(rng.normal(-(fading**2) / 2, fading, int(seconds * 100)))
        number = rng.poisson(pairs_hz * power / 100)
        time = (np.repeat(np.arange(power.size), number) + rng.random(number.sum())) / 100
    else:
        time = rng.uniform(0, seconds, rng.poisson(pairs_hz * seconds))
    a, b = (
        np.concatenate(
            [
                time + rng.normal(0, jitter_s / np.sqrt(2), time.size),
                rng.uniform(0, seconds, rng.poisson(singles_hz * seconds)),
            ]
        )
        for _ in range(2)
    )
    ps = np.rint(a * 1e12), local_time_ps(b, offset_s=offset_s, drift=drift)
    return *(np.sort(tags).astype(np.int64) for tags in ps), np.sort(time)


def cramer_rao_s(*, seconds, pairs_hz, singles_hz, jitter_s=JITTER_S):
    """Least standard deviations of offset [s] and drift that the pairs' delays allow.

    Of each pair the information about the delay is that of a Gaussian on a flat ground, the integral of
    (s phi')^2 / (s phi + g) over s, with s pairs and g = singles^2 accidental ones a second and a second of delay; the
    line is at its end, and over its time.
    """
    u = np.linspace(-9, 9, 3601)
    phi = np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    ground = (singles_hz + pairs_hz) ** 2 * jitter_s / pairs_hz
    information = np.trapezoid(u**2 * phi**2 / (phi + ground), u) / jitter_s**2 * pairs_hz * seconds
    return 2 / np.sqrt(information), np.sqrt(12 / information) / seconds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "light"),
    [
        (100, {"seconds": 5, "pairs_hz": 20, "singles_hz": 200}),
        (40, {"seconds": 5, "pairs_hz": 200, "singles_hz": 2e3}),
        (40, {"seconds": 5, "pairs_hz": 20, "singles_hz": 200, "fading": 0.8}),
        (20, {"seconds": 5, "pairs_hz": 400, "singles_hz": 1e4}),
    ],
)
def test_photons_alone_fix_the_clock_as_well_as_they_can(seeds, light):
    """Nothing known, 100 ppm: no clock is missed, deviations over sigma are normal, and twice the bound is kept."""
    rng = np.random.default_rng(seeds)
    pulls, misses = [], []
    bound = cramer_rao_s(**{name: value for name, value in light.items() if name != "fading"})
    for _ in range(seeds):
        offset_s, drift = rng.uniform(-0.019, 0.019), rng.uniform(-1e-4, 1e-4)
        a, b, _ = twins(rng, offset_s=offset_s, drift=drift, **light)
        clock = recover_clock(a, b, reach_s=0.02)
        miss = np.array([clock.offset_s - offset_s, clock.drift - drift])
        misses.append(miss / bound)
        pulls.append(miss / [clock.offset_sigma_s, clock.drift_sigma])
        assert clock.false_alarm < 1e-6 and not clock.wander_s.any()
    for column in np.array(pulls).T:
        assert ONE_IN_TEN_THOUSAND < chi2.sf((column**2).sum(), seeds) < 1 - ONE_IN_TEN_THOUSAND
        assert abs(column.mean()) < 4 / np.sqrt(seeds)
        assert kstest(column, "norm").pvalue > ONE_IN_TEN_THOUSAND
    assert np.all(np.sqrt(np.mean(np.square(misses), axis=0)) < 2)


@pytest.mark.parametrize("drift", [-1e-4, 1e-4])
def test_a_kilohertz_under_ten_is_found_over_seconds_of_offset(drift):
    light = {"seconds": 10, "pairs_hz": 1e3, "singles_hz": 1e4}
    a, b, _ = twins(np.random.default_rng(1), offset_s=-1.7, drift=drift, **light)
    clock = recover_clock(a, b)
    assert abs(clock.offset_s + 1.7) < FIVE_SIGMA * clock.offset_sigma_s
    assert abs(clock.drift - drift) < FIVE_SIGMA * clock.drift_sigma
    bound_s, bound = cramer_rao_s(**light)
    assert clock.offset_sigma_s == pytest.approx(bound_s, rel=0.1)
    assert clock.drift_sigma == pytest.approx(bound, rel=0.1)
    assert clock.residual_rms_s == pytest.approx(JITTER_S, rel=0.03)
    assert clock.pairs == pytest.approx(1e4, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pairs_hz", "singles_hz", "seconds", "reach_s"),
    [(0.1, 1e3, 300, 1e-6), (2, 1e4, 60, 1e-6), (2, 1e3, 100, 1e-5), (30, 1e4, 20, 1e-5)],
)
def test_few_pairs_are_found_where_the_clock_is_nearly_known(pairs_hz, singles_hz, seconds, reach_s):
    """As few as a tenth of a hertz; the limit is on the right side, and within an order of magnitude."""
    found = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        offset_s, drift = rng.uniform(-0.4, 0.4, 2) * reach_s / [1, seconds]
        light = {"seconds": seconds, "singles_hz": singles_hz, "offset_s": offset_s, "drift": drift}
        a, b, _ = twins(rng, pairs_hz=pairs_hz, **light)
        clock = recover_clock(a, b, reach_s=reach_s)
        assert abs(clock.offset_s - offset_s) < FIVE_SIGMA * clock.offset_sigma_s
        found += abs(clock.drift - drift) < FIVE_SIGMA * clock.drift_sigma
    assert found == 3
    limit_hz = detection_limit_hz(singles_hz, singles_hz, duration_s=seconds, reach_s=reach_s)
    assert limit_hz < pairs_hz
    a, b, _ = twins(rng, pairs_hz=limit_hz / 10, **light)
    with pytest.raises(ValueError, match="nothing"):
        recover_clock(a, b, reach_s=reach_s)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "cells"), [(5, acquisition.MAX_CELLS), (195, 2**17)])
def test_nothing_is_found_in_noise(seeds, cells, monkeypatch):
    """Two hundred recordings without a pair, most of them with a coarser search that takes a hundredth of the time."""
    monkeypatch.setattr(acquisition, "MAX_CELLS", cells)
    rng = np.random.default_rng(cells)
    for _ in range(seeds):
        rates = rng.choice([1e2, 1e3, 1e4], 2)
        a, b = (np.sort(rng.integers(0, 10**12, rng.poisson(rate))) for rate in rates)
        with pytest.raises(
            ValueError, match="nothing found: no peak within 0.01 s of the prior is common to .* it takes"
        ):
            recover_clock(a, b, reach_s=0.01)


@pytest.mark.slow
def test_nothing_is_found_in_light_that_swells_and_fades_together():
    """Rates that change alike in both streams make broad hills in their correlation, and no peak."""
    rng = np.random.default_rng(3)
    power = np.exp(rng.normal(0, 1.0, 500))
    streams = []
    for _ in range(2):
        number = rng.poisson(20 * power)
        time = (np.repeat(np.arange(500), number) + rng.random(number.sum())) / 100
        streams.append(np.sort(np.rint(time * 1e12).astype(np.int64)))
    with pytest.raises(ValueError, match="nothing"):
        recover_clock(*streams, reach_s=0.02)


@pytest.fixture(scope="module")
def link(orbits):
    """The pass of liao2017."""
    orbit = orbits["liao2017"]
    return {
        "node_s": np.arange(orbit.sizes["time"], dtype=float),
        "range_m": orbit.range.values[:, 0],
        "range_rate_m_s": orbit.range_rate.values[:, 0],
    }


def late(link, seconds):
    """The link of a satellite that is so late on its path."""
    node_s, step_s = link["node_s"], 1e-3
    before, here, after = (hermite(node_s - seconds + shift, *link.values()) for shift in (-step_s, 0, step_s))
    return {"node_s": node_s, "range_m": here, "range_rate_m_s": (after - before) / (2 * step_s)}


def recorded(link, rng, *, offset_s, drift, dark=(), jitter_s=JITTER_S, gps_jitter_s=50e-9, seconds=272):
    """Local tags of the beacon and of the GPS seconds, none of the beacon during the dark seconds."""
    pulse = np.arange(int(seconds * BEACON_HZ))
    pulse = pulse[~np.isin(pulse // int(BEACON_HZ), dark)]
    arrival = arrival_times(pulse / BEACON_HZ, **link) + rng.normal(0, jitter_s, pulse.size)
    gps = np.sort(np.arange(seconds) + rng.normal(0, gps_jitter_s, seconds))
    return tuple(local_time_ps(time, offset_s=offset_s, drift=drift) for time in (arrival, gps))


def beacon_clock(beacon, gps, link, rate_hz=BEACON_HZ):
    """GPS seconds first, beacon pulses then."""
    seconds = np.arange(link["node_s"].size) * 10**12
    prior = recover_clock(seconds, gps, reach_s=0.5)
    pulses = np.rint(np.arange(link["node_s"].size * rate_hz) / rate_hz * 1e12).astype(np.int64)
    return recover_clock(pulses, beacon, prior=prior, reach_s=0.5 / rate_hz, **link)


@pytest.mark.parametrize(
    "dark",
    [range(1, 272, 2), *(pytest.param(dark, marks=pytest.mark.slow) for dark in ((), range(100, 180), range(20, 272)))],
)
def test_offset_and_drift_of_a_beacon_are_found_within_their_errors(link, dark):
    """Many clocks: deviations over the stated sigma are normal, with missing seconds too, and at the bound."""
    rng = np.random.default_rng(1)
    pulls, used = [], np.setdiff1d(np.arange(272), dark) + 0.5
    for _ in range(6):
        offset_s, drift = rng.uniform(-0.4, 0.4), rng.uniform(-1e-6, 1e-6)
        clock = beacon_clock(*recorded(link, rng, offset_s=offset_s, drift=drift, dark=dark), link)
        pulls.append([(clock.offset_s - offset_s) / clock.offset_sigma_s, (clock.drift - drift) / clock.drift_sigma])
        assert clock.residual_rms_s == pytest.approx(JITTER_S, rel=0.05)
        assert clock.pairs == pytest.approx(used.size * BEACON_HZ, rel=1e-3)
    pulls = np.array(pulls)
    assert np.abs(pulls).max() < FIVE_SIGMA
    for column in pulls.T:
        assert ONE_IN_TEN_THOUSAND < chi2.sf((column**2).sum(), column.size) < 1 - ONE_IN_TEN_THOUSAND
    normal = BEACON_HZ / JITTER_S**2 * np.array([[used.size, used.sum()], [used.sum(), used @ used]])
    bound = np.sqrt(np.diag(np.linalg.inv(normal)))
    assert np.array([clock.offset_sigma_s, clock.drift_sigma]) == pytest.approx(bound, rel=0.05)


@pytest.mark.parametrize(("dark", "error_s"), [((), 0.3e-9), (range(1, 272, 2), ONE_NANOSECOND)])
def test_a_wrong_orbit_is_followed(link, dark, error_s):
    """Five kilometres, 0.66 s along the path: 17 microseconds of light, and photons come back to their emission."""
    rng, true = np.random.default_rng(2), late(link, 0.66)
    tags = recorded(true, rng, offset_s=0.0123, drift=2e-7, dark=dark)
    clock = beacon_clock(*tags, link)
    emission_s = np.sort(rng.uniform(1, 270, 5000))
    local_ps = local_time_ps(arrival_times(emission_s, **true), offset_s=0.0123, drift=2e-7)
    back_s = emission_times(clock.true_s(local_ps), **link)
    assert np.abs(back_s - emission_s).max() < error_s
    assert np.abs(clock.wander_s).max() > 5e-6 and clock.followed > 0.45
    assert abs(clock.offset_s - 0.0123) < FIVE_SIGMA * clock.offset_sigma_s < 100e-9


def test_photons_follow_a_wrong_orbit_too(link):
    rng, true = np.random.default_rng(4), late(link, 0.66)
    a, b, time_s = twins(rng, seconds=270, pairs_hz=100, singles_hz=2e3, offset_s=0, drift=0, fading=0.8)
    arrival = np.sort(arrival_times(b / 1e12, **true))
    b = local_time_ps(arrival, offset_s=2e-5, drift=1e-8)
    clock = recover_clock(a, b, reach_s=1e-4, **link)
    local_ps = local_time_ps(arrival_times(time_s, **true), offset_s=2e-5, drift=1e-8)
    error_s = emission_times(clock.true_s(local_ps), **link) - time_s
    assert np.abs(error_s).max() < ONE_NANOSECOND
    assert np.sqrt(np.mean(error_s**2)) < JITTER_S / 4


@pytest.mark.parametrize("bend_ns", [2, 10, 50])
def test_a_delay_that_bends_a_little_keeps_its_bend(bend_ns):
    """A parabola, for which a single cubic suffices: the delay is known as well as the pairs allow."""
    a, b, _ = twins(np.random.default_rng(bend_ns), seconds=10, pairs_hz=1e3, singles_hz=1e4, offset_s=0, drift=0)
    time_s = b / 1e12
    delay_s = 3e-7 + 1e-9 * bend_ns * (time_s / 5 - 1) ** 2
    clock = recover_clock(a, np.rint(b + 1e12 * delay_s).astype(np.int64), reach_s=0.02)
    assert np.abs(clock.true_s(b + 1e12 * delay_s) - time_s).max() < ONE_NANOSECOND / 20
    assert clock.residual_rms_s == pytest.approx(JITTER_S, rel=0.05)


def test_local_tags_come_back_to_true_time(link):
    rng = np.random.default_rng(2)
    clock = beacon_clock(*recorded(link, rng, offset_s=0.3, drift=-9e-5), link)
    true_s = np.linspace(0, 270, 1000)
    back_s = clock.true_s(local_time_ps(true_s, offset_s=0.3, drift=-9e-5))
    fifty_picoseconds = 50e-12
    assert np.abs(back_s - true_s).max() < fifty_picoseconds


def test_an_exact_comb_gives_an_exact_clock(link):
    tags = recorded(link, np.random.default_rng(3), offset_s=-0.25, drift=2e-7, jitter_s=0, gps_jitter_s=0)
    clock = beacon_clock(*tags, link)
    one_picosecond = 1e-12
    assert abs(clock.offset_s + 0.25) < one_picosecond
    assert abs(clock.drift - 2e-7) * 272 < one_picosecond


@pytest.mark.parametrize("rate_hz", [997.0, 100.0, 400.0, 1001.0])
def test_a_wrong_beacon_rate_is_refused(link, rate_hz):
    tags = recorded(link, np.random.default_rng(4), offset_s=0.01, drift=1e-7)
    with pytest.raises(ValueError, match="fit alike|nothing"):
        beacon_clock(*tags, link, rate_hz)


def test_time_is_the_beacons(link):
    """A beacon that runs a part in ten million fast: photons of the same satellite are counted in its time."""
    tags = recorded(link, np.random.default_rng(4), offset_s=0.01, drift=1e-6)
    clock = beacon_clock(*tags, link, BEACON_HZ * (1 - 1e-7))
    local_ps = np.linspace(0.1, 270, 100) * 1e12
    true_s = (local_ps / 1e12 - 0.01) / (1 + 1e-6 - 1e-7)
    assert np.abs(clock.true_s(local_ps) - true_s).max() < 20 * ONE_NANOSECOND


def test_another_pass_is_refused(link, orbits):
    """The first minutes of yin2017 over Delingha."""
    tags = recorded(link, np.random.default_rng(4), offset_s=0.01, drift=1e-7)
    other = {
        "range_m": orbits["yin2017"].range.values[:273, 0],
        "range_rate_m_s": orbits["yin2017"].range_rate.values[:273, 0],
    }
    with pytest.raises(ValueError, match="nothing|fit alike"):
        beacon_clock(*tags, link | other)


def test_a_comb_with_another_pulse_within_reach_is_refused():
    pulses = np.arange(0, 10**12, 10**9)
    with pytest.raises(ValueError, match="fit alike: give a prior, and a reach_s below half the spacing of the pulses"):
        recover_clock(pulses, pulses + 3 * 10**8, reach_s=2e-3)
    assert recover_clock(pulses, pulses + 3 * 10**8, reach_s=4e-4).offset_s == pytest.approx(3e-4, abs=1e-12)


def test_a_prior_says_where_to_look():
    light = {"seconds": 5, "pairs_hz": 20, "singles_hz": 200}
    a, b, _ = twins(np.random.default_rng(6), offset_s=40, drift=3e-4, **light)
    with pytest.raises(ValueError, match="nothing"):
        recover_clock(a, b, reach_s=0.02)
    clock = recover_clock(a, b, reach_s=0.02, prior=Clock(offset_s=40.01, drift=3.1e-4))
    assert abs(clock.offset_s - 40) < FIVE_SIGMA * clock.offset_sigma_s
    assert abs(clock.drift - 3e-4) < FIVE_SIGMA * clock.drift_sigma


@pytest.mark.parametrize(("sizes", "counted"), [((2, 100), "2 and 100"), ((100, 2), "100 and 2"), ((0, 0), "0 and 0")])
def test_too_few_tags_are_refused(sizes, counted):
    with pytest.raises(ValueError, match=f"no peak within 2 s of the prior is common to {counted} tags"):
        recover_clock(*(np.arange(size) * 10**9 for size in sizes))


def test_wrong_arguments_are_refused():
    tags = np.arange(100) * 10**9
    with pytest.raises(ValueError, match="reach_s=0 is not above 0: give the seconds by which the prior may be wrong"):
        recover_clock(tags, tags, reach_s=0)
    with pytest.raises(ValueError, match="local_ps falls from .* sort it"):
        recover_clock(tags, tags[::-1])
    with pytest.raises(ValueError, match="reference_ps is an array of float64 .* give int64"):
        recover_clock(tags / 1e12, tags)


@pytest.mark.slow
def test_few_tags_far_wider_than_the_bin_that_found_them():
    """Of 188 GPS seconds with 50 ns of jitter some fall together by chance: the fit has to see that there are more."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        local = np.arange(188) * (1 + 2e-7) + 0.0123 + 50e-9 * rng.standard_normal(188)
        found = recover_clock(np.arange(285) * 10**12, np.rint(local * 1e12).astype(np.int64), reach_s=0.5)
        assert found.pairs > 180
        assert 4e-8 < found.residual_rms_s < 6e-8
        assert abs(found.offset_s - 0.0123) < 5 * found.offset_sigma_s < 2e-7


def test_gps_seconds_are_a_line_through_the_nearest_seconds():
    pulls = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        second = np.flatnonzero(rng.random(300) < 0.9)
        local = second * (1 - 3.5e-7) - 0.0456 + 50e-9 * rng.standard_normal(second.size)
        found = seconds_clock(np.rint(local * 1e12).astype(np.int64))
        pulls.append([(found.offset_s + 0.0456) / found.offset_sigma_s, (found.drift + 3.5e-7) / found.drift_sigma])
    assert np.std(pulls, axis=0) == pytest.approx(1, abs=0.15)
    assert np.mean(pulls, axis=0) == pytest.approx(0, abs=0.25)
    with pytest.raises(ValueError, match="2 tags do not fix a clock"):
        seconds_clock([0, 10**12])
