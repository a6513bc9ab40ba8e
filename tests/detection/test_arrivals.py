"""Photons on their way to the detectors, against the rates that Born's rule and Poisson's law give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, poisson

from satqkd.detection.arrivals import (
    _detect_pairs,
    _detect_pulses,
    background,
    decoy_light,
    entangled_light,
    merged,
    settings_at,
)
from satqkd.detection.rates import PoissonProcess
from satqkd.detection.source import contrast_error, joint_probabilities, werner_state, with_flips
from satqkd.streams import random_words, transmitter_log

ONE_IN_TEN_THOUSAND = 1e-4
DURATION_S = 10.0
EDGES = np.linspace(3, 3 + DURATION_S, 51)
EFFICIENCIES = np.array([[0.5, 0.4, 0.45, 0.3], [0.6, 0.5, 0.2, 0.55]])
# Both rise and fall within the stretch, so that pairs are not simply the product of the means.
TRANSMITTANCES = np.array([0.3 + 0.2 * np.sin(np.linspace(0, 3, 50)), 0.25 + 0.2 * np.cos(np.linspace(0, 3, 50))])


def agrees(found, expected):
    """Poissonian counts, each cell with its own expectation."""
    found, expected = np.ravel(found).astype(float), np.ravel(expected)
    chi_squared = ((found - expected) ** 2 / expected).sum()
    return chi_squared < expected.size + 5 * np.sqrt(2 * expected.size)


def draws(seed):
    return {"emissions": PoissonProcess(np.random.default_rng(seed)), "rng": np.random.default_rng(seed + 100)}


def late(seconds):
    return lambda emission_s: emission_s + seconds


@pytest.fixture(scope="module")
def scenario(missions):
    return missions["yin2017"].replaced({"source.pair_rate_hz": 2e6, "source.fidelity": 0.9})


FLIGHTS = [late(0.003), late(0.005)]


def pair_light(scenario, keys):
    return entangled_light(
        source=scenario.source,
        detection=scenario.detection,
        measurement=scenario.measurements[1],
        efficiencies=EFFICIENCIES,
        edges_s=EDGES,
        transmittances=TRANSMITTANCES,
        rotations_rad=np.zeros_like(TRANSMITTANCES),
        flights=FLIGHTS,
        switch_keys=keys,
        **draws(1),
    )


@pytest.fixture(scope="module", params=["passive", "active"])
def light(request, scenario):
    """About two million photons at either station, a tenth of them in pairs that were both detected."""
    keys = [None, None] if request.param == "passive" else [5, 6]
    return pair_light(scenario, keys), keys


@pytest.fixture(scope="module")
def expected(scenario, light):
    """Expected pairs by channel of either station, shape (4, 4), and photons by station and channel, shape (2, 4).

    A switch that was set ten thousand times was not set to either side equally often: its record counts.
    """
    source, (_, keys) = scenario.source, light
    fine_s = np.linspace(EDGES[0], EDGES[-1], 500_001)[:-1] + DURATION_S / 1e6
    rate = source.pair_rate_hz * TRANSMITTANCES[:, np.minimum((fine_s - EDGES[0]) / DURATION_S * 50, 49).astype(int)]
    here = [
        np.full((2, fine_s.size), 0.5) if key is None else np.stack([1 - chosen, chosen]).astype(float)
        for key, flight in zip(keys, FLIGHTS, strict=True)
        for chosen in [key and settings_at(flight(fine_s), switch_rate_hz=scenario.detection.switch_rate_hz, key=key)]
    ]
    born = with_flips(
        joint_probabilities(
            werner_state(source.bell_state, source.fidelity), *np.deg2rad(scenario.measurements[1].angles_deg)
        ),
        contrast_error(source.polarization_contrast),
    )
    step_s = DURATION_S / fine_s.size
    both = np.einsum("n,sn,tn->st", rate.prod(axis=0) / source.pair_rate_hz * step_s, *here)
    pairs = (both[:, :, None, None] * born).transpose(0, 2, 1, 3).reshape(4, 4)
    # White noise and Bell states alike: each analyser sees unpolarised light.
    photons = np.array([np.repeat(setting @ rate[a] * step_s, 2) / 2 for a, setting in enumerate(here)])
    return pairs * np.multiply.outer(EFFICIENCIES[0], EFFICIENCIES[1]), photons * EFFICIENCIES


def pairs_of(lights):
    _, first, second = np.intersect1d(lights[0].emission_s, lights[1].emission_s, return_indices=True)
    return lights[0].channel[first], lights[1].channel[second]


def test_pairs_follow_born_at_every_combination_of_detectors(light, expected):
    first, second = pairs_of(light[0])
    counts = np.bincount(first * 4 + second, minlength=16).reshape(4, 4)
    assert counts.sum() > 4e5
    assert agrees(counts, expected[0])


def test_photons_of_each_detector_come_at_the_rate_of_its_link(light, expected):
    counts = np.array([np.bincount(one.channel, minlength=4) for one in light[0]])
    assert counts.sum() > 4e6
    assert agrees(counts, expected[1])


def test_correlations_are_those_of_the_state_whatever_the_detectors(light, scenario):
    """E by setting, corrected for unequal detectors: (1 - 2 error)^2 of the Werner state's."""
    first, second = pairs_of(light[0])
    weight = 1 / np.multiply.outer(EFFICIENCIES[0], EFFICIENCIES[1])[first, second]
    angles = np.deg2rad(scenario.measurements[1].angles_deg)
    p = (4 * scenario.source.fidelity - 1) / 3 * (1 - 2 / 81) ** 2
    for s in range(2):
        for t in range(2):
            here = (first >> 1 == s) & (second >> 1 == t)
            sign = np.where((first ^ second) & 1, -1, 1)[here]
            e = (sign * weight[here]).sum() / weight[here].sum()
            sigma = np.sqrt((weight[here] ** 2).sum()) / weight[here].sum()
            assert abs(e + p * np.cos(2 * (angles[0][s] + angles[1][t]))) < 4 * sigma


