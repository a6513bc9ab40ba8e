"""Fibre: losses, bound and rates, and what the papers say a fibre would do, from its printed loss alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.fiber import link

LAST_DIGIT = 0.5

lengths = st.floats(0.0, 1e6)


def test_fifty_kilometres_at_standard_loss_are_ten_decibel():
    assert link.fiber_loss_db(50e3, attenuation_db_per_km=0.2) == pytest.approx(10.0)
    assert link.fiber_transmittance(50e3, attenuation_db_per_km=0.2) == pytest.approx(0.1)


@given(lengths, lengths)
def test_transmittances_of_joined_fibres_multiply(first, second):
    joined = link.fiber_transmittance(first + second, attenuation_db_per_km=0.2)
    apart = [link.fiber_transmittance(length, attenuation_db_per_km=0.2) for length in (first, second)]
    assert joined == pytest.approx(apart[0] * apart[1], rel=1e-9, abs=0.0)


@given(lengths, lengths)
def test_loss_never_falls_with_length(first, second):
    short, long = sorted((first, second))
    assert link.fiber_loss_db(short, attenuation_db_per_km=0.16) <= link.fiber_loss_db(long, attenuation_db_per_km=0.16)


def test_plob_bound_at_known_points():
    np.testing.assert_allclose(link.plob_bound([0.0, 0.5, 0.75]), [0.0, 1.0, 2.0])
    assert np.isinf(link.plob_bound(1.0))


def test_plob_bound_keeps_its_digits_at_long_distance():
    # -log2(1 - eta) = eta / ln 2 to first order; 1 - 1e-24 is 1 in double precision.
    assert link.plob_bound(1e-24) == pytest.approx(1e-24 / np.log(2.0), rel=1e-12, abs=0.0)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_plob_bound_never_falls_with_transmittance(first, second):
    low, high = sorted((first, second))
    assert link.plob_bound(low) <= link.plob_bound(high)


@given(st.floats(1e-6, 0.999))
def test_single_photons_stay_below_the_plob_bound(transmittance):
    assert link.sifted_rate_hz(1.0, transmittance=transmittance) < link.plob_bound(transmittance)


def test_transmittance_in_decibel_is_refused():
    with pytest.raises(ValueError, match=r"transmittance=20 is outside \[0, 1\]: give a fraction, not a loss in dB"):
        link.plob_bound([0.1, 20.0])


def test_ten_decibel_are_one_order_of_magnitude():
    np.testing.assert_allclose(link.advantage_orders_of_magnitude([50.0, 70.0], 60.0), [1.0, -1.0])


@given(lengths)
def test_pairs_from_the_middle_see_the_loss_of_the_whole(length_m):
    half = link.fiber_transmittance(length_m / 2.0, attenuation_db_per_km=0.2)
    whole = link.fiber_transmittance(length_m, attenuation_db_per_km=0.2)
    pairs = link.pair_rate_hz(1e7, transmittance_a=half, transmittance_b=half)
    assert pairs == pytest.approx(
        link.sifted_rate_hz(1e7, transmittance=whole, sifting_fraction=1.0), rel=1e-9, abs=0.0
    )


def test_one_bit_per_julian_year():
    assert link.years_per_bit(1.0 / (365.25 * 86400.0)) == pytest.approx(1.0)
    assert np.isinf(link.years_per_bit(0.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: link.fiber_loss_db(-1.0, attenuation_db_per_km=0.2), "length_m=-1 is below 0"),
        (lambda: link.years_per_bit(-2.0), "rate_hz=-2 is below 0"),
        (lambda: link.sifted_rate_hz(-3.0, transmittance=0.1), "pulse_rate_hz=-3 is below 0"),
    ],
)
def test_negative_quantities_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_yin2017_coincidence_rate_of_two_fibres():
    # 10 MHz pairs, two fibres of 600 km at 0.2 dB/km: 1e-17 per second.
    half = link.fiber_transmittance(600e3, attenuation_db_per_km=0.2)
    assert link.pair_rate_hz(10e6, transmittance_a=half, transmittance_b=half) == pytest.approx(
        1e-17, rel=1e-9, abs=0.0
    )


@pytest.mark.parametrize(("attenuation_db_per_km", "printed"), [(0.20, 17), (0.16, 12)])
def test_yin2017_orders_of_magnitude(attenuation_db_per_km, printed):
    # 1203 km of fibre against 68 dB, the mean of the two downlinks.
    fiber = link.fiber_loss_db(1203e3, attenuation_db_per_km=attenuation_db_per_km)
    assert abs(link.advantage_orders_of_magnitude(68.0, fiber) - printed) < LAST_DIGIT


def test_liao2017_years_per_sifted_bit():
    # 1200 km, 10 GHz perfect single photons: 6 million years.
    eta = link.fiber_transmittance(1200e3, attenuation_db_per_km=0.2)
    years = link.years_per_bit(link.sifted_rate_hz(10e9, transmittance=eta))
    assert abs(years / 1e6 - 6.0) < LAST_DIGIT


def test_tiangong2_years_per_detected_photon():
    # 1000 km, 10 GHz perfect source and detectors: 300 years, printed to one digit; sifting would double it.
    eta = link.fiber_transmittance(1000e3, attenuation_db_per_km=0.2)
    years = link.years_per_bit(link.sifted_rate_hz(10e9, transmittance=eta, sifting_fraction=np.array([1.0, 0.5])))
    assert abs(years[0] / 100.0 - 3.0) < LAST_DIGIT
    assert abs(years[1] / 100.0 - 3.0) > LAST_DIGIT
