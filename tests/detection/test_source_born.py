"""A million pairs from the event generator against Born's rule in the textbook's words, and what turned frames do."""

import numpy as np
import pytest
from scipy.stats import chisquare

from satqkd import bell, coincidence, key
from satqkd.detection.arrivals import entangled_light
from satqkd.detection.rates import PoissonProcess
from satqkd.detection.source import BELL_STATES

EVENTS = 1_000_000
ONE_IN_TEN_THOUSAND = 1e-4
PRINTED_ANGLES = [[0, 45], [22.5, 67.5]]
# Every Bell state, with settings that no symmetry singles out; fidelity, contrast (None: perfect), turned frames.
CASES = [
    ("psi_plus", PRINTED_ANGLES, 1.0, None, (0, 0)),
    ("psi_plus", [[0, 45], [0, 45]], 0.907, 80, (0, 0)),
    ("psi_minus", [[3, 50], [19, 71]], 0.97, 280, (0, 0)),
    ("phi_plus", [[-10, 33], [80, 5]], 0.8, 20, (0, 0)),
    ("phi_minus", [[7, 120], [61, 28]], 0.6, 1.5, (0, 0)),
    ("psi_plus", PRINTED_ANGLES, 0.907, 80, (12, -31)),
    ("psi_minus", PRINTED_ANGLES, 0.907, 80, (40, 40)),
    ("phi_plus", PRINTED_ANGLES, 0.95, None, (2, 100)),
    ("phi_minus", PRINTED_ANGLES, 0.25 + 1e-9, None, (0, 0)),
]


def textbook_correlation(state, first_deg, second_deg):
    """E of a Bell state: analysers at a and b of light that arrives turned count from the turned axes."""
    a, b = np.deg2rad(first_deg)[:, None], np.deg2rad(second_deg)[None, :]
    sign = -1 if state.startswith("psi") else 1
    return sign * np.cos(2 * (a - b if state in ("psi_minus", "phi_plus") else a + b))


def expected_shares(state, angles_deg, fidelity, contrast, turned_deg):
    """Share of all pairs by setting and outcome, shape (2, 2, 2, 2); half of the photons at each setting."""
    visibility = (4 * fidelity - 1) / 3
    if contrast is not None:
        visibility *= ((contrast - 1) / (contrast + 1)) ** 2
    e = visibility * textbook_correlation(state, *(np.subtract(angles_deg, np.reshape(turned_deg, (2, 1)))))
    equal = np.array([[1, -1], [-1, 1]])
    return (1 + e[:, :, None, None] * equal) / 16


def generated(missions, state, angles_deg, fidelity, contrast, rotations_deg, seed):
    """Counts by setting and outcome of a source all of whose pairs are seen; the rotations are those of ten cells."""
    mission = missions["yin2020"].replaced(
        {
            "source.pair_rate_hz": EVENTS,
            "source.bell_state": state,
            "source.fidelity": fidelity,
            "source.polarization_contrast": contrast,
            "measurements.1.angles_deg": angles_deg,
        }
    )
    rotations = np.deg2rad(np.broadcast_to(np.reshape(rotations_deg, (2, -1)), (2, 10)))
    lights = entangled_light(
        source=mission.source,
        switch_rate_hz=mission.detection.switch_rate_hz,
        angles_deg=mission.measurements[1].angles_deg,
        efficiencies=np.ones((2, 4)),
        edges_s=np.linspace(0, 1, 11),
        transmittances=np.ones((2, 10)),
        rotations_rad=rotations,
        flights=[lambda emission_s: emission_s] * 2,
        switch_keys=[None, None],
        emissions=PoissonProcess(np.random.default_rng(seed)),
        rng=np.random.default_rng(seed + 1),
    )
    np.testing.assert_array_equal(lights[0].emission_s, lights[1].emission_s)
    first, second = (light.channel.astype(int) for light in lights)
    counts = np.bincount(4 * first + second, minlength=16).reshape(2, 2, 2, 2)
    return counts.transpose(0, 2, 1, 3), lights


def p_value(counts, shares):
    """Of the chi-square test of all sixteen counts; cells that ought to be empty have to be."""
    filled = shares > 1e-12
    assert counts[~filled].sum() == 0
    return chisquare(counts[filled], counts.sum() * shares[filled]).pvalue


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[2]:.3g}-{case[3]}-{case[4]}")
def test_a_million_pairs_follow_born(missions, case):
    counts, _ = generated(missions, *case, seed=20170616)
    assert counts.sum() > 0.99 * EVENTS
    assert p_value(counts, expected_shares(*case)) > ONE_IN_TEN_THOUSAND


@pytest.fixture(scope="module")
def printed(missions):
    """Counts of yin2017's state at its Bell settings."""
    return generated(missions, "psi_plus", PRINTED_ANGLES, 0.907, 80, (0, 0), seed=1)[0]


