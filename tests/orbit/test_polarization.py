"""Polarisation frames: geometry by hand and by rotation matrices, and what stage 1 makes of it."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from satqkd.detection.source import contrast_error, linear_projectors
from satqkd.orbit import find_sessions, frames, observables
from satqkd.orbit.polarization import frame_rotation_deg, rotated_contrast, satellite_axis, station_axis
from satqkd.scenario import ScenarioError

ROUNDING_DEG = 1e-6
COMPONENT = st.floats(-1, 1)
DIRECTION = st.tuples(COMPONENT, COMPONENT, COMPONENT).filter(lambda v: np.linalg.norm(v) > 0.1)
ANGLE = st.floats(-400, 400)


def unit(vector):
    return np.asarray(vector, float) / np.linalg.norm(vector)


def across(vector, line):
    """Part of a vector across a line of sight."""
    return vector - np.dot(vector, line) * line


def difference_deg(a, b):
    """Smallest angle between two angles."""
    return abs((a - b + 180) % 360 - 180)


@given(line=DIRECTION, satellite=DIRECTION, station=DIRECTION)
def test_the_angle_turns_one_projection_into_the_other(line, satellite, station):
    line, satellite, station = unit(line), unit(satellite), unit(station)
    assume(min(np.linalg.norm(across(axis, line)) for axis in (satellite, station)) > 1e-3)
    angle = frame_rotation_deg(line[None], satellite[None], station)[0]
    turned = Rotation.from_rotvec(np.radians(angle) * line).apply(unit(across(station, line)))
    np.testing.assert_allclose(turned, unit(across(satellite, line)), atol=1e-9)


@given(line=DIRECTION, satellite=DIRECTION, station=DIRECTION, turn=DIRECTION)
def test_the_angle_does_not_depend_on_the_axes_of_the_map(line, satellite, station, turn):
    line, satellite, station = unit(line), unit(satellite), unit(station)
    assume(min(np.linalg.norm(across(axis, line)) for axis in (satellite, station)) > 1e-3)
    other = Rotation.from_rotvec(3 * np.asarray(turn))
    found = frame_rotation_deg(line[None], satellite[None], station)[0]
    moved = frame_rotation_deg(other.apply(line)[None], other.apply(satellite)[None], other.apply(station))[0]
    swapped = frame_rotation_deg(line[None], station[None], satellite)[0]
    assert difference_deg(found, moved) < ROUNDING_DEG
    assert difference_deg(found, -swapped) < ROUNDING_DEG


@given(place=DIRECTION, station=DIRECTION)
def test_over_a_round_earth_the_nadir_looks_vertical(place, station):
    """The Earth's centre, the satellite and a station lie in one plane, which holds the station's vertical."""
    position, site = 1.08 * unit(place), unit(station)
    line = unit(site - position)
    assume(np.linalg.norm(np.cross(position, site)) > 1e-3)
    angle = frame_rotation_deg(line[None], satellite_axis("nadir", position[None], position[None]), site)[0]
    assert difference_deg(angle, 180) < ROUNDING_DEG


def test_a_pass_through_the_zenith_by_hand():
    """Flying north at the zenith of a telescope that looks up from the south: the flight direction is its vertical."""
    up_from_below = np.array([[0.0, 0.0, -1.0]])
    north, east = np.array([[0.0, 1.0, 0.0]]), np.array([[1.0, 0.0, 0.0]])
    almost_up = unit([0.0, -1e-9, 1.0])  # seen a little to the north, the vertical points south
    assert frame_rotation_deg(up_from_below, north, almost_up)[0] == pytest.approx(180)
    # Right-handed about the light, which comes down: from south to east, seen from below, is clockwise from above.
    assert frame_rotation_deg(up_from_below, east, almost_up)[0] == pytest.approx(-90)


def test_turns_are_followed_beyond_half_a_circle():
    turn = np.radians(np.linspace(0, 900, 91))
    axis = np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)
    line = np.tile([0.0, 0.0, 1.0], (turn.size, 1))
    np.testing.assert_allclose(frame_rotation_deg(line, axis, np.array([1.0, 0, 0])), np.degrees(turn), atol=1e-9)


def test_axes_are_what_they_are_called():
    position, velocity = np.array([[7e6, 0, 0]]), np.array([[0, 0, 7.6e3]])
    np.testing.assert_allclose(satellite_axis("velocity", position, velocity), [[0, 0, 1]])
    np.testing.assert_allclose(satellite_axis("nadir", position, velocity), [[-1, 0, 0]])
    np.testing.assert_allclose(satellite_axis("orbit_normal", position, velocity), [[0, -1, 0]])
    axes = frames.local_axes(40.0, 117.0)
    np.testing.assert_allclose(station_axis("altazimuth", axes), axes[2])
    assert station_axis("equatorial", axes) @ axes[1] == pytest.approx(np.cos(np.radians(40)))


@given(contrast=st.floats(1.001, 1e5), rotation=ANGLE)
def test_contrast_is_that_of_the_born_rule(contrast, rotation):
    """A polarised photon and an analyser whose outcome flips with the error of the contrast."""
    sent = np.array([1.0, 0.0])
    right, wrong = (sent @ projector @ sent for projector in linear_projectors(np.radians(rotation)))
    error = contrast_error(contrast)
    expected = (right * (1 - error) + wrong * error) / (wrong * (1 - error) + right * error)
    assert rotated_contrast(contrast, rotation) == pytest.approx(expected, rel=1e-9)


@given(contrast=st.floats(1.001, 1e5), smaller=st.floats(0, 90), larger=st.floats(0, 90))
def test_contrast_falls_from_its_own_to_its_inverse(contrast, smaller, larger):
    smaller, larger = sorted((smaller, larger))
    assert rotated_contrast(contrast, smaller) >= rotated_contrast(contrast, larger) * (1 - 1e-12)
    assert rotated_contrast(contrast, 0) == pytest.approx(contrast)
    assert rotated_contrast(contrast, 90) == pytest.approx(1 / contrast)
    assert rotated_contrast(contrast, -smaller) == pytest.approx(rotated_contrast(contrast, 180 + smaller))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="contrast=0.5 is not above 1: give right over wrong"):
        rotated_contrast(0.5, 0.0)
    with pytest.raises(ValueError, match="satellite_axis=sun is not known: take one of velocity, orbit_normal, nadir"):
        satellite_axis("sun", np.ones((1, 3)), np.ones((1, 3)))
    with pytest.raises(ValueError, match="mount=dobson is not known: take one of altazimuth, equatorial"):
        station_axis("dobson", np.eye(3))


@pytest.mark.parametrize("name", ["yin2017", "liao2017", "yin2020", "tiangong2"])
def test_frames_turn_through_the_pass_without_jumps(orbits, name):
    orbit = orbits[name]
    same = np.diff(orbit.session_number.values) == 0
    step = np.abs(np.diff(orbit.frame_rotation.values, axis=0))[same]
    azimuth = np.abs((np.diff(orbit.azimuth.values, axis=0) + 180) % 360 - 180)[same]
    # A tube turns about the line of sight no faster than about the vertical; and a projected axis that lies 22 degrees
    # or more off the line of sight turns no faster than cot(22 degrees) = 2.5 times the line of sight.
    assert (step <= azimuth + 2.5 * float(orbit.largest_angular_rate.max())).all()
    assert step.max() > 0.3
    assert orbit.frame_rotation.attrs["units"] == "degree"
    first = np.searchsorted(orbit.session_number.values, orbit.session.values)
    assert (np.abs(orbit.frame_rotation.values[first]) <= 180).all()


def test_without_compensation_the_plate_fits_at_the_start_of_each_session(missions):
    flown = missions["yin2017"].replaced({"polarization.compensated": False})
    orbit = find_sessions(flown)
    assert orbit.sizes["session"] > 2
    for session in orbit.session.values:
        here = orbit.isel(time=orbit.session_number.values == session)
        np.testing.assert_allclose(here.polarization_rotation, here.frame_rotation - here.frame_rotation[0])
        assert np.abs(here.polarization_rotation).max() > 45
        np.testing.assert_allclose(here.contrast_uncompensated[0], 80)


def test_the_plate_leaves_its_residual_and_no_more(missions, orbits):
    turned = find_sessions(missions["liao2017"].replaced({"polarization.residual_deg": 2}))
    assert (turned.polarization_rotation == 2).all()
    np.testing.assert_allclose(turned.contrast_compensated, rotated_contrast(280, 2))
    assert (orbits["liao2017"].polarization_rotation == 0).all()
    assert observables(turned)["polarization_contrast_compensated"][0] == pytest.approx(rotated_contrast(280, 2))


def test_uncompensated_contrast_of_liao2017_is_that_of_a_plate_set_before_the_session(missions, orbits):
    """Set at 15 degrees, 3.8 degrees of rotation before the session: the largest contrast is not that of the optics."""
    values = observables(orbits["liao2017"])
    (low, high), unit_text = values["polarization_contrast_uncompensated"]
    turned_deg = float(orbits["liao2017"].frame_rotation[0, 0] - orbits["liao2017"].fitting_rotation[0, 0])
    assert 3.5 < turned_deg < 4.0
    assert (high, unit_text) == (pytest.approx(rotated_contrast(280, turned_deg), abs=0.1), "ratio to 1")
    assert low < 0.01
    assert 90 < values["frame_rotation_xinglong"][0] < 110
    assert values["polarization_contrast_compensated"] == (pytest.approx(280), "ratio to 1")
    at_the_start = find_sessions(missions["liao2017"].replaced({"polarization.plate_elevation_deg": None}))
    assert observables(at_the_start)["polarization_contrast_uncompensated"][0][1] == pytest.approx(280)


def test_a_plate_fits_where_the_rising_satellite_passes_its_elevation(missions):
    """Within the session, both stations of every session; an elevation that a pass does not reach is refused."""
    lowest_deg = 12.0
    flown = missions["yin2017"].replaced(
        {"polarization.compensated": False, "polarization.plate_elevation_deg": lowest_deg}
    )
    orbit = find_sessions(flown)
    for session in orbit.session.values:
        here = orbit.isel(time=orbit.session_number.values == session)
        for i in range(2):
            elevation_deg = here.elevation.values[:, i]
            rising = np.flatnonzero((elevation_deg[:-1] < lowest_deg) & (elevation_deg[1:] >= lowest_deg))
            for second in rising:
                low, high = np.sort(here.polarization_rotation.values[second : second + 2, i])
                assert low <= 0 <= high
    with pytest.raises(ScenarioError, match="plate_elevation_deg=89 is outside the 0.0 to .* give one of them"):
        find_sessions(flown.replaced({"polarization.plate_elevation_deg": 89}))


def test_telescopes_held_to_the_nadir_would_need_no_plate(missions):
    """The flattening of the Earth turns the frames by a fraction of a degree, and nothing else does."""
    orbit = find_sessions(missions["liao2017"].replaced({"polarization.satellite_axis": "nadir"}))
    assert 0.05 < observables(orbit)["frame_rotation_xinglong"][0] < 0.5
    assert float(orbit.contrast_uncompensated.min()) > 270


def test_a_source_without_a_contrast_has_none_over_the_pass(orbits):
    assert "contrast_compensated" not in orbits["yin2020"]
    assert "polarization_contrast_uncompensated" not in observables(orbits["yin2020"])
