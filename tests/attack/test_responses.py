"""Eve's answers to single photons against what follows by hand, and invariants of all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.attack.devices import (
    field_of_view_efficiency,
    field_of_view_efficiency_at,
    linear_mode_click,
    split_to_first,
    voltage_v,
    window_acceptance,
)
from satqkd.attack.eve import Eve, Station
from satqkd.attack.knowledge import guesses, information_bits, success_probability
from satqkd.attack.responses import doubled, faked, filtered, mean_click_probability, one_awake, resent_click_table
from satqkd.scenario.hostile import TimeShift

MANY = 10_000


def photons(seed, n=MANY):
    rng = np.random.default_rng(seed)
    return rng.integers(4, size=n).astype(np.uint8), rng.random((n, 3))


def test_intercept_and_resend_gives_one_error_in_four_and_one_bit_in_two():
    channel, draws = photons(1)
    answer = faked(channel, draws, resent_click_table(match=1.0, mismatch=1.0))
    assert answer.kept.all() and (answer.channel >> 1 == channel >> 1).all()
    belief = answer.belief[np.arange(MANY), channel >> 1]
    five_sigma = 5 * 0.5 / np.sqrt(MANY)
    assert np.mean(answer.channel != channel) == pytest.approx(0.25, abs=five_sigma)
    assert information_bits(belief).mean() == pytest.approx(0.5, abs=five_sigma)


def test_measuring_in_the_more_probable_basis_leaves_its_errors_out_and_knows_all_its_bits():
    channel, draws = photons(7)
    answer = faked(channel, draws, resent_click_table(match=1.0, mismatch=1.0), basis=0)
    assert answer.kept.all() and (answer.channel >> 1 == channel >> 1).all()
    hers, wrong = channel >> 1 == 0, answer.channel != channel
    known = information_bits(answer.belief[np.arange(MANY), channel >> 1])
    assert not wrong[hers].any() and (known[hers] == 1).all() and (known[~hers] == 0).all()
    assert wrong[~hers].mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt((~hers).sum()))


def test_a_blinded_detector_clicks_in_eves_basis_only():
    channel, draws = photons(2)
    table = resent_click_table(match=1.0, mismatch=0.0)
    answer = faked(channel, draws, table)
    assert mean_click_probability(table) == 0.5
    assert (answer.channel == channel)[answer.kept].all()
    known = answer.belief[np.arange(MANY), channel >> 1][answer.kept]
    assert (known == (channel & 1)[answer.kept]).all()


tables = st.lists(st.floats(0.01, 1.0), min_size=16, max_size=16).map(lambda values: np.reshape(values, (4, 4)))


@given(tables, st.integers(0, 1000))
def test_eve_guesses_right_as_often_as_she_believes(table, seed):
    channel, draws = photons(seed)
    answer = faked(channel, draws, table)
    belief = answer.belief[np.arange(MANY), answer.channel >> 1][answer.kept]
    outcome = (answer.channel & 1)[answer.kept]
    right = np.mean(guesses(belief, np.random.default_rng(seed)) == outcome)
    # Six standard deviations, as hypothesis tries many tables.
    assert right == pytest.approx(success_probability(belief).mean(), abs=6 * 0.5 / np.sqrt(belief.size))


@given(tables)
def test_clicks_are_as_frequent_as_the_gain_makes_up_for(table):
    channel, draws = photons(3)
    kept = faked(channel, draws, table).kept.mean()
    assert kept == pytest.approx(mean_click_probability(table), abs=6 * 0.5 / np.sqrt(MANY))


def test_a_filter_changes_no_outcome_and_tells_how_unequal_it_is():
    channel, draws = photons(4)
    table = np.array([[1.0, 0.25, 1.0, 0.25]])
    answer = filtered(channel, draws, table, delays_s=np.array([1e-9]))
    assert (answer.channel == channel).all() and (answer.delay_s == 1e-9).all()
    assert answer.belief[0].tolist() == [0.2, 0.2]
    assert np.mean((channel & 1)[answer.kept]) == pytest.approx(0.2, abs=5 * 0.4 / np.sqrt(answer.kept.sum()))


def test_the_window_tells_eve_what_late_detectors_click():
    """One outcome is always in the window, the other one never: the belief is certain, and no photon is lost for it."""
    channel, draws = photons(6)
    accepted = np.array([[1.0, 0.0, 1.0, 0.0]])
    answer = filtered(channel, draws, np.ones((1, 4)), delays_s=np.zeros(1), accepted=accepted)
    assert answer.kept.all() and (answer.belief == 0).all()


def test_the_share_in_a_window_by_hand():
    # Two standard deviations to either side of the middle, and one beyond an edge that is far from the other one.
    within = window_acceptance([0.0, 3000.0], window_ps=4000, jitter_ps=1000)
    assert within == pytest.approx([0.9545, 0.1587], abs=1e-4)


def test_clicks_of_outcome_1_are_late_with_and_without_eve():
    station = Station(810.0, False, None, 0.0, 0.1, 0.5, window_ps=2500.0, jitter_ps=770.0)
    emission_s, channel = np.arange(4.0), np.array([0, 1, 2, 3], np.uint8)
    for strength, shift_ns in ((0.0, 2.0), (1.0, 0.0)):
        attack = TimeShift(kind="time_shift", strength=strength, shift_ns=shift_ns, detector_delay_ns=1.0)
        eve = Eve(attack, station, np.random.default_rng(1))
        time_s, seen = eve.touch(emission_s, channel)
        delay_s = time_s - np.round(time_s)
        assert delay_s == pytest.approx(np.where(seen & 1, 0.5e-9, -0.5e-9), abs=1e-15)


def test_one_detector_stays_awake():
    channel, draws = photons(5, 1000)
    answer = one_awake(channel, draws, rested=np.arange(1000) % 2 == 0, lead_s=20e-9)
    assert answer.extra.size == 1500 and not answer.kept[1::2].any()
    for photon in (0, 2, 998):
        awake = {0, 1, 2, 3} - set(answer.extra_channel[answer.extra == photon].tolist())
        (one,) = awake
        assert answer.belief[photon, one >> 1] == one & 1 and answer.belief[photon, 1 - (one >> 1)] == 0.5


def test_both_outcomes_click_where_eve_took_the_other_basis():
    channel, draws = photons(6)
    answer = doubled(channel, draws)
    assert (answer.extra_channel == channel[answer.extra] ^ 1).all()
    assert (answer.belief[answer.extra] == 0.5).all()
    assert answer.extra.size == pytest.approx(MANY / 2, abs=5 * 0.5 * np.sqrt(MANY))


def test_devices_by_hand():
    assert voltage_v(current_ua=120, resistance_kohm=10) == pytest.approx(1.2)
    assert linear_mode_click([1.0, 1.2], always=1.2).tolist() == [0.0, 1.0]
    # The coupling is pi/2 at twice the coupling of an even split: all light goes to basis 0.
    assert split_to_first(810 * 2**0.4, design_nm=810, order=2.5) == pytest.approx(1.0)
    # exp(2 angle misalignment / acceptance^2) for the detector that differs along one axis, the square for both.
    seen = field_of_view_efficiency(angle_urad=50, misalignment_urad=3, acceptance_urad=15)
    one_axis = np.exp(-2 * 50 * 3 / 15**2)
    # Its own misalignment away, a detector sees best.
    at = field_of_view_efficiency_at([[3.0, 3.0], [0.0, 0.0]], misalignment_urad=3, acceptance_urad=15)
    assert at[0].argmax() == 0 and at[0, 0] == 1 and at[1] == pytest.approx(np.exp(-(3**2) / 15**2))
    assert seen[2] == pytest.approx([one_axis, one_axis, 1, one_axis**2])


@given(st.floats(0.0, 1.0))
def test_knowledge_lies_between_none_and_a_bit(p):
    assert 0 <= information_bits(p) <= 1
    assert information_bits(p) == pytest.approx(information_bits(1 - p))
    assert 0.5 <= success_probability(p) <= 1
