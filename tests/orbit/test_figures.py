"""Figures of stage 1: what is drawn is what the data set holds."""

import numpy as np
import pytest
import xarray as xr

from satqkd.orbit.figures import polarization_figure, ranges_figure, sky_figure
from satqkd.plot import save_figure

SECONDS = 130


@pytest.fixture
def orbit():
    """Two sessions, of which the second is shown; it begins 20 s before a whole minute."""
    starts = np.array(["2020-01-01T10:00:00", "2020-01-02T11:59:40"], "datetime64[ns]")
    seconds = np.arange(SECONDS) * np.timedelta64(10**9, "ns")
    rng = np.random.default_rng(1)
    each = ("time", "station")
    return xr.Dataset(
        {
            "range": (each, rng.uniform(5e5, 2e6, (2 * SECONDS, 2))),
            "elevation": (each, rng.uniform(10, 80, (2 * SECONDS, 2))),
            "azimuth": (each, rng.uniform(0, 360, (2 * SECONDS, 2))),
            "frame_rotation": (each, rng.uniform(-180, 180, (2 * SECONDS, 2))),
            "contrast_uncompensated": (each, rng.uniform(0, 80, (2 * SECONDS, 2))),
            "contrast_compensated": (each, rng.uniform(70, 80, (2 * SECONDS, 2))),
        },
        coords={
            "time": (starts[:, None] + seconds).ravel(),
            "station": ["here", "there"],
            "session_number": ("time", np.repeat([0, 1], SECONDS)),
        },
        attrs={"showcase": 1},
    )


def test_ranges_and_their_sum_are_drawn_in_kilometres(orbit):
    shown = orbit.isel(time=slice(SECONDS, None))
    above, below = ranges_figure(orbit).axes
    here, there, both = (line.get_ydata() for line in above.lines)
    np.testing.assert_array_equal(here, shown.range[:, 0] / 1e3)
    np.testing.assert_array_equal(there, shown.range[:, 1] / 1e3)
    np.testing.assert_allclose(both, shown.range.sum("station") / 1e3)
    np.testing.assert_array_equal(above.lines[0].get_xdata(), np.arange(SECONDS))
    np.testing.assert_array_equal(below.lines[1].get_ydata(), shown.elevation[:, 1])
    assert "2020-01-02 11:59:40 UTC" in below.get_xlabel()


def test_one_station_has_no_sum(orbit):
    assert len(ranges_figure(orbit.isel(station=[0])).axes[0].lines) == 1


def test_turn_and_contrast_are_drawn_for_each_station(orbit):
    shown = orbit.isel(time=slice(SECONDS, None))
    above, below = polarization_figure(orbit).axes
    for index, line in enumerate(above.lines):
        np.testing.assert_array_equal(line.get_ydata(), shown.frame_rotation[:, index])
    drawn = [line.get_ydata() for line in below.lines]
    for index in range(2):
        np.testing.assert_array_equal(drawn[2 * index], shown.contrast_uncompensated[:, index])
        np.testing.assert_array_equal(drawn[2 * index + 1], shown.contrast_compensated[:, index])


def test_without_a_contrast_only_the_turn_is_drawn(orbit):
    bare = orbit.drop_vars(["contrast_uncompensated", "contrast_compensated"])
    (axis,) = polarization_figure(bare).axes
    assert len(axis.lines) == 2


def test_sky_shows_each_track_and_its_whole_minutes(orbit):
    shown = orbit.isel(time=slice(SECONDS, None))
    for index, axis in enumerate(sky_figure(orbit).axes):
        track = axis.lines[0]
        np.testing.assert_allclose(track.get_xdata(), np.deg2rad(shown.azimuth[:, index]))
        np.testing.assert_array_equal(track.get_ydata(), shown.elevation[:, index])
        assert [text.get_text() for text in axis.texts] == ["12:00", "12:01"]
        np.testing.assert_array_equal(axis.lines[1].get_ydata(), shown.elevation[[20], index])


def test_sky_has_the_zenith_in_the_middle_and_north_up(orbit):
    axis = sky_figure(orbit).axes[0]
    middle = axis.transAxes.transform((0.5, 0.5))
    np.testing.assert_allclose(axis.transData.transform((0.0, 90.0)), middle, atol=1e-6)
    north, east = axis.transData.transform((0.0, 30.0)), axis.transData.transform((np.pi / 2, 30.0))
    assert north[1] > middle[1] and east[0] > middle[0]


def test_a_notebook_shows_a_figure_without_pyplot(orbit):
    png, metadata = ranges_figure(orbit)._repr_png_()
    assert png.startswith(b"\x89PNG") and metadata == {"width": 693}


def test_a_saved_figure_is_shown_without_being_drawn_again(orbit, tmp_path, monkeypatch):
    figure = save_figure(ranges_figure(orbit), tmp_path / "ranges.svg")
    monkeypatch.setattr(type(figure), "savefig", None)
    assert figure._repr_png_()[0] == (tmp_path / "ranges.png").read_bytes()


def test_a_figure_saved_twice_has_the_same_bytes(orbit, tmp_path):
    for name in ("first", "second"):
        save_figure(sky_figure(orbit), tmp_path / f"{name}.svg")
    for suffix in ("svg", "png"):
        assert (tmp_path / f"first.{suffix}").read_bytes() == (tmp_path / f"second.{suffix}").read_bytes()
