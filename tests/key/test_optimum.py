"""Expected counts of a pass, and settings that no other search beats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from satqkd.key.optimise import optimum
from satqkd.key.optimise.downlink import DecoyDownlink, PairDownlinks
from satqkd.key.optimise.optimum import optimal_decoy, optimal_pairs
from satqkd.key.proofs import multinomial
from satqkd.key.proofs.bbm92 import bbm92_key_length
from satqkd.key.proofs.decoy import PROOFS, decoy_key_length

from ..sizes import examples

SECURITY = {"eps_sec": 1e-9, "eps_cor": 1e-15, "f_ec": 1.16}
ONE_BIT = 1.0


def transmittances(loss_db, seconds=301):
    """A pass of 500 km height: range and air mass, second by second."""
    range_km = np.hypot(600.0, 7.5 * (np.arange(seconds) - seconds // 2))
    elevation = np.arcsin(500.0 / range_km)
    return 10 ** (-loss_db / 10) * (600.0 / range_km) ** 2 * np.exp(-0.15 / np.sin(elevation))


def downlink(loss_db=36.0, **changed):
    arguments = {"noise_rate_hz": 400.0, "pulse_rate_hz": 1e8, "misalignment": 0.008, "jitter_s": 0.4e-9} | changed
    return DecoyDownlink(transmittances(loss_db), **arguments)


def pair_links(loss_db=24.0, noise_rate_hz=(1000.0, 1400.0)):
    return PairDownlinks(
        np.stack([transmittances(loss_db), transmittances(loss_db + 2.0)[::-1]], axis=1),
        np.array(noise_rate_hz),
        misalignment=0.02,
        jitter_s=0.6e-9,
    )


random_settings = st.tuples(
    st.floats(0.3, 1.5), st.floats(0.01, 0.25), st.floats(0.1, 0.8), st.floats(0.05, 0.15), st.floats(0.1, 0.9),
    st.floats(1e-10, 5e-9), st.floats(0.5, 301.0),
)  # fmt: skip


@settings(max_examples=examples(30))
@given(random_settings, st.floats(0.0, 60.0), st.booleans())
def test_expected_counts_are_those_of_every_second(chosen, loss_db, steady):
    signal, decoy, share_signal, share_decoy, basis_x, window_s, seconds = chosen
    noise = np.full(301, 500.0) if steady else np.linspace(100.0, 3000.0, 301)
    link = downlink(loss_db, noise_rate_hz=noise)
    mu, p = np.array([signal, decoy, 0.0]), np.array([share_signal, share_decoy, 1 - share_signal - share_decoy])
    counts = link.counts(
        mean_photon_numbers=mu, intensity_probabilities=p, basis_x=basis_x, window_s=window_s, seconds=seconds
    )
    best = np.argsort(-link.transmittance, kind="stable")
    weight = np.clip(seconds - np.arange(301), 0.0, 1.0)
    inside = np.abs(np.random.default_rng(3).normal(0.0, 0.4e-9, 400_000)) < window_s / 2
    for k in range(3):
        seen = 1.0 - np.exp(-inside.mean() * link.transmittance[best] * mu[k])
        dark = noise[best] * window_s * (1.0 - seen)
        clicks = 1e8 * p[k] * (weight * (seen + dark)).sum()
        errors = 1e8 * p[k] * (weight * (0.008 * seen + 0.5 * dark)).sum()
        drawn = 0.01
        assert counts.detections_x[k] == pytest.approx(basis_x**2 * clicks, rel=drawn)
        assert counts.errors_z[k] == pytest.approx((1 - basis_x) ** 2 * errors, rel=drawn)
    np.testing.assert_allclose(counts.pulses, 1e8 * seconds * p)


def test_counts_of_many_settings_are_those_of_each():
    link = downlink(0.0, misalignment=0.02)
    seconds = np.array([[10.0], [301.0]])
    mu = np.array([[0.4, 0.1, 0.0], [0.8, 0.2, 0.0], [1.9, 0.2, 0.1]])
    fixed = {"intensity_probabilities": [0.6, 0.3, 0.1], "basis_x": 0.7, "window_s": 1e-9}
    table = link.counts(mean_photon_numbers=mu, seconds=seconds, **fixed)
    assert table.detections_x.shape == (2, 3, 3)
    for i, j in np.ndindex(2, 3):
        one = link.counts(mean_photon_numbers=mu[j], seconds=seconds[i, 0], **fixed)
        np.testing.assert_allclose(table.errors_x[i, j], one.errors_x, rtol=1e-13)
    # With every photon seen in the nearest second, the series still sums to the exponential.
    nearest = 1e8 * 0.7**2 * 0.6 * (1 - np.exp(-np.sort(link.transmittance)[::-1][:10] * 1.9 * 0.7887)).sum()
    assert table.detections_x[0, 2, 0] == pytest.approx(nearest, rel=1e-3)


def test_steps_of_two_seconds_count_twice():
    fine = DecoyDownlink(np.repeat([1e-3, 3e-4], 2), 100.0, 1e8, 0.01, step_s=1.0)
    coarse = DecoyDownlink([1e-3, 3e-4], 100.0, 1e8, 0.01, step_s=2.0)
    fixed = {"mean_photon_numbers": [0.5, 0.1, 0.0], "intensity_probabilities": [0.6, 0.3, 0.1], "basis_x": 0.9}
    one, other = (link.counts(**fixed, window_s=1e-9, seconds=3.0) for link in (fine, coarse))
    np.testing.assert_allclose(one.detections_x, other.detections_x, rtol=1e-12)
    np.testing.assert_allclose(one.pulses, other.pulses, rtol=1e-12)


def test_pairs_are_those_of_every_second():
    link = pair_links()
    counts = link.counts(pair_rate_hz=6e6, window_s=1.2e-9, basis_x=0.3, seconds=100.0)
    best = np.argsort(-link.transmittance.prod(axis=1), kind="stable")[:100]
    eta = link.transmittance[best]
    inside = np.mean(np.abs(np.random.default_rng(3).normal(0.0, 0.6e-9, 2_000_000)) < 0.6e-9)
    pairs = 6e6 * eta.prod(axis=1).sum() * inside
    accidental = ((6e6 * eta[:, 0] + 1000.0) * (6e6 * eta[:, 1] + 1400.0)).sum() * 1.2e-9
    assert counts["n_z"] == pytest.approx(0.49 * (pairs + accidental), rel=2e-3)
    assert counts["errors_x"] == pytest.approx(0.09 * (0.02 * pairs + 0.5 * accidental), rel=2e-3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"misalignment": 1.2}, r"misalignment=1.2 is outside \[0, 0.5\]"),
        ({"noise_rate_hz": -5.0}, "noise_rate_hz=-5 is outside"),
        ({"pulse_rate_hz": 0.0}, "pulse_rate_hz=0 is outside"),
        ({"step_s": 0.0}, "step_s=0 is outside"),
    ],
)
def test_impossible_links_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        downlink(**changed)


def test_loss_in_db_and_a_pass_without_time_are_refused():
    with pytest.raises(ValueError, match=r"transmittance=30 is outside \[0, 1\]: give a probability, not dB"):
        DecoyDownlink([30.0], 100.0, 1e8, 0.01)
    with pytest.raises(ValueError, match="transmittance is empty"):
        DecoyDownlink([], 100.0, 1e8, 0.01)
    with pytest.raises(ValueError, match=r"transmittance has shape \(3,\), not \(time, 2\)"):
        PairDownlinks([0.1, 0.1, 0.1], 100.0, 0.01)


def lengths_by_definition(link, bound, points, **changed):
    """What the compiled loop over settings has to give: the key of the expected counts by the public functions."""
    arguments = SECURITY | {"bound": bound, "key_intensities": "signal"} | changed
    for signal, decoy, share_signal, share_decoy, basis_x, window_s, seconds in points:
        mu, p = [signal, decoy, 0.0], [share_signal, share_decoy, 1 - share_signal - share_decoy]
        if bound == "rusca2018":
            mu, p = mu[:2], [share_signal, 1 - share_signal]
        counts = link.counts(
            mean_photon_numbers=mu, intensity_probabilities=p, basis_x=basis_x, window_s=window_s, seconds=seconds
        )
        key = decoy_key_length(counts=counts, mean_photon_numbers=mu, intensity_probabilities=p, **arguments)
        parts = [part.unfloored for part in (key.x, key.z) if part is not None]
        yield key.length if max(parts) > 0 else max(parts)


@pytest.mark.parametrize("bound", [name for name in PROOFS if not name.startswith("multinomial")])
@pytest.mark.parametrize("changed", [{}, {"key_basis": "both", "intensity_fluctuation": 0.03}])
def test_the_loop_over_settings_equals_the_functions_it_stands_for(bound, changed):
    rng = np.random.default_rng(5)
    low, high = np.array([0.4, 0.02, 0.2, 0.05, 0.1, 2e-10, 1.0]), np.array([1.2, 0.3, 0.8, 0.19, 0.9, 3e-9, 301.0])
    points = low + (high - low) * rng.random((40, 7))
    link = downlink(30.0)
    objective, *_ = caught_search(link, bound=bound, key_intensities="signal", **changed)
    expected = list(lengths_by_definition(link, bound, points, **changed))
    np.testing.assert_allclose(objective(points, 1.0), expected, rtol=1e-9, atol=1e-6)
    assert max(expected) > 0


@pytest.mark.parametrize(
    "changed", [{}, {"key_basis": "both", "intensity_fluctuation": 0.03}, {"returned_photons": 1e-13}]
)
def test_weights_that_are_not_searched_for_cost_little_and_are_sound(changed):
    rng = np.random.default_rng(5)
    low, high = np.array([0.4, 0.02, 0.2, 0.05, 0.1, 2e-10, 1.0]), np.array([1.2, 0.3, 0.8, 0.19, 0.9, 3e-9, 301.0])
    points = low + (high - low) * rng.random((40, 7))
    link = downlink(30.0)
    objective, *_ = caught_search(link, bound="multinomial", key_intensities="signal", **changed)
    found = np.maximum(objective(points, 1.0), objective(points, 1.0, capped=True))
    searched = np.array(list(lengths_by_definition(link, "multinomial", points, **changed)))
    one_bit, a_few_percent = 1.0, 0.05
    assert np.all(found <= searched + one_bit + 1e-4 * np.abs(searched))
    best = searched > 0.5 * searched.max()
    assert np.all(found[best] >= (1.0 - a_few_percent) * searched[best])


@pytest.mark.parametrize(("capped", "way"), [(False, multinomial.DECOYS), (True, multinomial.CAPPED)])
@pytest.mark.parametrize(("both", "fluctuation"), [(False, 0.0), (True, 0.03)])
def test_the_weighed_loop_over_settings_equals_its_account_point_by_point(capped, way, both, fluctuation):
    rng = np.random.default_rng(5)
    low, high = np.array([0.4, 0.02, 0.2, 0.05, 0.1, 2e-10, 1.0]), np.array([1.2, 0.3, 0.8, 0.19, 0.9, 3e-9, 301.0])
    points = low + (high - low) * rng.random((20, 7))
    link = downlink(30.0)
    objective, *_ = caught_search(
        link, bound="multinomial", key_basis="both" if both else "x", intensity_fluctuation=fluctuation
    )
    price = PROOFS["multinomial"].security(SECURITY["eps_sec"], SECURITY["eps_cor"], False)
    expected = []
    for signal, decoy, share_signal, share_decoy, basis_x, window_s, seconds in points:
        mu, p = np.array([signal, decoy, 0.0]), np.array([share_signal, share_decoy, 1 - share_signal - share_decoy])
        counts = link.counts(
            mean_photon_numbers=mu, intensity_probabilities=p, basis_x=basis_x, window_s=window_s, seconds=seconds
        )
        x, z = (counts.detections_x, counts.errors_x), (counts.detections_z, counts.errors_z)
        rest = (mu, p, SECURITY["eps_sec"], SECURITY["f_ec"], 0.0, float(price), fluctuation, 0, 0, 0, way, 0.0, 0.0)
        bases = [multinomial.account(*key, *sample, *rest)[-1] for key, sample in ((x, z), (z, x))[: 1 + both]]
        expected.append(sum(max(length, 0.0) for length in bases) if max(bases) > 0 else max(bases))
    np.testing.assert_allclose(objective(points, 1.0, **({"capped": True} if capped else {})), expected, rtol=1e-9)
    assert max(expected) > 0


def test_light_that_comes_back_is_refused_by_a_proof_without_a_term_for_it():
    with pytest.raises(ValueError, match=r"returned_photons=1e-12 .* take one of asymptotic, multinomial"):
        caught_search(downlink(), bound="chernoff", returned_photons=1e-12)


def test_settings_that_are_not_allowed_lose():
    objective, *_ = caught_search(downlink(), bound="chernoff", vacuum=0.01)
    good = np.array([0.6, 0.2, 0.6, 0.2, 0.8, 1e-9, 100.0])
    dim, crossed, crowded = good.copy(), good.copy(), good.copy()
    dim[1], crossed[1], crowded[2] = 0.005, 0.59, 0.81
    assert np.isfinite(objective(np.array([good, dim, crossed, crowded]), 1.0)).tolist() == [True, False, False, False]


# At 39.25 dB two ways to bound the single-photon errors give nearly the same key, with other settings each.
@pytest.mark.slow
@pytest.mark.parametrize(("bound", "loss_db"), [("chernoff", 36.0), ("lim2014", 39.25)])
def test_no_random_start_of_a_general_search_finds_a_longer_key(bound, loss_db):
    link, starts = downlink(loss_db), 200
    ours = optimal_decoy(link, bound=bound, rng=np.random.default_rng(1), **SECURITY)
    objective, low, high = caught_search(link, bound=bound)
    free = high > low

    def lengths(inner):
        points = np.tile(low, (len(inner), 1))
        points[:, free] += inner * (high - low)[free]
        return objective(points, 1.0)

    def loss(inner):
        return -max(lengths(np.atleast_2d(inner))[0], -1e9)

    rng = np.random.default_rng(2)
    found = []
    for _ in range(starts):
        # Most of the box gives no key and no slope: a start is the best of some points.
        inner = rng.random((30, free.sum()))
        start = inner[np.argmax(lengths(inner))]
        limits = [(0.0, 1.0)] * free.sum()
        found.append(-minimize(loss, start, method="Nelder-Mead", bounds=limits, options={"maxfev": 300}).fun)
    assert len(found) == starts
    assert 0.99 * ours.length <= max(found) <= (1.0 + 1e-6) * ours.length


def caught_search(link, **arguments):
    """What `optimal_decoy` maximises, and its box."""
    caught = []

    def spy(objective, *_, low, high, **__):
        caught.extend((objective, low, high))
        raise StopIteration

    with pytest.MonkeyPatch.context() as patch, pytest.raises(StopIteration):
        patch.setattr(optimum, "maximise", spy)
        optimal_decoy(link, rng=np.random.default_rng(1), **SECURITY, **arguments)
    return caught


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bound", "loss_db"), [("chernoff", 36.0), ("lim2014", 39.25), ("lim2014", 41.5), ("zhang2017", 43.0)]
)
def test_every_seed_finds_the_same_key(bound, loss_db):
    # The last ones have little key: to send nothing is a local optimum, and most settings give none.
    link = downlink(loss_db)
    lengths = [
        optimal_decoy(link, bound=bound, rng=np.random.default_rng(seed), **SECURITY).length for seed in range(20)
    ]
    assert min(lengths) > 0.0
    assert np.ptp(lengths) <= 0.1 * ONE_BIT + 2e-6 * max(lengths)


def test_the_record_is_the_key_of_its_settings():
    link = downlink()
    best = optimal_decoy(link, bound="chernoff", rng=np.random.default_rng(1), **SECURITY)
    chosen = best.settings
    point = [
        chosen[name] for name in ("signal", "decoy", "share_signal", "share_decoy", "basis_x", "window_s", "seconds")
    ]
    (length,) = lengths_by_definition(link, "chernoff", [point], key_intensities="all")
    assert best.length == pytest.approx(length, rel=1e-12)
    assert best.key.bound == "chernoff"
    assert chosen["vacuum"] == 0.0
    assert best.spread <= 1e-6 * best.length + ONE_BIT


def test_limits_hold_and_cost_key():
    link = downlink()
    free = optimal_decoy(link, bound="chernoff", rng=np.random.default_rng(1), **SECURITY)
    limits = {"signal": 0.8, "basis_x": 0.5, "window_s": (1.5e-9, 2e-9)}
    bound = optimal_decoy(link, bound="chernoff", rng=np.random.default_rng(1), limits=limits, **SECURITY)
    assert (bound.settings["signal"], bound.settings["basis_x"]) == (0.8, 0.5)
    assert 1.5e-9 <= bound.settings["window_s"] <= 2e-9
    assert 0.0 < bound.length < free.length


def test_all_settings_fixed_are_only_evaluated():
    limits = {
        "signal": 0.6, "decoy": 0.15, "share_signal": 0.7, "share_decoy": 0.2, "basis_x": 0.8, "window_s": 1e-9,
        "seconds": 200.0,
    }  # fmt: skip
    best = optimal_decoy(downlink(30.0), bound="chernoff", rng=np.random.default_rng(1), limits=limits, **SECURITY)
    assert best.evaluations == 1
    assert best.settings == limits | {"vacuum": 0.0}


def test_noise_narrows_the_window_and_cuts_the_ends_of_the_pass():
    quiet, loud = (
        optimal_decoy(
            downlink(38.0, noise_rate_hz=noise), bound="chernoff", rng=np.random.default_rng(1), **SECURITY
        ).settings
        for noise in (50.0, 1000.0)
    )
    assert loud["window_s"] < quiet["window_s"]
    assert loud["seconds"] < quiet["seconds"] == pytest.approx(301.0, abs=1e-3)


def test_no_key_is_said_and_not_returned():
    with pytest.raises(ValueError, match="no settings within the limits give key: the best are .* bit short"):
        optimal_decoy(downlink(70.0), bound="lim2014", rng=np.random.default_rng(1), **SECURITY)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bound": "gllp"}, "bound='gllp' is unknown"),
        ({"key_basis": "z"}, "key_basis='z' is unknown: choose one of x, both"),
        ({"limits": {"brightness": 0.4}}, "limits has 'brightness', which is not a setting: choose from signal, decoy"),
        ({"limits": {"signal": (0.9, 0.4)}}, "limits of signal are 0.9 and 0.4: give the lowest first"),
        ({"bound": "tiangong2"}, "takes a true vacuum and key_intensities='signal'"),
        ({"eps_sec": 0.0}, "eps_sec=0 is outside"),
    ],
)
def test_wrong_arguments_say_what_is_right(changed, message):
    with pytest.raises(ValueError, match=message):
        optimal_decoy(downlink(), **({"bound": "lim2014", "rng": np.random.default_rng(1)} | SECURITY | changed))


def test_a_window_without_jitter_has_to_be_given():
    with pytest.raises(ValueError, match="limits has no window_s: give a number"):
        optimal_decoy(downlink(jitter_s=0.0), bound="lim2014", rng=np.random.default_rng(1), **SECURITY)


@pytest.mark.parametrize("bound", ["tomamichel2012", "lim2021", "hypergeometric"])
def test_pairs_are_no_worse_than_a_grid(bound):
    link, proof = pair_links(), {"eps_sec": 1e-9, "eps_cor": 1e-9, "f_ec": 1.16, "bound": bound}
    ours = optimal_pairs(link, limits={"pair_rate_hz": (1e5, 3e7)}, rng=np.random.default_rng(1), **proof)
    grid = np.meshgrid(
        np.geomspace(1e6, 3e7, 13), np.geomspace(3e-10, 4e-9, 13), [0.3, 0.5], np.linspace(60, 301, 9), [0.5, 0.8]
    )
    rate, window, basis_x, seconds, share = (axis.ravel() for axis in grid)
    counts = link.counts(pair_rate_hz=rate, window_s=window, basis_x=basis_x, seconds=seconds)
    assert ours.length >= bbm92_key_length(**counts, **proof, estimate_share=share).length.max() > 0
    assert ours.settings["basis_x"] == pytest.approx(0.5, abs=0.2)
    assert 0.2 * 0.6e-9 < ours.settings["window_s"] < 8 * 0.6e-9


def test_the_rate_of_pairs_has_no_default():
    with pytest.raises(ValueError, match="limits has no pair_rate_hz"):
        optimal_pairs(pair_links(), limits={}, rng=np.random.default_rng(1), bound="lim2021", **SECURITY)
