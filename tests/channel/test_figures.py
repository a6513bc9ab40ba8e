"""Figures of stage 2: what is drawn is what the data set holds."""

import numpy as np
import pytest
import xarray as xr

from satqkd.channel.figures import attenuation_figure, budget_figure, contrast_figure

COMPONENTS = ["transmitter", "diffraction", "pointing", "atmosphere", "turbulence", "field stop", "receiver"]
SECONDS = 30


@pytest.fixture
def channel():
    loss = np.random.default_rng(2).uniform(0.1, 9, (2 * SECONDS, 2, len(COMPONENTS)))
    return xr.Dataset(
        {
            "loss": (("time", "station", "component"), loss),
            "attenuation": (("time", "station"), loss.sum(axis=2)),
            "total_attenuation": ("time", loss.sum(axis=(1, 2)) + 5.5),
        },
        coords={
            "time": np.datetime64("2020-01-01", "ns") + np.arange(2 * SECONDS) * np.timedelta64(10**9, "ns"),
            "station": ["here", "there"],
            "component": COMPONENTS,
            "session_number": ("time", np.repeat([0, 1], SECONDS)),
        },
        attrs={"showcase": 0},
    )


def test_attenuation_of_the_showcase_session_is_drawn(channel):
    shown = channel.isel(time=slice(0, SECONDS))
    total, here, there = (line.get_ydata() for line in attenuation_figure(channel).axes[0].lines)
    np.testing.assert_array_equal(total, shown.total_attenuation)
    np.testing.assert_array_equal(here, shown.attenuation[:, 0])
    np.testing.assert_array_equal(there, shown.attenuation[:, 1])


def test_losses_lie_upon_each_other_up_to_the_attenuation(channel):
    shown = channel.isel(time=slice(0, SECONDS))
    for index, axis in enumerate(budget_figure(channel).axes):
        tops = np.cumsum(shown.loss.values[:, index], axis=1)
        assert [layer.get_label() for layer in axis.collections] == COMPONENTS
        for layer, top in zip(axis.collections, tops.T, strict=True):
            drawn = {tuple(np.round(corner, 9)) for corner in layer.get_paths()[0].vertices}
            assert {(float(second), round(value, 9)) for second, value in enumerate(top)} <= drawn
        np.testing.assert_allclose(axis.lines[0].get_ydata(), tops[:, -1])


def test_both_contrasts_of_a_train_are_drawn_and_without_one_it_is_said(channel):
    followed = np.random.default_rng(3).uniform(50, 300, (2 * SECONDS, 2))
    each = ("time", "station")
    optics = channel.assign(contrast_compensated=(each, followed), contrast_uncompensated=(each, followed / 100))
    lines = [line.get_ydata() for line in contrast_figure(optics).axes[0].lines]
    shown = followed[:SECONDS]
    for drawn, expected in zip(lines, [shown[:, 0], shown[:, 0] / 100, shown[:, 1], shown[:, 1] / 100], strict=True):
        np.testing.assert_array_equal(drawn, expected)
    assert not contrast_figure(channel).axes[0].lines
