"""Decoy-state key length: bounds hold for sources whose truth is known, and move the right way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import rel_entr
from scipy.stats import norm

from satqkd.key.proofs import decoy_bounds
from satqkd.key.proofs.decoy import PROOFS, DecoyCounts, decoy_key_length, pool_bases
from satqkd.key.proofs.entropy import binary_entropy

from ..sizes import examples

MU = np.array([0.7, 0.15, 0.0])
P = np.array([0.6, 0.25, 0.15])
SECURITY = {"eps_sec": 1e-9, "eps_cor": 1e-12, "f_ec": 1.16}
FINITE = ["lim2014", "chernoff", "zhang2017", "gaussian", "rusca2018"]
LIM = [*FINITE, "asymptotic"]
ROUNDING = 1e-9

transmittances = st.floats(1e-5, 1e-1)
background_yields = st.floats(1e-8, 1e-4)
error_probabilities = st.floats(0.0, 0.08)


def poisson_channel(transmittance, background, error, *, pulses=1e9, mu=MU, p=P):
    """Expected detections and errors by intensity in one basis, and the true events of 0 and of 1 photon."""
    dark = np.exp(-transmittance * mu) * (1.0 - background)
    detections = pulses * p * (1.0 - dark)
    signal = pulses * p * (1.0 - np.exp(-transmittance * mu))
    errors = 0.5 * (detections - signal) + error * signal
    photons = [np.exp(-mu) * mu**n for n in (0, 1)]
    yields = [background, 1.0 - (1.0 - background) * (1.0 - transmittance)]
    events = [pulses * p * share * y for share, y in zip(photons, yields, strict=True)]
    single_errors = pulses * p * photons[1] * (error * transmittance + 0.5 * background * (1.0 - transmittance))
    return detections, errors, events[0], events[1], single_errors


def expected_counts(transmittance=1e-3, background=1e-6, error=0.01, pulses=1e9):
    detections, errors, *_ = poisson_channel(transmittance, background, error, pulses=pulses)
    return DecoyCounts(0.9 * detections, 0.1 * detections, 0.9 * errors, 0.1 * errors, 1e9 * P)


def length_of(counts, bound, **changed):
    arguments = {"mean_photon_numbers": MU, "intensity_probabilities": P} | SECURITY | changed
    return decoy_key_length(counts=counts, bound=bound, **arguments)


@given(transmittances, background_yields, error_probabilities)
def test_exact_counts_bound_the_true_photon_numbers(transmittance, background, error):
    detections, errors, vacuum, single, single_errors = poisson_channel(transmittance, background, error)
    key = length_of(DecoyCounts(detections, detections, errors, errors), "asymptotic").x
    assert key.vacuum_events == pytest.approx(vacuum.sum(), rel=1e-6)
    assert key.single_photons <= single.sum() * (1.0 + ROUNDING)
    assert key.single_photons >= 0.8 * single.sum()
    assert key.single_photon_errors_sample >= single_errors.sum() * (1.0 - ROUNDING)


@pytest.mark.parametrize("bound", FINITE)
@pytest.mark.parametrize("key_intensities", ["all", "signal"])
def test_drawn_counts_are_bounded_as_often_as_promised(bound, key_intensities):
    draws, eps_sec, intensities = 4000, 0.05, 2 if bound == "rusca2018" else 3
    detections, _, vacuum, single, single_errors = poisson_channel(3e-4, 1e-6, 0.02, pulses=1e9)
    rng = np.random.default_rng(20170629)
    empty, one = ({basis: rng.poisson(n, (draws, 3)) for basis in "xz"} for n in (vacuum, single))
    others = {basis: rng.poisson(detections - vacuum - single, (draws, 3)) for basis in "xz"}
    errors_of_one = {basis: rng.binomial(one[basis], single_errors.sum() / single.sum()) for basis in "xz"}
    total, errors = (
        {basis: parts(basis)[:, :intensities] for basis in "xz"}
        for parts in (
            lambda basis: empty[basis] + one[basis] + others[basis],
            lambda basis: errors_of_one[basis] + rng.binomial(empty[basis], 0.5) + rng.binomial(others[basis], 0.02),
        )
    )
    key = length_of(
        DecoyCounts(total["x"], total["z"], errors["x"], errors["z"]),
        bound,
        eps_sec=eps_sec,
        key_intensities=key_intensities,
        mean_photon_numbers=MU[:intensities],
        intensity_probabilities=P[:intensities] / P[:intensities].sum(),
    ).x
    in_key = slice(0, 1 if key_intensities == "signal" else intensities)
    failed = (
        (key.vacuum_events > empty["x"][:, in_key].sum(axis=1))
        | (key.single_photons > one["x"][:, in_key].sum(axis=1))
        | (key.single_photon_errors_sample < errors_of_one["z"][:, :intensities].sum(axis=1))
        | (key.single_photons_sample > one["z"][:, :intensities].sum(axis=1))
    )
    assert failed.mean() < eps_sec
    assert np.median(key.single_photons / one["x"][:, in_key].sum(axis=1)) > 0.5


@pytest.mark.parametrize("bound", LIM)
@given(transmittances, background_yields, error_probabilities, st.sampled_from(["all", "signal"]))
def test_account_adds_up(bound, transmittance, background, error, key_intensities):
    key = length_of(expected_counts(transmittance, background, error), bound, key_intensities=key_intensities)
    basis = key.x
    secret = basis.vacuum_events + basis.single_photons * (1.0 - binary_entropy(basis.phase_error))
    assert basis.unfloored == pytest.approx(secret - basis.leak_ec - basis.security, rel=1e-9, abs=1e-6)
    spent = basis.multiphoton + basis.privacy + basis.leak_ec + basis.security
    assert basis.unfloored == pytest.approx(basis.n_sifted - spent, rel=1e-9, abs=1e-6)
    assert key.length == max(basis.unfloored, 0.0)
    assert 0.0 <= basis.phase_error <= 0.5
    assert basis.vacuum_events + basis.single_photons <= basis.n_sifted * (1.0 + ROUNDING)


@pytest.mark.parametrize("bound", LIM)
@given(transmittances, background_yields, error_probabilities, error_probabilities)
def test_errors_never_lengthen_the_key(bound, transmittance, background, error, other):
    low, high = sorted((error, other))
    better, worse = (length_of(expected_counts(transmittance, background, e), bound).length for e in (low, high))
    assert worse <= better * (1.0 + ROUNDING)


@pytest.mark.parametrize("bound", FINITE)
@given(transmittances, background_yields, error_probabilities)
def test_finite_key_is_shorter_than_the_asymptotic_one(bound, transmittance, background, error):
    counts = expected_counts(transmittance, background, error)
    assert length_of(counts, bound).length <= length_of(counts, "asymptotic").length * (1.0 + ROUNDING)


@pytest.mark.parametrize("bound", ["lim2014", "chernoff", "zhang2017", "gaussian"])
def test_finite_key_approaches_the_asymptotic_one(bound):
    counts = expected_counts(pulses=1e20)
    assert 0.999 < length_of(counts, bound).length / length_of(counts, "asymptotic").length < 1.0


@pytest.mark.parametrize("bound", FINITE)
@given(
    transmittances, background_yields, error_probabilities, st.floats(-15, -2), st.floats(-15, -2),
    st.sampled_from(["all", "signal"]),
)  # fmt: skip
def test_a_stricter_failure_probability_never_lengthens_the_key(
    bound, transmittance, background, error, strict, more, key_intensities
):
    counts, (strict, more) = expected_counts(transmittance, background, error), sorted((strict, more))
    for name in ("eps_sec", "eps_cor"):
        changed = {"key_intensities": key_intensities}
        shorter, longer = (length_of(counts, bound, **changed, **{name: 10.0**eps}).length for eps in (strict, more))
        assert shorter <= longer * (1.0 + ROUNDING)


@pytest.mark.parametrize("bound", [*LIM, "tiangong2"])
@given(transmittances, background_yields, error_probabilities, st.floats(1.0, 100.0))
def test_more_data_never_lower_the_rate(bound, transmittance, background, error, factor):
    few, many = (
        length_of(expected_counts(transmittance, background, error, pulses), bound, key_intensities="signal").length
        for pulses in (1e9, factor * 1e9)
    )
    assert many >= factor * few * (1.0 - ROUNDING)


def test_bounds_without_approximation_give_more_key():
    counts = expected_counts(pulses=1e10)
    lengths = [length_of(counts, bound).length for bound in ("lim2014", "chernoff", "zhang2017", "gaussian")]
    assert lengths == sorted(lengths)


def test_the_gaussian_bound_states_its_sigmas():
    key = length_of(expected_counts(), "gaussian", eps_sec=21 * norm.sf(5.0))
    assert key.sigmas == pytest.approx(5.0, rel=1e-9)
    assert length_of(expected_counts(), "lim2014").sigmas == 0.0


@pytest.mark.parametrize("bound", [*LIM, "tiangong2"])
def test_the_split_says_what_each_estimate_may_fail_with(bound):
    split = length_of(expected_counts(), bound, key_intensities="signal").split
    assert (split.eps_sec, split.eps_cor) == (1e-9, 1e-12)
    shares = {"asymptotic": 0, "rusca2018": 21, "tiangong2": 1}.get(bound, 23)
    assert split.estimates == shares
    assert split.estimate == (1e-9 / shares if shares else 0.0)


@pytest.mark.parametrize("bound", [*LIM, "tiangong2"])
def test_detectors_that_differ_widen_the_phase_error(bound):
    plain, mismatched = (
        length_of(expected_counts(), bound, key_intensities="signal", efficiency_mismatch=mismatch).x
        for mismatch in (0.0, 0.02)
    )
    assert mismatched.phase_error == pytest.approx(plain.phase_error * 1.02**2, rel=1e-12)
    assert mismatched.unfloored < plain.unfloored


def test_one_decoy_leaves_the_vacuum_pulses_out():
    counts = expected_counts()
    two = DecoyCounts(*(getattr(counts, f"{what}_{basis}")[:2] for what in ("detections", "errors") for basis in "xz"))
    alone = length_of(two, "rusca2018", mean_photon_numbers=MU[:2], intensity_probabilities=P[:2] / P[:2].sum())
    assert length_of(counts, "rusca2018").length == pytest.approx(alone.length, rel=1e-12)


def plain_key_errors_limit(seen, n_sample, n_key, beta):
    """Where Chernoff's exponent of the sample's share of the errors is beta, found by halving; n_key at most."""

    def exponent(in_key):
        wrong, whole = seen + in_key, n_sample + n_key
        return rel_entr(seen, wrong * n_sample / whole) + rel_entr(in_key, wrong * n_key / whole)

    least = seen * n_key / n_sample
    if exponent(n_key) < beta:
        return n_key
    return brentq(lambda in_key: exponent(in_key) - beta, least, n_key, xtol=1e-12, rtol=1e-14)


def plain_account(counts, bound, *, eps_sec, eps_cor, f_ec, signal_only):
    """Lim et al. (2014), Eqs. (1) to (5), and Rusca et al. (2018), as they are printed, in numpy."""
    proof = PROOFS[bound]
    levels = 2 if bound == "rusca2018" else 3
    mu, p = MU[:levels], P[:levels] / P[:levels].sum()
    terms = proof.terms + 2 * signal_only
    eps = eps_sec / terms
    tau = [(p * np.exp(-mu) * mu**n).sum() for n in (0, 1)]
    x, mx, z, mz = (getattr(counts, name)[:levels] for name in ("detections_x", "errors_x", "detections_z", "errors_z"))

    def limits(n):
        if proof.tail == decoy_bounds.EQUAL:
            deviation = (0.0 * n, 0.0 * n)
        elif proof.tail == decoy_bounds.HOEFFDING:
            deviation = (np.sqrt(n.sum() / 2 * np.log(1 / eps)),) * 2
        elif proof.tail == decoy_bounds.GAUSSIAN:
            deviation = (norm.isf(eps) * np.sqrt(n),) * 2
        elif proof.tail == decoy_bounds.CHERNOFF:
            b = np.log(1 / eps)
            deviation = (b / 2 + np.sqrt(2 * b * n + b**2 / 4), b + np.sqrt(2 * b * n + b**2))
        else:
            deviation = (n - decoy_bounds.zhang2017_lower(n, eps), decoy_bounds.zhang2017_upper(n, eps) - n)
        return [np.exp(mu) / p * side for side in (n - deviation[0], n + deviation[1])]

    def photons(n, m):
        (low, high), ratio = limits(n), mu[1] ** 2 / mu[0] ** 2
        if levels == 2:
            empty = max(tau[0] / (mu[0] - mu[1]) * (mu[0] * low[1] - mu[1] * high[0]), 0.0)
            most = 2 * (tau[0] * limits(m)[1].min() + np.sqrt(n.sum() / 2 * np.log(1 / eps)))
            single = low[1] - ratio * high[0] - (1 - ratio) * most / tau[0]
            return empty, max(tau[1] * mu[0] / (mu[1] * (mu[0] - mu[1])) * single, 0.0)
        empty = max(tau[0] / (mu[1] - mu[2]) * (mu[1] * low[2] - mu[2] * high[1]), 0.0)
        square = mu[1] ** 2 - mu[2] ** 2
        single = low[1] - high[2] - square / mu[0] ** 2 * (high[0] - empty / tau[0])
        return empty, max(tau[1] * mu[0] / (mu[0] * (mu[1] - mu[2]) - square) * single, 0.0)

    (empty, single), (_, sample) = photons(x, mx), photons(z, mz)
    low, high = limits(mz)
    errors = min(max(tau[1] / (mu[-2] - mu[-1]) * (high[-2] - low[-1]), 0.0), mz.sum())
    if signal_only:
        shares = [p[0] * np.exp(-mu[0]) * mu[0] ** n / tau[n] for n in (0, 1)]
        empty, single = (
            decoy_bounds.least_thinned(n, q, -np.log(eps), norm.isf(eps), proof.tail)
            for n, q in zip((empty, single), shares, strict=True)
        )
        x, mx = x[:1], mx[:1]
    ratio, deviation, security = min(errors / sample, 0.5) if sample > 0 else 0.5, 0.0, 0.0
    if proof.tail != decoy_bounds.EQUAL:
        security = 6 * np.log2(terms / eps_sec) + np.log2(2 / eps_cor)
        deviation = np.inf
        if sample > 0 and single > 0:
            b, harmonic = ratio * (1 - ratio), sample * single / (sample + single)
            logarithm = np.log2(terms**2 / (harmonic * b * eps_sec**2)) if b > 0 else 0.0
            printed = np.sqrt(b / (harmonic * np.log(2)) * max(logarithm, 0.0))
            limit = plain_key_errors_limit(ratio * sample, sample, single, np.log(terms / eps_sec))
            deviation = max(printed, limit / single - ratio)
    phase_error = min(ratio + deviation, 0.5)
    leak = f_ec * x.sum() * binary_entropy(mx.sum() / x.sum())
    return phase_error, empty + single * (1 - binary_entropy(phase_error)) - leak - security


@pytest.mark.parametrize("bound", LIM)
@given(transmittances, background_yields, error_probabilities, st.floats(4.0, 12.0), st.booleans())
def test_compiled_proofs_equal_the_printed_equations(bound, transmittance, background, error, pulses, signal_only):
    counts = expected_counts(transmittance, background, error, 10.0**pulses)
    key = length_of(counts, bound, key_intensities="signal" if signal_only else "all").x
    phase_error, unfloored = plain_account(counts, bound, **SECURITY, signal_only=signal_only)
    assert key.phase_error == pytest.approx(phase_error, rel=1e-9)
    assert key.unfloored == pytest.approx(unfloored, rel=1e-9, abs=1e-6)


def test_single_photon_errors_never_exceed_the_errors_seen():
    counts = expected_counts(pulses=1e7)
    key = length_of(counts, "lim2014").x
    assert key.single_photon_errors_sample == pytest.approx(counts.errors_z.sum(), rel=1e-12)


@pytest.mark.parametrize("bound", [*LIM, "tiangong2"])
def test_sweep_equals_single_calls(bound):
    scale = np.array([[0.3], [1.0], [2.0]])
    base = expected_counts()
    names = ("detections_x", "detections_z", "errors_x", "errors_z")
    swept = DecoyCounts(**{name: getattr(base, name) * scale for name in names}, pulses=1e9 * P)
    changed = {"key_intensities": "signal", "key_basis": "both", "intensity_fluctuation": 0.03}
    table = length_of(swept, bound, **changed)
    assert table.length.shape == (3,)
    for i in range(3):
        single = DecoyCounts(**{name: getattr(base, name) * scale[i] for name in names}, pulses=1e9 * P)
        one = length_of(single, bound, **changed)
        assert one.length == pytest.approx(table.length[i], rel=1e-12)
        assert one.x.phase_error == pytest.approx(table.x.phase_error[i], rel=1e-12)
        assert np.shape(one.length) == ()


def test_intensities_may_be_swept_too():
    signals = np.array([0.5, 0.7])
    mu = np.stack([signals, np.full(2, 0.15), np.zeros(2)], axis=-1)
    table = length_of(expected_counts(), "chernoff", mean_photon_numbers=mu).length
    assert table[1] == pytest.approx(length_of(expected_counts(), "chernoff").length, rel=1e-12)
    assert table[0] != table[1]


def test_both_bases_add_the_key_of_each():
    counts = expected_counts(pulses=1e10)
    both = length_of(counts, "chernoff", key_basis="both")
    alone = [length_of(counts, "chernoff", key_basis=basis) for basis in "xz"]
    assert both.length == alone[0].length + alone[1].length
    assert both.leak_ec == alone[0].leak_ec + alone[1].leak_ec
    assert alone[0].z is None
    assert alone[1].x is None


def test_pooling_adds_the_counts_and_serves_both_ends():
    counts = expected_counts()
    pooled = pool_bases(counts)
    np.testing.assert_allclose(pooled.detections_x, counts.detections_x + counts.detections_z)
    np.testing.assert_array_equal(pooled.errors_x, pooled.errors_z)
    assert length_of(pooled, "chernoff", key_basis="x").length == length_of(pooled, "chernoff", key_basis="z").length


@pytest.mark.parametrize("bound", [*LIM, "tiangong2"])
@settings(max_examples=examples(30))
@given(signal=st.floats(-1.0, 1.0), weak=st.floats(-1.0, 1.0), fluctuation=st.floats(0.001, 0.1))
def test_corners_are_the_worst_of_the_box(bound, signal, weak, fluctuation):
    counts, changed = expected_counts(pulses=1e10), {"key_intensities": "signal"}
    inside = MU * np.array([1.0 + signal * fluctuation, 1.0 + weak * fluctuation, 1.0])
    worst = length_of(counts, bound, intensity_fluctuation=fluctuation, **changed).length
    assert worst <= length_of(counts, bound, mean_photon_numbers=inside, **changed).length * (1.0 + ROUNDING)


def test_vacuum_and_weak_decoy_follow_their_definition():
    # Ma et al., Phys. Rev. A 72, 012326 (2005), with gains and error rates in place of counts, as it is printed.
    counts, sigmas = expected_counts(), np.sqrt(2.0 * np.log(1e5))
    key = length_of(counts, "tiangong2", eps_sec=1e-5, key_intensities="signal").x
    signal, weak, _ = MU

    def limits(n, k):
        gain, deviation = n[k] / counts.pulses[k], sigmas * np.sqrt(n[k]) / counts.pulses[k]
        return gain - deviation, gain + deviation

    def yield_1(n):
        multiphoton = limits(n, 0)[1] * np.exp(signal) * weak**2 / signal**2
        empty = (signal**2 - weak**2) / signal**2 * limits(n, 2)[1]
        return signal / (signal * weak - weak**2) * (limits(n, 1)[0] * np.exp(weak) - multiphoton - empty)

    e_1 = limits(counts.errors_z, 0)[1] * np.exp(signal) - 0.5 * max(limits(counts.detections_z, 2)[0], 0.0)
    e_1 /= yield_1(counts.detections_z) * signal
    single = counts.pulses[0] * yield_1(counts.detections_x) * signal * np.exp(-signal)
    assert key.single_photons == pytest.approx(single, rel=1e-12)
    assert key.phase_error == pytest.approx(e_1, rel=1e-12)
    assert key.unfloored == pytest.approx(single * (1.0 - binary_entropy(e_1)) - key.leak_ec, rel=1e-12)


@pytest.mark.parametrize("bound", LIM)
def test_pass_without_a_detection_gives_no_key(bound):
    nothing = np.zeros(3)
    key = length_of(DecoyCounts(nothing, nothing, nothing, nothing), bound)
    assert key.length == 0.0
    assert key.x.phase_error == 0.5


@pytest.mark.parametrize(
    ("bound", "thinned"),
    [
        ("lim2014", decoy_bounds.hoeffding_thinned),
        ("chernoff", decoy_bounds.chernoff_thinned),
        ("zhang2017", decoy_bounds.chernoff_thinned),
    ],
)
def test_key_from_the_signal_shares_the_budget_among_two_more_estimates(bound, thinned):
    counts, eps_sec = expected_counts(), 1e-9
    signal = length_of(counts, bound, eps_sec=eps_sec, key_intensities="signal").x
    # The same equations with all intensities, given the failure probability of each estimate that 23 terms leave.
    whole = length_of(counts, bound, eps_sec=eps_sec * 21 / 23, key_intensities="all").x
    photons = np.exp(-MU) * MU * P
    single = thinned(whole.single_photons, photons[0] / photons.sum(), eps_sec / 23)
    assert signal.single_photons == pytest.approx(single, rel=1e-12)
    assert signal.single_photons_sample == pytest.approx(whole.single_photons_sample, rel=1e-12)
    assert signal.security == pytest.approx(6.0 * np.log2(23 / eps_sec) + np.log2(2.0 / 1e-12), rel=1e-12)
    assert signal.n_sifted == counts.detections_x[0]


def test_sampling_deviation_follows_its_definition():
    # Eq. (5) of Lim et al., term by term as printed.
    a, b, c, d = 1e-9, 0.03, 4e4, 3e5
    inside = (c + d) * (1 - b) * b / (c * d * np.log(2)) * np.log2((c + d) / (c * d * (1 - b) * b) * 21**2 / a**2)
    assert decoy_bounds.sampling_deviation(b, c, d, a, 21) == pytest.approx(np.sqrt(inside), rel=1e-12)


def test_sampling_deviation_at_its_ends():
    assert decoy_bounds.sampling_deviation(0.0, 100.0, 100.0, 1e-9, 21) == 0.0
    for deviation in (decoy_bounds.sampling_deviation, decoy_bounds.phase_error_deviation):
        assert np.isinf(deviation(0.1, 0.0, 100.0, 1e-9, 21))
        assert np.isinf(deviation(0.0, 100.0, 0.0, 1e-9, 21))


sizes = st.floats(0.0, 10.0).map(lambda exponent: 10.0**exponent)


@given(st.floats(-12.0, -0.4), sizes, sizes, st.floats(0.5, 70.0))
def test_errors_of_the_key_solve_their_equation(rate, n_sample, n_key, beta):
    seen = 10.0**rate * n_sample
    found = decoy_bounds.key_errors_limit(seen, n_sample, n_key, beta)
    plain = plain_key_errors_limit(seen, n_sample, n_key, beta)
    if plain < n_key:
        # The plain exponent is a difference of terms as large as the errors: their rounding moves the excess.
        excess, cancelled = plain - seen * n_key / n_sample, 1e-15 * (seen + plain) / beta
        assert found == pytest.approx(plain, rel=1e-9, abs=cancelled * excess)
    else:
        assert found >= n_key * (1.0 - ROUNDING)


def test_without_errors_the_limit_is_that_of_independent_draws():
    # Each error misses a sample of three quarters with a probability of one quarter: 1/4^y = eps.
    assert decoy_bounds.key_errors_limit(0.0, 3000.0, 1000.0, 10.0 * np.log(4.0)) == pytest.approx(10.0, rel=1e-12)
    few = decoy_bounds.key_errors_limit(1e-9, 3000.0, 1000.0, 10.0 * np.log(4.0))
    assert few == pytest.approx(10.0, rel=1e-6)


@given(st.floats(-9.0, -0.4), sizes, sizes, st.floats(1.0, 60.0), st.floats(1.0, 2.0))
def test_the_sampling_bound_moves_the_right_way(rate, n_sample, n_key, beta, factor):
    def key_rate(seen, n_sample, n_key, beta):
        return decoy_bounds.key_errors_limit(seen, n_sample, n_key, beta) / n_key

    seen = 10.0**rate * n_sample
    limit, rounding = key_rate(seen, n_sample, n_key, beta), 1.0 + ROUNDING
    if limit < 1.0:
        assert key_rate(factor * seen, n_sample, n_key, beta) * rounding >= limit
        assert key_rate(seen, n_sample, n_key, factor * beta) * rounding >= limit
        assert key_rate(seen, factor * n_sample, n_key, beta) <= limit * rounding
        assert key_rate(seen, n_sample, factor * n_key, beta) <= limit * rounding


@given(st.integers(0, 10**5), st.floats(2.0, 7.0), st.floats(2.0, 7.0), st.floats(-15.0, -2.0))
def test_the_sampling_bound_is_at_least_the_printed_one_and_the_sound_one(errors, sample, key, eps):
    n_sample, n_key = 10.0**sample, 10.0**key
    rate = min(errors / n_sample, 0.5)
    deviation = decoy_bounds.phase_error_deviation(rate, n_sample, n_key, 10.0**eps, 21)
    printed = decoy_bounds.sampling_deviation(rate, n_sample, n_key, 10.0**eps, 21)
    assert deviation >= printed
    if rate + deviation < 0.5:
        limit = decoy_bounds.key_errors_limit(rate * n_sample, n_sample, n_key, np.log(21.0) - eps * np.log(10.0))
        assert deviation == pytest.approx(max(printed, limit / n_key - rate), rel=ROUNDING)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"bound": "gllp"},
            "choose one of asymptotic, .*, lim2014, multinomial, multinomial_two_way, rusca2018, tiangong2, zhang2017",
        ),
        ({"key_basis": "y"}, "key_basis='y' is unknown: choose one of x, z, both"),
        ({"key_intensities": "decoy"}, "key_intensities='decoy' is unknown: choose one of all, signal"),
        ({"mean_photon_numbers": [0.3, 0.5, 0.0]}, "are not in order: give signal > decoy"),
        ({"mean_photon_numbers": [0.3]}, r"mean_photon_numbers has shape \(1,\), not \(..., 3\)"),
        ({"mean_photon_numbers": [0.5, 0.3]}, "the arrays have 2 and 3 intensities: bound='lim2014' takes 3"),
        ({"efficiency_mismatch": 2.0}, r"efficiency_mismatch=2 is outside \[0, 1\]"),
        ({"intensity_probabilities": [0.5, 0.5, 0.5]}, "add up to 1.5, not 1"),
        ({"intensity_fluctuation": 5.0}, r"intensity_fluctuation=5 is outside \[0, 0.5\]"),
        ({"bound": "tiangong2"}, "give key_intensities='signal'"),
    ],
)
def test_wrong_arguments_say_what_is_right(changed, message):
    bound = changed.pop("bound", "lim2014")
    with pytest.raises(ValueError, match=message):
        length_of(expected_counts(), bound, **changed)


def test_gains_need_the_pulses_and_a_true_vacuum():
    counts = expected_counts()
    without = DecoyCounts(counts.detections_x, counts.detections_z, counts.errors_x, counts.errors_z)
    with pytest.raises(ValueError, match="pulses=None: give the pulses sent"):
        length_of(without, "tiangong2", key_intensities="signal")
    with pytest.raises(ValueError, match="the vacuum has 0.01 photons, not 0"):
        length_of(counts, "tiangong2", key_intensities="signal", mean_photon_numbers=[0.7, 0.15, 0.01])


def test_more_errors_than_detections_are_refused():
    with pytest.raises(ValueError, match="errors_z=5 exceeds detections_z=4"):
        DecoyCounts([9, 9, 9], [4, 4, 4], [0, 0, 0], [0, 5, 0])
