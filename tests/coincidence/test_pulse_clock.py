"""A receiver's clock against a transmitter's log, on tags whose truth is known."""

import numpy as np
import pytest

from satqkd.coincidence import streams
from satqkd.coincidence.pulse_clock import PulseLog, central, log_scores, place_in_log, recover_pulse_clock

MU, SHARES = np.array([0.8, 0.1, 0.0]), [0.5, 0.25, 0.25]
RATE_HZ, JITTER_S = 1e6, 5e-9
FIVE_SIGMA = 5


def received(
    *, seed=1, duration_s=1.0, tags=4000, offset_s=0.0, drift=0.0, noise=0.05, rows=None, qber=0.02, bend_s=0.0
):
    """Tags, channels, true pulses (-1 of noise) and log of a receiver in a laboratory."""
    rng = np.random.default_rng(seed)
    sent = round(duration_s * RATE_HZ)
    states = (4 * rng.choice(3, rows or sent, p=SHARES) + rng.integers(0, 4, rows or sent)).astype(np.uint8)
    log = PulseLog(states, repeats=rows is not None)
    pulse = rng.integers(0, sent, 2 * tags)
    pulse = pulse[rng.random(pulse.size) < (MU / MU[0])[log.at(pulse) >> 2]]
    state, setting = log.at(pulse), rng.integers(0, 2, pulse.size)
    wrong = rng.random(pulse.size) < np.where(setting == (state >> 1) & 1, qber, 0.5)
    channel = 2 * setting + ((state & 1) ^ wrong)
    dark = int(noise * pulse.size)
    true_s = np.concatenate([(pulse + 0.5) / RATE_HZ, duration_s * rng.random(dark)])
    bent_s = bend_s * np.sin(2 * np.pi * true_s / duration_s)
    local_s = (1 + drift) * true_s + offset_s + bent_s + JITTER_S * rng.standard_normal(true_s.size)
    order = np.argsort(local_s)
    local_ps = np.rint(1e12 * local_s).astype(np.int64)[order]
    channel = np.append(channel, rng.integers(0, 4, dark)).astype(np.uint8)[order]
    return local_ps, channel, np.append(pulse, np.full(dark, -1))[order], log


def recovered(local_ps, channel, log, reach_s=0.01, **options):
    return recover_pulse_clock(
        local_ps, channel, log, pulse_rate_hz=RATE_HZ, mean_photon_numbers=MU, reach_s=reach_s, **options
    )


def pulses_of(clock, local_ps):
    return np.floor(clock.true_s(local_ps) * RATE_HZ).astype(int)


def test_offset_drift_and_pulses_are_those_of_the_truth():
    local_ps, channel, pulse, log = received(offset_s=0.00432109876, drift=3e-5)
    clock = recovered(local_ps, channel, log)
    assert abs(clock.offset_s - 0.00432109876) < FIVE_SIGMA * clock.offset_sigma_s
    assert abs(clock.drift - 3e-5) < FIVE_SIGMA * clock.drift_sigma
    # At the start a line is as uncertain as two means.
    assert clock.offset_sigma_s == pytest.approx(2 * JITTER_S / np.sqrt(pulse.size), rel=0.2)
    assert (pulses_of(clock, local_ps)[pulse >= 0] == pulse[pulse >= 0]).all()
    assert clock.false_alarm < 1e-12 and clock.followed == 1
    assert clock.residual_rms_s == pytest.approx(JITTER_S, rel=0.2)


def test_a_repeated_record_fixes_the_place_in_it():
    local_ps, channel, pulse, log = received(rows=1 << 12, offset_s=0.2)
    clock = recovered(local_ps, channel, log, prior_offset_s=0.2, reach_s=1.0)
    off = (pulses_of(clock, local_ps) - pulse)[pulse >= 0]
    assert (off % (1 << 12) == 0).all() and np.ptp(off) == 0
    assert abs(clock.offset_s - 0.2) <= (1 << 11) / RATE_HZ + 1e-6  # of equal places the nearest