def test_photons_follow_the_transmittance_in_time(light):
    for a in range(2):
        found = np.histogram(light[0][a].emission_s, EDGES)[0]
        share = TRANSMITTANCES[a] / TRANSMITTANCES[a].sum()
        if light[1][a] is None:  # a record of settings favours one pair of detectors for a while
            assert chisquare(found, share * found.sum()).pvalue > ONE_IN_TEN_THOUSAND
        assert np.all(np.diff(light[0][a].emission_s) >= 0)


def test_settings_are_those_of_the_record_when_the_photon_arrives(scenario):
    keys = [5, 6]
    for one, key, flight in zip(pair_light(scenario, keys), keys, FLIGHTS, strict=True):
        arrival = flight(one.emission_s)
        found = settings_at(arrival, switch_rate_hz=scenario.detection.switch_rate_hz, key=key)
        assert (one.channel >> 1 == found).all()


def test_settings_hold_for_one_slot_and_are_even():
    slots = np.arange(200_000)
    settings = settings_at((slots + 0.5) / 5e3, switch_rate_hz=5e3, key=9)
    assert (settings == settings_at((slots + 0.01) / 5e3, switch_rate_hz=5e3, key=9)).all()
    assert (settings == (random_words(np.uint64(9), slots) & np.uint64(1))).all()
    assert chisquare(np.bincount(settings[:-1] * 2 + settings[1:])).pvalue > ONE_IN_TEN_THOUSAND


def test_a_lossless_link_loses_nothing(scenario):
    perfect = entangled_light(
        source=scenario.source,
        detection=scenario.detection,
        measurement=scenario.measurements[0],
        efficiencies=np.ones((2, 4)),
        edges_s=np.array([0.0, 0.1]),
        transmittances=np.ones((2, 1)),
        rotations_rad=np.zeros((2, 1)),
        flights=[late(0)] * 2,
        switch_keys=[None] * 2,
        **draws(2),
    )
    assert (perfect[0].emission_s == perfect[1].emission_s).all()
    assert abs(perfect[0].emission_s.size - 2e5) < 4 * np.sqrt(2e5)


@pytest.fixture(scope="module")
def decoy(missions):
    return missions["tiangong2"].replaced(
        {
            "source.pulse_rate_hz": 2e6,
            "source.mean_photon_numbers.vacuum": 0.02,
            "source.polarization_contrast": 100,
            "key.bound": "lim2014",
        }
    )


def sent_and_seen(decoy, transmittance, efficiencies, *, first_pulse=300, key=77):
    one = decoy_light(
        source=decoy.source,
        measurement=decoy.measurements[0],
        efficiencies=efficiencies,
        edges_s=EDGES,
        transmittance=transmittance,
        rotation_rad=np.zeros_like(transmittance),
        first_pulse=first_pulse,
        log_key=key,
        **draws(3),
    )
    pulse = first_pulse + np.floor(one.emission_s * decoy.source.pulse_rate_hz).astype(np.int64)
    return one, pulse, transmitter_log(key, pulse, decoy.source.shares)


