"""The analytic chain against the event simulation, and against formulas by hand."""

import numpy as np
import pytest
from scipy.stats import norm

from satqkd import ScenarioError, bell, coincidence, key
from satqkd.analytic import expected
from satqkd.analytic.expected import pair_rates
from satqkd.key.optimise.downlink import window_acceptance

FOUR_SIGMA = 4
# The chain takes each second's value at its beginning: half a second of a link that changes by this share in a second.
HALF_A_SECOND = 0.003


def fading_share(run, seconds):
    """Relative standard deviation of a sum of counts that comes from fading, both links together."""
    variance = (1 + run.channel.fading_variance.values[seconds]).prod(axis=1) - 1
    rate = run.channel.transmittance.values[seconds].prod(axis=1)
    cells = 1e3 / run.scenario.channel.fading_coherence_ms
    return np.sqrt((rate**2 * variance / cells).sum()) / rate.sum()


def agrees(found, expectation, run, seconds):
    sigma = expectation * np.hypot(1 / np.sqrt(expectation), fading_share(run, seconds))
    return abs(found - expectation) < FOUR_SIGMA * sigma + HALF_A_SECOND * expectation


@pytest.fixture(scope="module", params=["bright", "bright_active"])
def pairs(request):
    """A run with its expectation and what the stages found."""
    run = request.getfixturevalue(request.param)
    found = {name: value for name, (value, _) in coincidence.observables(run.coincidence).items()}
    found |= {name: value for name, (value, _) in key.observables(key.distill(run.scenario, run.coincidence)).items()}
    return run, expected(run.scenario, run.channel), found


def test_coincidences_of_each_measurement(pairs):
    run, expectation, found = pairs
    for name, seconds in [("key", slice(0, 20)), ("bell", slice(20, 30))]:
        assert agrees(found[f"{name}_coincidences"], expectation[f"{name}_coincidences"], run, seconds)
    assert agrees(found["coincidence_rate"] * 30, expectation["coincidence_rate"] * 30, run, slice(0, 30))


def test_accidentals_and_signal_to_noise(pairs):
    run, expectation, found = pairs
    # Accidentals are counted in forty windows, and each click takes part in few of them.
    sigma = 1 / np.sqrt(40 * expectation["accidental_rate"] * 30) + HALF_A_SECOND
    assert found["accidental_rate"] == pytest.approx(expectation["accidental_rate"], rel=FOUR_SIGMA * sigma)
    assert found["signal_to_noise"] == pytest.approx(
        expectation["signal_to_noise"], rel=FOUR_SIGMA * (sigma + 1 / np.sqrt(found["coincidence_rate"] * 30))
    )


def test_error_rates(pairs):
    _, expectation, found = pairs
    for name, share in [("qber", 1), ("qber_z", 0.5), ("qber_x", 0.5)]:
        q = expectation[name]
        sigma = np.sqrt(q * (1 - q) / (share * found["sifted_bits"]))
        assert abs(found[name] - q) < FOUR_SIGMA * sigma


def test_chsh(pairs):
    run, expectation, _ = pairs
    result = bell.bell_test(run.scenario, run.coincidence)
    assert abs(float(result.s) - expectation["chsh_s"]) < FOUR_SIGMA * float(result.sigma)
    assert 2 < expectation["chsh_s"] < 2 * np.sqrt(2)


@pytest.fixture
def decoy(pulses):
    found = {name: value for name, (value, _) in coincidence.observables(pulses.coincidence).items()}
    return pulses, expected(pulses.scenario, pulses.channel), found


def test_detections_and_sifted_bits(decoy):
    run, expectation, found = decoy
    for name in ("detection_events", "sifted_bits"):
        assert agrees(found[name], expectation[name], run, slice(0, 143))
    assert agrees(found["sifted_rate"] * 143, expectation["sifted_rate"] * 143, run, slice(0, 143))


@pytest.mark.parametrize(("name", "end"), [("sifted_rate_nearest", 0), ("sifted_rate_farthest", -10)])
def test_rates_at_the_ends(decoy, name, end):
    run, expectation, found = decoy
    seconds = np.argsort(run.orbit.range.values[:143, 0])[end:][:10]
    assert agrees(found[name] * 10, expectation[name] * 10, run, seconds)


@pytest.mark.parametrize(
    ("name", "share", "factor"), [("gain_signal", 0.5, 1), ("gain_decoy", 0.25, 1), ("yield_vacuum", 0.25, 2)]
)
def test_gains(decoy, name, share, factor):
    run, expectation, found = decoy
    pulses = 5e7 * 143 * share / factor
    assert agrees(found[name] * pulses, expectation[name] * pulses, run, slice(0, 143))