def test_a_clock_that_wanders_by_more_than_a_period_is_followed():
    local_ps, channel, pulse, log = received(bend_s=2e-7, tags=40_000)
    clock = recovered(local_ps, channel, log)
    assert clock.node_s.size > 2
    assert np.mean(pulses_of(clock, local_ps)[pulse >= 0] == pulse[pulse >= 0]) > 0.999


def test_the_search_begins_at_the_prior():
    local_ps, channel, _, log = received(offset_s=3.2)
    assert recovered(local_ps, channel, log, prior_offset_s=3.199).offset_s == pytest.approx(
        3.2, abs=FIVE_SIGMA * 2 * JITTER_S / 60
    )
    with pytest.raises(ValueError, match="no place of the log within 20001 pulses fits .* raise start_uncertainty_s"):
        recovered(local_ps, channel, log, prior_offset_s=3.0)


def test_a_log_of_another_recording_does_not_fit():
    local_ps, channel, _, _ = received()
    other = PulseLog(received(seed=2)[3].states)
    with pytest.raises(ValueError, match="no place of the log"):
        recovered(local_ps, channel, other)


def test_noise_and_a_wrong_rate_make_no_comb():
    local_ps, channel, _, log = received(tags=2000)
    with pytest.raises(ValueError, match=r"show no comb of 1001000 pulses a second within 100 ppm: check source.pulse"):
        recover_pulse_clock(local_ps, channel, log, pulse_rate_hz=1_001_000, mean_photon_numbers=MU)
    noise = np.sort(np.random.default_rng(3).integers(0, 10**12, 2000))
    with pytest.raises(ValueError, match="show no comb of 1000000 pulses a second"):
        recovered(noise, channel[:2000], log)
    with pytest.raises(ValueError, match="20 tags do not show a comb of pulses: it takes 128"):
        recovered(noise[:20], channel[:20], log)


def test_a_record_that_repeats_unsaid_is_noticed():
    local_ps, channel, _, log = received(rows=5000)
    unrolled = PulseLog(np.tile(log.states, 2000))
    with pytest.raises(ValueError, match="that are 5000 pulses apart fit the tags equally well: .* repeats: true"):
        recovered(local_ps, channel, unrolled)


def test_the_central_tags_of_central_tags_are_those_of_all():
    for size in range(1, 30):
        tags = np.arange(size)
        assert (tags[central(size, 12)][central(min(size, 12), 4)] == tags[central(size, 4)]).all()


@pytest.mark.parametrize(("repeats", "first"), [(False, 0), (False, 7), (True, 0), (True, 7)])
def test_counted_pulses_are_those_of_the_log(repeats, first, monkeypatch):
    log = PulseLog(np.random.default_rng(1).integers(0, 12, 50).astype(np.uint8), repeats, first)
    plain = np.bincount(log.at(np.arange(-20, 90)) >> 2, minlength=4)[:3]
    monkeypatch.setattr(streams, "PIECE", 11)
    assert log.counted(-20, 90).tolist() == plain.tolist()


def test_likelihood_ratios_have_a_mean_of_one_over_random_logs():
    """Then chance finds evidence s in N places with a probability of at most N exp(-s)."""
    log = PulseLog(np.repeat(np.arange(12, dtype=np.uint8), [4] * 4 + [2] * 8))
    ratios = np.exp(log_scores(log, MU)[:, log.states])
    assert ratios.mean(axis=1) == pytest.approx(np.ones(4), rel=1e-12)


def test_a_place_is_that_of_plain_sums():
    _, channel, pulse, log = received(tags=300, duration_s=0.01, noise=0)
    pulse, channel = np.sort(pulse), channel[np.argsort(pulse)]
    scores = log_scores(log, MU)
    sums = [scores[channel, log.at(pulse - 17 + shift)].sum() for shift in range(-50, 50)]
    assert place_in_log(pulse - 17, channel, log, scores, first=-50, count=100)[0] == np.argmax(sums) - 50 == 17