def test_pulses_are_seen_by_intensity_and_detector(decoy):
    """p mu eta for each intensity, and the error rates of right and wrong bases."""
    one, _, (intensity, basis, bit) = sent_and_seen(decoy, TRANSMITTANCES[0], EFFICIENCIES[0])
    assert one.channel.size > 5e5
    source = decoy.source
    slip = 1 / 101
    wrong = source.preparation_error * (1 - slip) + slip * (1 - source.preparation_error)
    outcome_given = np.full((2, 2, 2, 2), 0.5)  # basis, bit, setting, outcome
    for b in range(2):
        outcome_given[b, :, b] = [[1 - wrong, wrong], [wrong, 1 - wrong]]
    link = source.pulse_rate_hz * DURATION_S / 50 * TRANSMITTANCES[0].sum()
    expected = (
        (link * source.shares * source.mu)[:, None, None, None, None]
        / 8
        * outcome_given
        * EFFICIENCIES[0].reshape(2, 2)
    )
    cells = np.ravel_multi_index([intensity, basis, bit, one.channel >> 1, one.channel & 1], (3, 2, 2, 2, 2))
    assert agrees(np.bincount(cells, minlength=48), expected)


def test_a_dark_vacuum_sends_nothing(decoy):
    dark = decoy.replaced({"source.mean_photon_numbers.vacuum": 0})
    _, _, (intensity, _, _) = sent_and_seen(dark, TRANSMITTANCES[0], EFFICIENCIES[0])
    assert not np.any(intensity == 2)


def test_photons_leave_in_the_middle_of_their_pulse(decoy):
    one, pulse, _ = sent_and_seen(decoy, TRANSMITTANCES[0], EFFICIENCIES[0])
    np.testing.assert_allclose(one.emission_s, (pulse - 300 + 0.5) / 2e6, rtol=0, atol=1e-13)
    assert np.all(np.diff(pulse) >= 0)


def test_a_pulse_holds_a_poissonian_number_of_photons(decoy):
    """Through a channel without loss: n photons in a signal pulse with mean mu."""
    decoy = decoy.replaced({"source.pulse_rate_hz": 2e5})
    _, pulse, _ = sent_and_seen(decoy, np.ones(50), np.ones(4))
    first = 300 + int(2e5 * EDGES[0])
    all_pulses = first + np.arange(int(2e5 * DURATION_S))
    intensity, _, _ = transmitter_log(77, all_pulses, decoy.source.shares)
    held = np.bincount(pulse - first, minlength=all_pulses.size)
    for level, mu in enumerate(decoy.source.mu):
        numbers = np.bincount(np.minimum(held[intensity == level], 6), minlength=7)
        chances = np.append(poisson.pmf(np.arange(6), mu), poisson.sf(5, mu))
        enough = chances * numbers.sum() > 5
        pooled = [*numbers[enough], numbers[~enough].sum()], [*chances[enough], chances[~enough].sum()]
        chi_squared = sum((n - p * numbers.sum()) ** 2 / (p * numbers.sum()) for n, p in zip(*pooled, strict=True) if p)
        assert chi_squared < len(pooled[0]) + 5 * np.sqrt(2 * len(pooled[0]))


def test_background_comes_at_every_detector_at_its_own_rate():
    rates = np.array([100.0, 0.0, 2500.0, 40.0])
    draw = draws(1)
    times, channel = background(
        rates_hz=rates, edges_s=np.linspace(5, 105, 7), arrivals=draw["emissions"], rng=draw["rng"]
    )
    counts = np.bincount(channel, minlength=4)
    assert counts[1] == 0
    assert agrees(counts[rates > 0], 100 * rates[rates > 0])
    assert np.all(np.diff(times) > 0)
    assert (times[0] > 5.0) and (times[-1] < 105.0)
    assert chisquare(np.histogram(times, np.linspace(5, 105, 51))[0]).pvalue > ONE_IN_TEN_THOUSAND


@pytest.mark.filterwarnings("error")
def test_without_background_there_is_none():
    draw = draws(1)
    times, channel = background(
        rates_hz=np.zeros(4), edges_s=np.array([0.0, 10.0]), arrivals=draw["emissions"], rng=draw["rng"]
    )
    assert times.size == channel.size == 0


STREAM = st.lists(st.integers(0, 40), max_size=30).map(sorted)


@given(one=STREAM, other=STREAM)
def test_merging_equals_a_stable_sort_of_both(one, other):
    times = np.array([*one, *other], np.int64)
    channel = np.arange(times.size, dtype=np.uint8)
    order = np.argsort(times, kind="stable")
    n = len(one)
    found = merged(times[:n], channel[:n], times[n:], channel[n:])
    assert (found[0] == times[order]).all()
    assert (found[1] == channel[order]).all()


