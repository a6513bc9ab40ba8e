"""Decoy-state key length: bounds hold for sources whose truth is known, and move the right way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satqkd.key import decoy, entropy
from satqkd.key.decoy import DecoyCounts, decoy_key_length, pool_bases

MU = np.array([0.7, 0.15, 0.0])
P = np.array([0.6, 0.25, 0.15])
SECURITY = {"eps_sec": 1e-9, "eps_cor": 1e-12, "f_ec": 1.16}
FINITE = ["lim2014", "chernoff"]
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
    draws, eps_sec = 4000, 0.05
    detections, _, vacuum, single, single_errors = poisson_channel(3e-4, 1e-6, 0.02, pulses=1e9)
    rng = np.random.default_rng(20170629)
    drawn = {basis: [rng.poisson(n, (draws, 3)) for n in (vacuum, single)] for basis in "xz"}
    others = {basis: rng.poisson(detections - vacuum - single, (draws, 3)) for basis in "xz"}
    errors_single = rng.binomial(drawn["z"][1], single_errors.sum() / single.sum())
    errors = errors_single + rng.binomial(drawn["z"][0], 0.5) + rng.binomial(others["z"], 0.02)
    total = {basis: sum(drawn[basis]) + others[basis] for basis in "xz"}
    counts = DecoyCounts(total["x"], total["z"], np.zeros((draws, 3)), errors)
    key = length_of(counts, bound, eps_sec=eps_sec, key_intensities=key_intensities).x
    in_key = (0,) if key_intensities == "signal" else (0, 1, 2)
    failed = (
        (key.vacuum_events > drawn["x"][0][:, in_key].sum(axis=1))
        | (key.single_photons > drawn["x"][1][:, in_key].sum(axis=1))
        | (key.single_photon_errors_sample < errors_single.sum(axis=1))
        | (key.single_photons_sample > drawn["z"][1].sum(axis=1))
    )
    assert failed.mean() < eps_sec
    assert np.median(key.single_photons / drawn["x"][1][:, in_key].sum(axis=1)) > 0.5


@pytest.mark.parametrize("bound", LIM)
@given(transmittances, background_yields, error_probabilities, st.sampled_from(["all", "signal"]))
def test_account_adds_up(bound, transmittance, background, error, key_intensities):
    key = length_of(expected_counts(transmittance, background, error), bound, key_intensities=key_intensities)
    basis = key.x
    secret = basis.vacuum_events + basis.single_photons * (1.0 - decoy.binary_entropy(basis.phase_error))
    assert basis.unfloored == pytest.approx(secret - basis.leak_ec - basis.security, rel=1e-9, abs=1e-6)
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


@pytest.mark.parametrize("bound", FINITE)
def test_finite_key_approaches_the_asymptotic_one(bound):
    counts = expected_counts(pulses=1e20)
    assert 0.999 < length_of(counts, bound).length / length_of(counts, "asymptotic").length < 1.0


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
@settings(max_examples=30)
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
    assert key.unfloored == pytest.approx(single * (1.0 - decoy.binary_entropy(e_1)) - key.leak_ec, rel=1e-12)


@pytest.mark.parametrize("bound", LIM)
def test_pass_without_a_detection_gives_no_key(bound):
    nothing = np.zeros(3)
    key = length_of(DecoyCounts(nothing, nothing, nothing, nothing), bound)
    assert key.length == 0.0
    assert key.x.phase_error == 0.5


@pytest.mark.parametrize(
    ("bound", "thinned"), [("lim2014", entropy.hoeffding_thinned), ("chernoff", entropy.chernoff_thinned)]
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
    assert decoy.sampling_deviation(b, n_sample=c, n_key=d, eps_sec=a) == pytest.approx(np.sqrt(inside), rel=1e-12)


def test_sampling_deviation_at_its_ends():
    assert decoy.sampling_deviation(0.0, n_sample=100.0, n_key=100.0, eps_sec=1e-9) == 0.0
    assert np.isinf(decoy.sampling_deviation(0.1, n_sample=0.0, n_key=100.0, eps_sec=1e-9))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bound": "gllp"}, "choose one of asymptotic, chernoff, lim2014, tiangong2"),
        ({"key_basis": "y"}, "key_basis='y' is unknown: choose one of x, z, both"),
        ({"key_intensities": "decoy"}, "key_intensities='decoy' is unknown: choose one of all, signal"),
        ({"mean_photon_numbers": [0.3, 0.5, 0.0]}, "are not in order: give signal > decoy"),
        ({"mean_photon_numbers": [0.3, 0.5]}, r"mean_photon_numbers has shape \(2,\), not \(..., 3\)"),
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
