"""Figures of stage 7: what is drawn is what the data set holds."""

import numpy as np
import pytest
import xarray as xr

from satqkd.fiber.figures import rates_figure


@pytest.fixture
def fiber():
    return xr.Dataset(
        {
            "sifted_rate": ("fiber", [1e-17, 1e-10]),
            "plob_rate": ("fiber", [1e-16, 1e-9]),
            "years_per_bit": ("fiber", [3.17e9, 317.0]),
            "satellite_key_rate": ((), 0.43),
        },
        coords={"fiber": [0.2, 0.16]},
    )


def _lines(fiber):
    return {line.get_label(): line for line in rates_figure(fiber).axes[0].lines}


def test_rates_are_drawn_against_the_attenuation(fiber):
    lines = _lines(fiber)
    for label, name in [("fibre, sifted bits", "sifted_rate"), ("fibre, PLOB bound", "plob_rate")]:
        np.testing.assert_array_equal(lines[label].get_xdata(), fiber.fiber)
        np.testing.assert_array_equal(lines[label].get_ydata(), fiber[name])
    np.testing.assert_array_equal(lines["satellite, secret key"].get_ydata(), [0.43, 0.43])


def test_the_time_to_a_bit_stands_at_each_point(fiber):
    texts = rates_figure(fiber).axes[0].texts
    assert [text.get_text() for text in texts] == [r"$3.2\times10^{9}$ years/bit", "317 years/bit"]
    np.testing.assert_array_equal([text.xy for text in texts], [(0.2, 1e-17), (0.16, 1e-10)])


def test_a_satellite_without_key_is_said_to_have_none(fiber):
    fiber["satellite_key_rate"] = 0.0
    assert "satellite: no key" in _lines(fiber)
