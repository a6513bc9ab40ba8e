"""Clocks from GPS seconds and beacon pulses."""

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from satqkd.coincidence import recover_clock
from satqkd.detection.detector import local_time_ps
from satqkd.flight import arrival_times

ONE_IN_TEN_THOUSAND = 1e-4
FIVE_SIGMA = 5
BEACON_HZ = 1000.0


@pytest.fixture(scope="module")
def link(orbits):
    """The pass of liao2017."""
    orbit = orbits["liao2017"]
    return {
        "node_s": np.arange(orbit.sizes["time"], dtype=float),
        "range_m": orbit.range.values[:, 0],
        "range_rate_m_s": orbit.range_rate.values[:, 0],
    }


def recorded(link, rng, *, offset_s, drift, dark=(), beacon_jitter_s=544e-12, gps_jitter_s=50e-9, seconds=272):
    """Local tags of the beacon and of the GPS seconds, none during the dark seconds."""
    pulse = np.arange(int(seconds * BEACON_HZ))
    pulse = pulse[~np.isin(pulse // int(BEACON_HZ), dark)]
    arrival = arrival_times(pulse / BEACON_HZ, **link) + rng.normal(0, beacon_jitter_s, pulse.size)
    gps = np.arange(seconds) + rng.normal(0, gps_jitter_s, seconds)
    return (local_time_ps(arrival, offset_s=offset_s, drift=drift), local_time_ps(gps, offset_s=offset_s, drift=drift))


@pytest.mark.parametrize("dark", [(), range(100, 180), range(1, 272, 2), range(20, 272)])
def test_offset_and_drift_are_found_within_their_errors(link, dark):
    """Many clocks: deviations over the stated sigma are normal, with missing seconds too."""
    rng = np.random.default_rng(1)
    pulls = []
    for _ in range(25):
        offset_s, drift = rng.uniform(-0.4, 0.4), rng.uniform(-1e-6, 1e-6)
        clock = recover_clock(
            *recorded(link, rng, offset_s=offset_s, drift=drift, dark=dark), beacon_rate_hz=BEACON_HZ, **link
        )
        pulls.append([(clock.offset_s - offset_s) / clock.offset_sigma_s, (clock.drift - drift) / clock.drift_sigma])
        assert clock.residual_rms_s == pytest.approx(544e-12, rel=0.05)
    pulls = np.array(pulls)
    assert np.abs(pulls).max() < FIVE_SIGMA
    for column in pulls.T:
        assert ONE_IN_TEN_THOUSAND < chi2.sf((column**2).sum(), column.size) < 1 - ONE_IN_TEN_THOUSAND
        assert kstest(column, "norm").pvalue > ONE_IN_TEN_THOUSAND


def test_local_tags_come_back_to_true_time(link):
    rng = np.random.default_rng(2)
    clock = recover_clock(*recorded(link, rng, offset_s=0.3, drift=-9e-5), beacon_rate_hz=BEACON_HZ, **link)
    true_s = np.linspace(0, 270, 1000)
    back_s = clock.true_s(local_time_ps(true_s, offset_s=0.3, drift=-9e-5))
    fifty_picoseconds = 50e-12
    assert np.abs(back_s - true_s).max() < fifty_picoseconds


def test_an_exact_comb_gives_an_exact_clock(link):
    tags = recorded(link, np.random.default_rng(3), offset_s=-0.25, drift=2e-7, beacon_jitter_s=0, gps_jitter_s=0)
    clock = recover_clock(*tags, beacon_rate_hz=BEACON_HZ, **link)
    one_picosecond = 1e-12
    assert abs(clock.offset_s + 0.25) < one_picosecond
    assert abs(clock.drift - 2e-7) * 272 < one_picosecond


@pytest.mark.parametrize("rate_hz", [997.0, 100.0, 400.0])
def test_a_wrong_beacon_rate_is_refused(link, rate_hz):
    tags = recorded(link, np.random.default_rng(4), offset_s=0.01, drift=1e-7)
    with pytest.raises(ValueError, match=r"do not fall on a comb .*: check beacon.pulse_rate_hz, the element set"):
        recover_clock(*tags, beacon_rate_hz=rate_hz, **link)


def test_time_is_the_beacons(link):
    """A beacon that runs a part in ten million fast: photons of the same satellite are counted in its time."""
    tags = recorded(link, np.random.default_rng(4), offset_s=0.01, drift=1e-6)
    clock = recover_clock(*tags, beacon_rate_hz=BEACON_HZ * (1 - 1e-7), **link)
    assert clock.drift == pytest.approx(1e-6 - 1e-7, abs=1e-10)
    assert clock.offset_s == pytest.approx(0.01, abs=1e-8)


def test_another_pass_is_refused(link, orbits):
    """The first minutes of yin2017 over Delingha."""
    tags = recorded(link, np.random.default_rng(4), offset_s=0.01, drift=1e-7)
    other = {
        "range_m": orbits["yin2017"].range.values[:273, 0],
        "range_rate_m_s": orbits["yin2017"].range_rate.values[:273, 0],
    }
    with pytest.raises(ValueError, match="do not fall on a comb"):
        recover_clock(*tags, beacon_rate_hz=BEACON_HZ, **link | other)


def test_gps_seconds_too_coarse_to_tell_pulses_apart_are_refused(link):
    tags = recorded(link, np.random.default_rng(4), offset_s=0.01, drift=1e-7, gps_jitter_s=2e-2)
    with pytest.raises(ValueError, match="do not fall on a comb"):
        recover_clock(*tags, beacon_rate_hz=BEACON_HZ, **link)


@pytest.mark.parametrize(("beacon", "gps"), [(2, 100), (100, 2), (0, 0)])
def test_too_few_tags_are_refused(link, beacon, gps):
    tags = recorded(link, np.random.default_rng(4), offset_s=0.01, drift=1e-7)
    with pytest.raises(ValueError, match=f"{gps} GPS and {beacon} beacon tags do not fix a clock: it takes 3 of each"):
        recover_clock(tags[0][:beacon], tags[1][:gps], beacon_rate_hz=BEACON_HZ, **link)