@pytest.mark.parametrize(("name", "share"), [("qber_signal", 0.5), ("qber_decoy", 0.25)])
def test_error_rates_by_intensity(decoy, name, share):
    _, expectation, found = decoy
    sifted = expectation[name.replace("qber", "gain")] * 5e7 * 143 * share
    sigma = np.sqrt(expectation[name] * (1 - expectation[name]) / sifted)
    assert abs(found[name] - expectation[name]) < FOUR_SIGMA * sigma


def test_the_window_takes_its_share_of_a_gaussian():
    assert window_acceptance(2e-9, 1e-9) == pytest.approx(norm.cdf(1) - norm.cdf(-1))
    assert window_acceptance(2.5e-9, 0.77e-9) == pytest.approx(1 - 2 * norm.sf(1.25 / 0.77))
    assert window_acceptance(1e-9, 0) == 1


def test_pairs_by_hand(missions, channels):
    """Two seconds of a constant link, after the formulas of the field, detector by detector."""
    double_clicks = 1e-4  # clicks in the window
    efficiencies = (0.3, 0.5, 0.45, 0.6)
    scenario = missions["yin2020"].replaced(
        {f"stations.{i}.detectors.{c}.efficiency": efficiencies[c] for i in range(2) for c in range(4)}
    )
    channel = channels["yin2020"].isel(time=[0, 1]).copy(deep=True)
    channel["transmittance"] = channel.transmittance * 0 + 1e-3
    channel.measurement[:] = [0, 1]
    found = expected(scenario, channel)
    clicks, ready = [], []
    for station in scenario.stations:
        noise_hz = [station.background_rate_hz + d.dark_rate_hz for d in station.detectors]
        clicks.append([5.9e6 / 4 * 1e-3 * e + noise for e, noise in zip(efficiencies, noise_hz, strict=True)])
        ready.append(np.prod([1 / (1 + 50e-9 * rate) for rate in clicks[-1]]))
    inside = 1 - 2 * norm.sf(1.25 / (0.544 * np.sqrt(2)))
    weight = (4 * scenario.source.fidelity - 1) / 3

    def coincidences(a, b, angle_a, angle_b):
        """Of two channels; psi plus correlates by the sum of the angles."""
        alike = 1 if a % 2 == b % 2 else -1
        born = (1 - alike * weight * np.cos(2 * np.deg2rad(angle_a + angle_b))) / 16
        true = 5.9e6 * 1e-6 * born * efficiencies[a] * efficiencies[b] * inside
        return (true + clicks[0][a] * clicks[1][b] * 2.5e-9) * ready[0] * ready[1]

    key = np.array([[coincidences(a, b, [0, 45][a // 2], [0, 45][b // 2]) for b in range(4)] for a in range(4)])
    bell = np.array([[coincidences(a, b, [0, 45][a // 2], [22.5, 67.5][b // 2]) for b in range(4)] for a in range(4)])
    assert found["key_coincidences"] == pytest.approx(key.sum(), rel=10 * double_clicks)
    assert found["key_sifted"] == pytest.approx(key[:2, :2].sum() + key[2:, 2:].sum(), rel=10 * double_clicks)
    accidental = np.sum(clicks[0]) * np.sum(clicks[1]) * ready[0] * ready[1] * 2.5e-9
    assert found["accidental_rate"] == pytest.approx(accidental)
    assert found["qber_z"] == pytest.approx((key[0, 0] + key[1, 1]) / key[:2, :2].sum(), rel=double_clicks)
    assert found["qber_x"] == pytest.approx((key[2, 3] + key[3, 2]) / key[2:, 2:].sum(), rel=double_clicks)
    s = 0.0
    for a, b in [(0, 0), (0, 2), (2, 0), (2, 2)]:
        part = bell[a : a + 2, b : b + 2]
        s += (-1 if (a, b) == (0, 0) else 1) * (part * [[1, -1], [-1, 1]]).sum() / part.sum()
    assert found["chsh_s"] == pytest.approx(abs(s), rel=double_clicks)


def test_errors_by_basis_of_a_bell_diagonal_state(missions, channels):
    """Psi plus has opposite outcomes in H/V and equal ones in the diagonal basis: phi errs in Z, every minus in X."""
    weights = {"psi_plus": 0.9, "psi_minus": 0.04, "phi_plus": 0.01, "phi_minus": 0.05}
    changed = {"source.fidelity": None, "source.bell_weights": weights}
    noiseless = {f"stations.{i}.background_rate_hz": 0 for i in range(2)} | {
        f"stations.{i}.detectors.{c}.{name}": value
        for i in range(2)
        for c in range(4)
        for name, value in {"dark_rate_hz": 0, "efficiency": 0.5}.items()
    }
    scenario = missions["yin2020"].replaced(changed | noiseless | {"source.pair_rate_hz": 1e4})
    found = expected(scenario, channels["yin2020"])
    accidental = 2e-5  # half of the pairs in a window
    assert found["qber_z"] == pytest.approx(0.01 + 0.05, abs=accidental)
    assert found["qber_x"] == pytest.approx(0.04 + 0.05, abs=accidental)


def test_double_clicks_move_coincidences_to_the_detector_that_clicks_often(missions):
    """Three million dark counts of one detector: within the window, before the photon or after it, half count there."""
    noisy, rate_hz, window_s = 3, 3e6, 2.5e-9
    quiet = {f"stations.{i}.detectors.{c}.dark_rate_hz": 0 for i in range(2) for c in range(4)}
    quiet |= {f"stations.{i}.background_rate_hz": 0 for i in range(2)}
    scenario = missions["yin2020"].replaced(quiet | {"source.pair_rate_hz": 1e5, "detection.timing_jitter_ps": 0})
    loud = scenario.replaced({f"stations.1.detectors.{noisy}.dark_rate_hz": rate_hz})
    angles_deg = scenario.measurements[0].angles_deg
    before, after = (
        pair_rates(one, np.full((1, 2), 1e-3), angles_deg=angles_deg)[0][0].transpose(0, 2, 1, 3).reshape(4, 4)
        for one in (scenario, loud)
    )
    # Behind an earlier click one half of the pairs is left.
    joins = 1 - np.exp(-rate_hz * window_s)
    expected_after = before * (1 - joins / 4)
    expected_after[:, noisy] = before[:, noisy] + 0.75 * joins * np.delete(before, noisy, axis=1).sum(axis=1)
    few_photons = 1e-6
    assert after == pytest.approx(
        expected_after / (1 + 50e-9 * rate_hz), rel=few_photons, abs=few_photons * before.max()
    )


def test_pulses_by_hand(missions, channels):
    double_photons = 1e-5  # clicks in a pulse
    scenario, channel = missions["liao2017"], channels["liao2017"].isel(time=slice(0, 20)).copy(deep=True)
    channel["transmittance"] = channel.transmittance * 0 + 1e-4
    found = expected(scenario, channel)
    inside = 1 - 2 * norm.sf(1e3 / np.hypot(550, 200 / 2.3548))
    ready = 1 / (1 + 50e-9 * (1e8 * (0.8 / 2 + 0.1 / 4) * 1e-4 * 0.5 / 4 + 25))
    noise = 4 * 25 * 2e-9 * ready
    signal = 0.8 * 1e-4 * 0.5 * inside * ready
    wrong = scenario.source.preparation_error * 280 / 281 + (1 - scenario.source.preparation_error) / 281
    assert found["gain_signal"] == pytest.approx((signal + noise) / 2, rel=double_photons)
    assert found["yield_vacuum"] == pytest.approx(noise, rel=double_photons)
    assert found["qber_signal"] == pytest.approx((signal * wrong + noise / 2) / (signal + noise), rel=double_photons)
    assert found["sifted_rate"] == pytest.approx(1e8 * 0.5 * found["gain_signal"])


def test_a_turned_polarisation_is_not_passed_over(bright):
    turned = bright.scenario.replaced({"polarization.compensated": False})
    with pytest.raises(ScenarioError, match="polarization turns.*set compensated: true"):
        expected(turned, bright.channel)


@pytest.mark.parametrize("turned_deg", [0.0, 9.3, 30.0])
def test_an_analyser_off_by_an_angle_costs_what_malus_says(missions, channels, turned_deg):
    scenario = missions["yin2020"]
    ((z, x), bobs), *rest = (m.angles_deg for m in scenario.measurements if m.name in ("key", "state"))
    scenario = scenario.replaced(
        {
            f"stations.{i}.detectors.{c}.{name}": value
            for i in range(2)
            for c in range(4)
            for name, value in {"efficiency": 0.5, "dark_rate_hz": 50}.items()
        }
    )
    off = scenario.replaced({"measurements.0.angles_deg": ((z + turned_deg, x + turned_deg), bobs)})
    channel = channels["yin2020"]
    straight, found = expected(scenario, channel), expected(off, channel)
    for name in ("qber_z", "qber_x"):
        visibility = 1 - 2 * straight[name]
        assert found[name] == pytest.approx((1 - visibility * np.cos(2 * np.deg2rad(turned_deg))) / 2)


def test_the_fidelity_that_yin2017_prints_for_the_source_on_board_does_not_give_its_s(missions, channels):
    """Printed: 0.907 +- 0.007 on board, and S = 2.37 +- 0.09; see docs/physics/printed.md."""
    sigma_of_s = 0.09
    mission, link = missions["yin2017"], channels["yin2017"]
    low, printed, high = (
        expected(mission.replaced({"source.fidelity": fidelity}), link)["chsh_s"] for fidelity in (0.9, 0.907, 0.914)
    )
    assert (low, printed, high) == pytest.approx((2.08, 2.10, 2.12), abs=0.005)
    assert 2.37 - high > 2 * sigma_of_s
    assert abs(expected(mission, link)["chsh_s"] - 2.37) < sigma_of_s  # with the fidelity of yin2020's error rate