@pytest.mark.parametrize(
    "wrong",
    [
        ("psi_plus", PRINTED_ANGLES, 0.917, 80, (0, 0)),
        ("psi_plus", PRINTED_ANGLES, 0.907, 60, (0, 0)),
        ("psi_plus", PRINTED_ANGLES, 0.907, 80, (0.5, 0)),
        ("psi_minus", PRINTED_ANGLES, 0.907, 80, (0, 0)),
    ],
)
def test_the_test_would_see_a_hundredth_of_fidelity_or_half_a_degree(printed, wrong):
    assert p_value(printed, expected_shares(*wrong)) < ONE_IN_TEN_THOUSAND


def test_frames_that_turn_are_followed_cell_by_cell(missions):
    """Ten cells, each with its own rotation at either station: ten tests of a tenth of the pairs."""
    turning = np.array([np.linspace(0, 90, 10), np.linspace(0, -30, 10)])
    _, lights = generated(missions, "phi_plus", PRINTED_ANGLES, 0.95, 80, turning, seed=5)
    cell = np.floor(10 * lights[0].emission_s).astype(int)
    for index in range(10):
        here = cell == index
        channel = 4 * lights[0].channel[here].astype(int) + lights[1].channel[here]
        counts = np.bincount(channel, minlength=16).reshape(2, 2, 2, 2).transpose(0, 2, 1, 3)
        assert counts.sum() > 0.09 * EVENTS
        shares = expected_shares("phi_plus", PRINTED_ANGLES, 0.95, 80, turning[:, index])
        assert p_value(counts, shares) > ONE_IN_TEN_THOUSAND


@pytest.mark.parametrize("state", sorted(BELL_STATES))
def test_turning_both_frames_alike_leaves_only_two_states_as_they_are(missions, state):
    """Psi minus and phi plus correlate by the difference of the angles; the others by their sum."""
    angles = [[0, 45], [0, 45]]
    counts, _ = generated(missions, state, angles, 1.0, None, (30, 30), seed=2)
    unturned = expected_shares(state, angles, 1.0, None, (0, 0))
    equal_settings = counts[[0, 1], [0, 1]].astype(float) / counts.sum()
    kept = np.allclose(equal_settings, unturned[[0, 1], [0, 1]], atol=5e-3)
    assert kept == (state in ("psi_minus", "phi_plus"))


@pytest.mark.slow
def test_without_compensation_pulses_yield_no_key(missions, pulses, run_of):
    """The same pass with a plate that stands: the error rate is that of the turn, and the key is gone."""
    scenario = pulses.scenario.replaced({"polarization.compensated": False})
    standing = run_of(scenario)
    turned = np.radians(standing.orbit.polarization_rotation.values[:-1, 0])
    rate = standing.channel.transmittance.values[:-1, 0]
    wrong = scenario.source.preparation_error
    expected = wrong + (1 - 2 * wrong) * np.average(np.sin(turned) ** 2, weights=rate)
    found = {}
    for name, run in [("followed", pulses), ("standing", standing)]:
        distilled = key.distill(run.scenario, run.coincidence)
        observed = {name: value for name, (value, _) in key.observables(distilled).items()}
        observed |= {name: value for name, (value, _) in coincidence.observables(run.coincidence).items()}
        found[name] = observed
    assert found["followed"]["key_length"] > 1000
    assert found["standing"]["key_length"] == 0
    fading_and_noise = 0.01
    assert found["standing"]["qber_signal"] == pytest.approx(expected, abs=fading_and_noise)
    assert expected > 0.25


@pytest.mark.slow
def test_without_compensation_pairs_lose_s(bright, run_of):
    """Thirty seconds between the stations: the frames turn in opposite senses, which psi minus feels twice."""
    standing = run_of(bright.scenario.replaced({"polarization.compensated": False, "source.bell_state": "psi_minus"}))
    followed, lost = (bell.bell_test(run.scenario, run.coincidence) for run in (bright, standing))
    theta = np.radians(standing.orbit.polarization_rotation.values[standing.orbit.measurement.values == 1])
    # Averaged over the four settings of a test, E falls by the cosine and gains nothing from the sine.
    shrunk = np.cos(2 * (theta[:, 0] - theta[:, 1])).mean()
    four_sigma = 4 * np.hypot(float(lost.sigma), float(followed.sigma))
    assert abs(float(lost.s) - shrunk * float(followed.s)) < four_sigma
    assert float(lost.s) < float(followed.s) - four_sigma


def test_what_the_plate_leaves_is_seen_at_both_stations(bright, run_of):
    """Fifteen degrees each: psi plus correlates by the sum of the angles, and cos(60 degrees) of it is left."""
    run = run_of(bright.scenario.replaced({"polarization.residual_deg": 15}))
    followed, left = (bell.bell_test(one.scenario, one.coincidence) for one in (bright, run))
    four_sigma = 4 * np.hypot(left.visibility_sigma.values, followed.visibility_sigma.values)
    assert (np.abs(left.visibility.values - 0.5 * followed.visibility.values) < four_sigma).all()
    assert (followed.visibility.values - left.visibility.values > four_sigma).all()
