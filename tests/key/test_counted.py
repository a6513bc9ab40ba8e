"""Error rates and the key under every proof from counts alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key import DecoyCounts, PairCounts, bbm92_key_length, decoy_key_length, from_counts, sifted_pairs
from satqkd.key.proofs.reasons import REASONS
from satqkd.scenario import PROOFS

SECURITY = {"eps_sec": 1e-10, "eps_cor": 1e-10, "f_ec": 1.16}
PULSES = {"mean_photon_numbers": [0.8, 0.1, 0.0], "intensity_probabilities": [0.5, 0.25, 0.25]}
DECOY = {
    "detections_x": [7e5, 4e4, 100],
    "detections_z": [7e5, 4e4, 100],
    "errors_x": [7350, 500, 50],
    "errors_z": [7350, 500, 50],
}


def test_every_proof_of_a_scenario_is_among_the_results():
    pairs = from_counts(PairCounts(1900, 1900, 80, 90), **SECURITY)
    counts = DecoyCounts(**DECOY, pulses=[5e8, 2e8, 2e8])
    pulses = from_counts(counts, **PULSES, **SECURITY, key_intensities="signal")
    assert set(pairs.length) == set(PROOFS["entangled"]) and set(pulses.length) == set(PROOFS["decoy"])


def test_lengths_are_those_of_the_proofs():
    pairs = from_counts(PairCounts([1900, 9000], [1900, 8000], [80, 90], [90, 80]), **SECURITY)
    for bound, bits in pairs.length.items():
        one = bbm92_key_length(n_z=9000, n_x=8000, errors_z=90, errors_x=80, **SECURITY, bound=bound)
        assert bits[1] == one.length
    counts = DecoyCounts(**DECOY)
    pulses = from_counts(counts, **PULSES, **SECURITY, key_basis="both")
    for bound, bits in pulses.length.items():
        assert bits == decoy_key_length(counts=counts, **PULSES, **SECURITY, bound=bound, key_basis="both").length


def test_tiangong2_takes_the_pulses_sent_a_dark_vacuum_and_the_signal_alone():
    dim = PULSES | {"mean_photon_numbers": [0.8, 0.1, 0.001]}
    signal, sent = {"key_intensities": "signal"} | SECURITY, DecoyCounts(**DECOY, pulses=[5e8] * 3)
    assert "tiangong2" in from_counts(sent, **PULSES, **signal).length
    assert "tiangong2" not in from_counts(DecoyCounts(**DECOY), **PULSES, **signal).length
    assert "tiangong2" not in from_counts(sent, **dim, **signal).length
    assert "tiangong2" not in from_counts(sent, **PULSES, **SECURITY).length


def test_two_intensities_have_one_proof():
    counts = DecoyCounts(**{name: values[:2] for name, values in DECOY.items()})
    two = {"mean_photon_numbers": [0.8, 0.1], "intensity_probabilities": [0.7, 0.3]}
    key = from_counts(counts, **two, **SECURITY)
    assert list(key.length) == ["rusca2018"] and key.length["rusca2018"] > 0


@given(
    st.lists(st.integers(0, 10**6), min_size=2, max_size=2),
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
def test_no_key_has_a_reason_and_a_key_has_none(sifted, shares):
    errors = np.floor(np.multiply(sifted, shares))
    key = from_counts(PairCounts(*sifted, *errors), **SECURITY)
    for bound, bits in key.length.items():
        reason = str(key.no_key[bound])
        assert (reason == "") == (bits > 0) and (reason == "" or reason in REASONS)


def test_errors_follow_the_sign_of_the_intended_correlation():
    counts = np.arange(16).reshape(2, 2, 2, 2)  # [0, 0] holds 0 to 3, [1, 1] holds 12 to 15
    pairs = sifted_pairs(counts, [[-1, 0], [0, 1]])
    assert (pairs.n_z, pairs.n_x) == (6, 54)
    assert (pairs.errors_z, pairs.errors_x) == (0 + 3, 13 + 14)


def test_more_errors_than_bits_are_refused():
    with pytest.raises(ValueError, match="errors_x"):
        PairCounts(10, 10, 1, 11)
