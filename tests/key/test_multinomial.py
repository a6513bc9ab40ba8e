"""The proof that weighs intensities together: its inequalities for every photon number, and drawn truths."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from satqkd.key.proofs import multinomial
from satqkd.key.proofs.decoy import DecoyCounts, decoy_key_length
from satqkd.key.proofs.multinomial import (
    credit,
    least_empty,
    least_events,
    most_errors,
    most_phase_errors,
    photon_shares,
)
from satqkd.key.proofs.sampling import hypergeometric_key_errors

from ..sizes import examples

STUDY = Path(__file__).parents[2] / "benchmarks" / "decoy_proofs.py"
MU, P = np.array([0.6, 0.12, 0.002]), np.array([0.75, 0.15, 0.1])
SECURITY = {"eps_sec": 1e-9, "eps_cor": 1e-12, "f_ec": 1.16}
PHOTONS = np.arange(60)
ROUNDING = 1e-12

sources = st.tuples(st.floats(0.3, 1.2), st.floats(0.02, 0.4), st.sampled_from([0.0, 1e-4, 5e-3]))
shares = st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9))


def box(mu=MU, p=P, fluctuation=0.0):
    low, high = np.empty((3, 3)), np.empty((3, 3))
    photon_shares(np.asarray(mu), np.asarray(p), fluctuation, low, high)
    return low, high


def intensity_given_photons(mu, p, photons=PHOTONS):
    """Probability of each intensity given the photon number; shape (photons, 3)."""
    mu = np.asarray(mu, dtype=float)
    # Divided by the signal's, so that no power leaves the range of numbers.
    weight = np.asarray(p) * np.exp(-mu) * (mu / mu[0]) ** photons[:, np.newaxis]
    return weight / weight.sum(axis=1, keepdims=True)


def divided(p):
    return np.array([p[0], (1.0 - p[0]) * p[1], (1.0 - p[0]) * (1.0 - p[1])])


@settings(max_examples=examples(75))
@given(
    sources, shares, st.floats(-4.0, 1.0), st.floats(0.0, 0.08), st.booleans(), st.sampled_from([0.0, 0.6, 1.0]),
    st.floats(0.8, 1.0), st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)),
)  # fmt: skip
def test_no_photon_number_gains_from_weights_of_events(mu, p, scale, width, signal_only, empty, single, where):
    mu, p = np.array(mu), divided(p)
    low, high = box(mu, p, width)
    x = np.empty(3)
    theta = multinomial.weigh_events(np.exp(scale), signal_only, empty, single, low, high, x)
    if mu[1] * (1 + width) + mu[2] >= mu[0] * (1 - width) or not np.isfinite(theta):
        return
    inside = mu * (1.0 + width * np.array([*where, 0.0]))
    credited = np.zeros((len(PHOTONS), 1))
    credited[0], credited[1] = empty, single
    if signal_only:
        credited = credited * np.array([1.0, 0.0, 0.0])
    factor = credited * np.exp(-theta) + 1.0 - credited
    mean = (intensity_given_photons(inside, p) * (1.0 + x) * factor).sum(axis=1)
    assert mean.max() <= 1.0 + 1e-15
    # One of the conditions is met with equality, or the weights could be better.
    assert multinomial.credit(x, signal_only, empty, single, low, high) == theta


@given(
    sources, shares, st.floats(-6.0, 1.5), st.booleans(), st.floats(0.0, 0.08),
    st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)),
)  # fmt: skip
def test_no_photon_number_gains_from_weights_of_empty_events(mu, p, scale, signal_only, width, where):
    mu, p = np.array(mu), divided(p)
    x = np.empty(3)
    theta = multinomial.weigh_empty(np.exp(scale), signal_only, *box(mu, p, width), x)
    if mu[1] * (1 + width) + mu[2] >= mu[0] * (1 - width) or not np.isfinite(theta):
        return
    inside = mu * (1.0 + width * np.array([*where, 0.0]))
    factor = np.ones((len(PHOTONS), 3))
    factor[0, : 1 if signal_only else 3] = np.exp(-theta)
    mean = (intensity_given_photons(inside, p) * (1.0 + x) * factor).sum(axis=1)
    assert mean.max() <= 1.0 + 1e-15


@given(
    sources, shares, st.floats(-6.0, 1.5), st.floats(0.0, 1.0), st.floats(0.0, 0.08),
    st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)),
)  # fmt: skip
def test_no_photon_number_gains_from_weights_of_errors(mu, p, scale, part, width, where):
    mu, p = np.array(mu), divided(p)
    if mu[1] * (1 + width) + mu[2] >= mu[0] * (1 - width):
        return
    x = np.empty(3)
    alpha = multinomial.weigh_errors(np.exp(scale), part, *box(mu, p, width), x)
    if alpha <= 0.0:
        return
    inside = mu * (1.0 + width * np.array([*where, 0.0]))
    mean = (intensity_given_photons(inside, p) * (1.0 + x)).sum(axis=1)
    mean[1] *= np.exp(alpha)
    assert mean.max() <= 1.0 + 1e-15


def drawn(rng, events, mu, p, size):
    """Counts by intensity for given events of each photon number, and those of the signal by photon number."""
    given_n = intensity_given_photons(mu, p, np.arange(len(events)))
    parts = np.stack([rng.multinomial(n, q, size) for n, q in zip(events, given_n, strict=True)], axis=1)
    return parts.sum(axis=1).astype(float), parts[:, :, 0]


# What Eve may choose: by photon number, empty, single, two, and so on.
TRUTHS = [
    [40, 3000, 900, 300, 60],
    [0, 200, 0, 0, 0],
    [300, 30, 0, 0, 0],
    [0, 0, 2500, 0, 0],
    [3, 40, 0, 4000, 0],
    [500, 0, 0, 0, 700],
    [20, 60_000, 9000, 900, 50],
]


@pytest.mark.parametrize("events", TRUTHS)
@pytest.mark.parametrize("signal_only", [False, True])
def test_drawn_events_are_bounded_as_often_as_promised(events, signal_only):
    rng, draws, eps = np.random.default_rng(20281), 3000, 0.05
    low, high = box()
    counts, of_signal = drawn(rng, events, MU, P, draws)
    plan, _ = drawn(rng, events, MU, P, draws)
    true = of_signal[:, :2].sum(axis=1) if signal_only else np.full(draws, sum(events[:2]))
    bound = [
        least_events(n, other + P, -np.log(eps), signal_only, 1.0, 1.0, low, high)
        for n, other in zip(counts, plan, strict=True)
    ]
    alone = [
        least_events(n, other + P, -np.log(eps), False, 0.0, 1.0, low, high)
        for n, other in zip(counts, plan, strict=True)
    ]
    empty = [
        least_empty(n, other + P, -np.log(eps), signal_only, low, high) for n, other in zip(counts, plan, strict=True)
    ]
    true_empty = of_signal[:, 0] if signal_only else events[0]
    three_sigma = 3.0 * np.sqrt(eps / draws)
    assert np.mean(np.array(empty) > true_empty) <= eps + three_sigma
    assert np.mean(np.array(bound) > true) <= eps + three_sigma
    assert np.mean(np.array(alone) > events[1]) <= eps + three_sigma
    if events == TRUTHS[-1]:
        assert np.median(bound / true) > 0.85


@pytest.mark.parametrize("events", TRUTHS)
def test_drawn_errors_are_bounded_as_often_as_promised(events):
    rng, draws, eps = np.random.default_rng(7), 3000, 0.05
    errors = np.array(events) // 10
    counts, _ = drawn(rng, errors, MU, P, draws)
    plan, _ = drawn(rng, errors, MU, P, draws)
    bound = [most_errors(n, other + P, -np.log(eps), *box()) for n, other in zip(counts, plan, strict=True)]
    assert np.mean(np.array(bound) < errors[1]) <= eps + 3.0 * np.sqrt(eps / draws)


def test_events_that_are_kept_at_random_are_bounded():
    rng, draws, eps, kept = np.random.default_rng(11), 3000, 0.05, 0.8
    events, (low, high) = TRUTHS[0], box()
    counts, _ = drawn(rng, events, MU, P, draws)
    true = rng.binomial(events[1], kept, draws) + rng.binomial(events[0], 0.3, draws)
    bound = [least_events(n, counts.mean(axis=0), -np.log(eps), False, 0.3, kept, low, high) for n in counts]
    assert np.mean(np.array(bound) > true) <= eps + 3.0 * np.sqrt(eps / draws)


def test_the_linear_program_over_photon_numbers_agrees():
    counts, (low, high) = np.array([9000.0, 900.0, 12.0]), box()
    x = np.empty(3)
    theta = multinomial.weigh_events(0.05, False, 1.0, 1.0, low, high, x)
    weights = np.log1p(x)
    price = 23.0
    means = np.log(intensity_given_photons(MU, P) @ np.exp(weights))
    least = linprog(
        (PHOTONS < 2).astype(float),
        A_ub=[-means],
        b_ub=[price - weights @ counts],
        A_eq=[np.ones(len(PHOTONS))],
        b_eq=[counts.sum()],
        method="highs",
    )
    assert theta == credit(x, False, 1.0, 1.0, low, high)
    assert (weights @ counts - price) / theta == pytest.approx(least.fun, rel=1e-6)
    assert (weights @ counts - price) / theta <= least.fun * (1.0 + 1e-9)


@settings(max_examples=examples(150))
@given(st.integers(1, 10**6), st.integers(1, 10**6), st.floats(0.0, 0.3), st.floats(-60.0, -7.0))
def test_phase_errors_are_those_of_the_exact_tail(n_key, n_sample, rate, log_tail):
    errors = int(rate * n_sample)
    exact = hypergeometric_key_errors(n_key, n_sample, errors, np.exp(log_tail))
    bound = most_phase_errors(float(n_key), float(n_sample), float(errors), log_tail)
    assert bound >= exact
    one_event = 1.0
    if log_tail < -30.0 and errors < 0.1 * n_sample and bound < 0.5 * n_key:
        assert bound <= exact * 1.001 + one_event


@given(st.floats(1.0, 1e6), st.floats(1.0, 1e6), st.floats(0.0, 0.2), st.floats(-60.0, -30.0), st.floats(1.0, 1.3))
def test_phase_errors_move_the_right_way(n_key, n_sample, rate, log_tail, factor):
    errors = rate * n_sample
    bound = most_phase_errors(n_key, n_sample, errors, log_tail)
    slack = 1e-6 * bound
    assert most_phase_errors(factor * n_key, n_sample, errors, log_tail) >= bound - slack
    assert most_phase_errors(n_key, factor * n_sample, errors, log_tail) <= bound + slack
    assert most_phase_errors(n_key, n_sample, min(factor * errors, n_sample), log_tail) >= bound - slack


def expected(pulses=1e9, transmittance=3e-4, noise=1e-6, error=0.01, mu=MU, p=P):
    seen = -np.expm1(-transmittance * np.asarray(mu))
    detections, errors = pulses * p * (seen + noise), pulses * p * (error * seen + 0.5 * noise)
    return DecoyCounts(0.25 * detections, 0.25 * detections, 0.25 * errors, 0.25 * errors)


def length(counts, bound="multinomial", **changed):
    arguments = {"mean_photon_numbers": MU, "intensity_probabilities": P} | SECURITY | changed
    return decoy_key_length(counts=counts, bound=bound, **arguments)


@pytest.mark.parametrize("key_intensities", ["all", "signal"])
@given(st.floats(7.5, 11.0), st.floats(-4.5, -2.0), st.floats(-8.0, -5.0), st.floats(0.0, 0.05))
def test_account_adds_up_and_is_longest_without_statistics(key_intensities, pulses, transmittance, noise, error):
    counts = expected(10**pulses, 10**transmittance, 10**noise, error)
    key = length(counts, key_intensities=key_intensities).x
    spent = key.multiphoton + key.privacy + key.leak_ec + key.security
    assert key.unfloored == pytest.approx(key.n_sifted - spent, rel=1e-9, abs=1e-6)
    assert key.single_photons <= key.n_sifted
    assert (
        length(counts, key_intensities=key_intensities).length
        <= (1.0 + 1e-3) * length(counts, "asymptotic", key_intensities=key_intensities).length
    )


@given(st.floats(0.0, 0.06), st.floats(0.0, 0.06))
def test_errors_never_lengthen_the_key(error, other):
    low, high = sorted((error, other))
    assert length(expected(error=high)).length <= length(expected(error=low)).length * (1.0 + ROUNDING)


@given(st.floats(0.0, 0.1), st.floats(0.0, 0.1))
def test_mismatch_and_fluctuation_never_lengthen_the_key(first, second):
    low, high = sorted((first, second))
    for name in ("efficiency_mismatch", "intensity_fluctuation"):
        one, other = (length(expected(), **{name: value}).length for value in (low, high))
        assert other <= one * (1.0 + 1e-4)


@settings(max_examples=examples(40))
@given(st.floats(7.5, 11.0), st.floats(-4.5, -2.5), st.floats(-8.0, -5.5), st.floats(0.0, 0.03), st.booleans())
def test_no_narrower_proof_is_longer(pulses, transmittance, noise, error, signal):
    counts = expected(10**pulses, 10**transmittance, 10**noise, error)
    chosen = {"key_intensities": "signal" if signal else "all", "key_basis": "both"}
    ours = length(counts, **chosen).length
    assert ours >= length(counts, "lim2014", **chosen).length
    assert ours >= length(counts, "rusca2018", **chosen).length


@given(st.floats(7.5, 11.0), st.floats(-4.5, -2.0), st.floats(-8.0, -5.0), st.floats(0.0, 0.05))
def test_public_errors_never_lengthen_the_key(pulses, transmittance, noise, error):
    counts = expected(10**pulses, 10**transmittance, 10**noise, error)
    for chosen in ({}, {"key_intensities": "signal", "intensity_fluctuation": 0.02}):
        one_bit = 1.0
        assert length(counts, "multinomial_two_way", **chosen).length <= length(counts, **chosen).length + one_bit


def test_long_keys_approach_the_asymptotic_one():
    counts = expected(pulses=1e19)
    assert 0.98 < length(counts).length / length(counts, "asymptotic").length < 1.02


@settings(max_examples=examples(60))
@given(
    st.lists(st.floats(0.0, 1e12), min_size=12, max_size=12), sources, shares, st.floats(0.0, 1.0),
    st.sampled_from(["multinomial", "multinomial_two_way"]), st.sampled_from(["all", "signal"]),
)  # fmt: skip
def test_counts_that_no_light_gives_are_borne(numbers, mu, p, mismatch, bound, key_intensities):
    x, z, of_x, of_z = np.array(numbers).reshape(4, 3)
    if mu[1] + mu[2] >= mu[0]:
        return
    counts = DecoyCounts(x, z, np.minimum(of_x, x), np.minimum(of_z, z))
    chosen = {"mean_photon_numbers": mu, "intensity_probabilities": divided(p), "efficiency_mismatch": mismatch}
    key = length(counts, bound, key_basis="both", key_intensities=key_intensities, **chosen)
    for basis in (key.x, key.z):
        assert np.isfinite(basis.unfloored)
        assert 0.0 <= basis.phase_error <= 0.5
        assert 0.0 <= basis.vacuum_events + basis.single_photons <= basis.n_sifted * (1.0 + ROUNDING)


def test_no_events_give_no_key():
    nothing = np.zeros(3)
    key = length(DecoyCounts(nothing, nothing, nothing, nothing), key_basis="both")
    assert key.length == 0.0
    assert key.x.phase_error == 0.5


def test_two_intensities_are_refused():
    counts = expected()
    two = DecoyCounts(*(getattr(counts, f"{what}_{basis}")[:2] for what in ("detections", "errors") for basis in "xz"))
    with pytest.raises(ValueError, match="bound='multinomial' takes 3"):
        length(two, mean_photon_numbers=MU[:2], intensity_probabilities=P[:2] / P[:2].sum())


@pytest.mark.parametrize("bound", ["multinomial", "multinomial_two_way"])
@pytest.mark.parametrize("key_intensities", ["all", "signal"])
@pytest.mark.parametrize(("events", "rate"), [([40, 3000, 900, 300, 60], 0.03), ([400, 2000, 100, 10, 0], 0.0)])
def test_the_account_fails_no_more_often_than_it_pays_for(bound, key_intensities, events, rate):
    rng, draws, eps_sec = np.random.default_rng(2028), 4000, 0.5
    given_n = intensity_given_photons(MU, P, np.arange(len(events)))
    # Errors of empty pulses are one half, those of several photons what Eve likes.
    error_rates = [0.5, rate, 0.1, 0.1, 0.1]
    parts = {
        (basis, wrong): np.stack(
            [
                np.stack([rng.multinomial(k, q) for k in rng.binomial(n, e if wrong else 1.0 - e, draws)])
                for n, q, e in zip(events, given_n, error_rates, strict=True)
            ],
            axis=1,
        )
        for basis in "xz"
        for wrong in (False, True)
    }
    errors = {basis: parts[basis, True].sum(axis=1).astype(float) for basis in "xz"}
    counts = {basis: errors[basis] + parts[basis, False].sum(axis=1) for basis in "xz"}
    key = length(
        DecoyCounts(counts["x"], counts["z"], errors["x"], errors["z"]),
        bound,
        eps_sec=eps_sec,
        key_intensities=key_intensities,
    ).x
    in_key = slice(0, 1 if key_intensities == "signal" else 3)
    held = (parts["x", False] + parts["x", True])[:, :2, in_key].sum(axis=2)
    # In the key basis the phase errors are what X would have shown: errors at the same rate.
    pool, phase_errors = held[:, 1], rng.binomial(held[:, 1], rate)
    if bound == "multinomial_two_way":
        # Where all errors seen stand for those of single photons, empty events have phase errors too.
        capped = key.single_photon_errors_sample == errors["z"].sum(axis=1)
        pool = pool + np.where(capped, held[:, 0], 0)
        phase_errors = phase_errors + np.where(capped, rng.binomial(held[:, 0], 0.5), 0)
        assert np.all(key.vacuum_events == 0.0)
        misjudged = key.single_photons > pool
    else:
        misjudged = (key.vacuum_events > held[:, 0]) | (key.vacuum_events + key.single_photons > held.sum(axis=1))
    counted = np.minimum(np.floor(key.single_photons).astype(int), pool)
    of_counted = rng.hypergeometric(phase_errors, pool - phase_errors, counted)
    too_many = of_counted > key.phase_error * key.single_photons
    shares = multinomial.ESTIMATES * multinomial.ESTIMATE * eps_sec
    tail = (multinomial.PHASE * eps_sec) ** 2
    three_sigma = 3.0 * np.sqrt((shares + tail) / draws)
    assert np.mean(misjudged) <= shares + three_sigma
    assert np.mean(misjudged | too_many) <= shares + tail + three_sigma


def test_drawn_passes_have_no_longer_key_under_a_peer():
    spec = importlib.util.spec_from_file_location("decoy_proofs", STUDY)
    decoy_proofs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(decoy_proofs)
    rng = np.random.default_rng(decoy_proofs.SEED + 1)
    passes = [decoy_proofs.draw_pass(rng) for _ in range(40)]
    ours, best = (
        np.array([max(decoy_proofs.sound_length(name, one.counts, one.settings) for name in names) for one in passes])
        for names in (["multinomial"], decoy_proofs.PEERS)
    )
    assert np.all(ours >= best)
    assert np.count_nonzero(best) >= 10
    assert np.median(ours[best > 0] / best[best > 0]) > 1.0
