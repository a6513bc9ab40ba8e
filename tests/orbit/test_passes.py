"""Passes: what a second-by-second scan sees and nothing else, at any station, orbit and least elevation."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sgp4.api import WGS72, Satrec

from satqkd.orbit import frames
from satqkd.orbit.elements import Elements, read_elements
from satqkd.orbit.passes import joint_passes, passes, passes_over
from satqkd.orbit.propagation import Station, look_angles, propagate, trajectory

from ..sizes import examples

MICIUS = read_elements(Path(__file__).parents[2] / "data" / "orbits" / "micius.csv")
XINGLONG = Station("xinglong", 40.395867, 117.577458, 890.0)
DELINGHA = Station("delingha", 37.379008, 97.726947, 3153.0)
NANSHAN = Station("nanshan", 43.475461, 87.176686, 2028.0)
SECOND = np.timedelta64(1_000_000_000, "ns")
START = np.datetime64("2016-12-19T12:00", "ns")
TEN_MILLISECONDS = np.timedelta64(10_000_000, "ns")


def only(index):
    """One element set of Micius, so that no change of sets comes in between."""
    return Elements(MICIUS.name, MICIUS.norad_id, MICIUS.satrecs[index : index + 1], MICIUS.epochs[index : index + 1])


def synthetic(*, mean_motion_rev_day, eccentricity, inclination_deg, perigee_deg=0.0, node_deg=0.0, anomaly_deg=0.0):
    """An element set with its epoch at START."""
    satrec = Satrec()
    epoch_days = (START - np.datetime64("1949-12-31", "ns")) / np.timedelta64(1, "D")
    angles = np.radians([perigee_deg, inclination_deg, anomaly_deg])
    satrec.sgp4init(
        WGS72,
        "i",
        1,
        epoch_days,
        0.0,
        0.0,
        0.0,
        eccentricity,
        *angles,
        mean_motion_rev_day * 2 * np.pi / 1440.0,
        np.radians(node_deg),
    )
    return Elements("SYNTHETIC", 1, (satrec,), np.array([START]))


ORBITS = {
    "Micius": only(6),
    "space station": synthetic(mean_motion_rev_day=15.5, eccentricity=0.001, inclination_deg=51.6),
    "very low": synthetic(mean_motion_rev_day=16.2, eccentricity=0.0005, inclination_deg=97.0, node_deg=200.0),
    "navigation": synthetic(mean_motion_rev_day=2.0057, eccentricity=0.01, inclination_deg=55.0, node_deg=80.0),
    "Molniya": synthetic(mean_motion_rev_day=2.006, eccentricity=0.72, inclination_deg=63.4, perigee_deg=270.0),
    "geostationary": synthetic(mean_motion_rev_day=1.0027, eccentricity=0.0002, inclination_deg=0.05, node_deg=20.0),
}


def scan(elements, station, start, end, min_elevation_deg):
    """Seconds, elevations by the chain of look_angles, and first and last index of every stretch above the minimum."""
    seconds = np.arange(int((end - start) / SECOND) + 1)
    times = start + seconds * SECOND
    position, _ = frames.teme_to_itrs(*propagate(elements, times), times)
    site = frames.geodetic_to_itrs(station.latitude_deg, station.longitude_deg, station.altitude_m)
    axes = frames.local_axes(station.latitude_deg, station.longitude_deg)
    elevation_deg, _ = frames.elevation_azimuth_deg(position - site, axes)
    change = np.diff(np.concatenate([[0], (elevation_deg > min_elevation_deg).astype(int), [0]]))
    stretches = np.stack([np.flatnonzero(change == 1), np.flatnonzero(change == -1) - 1], axis=1)
    return elevation_deg, np.linalg.norm(position - site, axis=1), stretches


def assert_crosses_in_time(elements, station, one, limits, min_elevation_deg):
    """By SGP4 itself the satellite crosses the minimum within ten milliseconds of rising and setting.

    High up, where the elevation may hardly change in that time, it may instead be within ten microdegrees of it.
    """
    for edge, inwards in ((one.rise, TEN_MILLISECONDS), (one.set, -TEN_MILLISECONDS)):
        if edge in limits:
            continue
        around = np.array([edge - inwards, edge, edge + inwards])
        outside, at_edge, inside = look_angles(elements, station, around).elevation_deg
        high_up_m, ten_microdegrees = 5e6, 1e-5
        if not (one.shortest_range_m > high_up_m and abs(at_edge - min_elevation_deg) < ten_microdegrees):
            assert outside < min_elevation_deg < inside


def assert_same_as_scan(elements, station, hours, min_elevation_deg):
    end = START + np.timedelta64(hours, "h")
    elevation_deg, range_m, stretches = scan(elements, station, START, end, min_elevation_deg)
    found = passes(elements, station, START, end, min_elevation_deg)
    for earlier, later in zip(found[:-1], found[1:], strict=True):
        assert earlier.set < later.rise
    matched = []
    for one in found:
        assert START <= one.rise < one.set <= end
        assert one.rise <= one.culmination <= one.set
        first = int(np.ceil((one.rise - START) / SECOND - 1e-3))
        last = int(np.floor((one.set - START) / SECOND + 1e-3))
        inside = slice(first, last + 1)
        if first > last:
            continue  # shorter than the step of the scan
        matched.append((first, last))
        best = elevation_deg[inside].max()
        assert best - 1e-5 <= one.max_elevation_deg
        assert one.shortest_range_m <= range_m[inside].min() + 1.0
        assert_crosses_in_time(elements, station, one, (START, end), min_elevation_deg)
    tolerance_s = 1
    assert len(matched) == len(stretches)
    if matched:
        assert np.abs(np.array(matched) - stretches).max() <= tolerance_s
    return found


@settings(max_examples=examples(25))
@given(
    latitude_deg=st.floats(-89.0, 89.0),
    longitude_deg=st.floats(-180.0, 180.0),
    altitude_m=st.floats(0.0, 5000.0),
    min_elevation_deg=st.floats(0.0, 80.0),
)
def test_low_orbit_passes_are_those_of_a_scan(latitude_deg, longitude_deg, altitude_m, min_elevation_deg):
    station = Station("anywhere", latitude_deg, longitude_deg, altitude_m)
    assert_same_as_scan(ORBITS["Micius"], station, 12, min_elevation_deg)


@pytest.mark.slow
@pytest.mark.parametrize("station", [XINGLONG, Station("equator", 0.3, 20.0, 0.0), Station("pole", 89.9, 0.0, 2800.0)])
@pytest.mark.parametrize("orbit", ORBITS)
def test_passes_of_any_orbit_are_those_of_a_scan(orbit, station):
    for min_elevation_deg in (0.0, 30.0):
        assert_same_as_scan(ORBITS[orbit], station, 24, min_elevation_deg)


@settings(max_examples=examples(30))
@given(
    latitude_deg=st.floats(-80.0, 80.0),
    longitude_deg=st.floats(-180.0, 180.0),
    number=st.integers(0, 100),
    below_deg=st.sampled_from([1e-4, 1e-3, 1e-2]),
)
def test_grazing_pass_is_found(latitude_deg, longitude_deg, number, below_deg):
    """With the minimum just below a culmination the pass is there, however short; just above it is not."""
    path = trajectory(ORBITS["Micius"], START, START + np.timedelta64(1, "D"))
    station = Station("anywhere", latitude_deg, longitude_deg, 0.0)
    seen = passes_over(path, station, 0.0)
    if not seen:
        return
    chosen = seen[number % len(seen)]
    if not below_deg < chosen.max_elevation_deg < 89.9 or chosen.culmination in (chosen.rise, chosen.set):
        return
    grazing = [
        one
        for one in passes_over(path, station, chosen.max_elevation_deg - below_deg)
        if one.rise <= chosen.culmination <= one.set
    ]
    assert len(grazing) == 1
    assert grazing[0].set - grazing[0].rise < np.timedelta64(60, "s")
    assert grazing[0].max_elevation_deg == pytest.approx(chosen.max_elevation_deg, abs=1e-7)
    for one in passes_over(path, station, chosen.max_elevation_deg + below_deg):
        assert not one.rise <= chosen.culmination <= one.set


def test_pass_under_way_is_cut_at_start_and_end():
    whole = passes(ORBITS["Micius"], XINGLONG, START, START + np.timedelta64(12, "h"), 10.0)
    one = max(whole, key=lambda one: one.max_elevation_deg)
    late, early = one.rise + np.timedelta64(30, "s"), one.culmination - np.timedelta64(30, "s")
    [cut] = passes(ORBITS["Micius"], XINGLONG, late, early, 10.0)
    assert (cut.rise, cut.culmination, cut.set) == (late, early, early)
    assert one.shortest_range_m < cut.shortest_range_m
    assert cut.max_elevation_deg < one.max_elevation_deg
    [cut] = passes(ORBITS["Micius"], XINGLONG, late, one.set + np.timedelta64(10, "m"), 10.0)
    assert cut.rise == late
    assert abs(cut.set - one.set) < TEN_MILLISECONDS
    assert abs(cut.culmination - one.culmination) < TEN_MILLISECONDS
    assert cut.shortest_range_m == pytest.approx(one.shortest_range_m, abs=1.0)


def test_geostationary_satellite_is_one_pass_from_start_to_end():
    sub_longitude = look_angles(ORBITS["geostationary"], XINGLONG, np.array([START])).longitude_deg[0]
    below = Station("below", 0.0, sub_longitude, 0.0)
    end = START + np.timedelta64(2, "D")
    [one] = passes(ORBITS["geostationary"], below, START, end, 10.0)
    assert (one.rise, one.set) == (START, end)
    assert one.max_elevation_deg > 89.0


@settings(max_examples=examples(20))
@given(minutes=st.integers(1, 12 * 60 - 1), min_elevation_deg=st.floats(0.0, 60.0))
def test_search_in_two_parts_finds_the_same(minutes, min_elevation_deg):
    end, middle = START + np.timedelta64(12, "h"), START + np.timedelta64(minutes, "m")
    search = [(START, end), (START, middle), (middle, end)]
    whole, first, second = (passes(ORBITS["Micius"], XINGLONG, *limits, min_elevation_deg) for limits in search)
    up = sum((one.set - one.rise) / SECOND for one in whole)
    assert up == pytest.approx(sum((one.set - one.rise) / SECOND for one in first + second), abs=0.05)
    assert len(first) + len(second) - len(whole) in (0, 1)


@settings(max_examples=examples(20))
@given(lower=st.floats(0.0, 80.0), step=st.floats(0.1, 9.0))
def test_higher_minimum_never_lengthens_a_pass(lower, step):
    path = trajectory(ORBITS["Micius"], START, START + np.timedelta64(1, "D"))
    wide, narrow = (passes_over(path, XINGLONG, limit) for limit in (lower, lower + step))
    assert len(narrow) <= len(wide)
    for inner in narrow:
        [outer] = [one for one in wide if one.rise <= inner.culmination <= one.set]
        assert outer.rise <= inner.rise
        assert inner.set <= outer.set


@pytest.mark.parametrize("minimum", [10.0, (5.0, 20.0)])
def test_joint_passes_are_where_a_scan_sees_both(minimum):
    stations, end = (DELINGHA, NANSHAN), START + np.timedelta64(2, "D")
    times = START + np.arange(2 * 86_400 + 1) * SECOND
    up = [
        scan(ORBITS["Micius"], station, START, end, low)[0] > low
        for station, low in zip(stations, np.broadcast_to(minimum, 2), strict=True)
    ]
    found = joint_passes(ORBITS["Micius"], stations, START, end, minimum)
    inside = np.zeros(len(times), dtype=bool)
    for one in found:
        inside |= (one.start <= times) & (times <= one.end)
        assert one.duration_s == pytest.approx((one.end - one.start) / SECOND)
    assert len(found) >= 4
    np.testing.assert_array_equal(inside, up[0] & up[1])


def test_joint_pass_of_one_station_is_its_pass():
    end = START + np.timedelta64(1, "D")
    joint = joint_passes(ORBITS["Micius"], [XINGLONG], START, end, 10.0)
    single = passes(ORBITS["Micius"], XINGLONG, START, end, 10.0)
    assert [(one.start, one.end) for one in joint] == [(one.rise, one.set) for one in single]


def test_stations_on_opposite_sides_never_see_it_together():
    antipode = Station("antipode", -XINGLONG.latitude_deg, XINGLONG.longitude_deg - 180.0, 0.0)
    assert joint_passes(ORBITS["Micius"], [XINGLONG, antipode], START, START + np.timedelta64(2, "D"), 0.0) == []


def test_trajectory_follows_sgp4():
    path = trajectory(ORBITS["Micius"], START, START + np.timedelta64(1, "D"))
    seconds = np.linspace(0.0, 86_400.0, 20_011)
    times = START + np.rint(1e9 * seconds).astype("timedelta64[ns]")
    position, velocity = frames.teme_to_itrs(*propagate(ORBITS["Micius"], times), times)
    interpolated, interpolated_velocity = path.at(seconds)
    half_a_metre, ten_centimetres_per_second = 0.5, 0.1
    assert np.linalg.norm(interpolated - position, axis=1).max() < half_a_metre
    assert np.linalg.norm(interpolated_velocity - velocity, axis=1).max() < ten_centimetres_per_second


def test_look_angles_are_consistent():
    times = np.datetime64("2016-12-19T16:45", "ns") + np.arange(0, 800) * SECOND
    seen = look_angles(ORBITS["Micius"], XINGLONG, times)
    assert {values.shape for values in vars(seen).values()} == {(800,)}
    a_metre_per_second = 1.0
    np.testing.assert_allclose(np.gradient(seen.range_m)[1:-1], seen.range_rate_m_s[1:-1], atol=a_metre_per_second)
    closest = int(seen.range_m.argmin())
    assert abs(closest - int(seen.elevation_deg.argmax())) <= 2
    assert (seen.altitude_m > 480e3).all()
    assert (seen.altitude_m < 520e3).all()
    assert seen.range_m.min() > seen.altitude_m.min()
    assert not seen.sunlit.any()  # half an hour after local midnight
    assert (seen.sun_elevation_deg < -60.0).all()


def test_day_side_is_sunlit_with_the_sun_up():
    times = np.datetime64("2016-12-19T03:00", "ns") + np.arange(0, 7200, 10) * SECOND
    seen = look_angles(ORBITS["Micius"], XINGLONG, times)
    above = seen.elevation_deg > 0.0
    assert above.any()
    assert seen.sunlit[above].all()
    assert (seen.sun_elevation_deg[above] > 0.0).all()
    assert not seen.sunlit.all()


def test_each_time_uses_the_nearest_set():
    times = np.array(["2016-12-19T01:00", "2016-12-19T10:00"], dtype="datetime64[ns]")
    position, velocity = propagate(MICIUS, times)
    for row, index in enumerate((5, 6)):
        alone = propagate(only(index), times[row : row + 1])
        np.testing.assert_array_equal(position[row], alone[0][0])
        np.testing.assert_array_equal(velocity[row], alone[1][0])
    assert 6.8e6 < np.linalg.norm(position[0]) < 6.95e6
    assert 7.5e3 < np.linalg.norm(velocity[0]) < 7.7e3


def test_old_elements_are_refused_unless_allowed():
    times = np.array(["2018-07-01T00:00", "2018-09-15T00:00"], dtype="datetime64[ns]")
    message = r"2018-07-01T00:00:00 lies 76\.2 days .* MICIUS \(41731\) \(epoch 2018-09-15T05:25:46\).*max_age_days=60"
    with pytest.raises(ValueError, match=message):
        propagate(MICIUS, times)
    assert propagate(MICIUS, times, max_age_days=80)[0].shape == (2, 3)
    with pytest.raises(ValueError, match="add a nearer element set"):
        passes(MICIUS, XINGLONG, times[0], times[1], 10.0)
    assert passes(MICIUS, XINGLONG, times[0], times[0] + np.timedelta64(1, "D"), 10.0, max_age_days=80)


def test_decayed_orbit_is_refused():
    falling = synthetic(mean_motion_rev_day=16.4, eccentricity=0.0001, inclination_deg=51.6)
    falling.satrecs[0].sgp4init(
        WGS72, "i", 1, falling.satrecs[0].jdsatepoch - 2433281.5, 0.05, 0.0, 0.0, 1e-4, 0.0, 0.9, 0.0, 0.0716, 0.0
    )
    times = START + np.arange(0, 20) * np.timedelta64(1, "D")
    with pytest.raises(ValueError, match=r"SGP4 gives no position of SYNTHETIC \(1\) at 2016-12-.*search earlier"):
        propagate(falling, times)


def test_bad_limits_are_refused():
    later = START + np.timedelta64(1, "D")
    with pytest.raises(
        ValueError, match=r"end=2016-12-19T12:00:00 is not after start=2016-12-20T12:00:00: give a later"
    ):
        passes(MICIUS, XINGLONG, later, START, 10.0)
    for bad in (-1.0, 90.0, float("nan")):
        with pytest.raises(ValueError, match=r"min_elevation_deg=.* is outside \[0, 90\)"):
            passes(MICIUS, XINGLONG, START, later, bad)
    with pytest.raises(ValueError, match="min_elevation_deg has 3 values for 2 stations: give one"):
        joint_passes(MICIUS, [XINGLONG, NANSHAN], START, later, [10.0, 10.0, 10.0])
