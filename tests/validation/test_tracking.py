"""Tracking against numbers that others measured."""

import numpy as np

from satqkd.channel.tracking import Loop, platform_spectrum, point_ahead_rad, residual_rms_rad


def test_the_specification_from_olympus():
    """160 urad2/Hz below a hertz (the form of ESA's specification for its optical link): 15.9 urad rms."""
    assert round(float(platform_spectrum(0.0, rms_rad=15.85e-6)) * 1e12) == 160


def test_the_vibration_of_micius_after_its_loops():
    """9.3 urad without and 0.47 urad with tracking, measured in orbit (Angular micro-vibration of the Micius satellite,
    2021), with energy below 30 Hz. Loops with the printed frames and bandwidths of a fortieth to a tenth of them leave
    this of a spectrum that ends there, and up to three times as much of one without an end.
    """

    def left_urad(bandwidth_hz, highest_hz=np.inf):
        loops = {"coarse": Loop(40, 2), "fine": Loop(2000, bandwidth_hz)}
        return 1e6 * residual_rms_rad(platform_rms_rad=9.3e-6, **loops, highest_hz=highest_hz)

    assert left_urad(200, 30) < 0.47 < left_urad(50, 30)
    assert left_urad(100, 30) < 0.47 < left_urad(100) < 3 * 0.47


def test_the_point_ahead_angle_of_a_low_orbit():
    """Han et al., arXiv:1912.06317: several times the divergence, which is 10 urad; at 500 km, 7.6 km/s are printed."""
    beam_urad, speed_m_s = 10, 7.6e3
    assert 3 * beam_urad < 1e6 * float(point_ahead_rad(speed_m_s)) < 10 * beam_urad
