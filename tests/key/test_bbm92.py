"""BBM92 key length: the account adds up, moves the right way, and says what is wrong."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key.bbm92 import bbm92_key_length, mismatched_phase_error, qber_threshold

BOUNDS = ["yin2020", "tomamichel2012", "asymptotic"]
SECURITY = {"eps_sec": 1e-9, "eps_cor": 1e-12, "f_ec": 1.15}
ROUNDING = 1e-6

sizes = st.integers(1, 10**7)
rates = st.floats(0.0, 0.5)


def key_length(n_z, n_x, errors_z, errors_x, bound, **changed):
    return bbm92_key_length(n_z=n_z, n_x=n_x, errors_z=errors_z, errors_x=errors_x, bound=bound, **(SECURITY | changed))


@pytest.mark.parametrize("bound", BOUNDS)
@given(n_z=sizes, n_x=sizes, rate_z=rates, rate_x=rates)
def test_account_adds_up(bound, n_z, n_x, rate_z, rate_x):
    key = key_length(n_z, n_x, rate_z * n_z, rate_x * n_x, bound)
    for basis, n in ((key.z, n_z), (key.x, n_x)):
        assert basis.unfloored == pytest.approx(n - basis.privacy - basis.leak_ec - basis.security, rel=1e-12)
        assert basis.length == max(basis.unfloored, 0.0)
        assert 0.0 <= basis.phase_error <= 0.5
    assert key.length == key.z.length + key.x.length
    assert key.leak_ec == key.z.leak_ec + key.x.leak_ec


@pytest.mark.parametrize("bound", BOUNDS)
@given(n_z=sizes, n_x=sizes, rate=rates, more=rates, basis=st.sampled_from("zx"))
def test_errors_never_lengthen_the_key(bound, n_z, n_x, rate, more, basis):
    low, high = sorted((rate, more))
    fewer = key_length(n_z, n_x, low * n_z, low * n_x, bound)
    rates_now = {"z": low, "x": low} | {basis: high}
    worse = key_length(n_z, n_x, rates_now["z"] * n_z, rates_now["x"] * n_x, bound)
    assert worse.length <= fewer.length + ROUNDING


@given(n_z=sizes, n_x=sizes, rate_z=rates, rate_x=rates)
def test_proofs_are_ordered(n_z, n_x, rate_z, rate_x):
    printed, rest, asymptotic = (
        key_length(n_z, n_x, rate_z * n_z, rate_x * n_x, bound).length
        for bound in ("yin2020", "tomamichel2012", "asymptotic")
    )
    assert rest <= printed + ROUNDING
    assert printed <= asymptotic + ROUNDING


@pytest.mark.parametrize("bound", ["yin2020", "tomamichel2012"])
def test_finite_key_approaches_the_asymptotic_one(bound):
    n = 10**12
    finite, limit = (key_length(n, n, 0.02 * n, 0.02 * n, name).length for name in (bound, "asymptotic"))
    assert 0.999 < finite / limit < 1.0


def test_tighter_security_and_mismatch_cost_key():
    lengths = [
        key_length(50_000, 50_000, 1000, 1000, "tomamichel2012", **changed).length
        for changed in ({}, {"eps_sec": 1e-12}, {"eps_cor": 1e-15}, {"f_ec": 1.3}, {"efficiency_mismatch": 0.02})
    ]
    assert max(lengths[1:]) < lengths[0]


def test_phase_error_of_z_comes_from_x():
    key = key_length(1000, 1000, 10, 50, "asymptotic")
    assert (key.z.phase_error, key.x.phase_error) == (0.05, 0.01)
    assert (key.z.qber, key.x.qber) == (0.01, 0.05)


def test_mismatch_raises_the_phase_error_up_to_one_half():
    assert mismatched_phase_error(0.1, 0.0147) == pytest.approx(0.1 / (1.0 - 0.0288), rel=1e-4)
    assert mismatched_phase_error(0.49, 0.1) == 0.5


def test_counts_broadcast_point_by_point():
    n_z, errors_z = np.array([[1000], [50_000]]), np.array([10, 20, 30])
    table = key_length(n_z, 40_000, errors_z, 800, "yin2020")
    assert table.length.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        single = key_length(int(n_z[i, 0]), 40_000, int(errors_z[j]), 800, "yin2020")
        assert single.length == pytest.approx(table.length[i, j], rel=1e-12)
        assert single.x.phase_error == pytest.approx(table.x.phase_error[i, j], rel=1e-12)


def test_basis_without_bits_gives_no_key_and_no_knowledge():
    key = key_length(0, 10_000, 0, 50, "yin2020")
    assert key.length == 0.0
    assert key.x.phase_error == 0.5


def test_record_is_frozen():
    key = key_length(1000, 1000, 10, 10, "yin2020")
    with pytest.raises(dataclasses.FrozenInstanceError):
        key.bound = "other"


def test_unknown_bound_lists_the_known_ones():
    with pytest.raises(
        ValueError, match="bound='renner' is unknown: choose one of asymptotic, tomamichel2012, yin2020"
    ):
        key_length(1000, 1000, 10, 10, "renner")


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((1000, 1000, 1001, 10), "errors_z=1001 exceeds n_z=1000"),
        ((1000, -5, 10, 0), r"n_x=-5 is outside \[0, "),
    ],
)
def test_impossible_counts_are_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        key_length(*counts, "yin2020")


@pytest.mark.parametrize("bound", BOUNDS)
def test_threshold_parts_key_from_no_key(bound):
    n_z, n_x = 30_000, 20_000
    threshold = qber_threshold(n_z=n_z, n_x=n_x, bound=bound, **SECURITY)
    below, above = (key_length(n_z, n_x, q * n_z, q * n_x, bound).length for q in (threshold - 1e-6, threshold + 1e-6))
    assert below > 0.0
    assert above == 0.0


def test_threshold_of_too_few_bits_is_an_error():
    with pytest.raises(ValueError, match="n_z=100 and n_x=100 give no key even without errors"):
        qber_threshold(n_z=100, n_x=100, bound="tomamichel2012", **SECURITY)
