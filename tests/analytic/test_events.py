"""The analytic chain against short event simulations at high rates, through a constant link without fading."""

import numpy as np
import pytest

from satqkd import coincidence, key
from satqkd.analytic import expected
from satqkd.analytic.expected import singles
from satqkd.bell import bell_test
from satqkd.channel import link_budget
from satqkd.coincidence.stage import coincidences
from satqkd.detection.stage import simulate
from satqkd.orbit.stage import find_sessions

FOUR_SIGMA = 4
SECONDS = 3  # fix a clock
UNEQUAL = (0.3, 0.5, 0.45, 0.6)
WEIGHTS = {"psi_plus": 0.9, "psi_minus": 0.02, "phi_plus": 0.01, "phi_minus": 0.07}
# Two seconds of a key and one of a Bell test.
SHORT = {
    "orbit.search_end": "2018-10-02T00:00:00Z",
    "orbit.max_range_m": 8.8e5,
    "orbit.min_duration_s": 0,
    "measurements.0.duration_s": 2,
    "measurements.1.duration_s": 1,
}
AFTERPULSES = {"detection.afterpulse_probability": 0.05, "detection.afterpulse_decay_ns": 40}


def every_detector(mission, **values):
    """Dotted keys of all detectors, with one value for each of the four."""
    return {
        f"stations.{i}.detectors.{c}.{name}": value[c]
        for i in range(len(mission.stations))
        for c in range(4)
        for name, value in values.items()
    }


def through(scenario, transmittance, folder, seed=3):
    """Expectation and counts of the sessions through a link of constant transmittance."""
    orbit = find_sessions(scenario)
    channel = link_budget(scenario, orbit)
    channel["transmittance"][:] = transmittance
    channel["fading_variance"][:] = 0
    simulate(scenario, orbit, channel, path=folder / "detection.zarr", seed=seed, run=1)
    counted = coincidences(scenario, orbit, folder / "detection.zarr", path=folder / "coincidence.nc").load()
    observed = {name: value for name, (value, _) in coincidence.observables(counted).items()}
    used = channel.transmittance.values[channel.measurement.values >= 0]
    return expected(scenario, channel), observed, counted, used


def of_poisson(found, expectation):
    return abs(found - expectation) < FOUR_SIGMA * np.sqrt(expectation)


def of_binomial(found, expectation, trials):
    return abs(found - expectation) < FOUR_SIGMA * np.sqrt(expectation * (1 - expectation) / trials)


def dear(*names):
    """The first of several cases, which stands for all in the fast tests, and the others, which are slow."""
    return [names[0], *(pytest.param(name, marks=pytest.mark.slow) for name in names[1:])]


@pytest.fixture(scope="module", params=dear("passive", "active", "setting", "detector"))
def busy(request, missions, tmp_path_factory):
    """Five million arrivals per second at a passive station, unequal detectors, and unequal errors by basis.

    Also with an active receiver, and with the other rules of the dead time.
    """
    efficiencies, dark_hz, options = UNEQUAL, (9e5, 7e5, 8e5, 1e6), AFTERPULSES
    if request.param == "active":  # two detectors
        efficiencies, dark_hz = UNEQUAL[:2] * 2, (4e5, 7e5) * 2
        options = {"detection.basis_choice": "active", "detection.switch_rate_hz": 5e3}
    elif request.param != "passive":
        options = AFTERPULSES | {"coincidence.dead_time_rule": request.param}
    scenario = missions["yin2020"].replaced(
        SHORT
        | options
        | every_detector(missions["yin2020"], efficiency=efficiencies, dark_rate_hz=dark_hz)
        | {"source.pair_rate_hz": 1e8, "source.fidelity": None, "source.bell_weights": WEIGHTS}
        | {"coincidence.window_ns": 0.5, "detection.timing_jitter_ps": 100}
    )
    return scenario, *through(scenario, 0.03, tmp_path_factory.mktemp("busy"))


def test_singles_after_dead_time(busy):
    scenario, _, _, counted, used = busy
    for found, expectation in zip(counted.singles.values[0], singles(scenario, used).sum(axis=(0, 2)), strict=True):
        assert of_poisson(found, expectation)


@pytest.mark.parametrize("name", ["key_coincidences", "key_sifted", "bell_coincidences", "bell_sifted"])
def test_coincidences(busy, name):
    _, expectation, observed, *_ = busy
    assert of_poisson(observed[name], expectation[name])


def test_accidentals(busy):
    """Counted in forty windows."""
    _, expectation, observed, *_ = busy
    assert of_poisson(40 * SECONDS * observed["accidental_rate"], 40 * SECONDS * expectation["accidental_rate"])


def test_error_rates_by_basis(busy):
    scenario, expectation, _, counted, _ = busy
    found = {name: value for name, (value, _) in key.observables(key.distill(scenario, counted)).items()}
    sifted = counted.counts.values[0, [0, 1], [0, 1]].sum(axis=(1, 2))
    for name, trials in (("qber", sifted.sum()), ("qber_z", sifted[0]), ("qber_x", sifted[1])):
        assert of_binomial(found[name], expectation[name], trials)


def test_s_of_the_bell_test(busy):
    scenario, expectation, _, counted, _ = busy
    found = bell_test(scenario, counted)
    assert abs(float(found.s) - expectation["chsh_s"]) < FOUR_SIGMA * float(found.sigma)


@pytest.fixture(scope="module", params=dear("after-pulses", "wide pulses"))
def pulsed(request, missions, tmp_path_factory):
    """Unequal detectors: 2.7 million clicks per second with after-pulses, or pulses that reach into other windows."""
    transmittance, options = {
        "after-pulses": (0.12, AFTERPULSES),
        "wide pulses": (0.05, {"source.pulse_width_ps": 9000}),
    }[request.param]
    scenario = missions["tiangong2"].replaced(
        every_detector(missions["tiangong2"], efficiency=UNEQUAL, dark_rate_hz=(2e4, 6e4, 4e4, 2e4))
        | {"orbit.max_duration_s": SECONDS, "source.pulse_rate_hz": 1e8, "detection.timing_jitter_ps": 400}
        | options
    )
    return scenario, *through(scenario, transmittance, tmp_path_factory.mktemp("pulsed"))


def pulses_sent(scenario):
    """Pulses by name of intensity."""
    sent = SECONDS * scenario.source.pulse_rate_hz * scenario.source.shares
    return dict(zip(("signal", "decoy", "vacuum"), sent, strict=True))


@pytest.mark.parametrize("intensity", ["signal", "decoy"])
def test_gain_and_error_rate(pulsed, intensity):
    scenario, expectation, observed, *_ = pulsed
    sent = pulses_sent(scenario)[intensity]
    sifted = sent * expectation[f"gain_{intensity}"]
    assert of_poisson(sent * observed[f"gain_{intensity}"], sifted)
    assert of_binomial(observed[f"qber_{intensity}"], expectation[f"qber_{intensity}"], sifted)


def test_yield_of_the_vacuum(pulsed):
    scenario, expectation, observed, *_ = pulsed
    sent = pulses_sent(scenario)["vacuum"] / 2  # half of the clicks are sifted
    assert of_poisson(sent * observed["yield_vacuum"], sent * expectation["yield_vacuum"])
