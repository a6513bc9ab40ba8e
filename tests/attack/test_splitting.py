"""Photon-number splitting against the counting of photons by hand and Brassard's condition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.attack.knowledge import information_bits
from satqkd.attack.splitting import crossing_loss_db, seeded, split, split_by_intensity, trojan_horse


@given(st.floats(0.05, 1.5), st.floats(0, 60), st.floats(0.01, 1.0), st.floats(0.0, 1.0))
def test_the_signal_clicks_as_often_as_expected(mu, loss_db, receiver, strength):
    transmittance = receiver * 10 ** (-loss_db / 10)
    attack = split([mu], transmittance=transmittance, receiver_efficiency=receiver, lossless=True, strength=strength)
    expected = 1 - np.exp(-mu * transmittance)
    if loss_db >= crossing_loss_db(mu, receiver_efficiency=receiver):
        assert attack.gain[0] == pytest.approx(expected)
        assert attack.known[0] == pytest.approx(strength)
    assert attack.gain[0] <= expected * (1 + 1e-9)
    assert 0 <= attack.known[0] <= 1 + 1e-9


def test_without_her_own_channel_one_photon_of_several_is_missing():
    # Of two photons one arrives: the gain is that of n - 1 photons for n > 1; by hand to first order in the loss.
    mu, eta = 0.8, 1e-5
    attack = split([mu], transmittance=eta, receiver_efficiency=0.1, lossless=False, strength=1.0)
    several = mu - 1 + np.exp(-mu)  # the mean of n - 1 over n > 1
    assert attack.gain[0] == pytest.approx(eta * (several + mu * np.exp(-mu)), rel=1e-4)
    assert attack.known[0] == pytest.approx(several / (several + mu * np.exp(-mu)), rel=1e-4)


@pytest.mark.parametrize("mu", [0.1, 0.5, 0.8])
def test_the_crossing_of_a_weak_receiver_is_where_the_photons_left_over_are_as_many_as_expected(mu):
    """Brassard et al. (2000): mu eta = sum over n > 1 of P(n) (n - 1), if the receiver detects few of them."""
    by_hand_db = -10 * np.log10((mu - 1 + np.exp(-mu)) / mu)
    assert crossing_loss_db(mu, receiver_efficiency=1e-6) == pytest.approx(by_hand_db, abs=1e-3)


def test_decoys_click_too_rarely():
    attack = split([0.8, 0.1], transmittance=1e-4, receiver_efficiency=0.08, lossless=True, strength=1.0)
    assert attack.gain[1] / attack.gain[0] < 0.25 * (0.1 / 0.8)


def test_decoys_click_as_often_as_expected_if_eve_knows_which_they_are():
    link = {"transmittance": 1e-4, "receiver_efficiency": 0.08, "lossless": True, "strength": 1.0}
    attack = split_by_intensity([0.8, 0.1, 0.0], **link)
    assert attack.gain == pytest.approx(-np.expm1(-np.array([0.8, 0.1, 0.0]) * 1e-4))
    assert attack.known == pytest.approx([1, 1, 0])


@given(st.floats(0, 200), st.floats(0, 1))
def test_a_trojan_horse_changes_no_gain_and_knows_less_behind_more_isolation(isolation_db, strength):
    light = {"transmittance": 1e-3, "input_photons": 1e12, "strength": strength}
    weak, strong = (trojan_horse([0.8, 0.1], isolation_db=db, **light) for db in (isolation_db, isolation_db + 10))
    assert weak.gain.tolist() == pytest.approx([8e-4, 1e-4])
    assert (weak.known == strength).all()
    assert 0.5 <= strong.certainty <= weak.certainty <= 1


def test_one_returned_photon_in_a_million_pulses_by_hand():
    """Certainty (1 + sqrt(2 m))/2 for m = 1e-6: m/ln 2 of a bit, more than the m that counting photons gives."""
    back = trojan_horse([0.8], transmittance=1e-3, input_photons=1e12, isolation_db=180, strength=1.0)
    assert back.certainty == pytest.approx(0.5 + np.sqrt(2e-6) / 2, rel=1e-9)
    assert information_bits(back.certainty) == pytest.approx(1e-6 / np.log(2), rel=1e-5)


@given(st.floats(1.0, 10.0), st.floats(0.01, 1.0), st.floats(10, 60))
def test_seeded_pulses_click_as_often_as_expected_at_every_intensity(gain, strength, loss_db):
    link = {"transmittance": 0.08 * 10 ** (-loss_db / 10), "receiver_efficiency": 0.08, "strength": strength}
    attack = seeded([0.8, 0.1], gain=gain, **link)
    assert attack.gain == pytest.approx(-np.expm1(-np.array([0.8, 0.1]) * link["transmittance"]))
    assert ((attack.known >= 0) & (attack.known <= strength * (1 + 1e-9))).all()
    if gain > 1.1:
        assert (attack.known > seeded([0.8, 0.1], gain=1.0, **link).known).all()


def test_the_bits_of_seeded_single_photons_are_left():
    """Behind much loss a share exp(-gain mu) of the clicks is of single photons."""
    attack = seeded([0.8], transmittance=1e-6, receiver_efficiency=0.08, gain=3.0, strength=1.0)
    assert attack.known[0] == pytest.approx(1 - np.exp(-2.4), rel=1e-4)
