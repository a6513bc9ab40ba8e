"""Figures of stage 4: what is drawn is what the data set holds."""

import numpy as np
import pytest
import xarray as xr

from satqkd.coincidence.figures import delay_figure, rate_figure


@pytest.fixture
def pairs():
    """Sessions of 25 and 12 s, each with a closing row, and rows after them that no measurement used."""
    rate = np.arange(45)
    rate[[25, 38, 39, 40, 41, 42, 43, 44]] = 0
    return xr.Dataset(
        {
            "delay_histogram": ("delay_bin", [0, 3, 90, 2]),
            "rate": ("second", rate),
            "session_duration": ("session", [25, 12]),
        },
        coords={"delay_bin": [-150.0, -50.0, 50.0, 150.0]},
        attrs={"window_ns": 0.2},
    )


def test_delays_are_drawn_in_nanoseconds_with_the_window(pairs):
    axis = delay_figure(pairs).axes[0]
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), pairs.delay_histogram)
    np.testing.assert_allclose(axis.lines[0].get_xdata(), [-0.15, -0.05, 0.05, 0.15])
    window = axis.patches[0]
    np.testing.assert_allclose([window.get_x(), window.get_x() + window.get_width()], [-0.1, 0.1])
    assert axis.get_ylabel() == "Pairs of tags in 100 ps"


def test_no_delays_are_drawn_where_none_can_be(pairs):
    """Pulses every 5 ns: nothing is farther than 2.5 ns from the nearest one."""
    bins = np.arange(-9950.0, 9951.0, 100.0)
    pulses = xr.Dataset(
        {"delay_histogram": ("delay_bin", np.where(np.abs(bins) < 2500, 7, 0))}, {"delay_bin": bins}, {"window_ns": 1.0}
    ).assign(pulses=("intensity_level", [1, 2, 3]))
    axis = delay_figure(pulses).axes[0]
    assert np.abs(axis.lines[0].get_xdata()).max() == 2.45
    assert np.abs(axis.get_xlim()).max() < 3
    empty = delay_figure(pulses.assign(delay_histogram=0 * pulses.delay_histogram)).axes[0]
    assert np.abs(empty.lines[0].get_xdata()).max() == 0.45  # the window is always there


@pytest.mark.parametrize("decoy", [False, True])
@pytest.mark.parametrize("highest", [1, 30, 4e4])
def test_the_highest_rate_lies_below_the_top(pairs, decoy, highest):
    """A curve that ends at the frame looks as if it went on."""
    data = pairs.assign(rate=pairs.rate * (highest / pairs.rate.max()))
    data = data.assign(sifted_rate=data.rate / 2) if decoy else data
    axis = rate_figure(data).axes[0]
    drawn = max(patch.get_data().values.max() for patch in axis.patches)
    assert axis.get_ylim()[0] == 0 and drawn < 0.99 * axis.get_ylim()[1]


def test_without_a_known_window_none_is_marked(pairs):
    del pairs.attrs["window_ns"]
    assert not delay_figure(pairs).axes[0].patches


def test_pairs_are_means_over_ten_seconds_that_never_span_two_sessions(pairs):
    first, second = (patch.get_data() for patch in rate_figure(pairs).axes[0].patches)
    rate = pairs.rate.values
    np.testing.assert_allclose(first.values, [rate[0:10].mean(), rate[10:20].mean(), rate[20:25].mean()])
    np.testing.assert_allclose(second.values, [rate[26:36].mean(), rate[36:38].mean()])
    np.testing.assert_array_equal(second.edges, [25, 35, 37])


def test_pulses_are_drawn_second_by_second_with_the_sifted_bits(pairs):
    pulses = pairs.assign(sifted_rate=pairs.rate // 2, pulses=("intensity_level", [1, 2, 3]))
    drawn = [patch.get_data().values for patch in rate_figure(pulses).axes[0].patches]
    rate = pairs.rate.values
    for values, expected in zip(drawn, [rate[:25], rate[26:38], rate[:25] // 2, rate[26:38] // 2], strict=True):
        np.testing.assert_array_equal(values, expected)
    assert delay_figure(pulses).axes[0].get_ylabel() == "Tags in 100 ps"