@given(seed=st.integers(0, 2**32 - 1), passive=st.booleans())
def test_dealing_pairs_equals_its_definition(seed, passive):
    rng = np.random.default_rng(seed)
    n, cells = rng.integers(0, 200), rng.integers(1, 6)
    edges, times = np.linspace(1, 2, cells + 1), np.sort(rng.uniform(1, 2, n))
    seen, efficiency = rng.uniform(0.01, 1, (2, cells)), rng.choice([1.0, 0.7, 0.3], (2, 4))
    chances = rng.dirichlet([1, 1, 1, 1], (cells, 2, 2))
    below = chances.cumsum(axis=3)[..., :3]
    given_settings = [np.empty(0, np.uint8)] * 2 if passive else list(rng.integers(0, 2, (2, n)).astype(np.uint8))
    emission, channel = np.empty((2, n)), np.empty((2, n), np.uint8)
    counts = _detect_pairs(
        times, *given_settings, edges, seen, below, efficiency, emission, channel, np.random.default_rng(seed)
    )
    fate, share, *keep = np.random.default_rng(seed).random((n, 4)).T
    cell = np.searchsorted(edges, times, side="right") - 1
    a, b = seen[:, cell]
    fate = fate * (a + b - a * b)
    quarter = np.floor(4 * share).astype(int)
    settings = [quarter >> 1, quarter & 1] if passive else given_settings
    joint = (4 * share - quarter >= below[cell, settings[0], settings[1]].T).sum(axis=0)
    for station, (hit, outcome) in enumerate([(fate < a, joint >> 1), ((fate < a * b) | (fate >= a), joint & 1)]):
        c = 2 * settings[station] + outcome
        kept = hit & (keep[station] < efficiency[station, c])
        assert counts[station] == kept.sum()
        assert (emission[station, : counts[station]] == times[kept]).all()
        assert (channel[station, : counts[station]] == c[kept]).all()


@given(seed=st.integers(0, 2**32 - 1))
def test_detecting_pulses_equals_its_definition(seed):
    rng = np.random.default_rng(seed)
    n, cells = rng.integers(0, 200), rng.integers(1, 6)
    edges, times = np.linspace(1, 2, cells + 1), np.sort(rng.uniform(1, 2, n))
    pulse, (intensity, basis, bit) = np.arange(n), rng.integers(0, 2, (3, n)).astype(np.uint8)
    kept, second, efficiency = rng.uniform(0, 1, 2), rng.uniform(0, 1, (cells, 2, 2, 2)), rng.uniform(0, 1, 4)
    found, channel = pulse.copy(), np.empty(n, np.uint8)
    draw = np.random.default_rng(seed)
    count = _detect_pulses(times, edges, found, intensity, basis, bit, kept, second, efficiency, channel, draw)
    which, luck = np.random.default_rng(seed).random((n, 2)).T
    cell = np.searchsorted(edges, times, side="right") - 1
    setting = np.floor(2 * which).astype(int)
    c = 2 * setting + (2 * which - setting < second[cell, basis, bit, setting])
    detected = luck < kept[intensity] * efficiency[c]
    assert (found[:count] == pulse[detected]).all()
    assert (channel[:count] == c[detected]).all()


@pytest.mark.parametrize("cuts", [[1], [7, 8, 30], list(range(1, 50))])
@pytest.mark.parametrize("which", ["passive", "active", "decoy"])
def test_light_is_the_same_wherever_a_stretch_ends(scenario, decoy, which, cuts):
    draw = draws(4)
    shared = {"measurement": (decoy if which == "decoy" else scenario).measurements[0], **draw}

    def light(first, last):
        edges = EDGES[first : last + 1]
        if which == "decoy":
            return [
                decoy_light(
                    source=decoy.source,
                    efficiencies=EFFICIENCIES[0],
                    edges_s=edges,
                    transmittance=TRANSMITTANCES[0, first:last] / 10,
                    rotation_rad=TRANSMITTANCES[1, first:last],
                    first_pulse=300,
                    log_key=77,
                    **shared,
                )
            ]
        return entangled_light(
            source=scenario.source,
            detection=scenario.detection,
            efficiencies=EFFICIENCIES,
            edges_s=edges,
            transmittances=TRANSMITTANCES[:, first:last] / 10,
            rotations_rad=TRANSMITTANCES[::-1, first:last],
            flights=FLIGHTS,
            switch_keys=[None] * 2 if which == "passive" else [5, 6],
            **shared,
        )

    whole = light(0, 50)
    shared |= draws(4)
    pieces = [light(first, last) for first, last in zip([0, *cuts], [*cuts, 50], strict=True)]
    for station, one in enumerate(whole):
        assert one.channel.size > 2e4
        for name in ("emission_s", "channel"):
            found = np.concatenate([getattr(piece[station], name) for piece in pieces])
            assert found.tobytes() == getattr(one, name).tobytes()
