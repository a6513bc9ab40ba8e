"""Tracking against numbers that others measured."""

from satqkd.channel.tracking import Loop, platform_spectrum, point_ahead_rad, residual_rms_rad


def test_the_specification_from_olympus():
    """160 urad2/Hz below a hertz (the form of ESA's specification for its optical link): 15.9 urad rms."""
    assert round(float(platform_spectrum(0.0, rms_rad=15.85e-6)) * 1e12) == 160


def test_the_vibration_of_micius_after_its_loops():
    """9.3 urad without and 0.47 urad with tracking, measured in orbit (Angular micro-vibration of the Micius satellite,
    2021). Loops with the printed frames leave between this and, by the slower fall of the assumed spectrum, three times
    as much.
    """
    left_urad = 1e6 * residual_rms_rad(platform_rms_rad=9.3e-6, coarse=Loop(40, 2), fine=Loop(2000, 100))
    assert 0.47 < left_urad < 3 * 0.47


def test_the_point_ahead_angle_of_a_low_orbit():
    """Han et al., arXiv:1912.06317: several times the divergence, which is 10 urad; at 500 km, 7.6 km/s are printed."""
    beam_urad, speed_m_s = 10, 7.6e3
    assert 3 * beam_urad < 1e6 * float(point_ahead_rad(speed_m_s)) < 10 * beam_urad
