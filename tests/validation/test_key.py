"""Key lengths against numbers that others computed: printed ones, and those of two open programs."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import hypergeom

from satqkd.key.proofs import decoy_bounds
from satqkd.key.proofs.bbm92 import bbm92_key_length, qber_threshold, sampled_key_length
from satqkd.key.proofs.decoy import DecoyCounts, decoy_key_length, pool_bases
from satqkd.key.proofs.entropy import binary_entropy

# Yin et al., Nature 582, 501 (2020): the only integer split of 140 errors in 3100 bits that gives the printed errors.
YIN2020 = {"n_z": 1685, "n_x": 1415, "errors_z": 78, "errors_x": 62}
YIN2020_SECURITY = {"eps_sec": 1e-10, "eps_cor": 1e-10, "f_ec": 1.19}
MISMATCH = 0.0147
DURATION_S = 3100.0

# One modelled pass of efficient BB84, key in X, as SatQuMA 2.0 counts it; signal, decoy, vacuum.
PASS = {
    "detections_x": [11593429.750127, 586141.732324, 1839.582003],
    "detections_z": [1142249.010185, 57749.934920, 181.245823],
    "errors_x": [72804.059195, 5342.236361, 919.791920],
}
ERRORS_Z = {
    "by intensity": [7173.059771, 526.346761, 90.623002],
    "one rate": [7413.652758, 375.063297, 1.313480],
}
PASS_MU, PASS_P = np.array([0.7921, 0.1707, 0.0]), np.array([0.7501, 0.1749, 0.075])
PASS_SECURITY = {"eps_sec": 1e-9, "eps_cor": 1e-15, "f_ec": 1.16}


def test_yin2020_key_length():
    printed_bits, readings_of_the_numerator = 372, 10
    key = bbm92_key_length(**YIN2020, **YIN2020_SECURITY, efficiency_mismatch=MISMATCH, bound="yin2020")
    assert abs(key.length - printed_bits) < readings_of_the_numerator
    assert key.length == pytest.approx(372.34, abs=0.01)


def test_yin2020_asymptotic_rate():
    # Printed 0.43; the printed formula with the printed numbers gives 0.42.
    key = bbm92_key_length(**YIN2020, **YIN2020_SECURITY, bound="asymptotic")
    last_digit = 0.005
    assert abs(key.length / DURATION_S - 0.42) < last_digit


def test_yin2020_threshold():
    read_off_a_figure = 0.003
    threshold = qber_threshold(n_z=1550, n_x=1550, **YIN2020_SECURITY, efficiency_mismatch=MISMATCH, bound="yin2020")
    assert abs(threshold - 0.06) < read_off_a_figure


def test_yin2020_data_give_no_key_at_1e_10_under_tomamichel2012():
    # A bound on the rest of the bits, not on sample and rest together, makes the deviation 2.7 times as wide.
    lengths = [
        bbm92_key_length(
            **YIN2020, eps_sec=eps, eps_cor=eps, f_ec=1.19, efficiency_mismatch=MISMATCH, bound="tomamichel2012"
        ).length
        for eps in (1e-10, 1e-6, 1e-3)
    ]
    assert lengths[0] == lengths[1] == 0.0
    assert lengths[2] > 0.0


def test_lim2021_gives_six_bits_for_3100_at_one_in_a_million():
    # The paper's own statement on the data of yin2020; the programs that follow it take an error rate of 4.55 %.
    best = max(
        float(
            sampled_key_length(
                n_sifted=3100,
                errors=0.0455 * 3100,
                n_sample=np.arange(1, 1551),
                eps_sec=1e-6 - 1e-8,
                eps_cor=1e-8,
                f_ec=1.19,
                bound="lim2021",
                estimate_share=share,
            ).block.unfloored.max()
        )
        for share in np.linspace(0.5, 0.98, 49)
    )
    assert int(best) == 6


def test_lim2021_gives_key_at_1e_5_and_none_at_1e_7():
    lengths = [
        sampled_key_length(
            n_sifted=3100,
            errors=140,
            n_sample=1550,
            eps_sec=0.99 * eps,
            eps_cor=0.01 * eps,
            f_ec=1.19,
            bound="lim2021",
            estimate_share=0.85,
        ).length
        for eps in (1e-5, 1e-7)
    ]
    assert lengths[0] > 0.0 == lengths[1]


def test_hypergeometric_limit_is_that_of_scipy():
    eps = 1e-10
    key = bbm92_key_length(**YIN2020, **YIN2020_SECURITY, bound="hypergeometric")
    for basis, (n, k, seen) in {"z": (1685, 1415, 62), "x": (1415, 1685, 78)}.items():
        in_key = np.arange(n + 1)
        allowed = hypergeom.cdf(seen, n + k, seen + in_key, k) > (eps / 4.0) ** 2
        assert getattr(key, basis).phase_error == in_key[allowed].max() / n


def test_asymptotic_threshold_is_eleven_percent():
    threshold = qber_threshold(n_z=1e9, n_x=1e9, eps_sec=0.1, eps_cor=0.1, f_ec=1.0, bound="asymptotic")
    assert threshold == pytest.approx(0.110028, abs=1e-6)


@pytest.mark.parametrize(
    ("bound", "errors", "length", "phase_error", "single_photons", "single_photon_errors"),
    [
        ("chernoff", "one rate", 3721000.4, 0.01576, 5105024, 6819.1),
        ("chernoff", "by intensity", 3657430, 0.01788, 5105024, 7790.0),
        ("lim2014", "one rate", 3077767.2, 0.02500, 4662803, 7790.0),
    ],
)
def test_satquma_key_lengths(bound, errors, length, phase_error, single_photons, single_photon_errors):
    key = decoy_key_length(
        counts=DecoyCounts(**PASS, errors_z=ERRORS_Z[errors]),
        mean_photon_numbers=PASS_MU,
        intensity_probabilities=PASS_P,
        bound=bound,
        **PASS_SECURITY,
    )
    assert key.length == pytest.approx(length, rel=1e-6)
    assert key.x.phase_error == pytest.approx(phase_error, abs=5e-6)
    assert key.x.single_photons == pytest.approx(single_photons, abs=0.5)
    assert key.x.single_photon_errors_sample == pytest.approx(single_photon_errors, abs=0.05)


@pytest.mark.parametrize(
    ("errors", "length", "phase_error", "single_photon_errors"),
    [("one rate", 3066391.6, 0.02546, 7941.8), ("by intensity", 2938207.3, 0.03084, 9710.4)],
)
def test_w1adri_key_lengths_from_the_same_equations(errors, length, phase_error, single_photon_errors):
    # That program raises negative lower limits to 0 and does not cap the single-photon errors; the rest is the same.
    errors_z = np.array(ERRORS_Z[errors])
    key = decoy_key_length(
        counts=DecoyCounts(**PASS, errors_z=errors_z),
        mean_photon_numbers=PASS_MU,
        intensity_probabilities=PASS_P,
        bound="lim2014",
        **PASS_SECURITY,
    ).x
    deviation = decoy_bounds.hoeffding_deviation(errors_z.sum(), PASS_SECURITY["eps_sec"] / 21)
    weights = np.exp(PASS_MU) / PASS_P
    uncapped = decoy_bounds.single_photon_errors(
        weights[1] * (errors_z[1] + deviation),
        weights[2] * max(errors_z[2] - deviation, 0.0),
        PASS_MU[1],
        PASS_MU[2],
        (PASS_MU / weights).sum(),
    )
    phase, unfloored = uncapped_key(key, uncapped, eps_sec=PASS_SECURITY["eps_sec"], terms=21)
    assert uncapped == pytest.approx(single_photon_errors, abs=0.05)
    assert phase == pytest.approx(phase_error, abs=5e-6)
    assert unfloored == pytest.approx(length, rel=1e-6)


def test_the_weighed_proof_grants_more_than_other_programs_and_less_than_endless_data():
    lengths = {
        bound: decoy_key_length(
            counts=DecoyCounts(**PASS, errors_z=ERRORS_Z["by intensity"]),
            mean_photon_numbers=PASS_MU,
            intensity_probabilities=PASS_P,
            bound=bound,
            **PASS_SECURITY,
        ).length
        for bound in ("multinomial", "asymptotic")
    }
    satquma_by_intensity = 3657430
    assert satquma_by_intensity < lengths["multinomial"] < lengths["asymptotic"]


def uncapped_key(key, errors, *, eps_sec, terms):
    """Phase error and length with another bound on the errors of single photons."""
    ratio = errors / key.single_photons_sample
    phase = ratio + decoy_bounds.sampling_deviation(
        ratio, key.single_photons_sample, key.single_photons, eps_sec, terms
    )
    secret = key.vacuum_events + key.single_photons * (1.0 - binary_entropy(phase))
    return phase, secret - key.leak_ec - key.security


@pytest.mark.parametrize(
    ("bound", "mu", "p", "terms", "phase_error", "single_photons", "length"),
    [
        ("rusca2018", [0.5, 0.1], [0.5, 0.5], 19, 0.03581, 6.05e6, 3.74e6),
        ("lim2014", [0.5, 0.1, 0.0002], [0.5, 0.25, 0.25], 21, 0.05910, 5.94e6, 3.05e6),
    ],
)
def test_one_and_two_decoys_as_another_program_compares_them(bound, mu, p, terms, phase_error, single_photons, length):
    # A public comparison of Rusca et al. (2018) with Lim et al. (2014) prints these for 1e7 bits of key, 25 dB, 1 % of
    # misalignment and noise of 6e-7, in the Z basis, chosen with probability 0.9. It does not cap the errors.
    mu, p = np.array(mu), np.array(p)
    light = 1.0 - np.exp(-mu * 10**-2.5)
    gain = light + 6e-7
    detections = 1e7 * p * gain / (p @ gain)
    errors = detections * (0.01 * light + 0.5 * 6e-7) / gain
    sample = (0.1 / 0.9) ** 2
    key = decoy_key_length(
        counts=DecoyCounts(sample * detections, detections, sample * errors, errors),
        mean_photon_numbers=mu,
        intensity_probabilities=p,
        bound=bound,
        key_basis="z",
        **PASS_SECURITY,
    ).z
    weights, seen = np.exp(mu) / p, sample * errors
    deviation = decoy_bounds.hoeffding_deviation(seen.sum(), 1e-9 / terms)
    uncapped = decoy_bounds.single_photon_errors(
        weights[-2] * (seen[-2] + deviation), weights[-1] * (seen[-1] - deviation), mu[-2], mu[-1], (mu / weights).sum()
    )
    phase, unfloored = uncapped_key(key, uncapped, eps_sec=1e-9, terms=terms)
    last_digit = 0.005e6
    assert abs(key.single_photons - single_photons) < last_digit
    assert abs(phase - phase_error) < 5e-6
    assert abs(unfloored - length) < last_digit
    assert key.length > unfloored


def test_one_error_rate_for_all_intensities_makes_the_key_too_long():
    lengths = [
        decoy_key_length(
            counts=DecoyCounts(**PASS, errors_z=errors),
            mean_photon_numbers=PASS_MU,
            intensity_probabilities=PASS_P,
            bound="chernoff",
            **PASS_SECURITY,
        ).length
        for errors in ERRORS_Z.values()
    ]
    assert lengths[1] / lengths[0] - 1.0 == pytest.approx(0.017, abs=0.0005)


def liao2017_counts(background_hz):
    """Expected counts of the printed session, background assumed: transmittance from the detections, QBER 1.1 %."""
    pulses = 100e6 * 273.0 * np.array([0.5, 0.25, 0.25])
    mu, background = np.array([0.8, 0.1, 0.0]), background_hz * 2e-9

    def gains(transmittance):
        return 1.0 - (1.0 - background) * np.exp(-transmittance * mu)

    transmittance = brentq(lambda eta: pulses @ gains(eta) - 3551136, 1e-9, 1.0)
    gain = gains(transmittance)
    misalignment = (0.011 * gain[0] - 0.5 * background) / (gain[0] - background)
    detections = pulses * gain / 4.0
    errors = pulses / 4.0 * (0.5 * background + misalignment * (gain - background))
    return DecoyCounts(detections, detections, errors, errors)


def liao2017_length(background_hz, *, bound, f_ec, intensity_fluctuation, pooled):
    counts = liao2017_counts(background_hz)
    return decoy_key_length(
        counts=pool_bases(counts) if pooled else counts,
        mean_photon_numbers=[0.8, 0.1, 0.0],
        intensity_probabilities=[0.5, 0.25, 0.25],
        eps_sec=1e-9,
        eps_cor=1e-15,
        f_ec=f_ec,
        bound=bound,
        key_basis="x" if pooled else "both",
        key_intensities="signal",
        intensity_fluctuation=intensity_fluctuation,
    ).length


def test_liao2017_key_comes_out_for_background_rates_that_are_plausible():
    # Printed 300,939 bits. Vacuum counts and f are not printed: with Chernoff, 5 % intensity error and f = 1.5 the
    # background of all four detectors decides, dark counts of 100 Hz being the least it can be.
    few, more = (
        liao2017_length(hz, bound="chernoff", f_ec=1.5, intensity_fluctuation=0.05, pooled=True) for hz in (100, 800)
    )
    assert more < 300939 < few
    assert few / more < 1.06


def test_liao2017_key_is_bracketed_by_hoeffding_without_intensity_error():
    halves, whole = (
        liao2017_length(200, bound="lim2014", f_ec=1.16, intensity_fluctuation=0.0, pooled=pooled)
        for pooled in (False, True)
    )
    assert halves < 300939 < whole


def test_tiangong2_lies_between_the_printed_key_and_the_literal_reading():
    # Printed 13,119 bits. Gains as printed, each basis half of them; read literally, the appendices give 15,350 to
    # 15,950. This reconstruction gives 15,339.
    pulses = np.array([3.575e9, 1.7875e9, 1.7875e9])
    detections = np.array([3.13e-5, 1.88e-5, 8.33e-7]) * pulses / 2.0
    errors = detections * np.array([0.0184, 0.0214, 0.5])
    key = decoy_key_length(
        counts=DecoyCounts(detections, detections, errors, errors, pulses),
        mean_photon_numbers=[0.6, 0.35, 0.0],
        intensity_probabilities=[0.5, 0.25, 0.25],
        eps_sec=1e-5,
        eps_cor=1e-10,
        f_ec=1.13,
        bound="tiangong2",
        key_basis="both",
        key_intensities="signal",
    )
    assert key.leak_ec == pytest.approx(16736, rel=1e-3)
    assert 1.0 - binary_entropy(key.x.phase_error) == pytest.approx(0.75, abs=0.01)
    assert 13119 < key.length < 15950
