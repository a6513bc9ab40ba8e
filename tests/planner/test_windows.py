"""When links are open: intervals against brute force, the Sun and the joint passes against stage 1's own."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.orbit import Station, frames, joint_passes, look_angles, read_elements
from satqkd.orbit.passes import pass_times
from satqkd.orbit.propagation import trajectory
from satqkd.planner.nights import night_of, noons_s, one_a_night
from satqkd.planner.windows import STEP_S, Sun, common, joint_times_s, longest_windows, may_be_dark, view

START = np.datetime64("2018-09-15", "ns")
END = START + np.timedelta64(10, "D")
SECOND = np.timedelta64(1_000_000_000, "ns")
ELEMENTS = read_elements(Path(__file__).parents[2] / "data/orbits/micius.csv")
PATH = trajectory(ELEMENTS, START, END)
DELINGHA = Station("delingha", 37.379, 97.7269, 3153.0)
NANSHAN = Station("nanshan", 43.4755, 87.1767, 2028.0)
TEN_MILLISECONDS = 1e-2

sets = st.lists(st.integers(0, 60), max_size=16, unique=True).map(
    lambda numbers: np.array(sorted(numbers)[: len(numbers) // 2 * 2], float).reshape(-1, 2)
)


@given(st.lists(sets, min_size=1, max_size=3))
def test_common_parts_of_sets_of_intervals(intervals):
    moments = np.arange(0, 60) + 0.5

    def inside(edges):
        return ((edges[:, :1] < moments) & (moments < edges[:, 1:])).any(axis=0)

    found = common(intervals)
    assert (inside(found) == np.all([inside(edges) for edges in intervals], axis=0)).all()
    assert (found[:, 0] < found[:, 1]).all() and (found[1:, 0] >= found[:-1, 1]).all()


@given(
    st.lists(st.tuples(st.floats(2 * STEP_S, 400), st.floats(2 * STEP_S, 400)), max_size=4),
    st.lists(st.tuples(st.floats(0, 1000), st.floats(5, 500)), min_size=1, max_size=5),
)
def test_longest_open_part_of_each_interval(closed_and_open_s, intervals):
    """Every part, closed or open, is longer than a step, as it is of a pass."""
    changes = np.cumsum(np.ravel(closed_and_open_s))

    def is_open(seconds):
        return np.searchsorted(changes, seconds, side="right") % 2 == 1

    edges = np.array([(start, start + length) for start, length in intervals])
    fine = np.linspace(edges[:, 0], edges[:, 1], 4001, axis=1)
    for (begin, end), seconds, (rise, _) in zip(longest_windows(is_open, edges), fine, edges, strict=True):
        there = np.flatnonzero(np.diff(np.concatenate([[0], is_open(seconds).astype(int), [0]])))
        step_s = seconds[1] - seconds[0]
        best = max((there[1::2] - there[::2]) * step_s, default=0.0)
        # Cut by an end of the interval, a part may be shorter than a step.
        assert end - begin == pytest.approx(best, abs=2 * step_s + 2 * TEN_MILLISECONDS) or best < STEP_S + 2 * step_s
        assert is_open(np.array([begin, end])).all() if end > begin else begin in (rise, *edges.ravel())


def test_no_intervals_have_no_windows():
    assert longest_windows(lambda seconds: seconds > 0, np.empty((0, 2))).shape == (0, 2)


def test_the_table_of_the_sun_is_the_sun():
    times = START + np.arange(0, 86400 * 10, 1234) * SECOND
    hundredth_of_an_arc_second = 5e-8
    assert np.abs(Sun.during(START, END).at(times) - frames.sun_direction(times)).max() < hundredth_of_an_arc_second


def test_the_view_is_that_of_stage_1():
    seconds = pass_times(PATH, DELINGHA, 10.0)[:, 1]
    seen = view(PATH, [DELINGHA, NANSHAN], Sun.during(START, END), seconds)
    times = START + np.rint(1e9 * seconds).astype("timedelta64[ns]")
    for index, station in enumerate((DELINGHA, NANSHAN)):
        wanted = look_angles(ELEMENTS, station, times)
        two_metres, ten_microdegrees = 2.0, 1e-3
        assert np.abs(seen.range_m[:, index] - wanted.range_m).max() < two_metres
        assert np.abs(seen.elevation_deg[:, index] - wanted.elevation_deg).max() < ten_microdegrees
        assert seen.sun_elevation_deg[:, index] == pytest.approx(wanted.sun_elevation_deg, abs=1e-6)
        assert (seen.sunlit == wanted.sunlit).all()
    assert seen.sunlit.any() and not seen.sunlit.all()


def test_joint_passes_are_those_of_stage_1():
    single = [pass_times(PATH, station, 13.0) for station in (DELINGHA, NANSHAN)]
    found = joint_times_s(PATH, (DELINGHA, NANSHAN), single)
    wanted = joint_passes(ELEMENTS, (DELINGHA, NANSHAN), START, END, 13.0)
    times = (np.array([(one.start, one.end) for one in wanted]) - START) / SECOND
    assert found[:, ::2] == pytest.approx(times, abs=TEN_MILLISECONDS) and len(found) > 10
    for rise, highest, end in found:
        seconds = np.arange(rise, end, 0.1)
        lowest = view(PATH, (DELINGHA, NANSHAN), Sun.during(START, END), seconds).elevation_deg.min(axis=1)
        assert highest == pytest.approx(seconds[lowest.argmax()], abs=0.2)


def test_what_cannot_be_dark_never_is():
    times, sun = pass_times(PATH, DELINGHA, 10.0), Sun.during(START, END)
    dark = may_be_dark(view(PATH, [DELINGHA], sun, times[:, 1]), times[:, 2] - times[:, 0], -6.0)
    assert dark.any() and not dark.all()
    for rise, _, end in times[~dark]:
        assert (view(PATH, [DELINGHA], sun, np.linspace(rise, end, 50)).sun_elevation_deg > -6.0).all()


def far_path(tmp_path, days, **changes):
    """A satellite far out, over the longitude of Delingha."""
    names = "OBJECT_NAME,EPOCH,MEAN_MOTION,ECCENTRICITY,INCLINATION,RA_OF_ASC_NODE,ARG_OF_PERICENTER,MEAN_ANOMALY"
    values = ["FAR", f"{START.astype('datetime64[s]')}", "1.00273791", "0.0002", "0.05", "0", "0", "91.5"]
    fields = dict(zip(names.split(","), values, strict=True)) | {"NORAD_CAT_ID": "5", "BSTAR": "0"} | changes
    (tmp_path / "far.csv").write_text(",".join(fields) + "\n" + ",".join(fields.values()) + "\n")
    return trajectory(read_elements(tmp_path / "far.csv"), START, START + np.timedelta64(days, "D"))


def test_noons_begin_the_night_of_the_calendar():
    noons = PATH.start + np.rint(1e9 * noons_s(PATH, 97.7)).astype("timedelta64[ns]")
    before, behind = (night_of(noons + shift * SECOND, 97.7) for shift in (-1, 1))
    assert len(noons) == 10 and (behind - before == np.timedelta64(1, "D")).all()


def test_low_passes_are_not_cut():
    """Not even those that reach over noon, by daylight or in polar night."""
    sun, over_noon = Sun.during(START, END), 0
    for longitude_deg in range(0, 360, 30):
        place = Station("north", 75.0, longitude_deg, 0.0)
        times = pass_times(PATH, place, 0.0)
        over_noon += sum((rise < noon < end) for rise, _, end in times for noon in noons_s(PATH, longitude_deg))
        for max_sun_deg in (-6.0, 90.0):
            assert (one_a_night(PATH, [place], sun, times, max_sun_deg) == times).all()
    assert over_noon > 0
    assert one_a_night(PATH, [place], sun, times[:0], -6.0).shape == (0, 3)


@pytest.mark.parametrize(
    ("max_sun_deg", "parts"),
    [(-6.0, 10), (90.0, 11), (-89.0, 1)],
    ids=["nights", "always dark enough", "never dark enough"],
)
def test_a_pass_of_days_is_cut_once_a_night(tmp_path, max_sun_deg, parts):
    path, sun = far_path(tmp_path, 10), Sun.during(START, END)
    place = Station("there", 37.4, 97.7, 0.0)
    times = pass_times(path, place, 10.0)
    assert len(times) == 1
    cut = one_a_night(path, [place], sun, times, max_sun_deg)
    # From half past six in the morning, local time: without darkness before the first noon it is not cut there.
    assert len(cut) == parts and (cut[1:, 0] == cut[:-1, 2]).all()
    assert (cut[0, 0], cut[-1, 2]) == (times[0, 0], times[0, 2])
    assert set(cut[1:, 0]) <= set(noons_s(path, 97.7))
    microdegree = 1e-6
    for rise, top, end in cut:
        grid = np.linspace(rise, end, 5001)
        elevation_deg = view(path, [place], sun, grid).elevation_deg[:, 0]
        assert rise <= top <= end
        assert view(path, [place], sun, np.array([top])).elevation_deg[0, 0] >= elevation_deg.max() - microdegree


def test_a_long_pass_with_one_night_is_not_cut(tmp_path):
    """A satellite half-way out is in view for half a day: at night, or by day."""
    path, sun = far_path(tmp_path, 10, MEAN_MOTION="2.0", MEAN_ANOMALY="180"), Sun.during(START, END)
    times = pass_times(path, DELINGHA, 10.0)
    lengths_h = (times[:, 2] - times[:, 0]) / 3600
    assert len(times) > 3 and 4 < np.median(lengths_h) < 24
    cut = one_a_night(path, [DELINGHA], sun, times, -6.0)
    open_s = longest_windows(
        lambda seconds: view(path, [DELINGHA], sun, seconds).sun_elevation_deg[:, 0] <= -6.0, cut[:, ::2]
    )
    nights = night_of(START + np.rint(1e9 * open_s.mean(axis=1)).astype("timedelta64[ns]"), DELINGHA.longitude_deg)
    usable = open_s[:, 1] > open_s[:, 0]
    assert usable.any() and len(set(nights[usable])) == usable.sum()
