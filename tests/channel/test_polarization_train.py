"""Polarisation train: limits by hand, reflections that others computed, and the light that stage 3 draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.analytic.expected import expected_from_orbit, require_one_contrast
from satqkd.analytic.means import with_mean_contrast
from satqkd.channel import link_budget
from satqkd.channel.polarization_train import (
    contrast_with,
    fresnel_reflection,
    half_wave_plate,
    mirror,
    plate,
    rotation,
    setting_error,
    three_plates,
    through,
    train,
    wrong_share,
)
from satqkd.channel.stage import polarization_contrast
from satqkd.coincidence import coincidences, observables
from satqkd.detection import simulate
from satqkd.detection.arrivals import entangled_light
from satqkd.detection.rates import PoissonProcess
from satqkd.detection.source import joint_probabilities, second_port, source_state, werner_state
from satqkd.orbit import find_sessions
from satqkd.scenario import ScenarioError

TRAIN = {"source.polarization_contrast": None, "polarization.train.contrast": "train"}
ANGLES = st.floats(-10, 10)
DIAGONAL_RAD = np.pi / 4


def unitary(matrix):
    return np.allclose(matrix @ matrix.conj().T, np.eye(2))


@pytest.mark.parametrize("incidence_deg", [0, 30, 45, 80])
def test_a_perfect_conductor_is_a_mirror_image(incidence_deg):
    metal = mirror(1e-9 + 1e9j, np.radians(incidence_deg), angle_rad=0.3)
    assert metal.jones == pytest.approx(metal.ideal, abs=1e-6)
    assert wrong_share(mirror(1e-9 + 1e9j, np.radians(incidence_deg)).jones)[0] == pytest.approx(0, abs=1e-12)


def test_a_mirror_image_turns_to_the_other_side():
    at = np.array([np.cos(0.2), np.sin(0.2)])
    assert mirror(1e9j, 0.5).ideal @ at == pytest.approx([np.cos(0.2), -np.sin(0.2)])
    assert mirror(1e9j, 0.5, angle_rad=0.2).ideal @ at == pytest.approx(at)


def test_glass_reflects_four_per_cent_and_nothing_of_p_at_the_brewster_angle():
    p, s = fresnel_reflection(1.5, 0.0)
    assert (p, s) == (pytest.approx(0.2), pytest.approx(-0.2))
    assert abs(fresnel_reflection(1.5, float(np.arctan(1.5)))[0]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("turn_deg, wrong", [(0, 0.0), (30, 0.25), (45, 0.5), (90, 1.0)])
def test_a_turn_sends_its_squared_sine_to_the_wrong_port(turn_deg, wrong):
    assert wrong_share(rotation(np.radians(turn_deg))) == pytest.approx([wrong] * 2, abs=1e-12)


def test_a_half_wave_of_retardance_swaps_the_diagonals_and_leaves_the_rest():
    assert wrong_share(plate(np.pi).jones) == pytest.approx([0, 1], abs=1e-12)
    assert wrong_share(plate(np.pi, angle_rad=DIAGONAL_RAD).jones) == pytest.approx([1, 0], abs=1e-12)


def test_a_small_diattenuation_costs_a_quarter_of_its_square_in_the_other_basis():
    """Diagonal light turns by half of the diattenuation."""
    assert wrong_share(plate(0, diattenuation=0.1).jones)[1] == pytest.approx(0.1**2 / 4, rel=0.01)
    with pytest.raises(ValueError, match="diattenuation"):
        plate(0, diattenuation=1.0)


def test_equal_plates_add_and_crossed_ones_cancel():
    one, crossed = plate(0.3), plate(0.3, angle_rad=np.pi / 2)
    assert wrong_share(through((one, one)))[1] == pytest.approx(np.sin(0.3) ** 2)
    assert wrong_share(through((one, crossed))) == pytest.approx([0, 0], abs=1e-12)


@given(turn=ANGLES, error=st.floats(-3, 3))
def test_a_half_wave_plate_undoes_turns_and_mirror_images(turn, error):
    for matrix in (rotation(turn), rotation(turn) @ np.diag([1.0, -1.0])):
        assert half_wave_plate(matrix) @ matrix == pytest.approx(np.eye(2), abs=1e-9)
    assert unitary(half_wave_plate(rotation(turn), retardance_error_rad=error))


def test_a_plate_of_a_wrong_retardance_fails_by_its_squared_half_sine():
    """Of light at 45 degrees to the plate's axes a share sin^2(e/2) keeps its side."""
    plates = half_wave_plate(rotation(np.pi / 2), retardance_error_rad=0.2)
    assert wrong_share(plates @ rotation(np.pi / 2))[0] == pytest.approx(np.sin(0.1) ** 2)


@given(turn=ANGLES, first=ANGLES, second=ANGLES, angle=ANGLES)
def test_three_plates_undo_all_retardances(turn, first, second, angle):
    optics = through((plate(first), plate(second, angle_rad=angle))) @ rotation(turn)
    assert three_plates(optics) @ optics == pytest.approx(np.eye(2), abs=1e-9)


@given(turn=ANGLES, mirrors=st.integers(0, 3))
def test_a_following_plate_undoes_ideal_optics(turn, mirrors):
    folds = tuple(mirror(1e9j, 0.7, angle_rad=0.4 * k) for k in range(mirrors))
    angle = np.array([turn])
    jones = train(folds, folds[:1], rotation_rad=angle, plate_rotation_rad=angle, plates="half_wave")
    assert wrong_share(jones) == pytest.approx(np.zeros((1, 2)), abs=1e-9)


def test_retardances_on_both_sides_add_at_equal_frames_and_cancel_at_a_quarter_turn():
    optics, angle = (plate(0.2),), np.radians([0.0, 45.0, 90.0])
    wrong = wrong_share(train(optics, optics, rotation_rad=angle, plate_rotation_rad=angle, plates="half_wave"))
    assert wrong[0] == pytest.approx([0, np.sin(0.2) ** 2], abs=1e-12)
    assert wrong[1] == pytest.approx([np.sin(0.1) ** 2] * 2, abs=1e-12)
    assert wrong[2] == pytest.approx([0, 0], abs=1e-12)


def test_the_setting_of_a_plate_is_the_mean_over_its_errors():
    sigma = np.radians(3.0)
    drawn = np.sin(2 * np.random.default_rng(1).normal(0, sigma, 200_000)) ** 2
    assert setting_error(sigma) == pytest.approx(drawn.mean(), rel=0.02)
    assert contrast_with([0.0], flips=setting_error(0.01)) == pytest.approx(1 / (4 * 0.01**2), rel=1e-2)


def test_unknown_plates_are_named():
    with pytest.raises(ValueError, match="half_wave, three"):
        train((), (), rotation_rad=np.zeros(1), plate_rotation_rad=np.zeros(1), plates="two")


def test_optics_without_faults_leave_the_contrast_of_source_and_analyser(missions, orbits):
    ideal = {f"polarization.train.{side}.0.retardance_deg": 0.0 for side in ("satellite", "station")}
    mission = missions["liao2017"].replaced(ideal | {"polarization.train.plate_sigma_deg": 0.0})
    optics = mission.polarization.train
    seen = polarization_contrast(optics, orbits["liao2017"])
    assert seen.contrast_compensated.values == pytest.approx(optics.own_contrast)


def test_plates_that_are_late_leave_the_angle_that_the_frames_have_turned(missions, orbits):
    ideal = {f"polarization.train.{side}.0.retardance_deg": 0.0 for side in ("satellite", "station")}
    changes = {"polarization.train.plate_sigma_deg": 0.0, "polarization.train.own_contrast": 1e9}
    optics = (
        missions["liao2017"].replaced(ideal | changes | {"polarization.train.plate_delay_s": 2.0}).polarization.train
    )
    orbit = orbits["liao2017"]
    turned = np.radians(orbit.frame_rotation.values[:, 0])
    seen = 1 / (1 + polarization_contrast(optics, orbit).contrast_compensated.values[2:, 0])
    assert seen == pytest.approx(np.sin(turned[2:] - turned[:-2]) ** 2, abs=1e-8)


def test_light_that_is_sent_through_optics_leaves_as_a_plain_projection_says():
    jones = through((plate(0.7, diattenuation=0.1, angle_rad=0.3),)) @ rotation(0.4)
    sent, analyser = np.array([[0.1, 0.1 + np.pi / 2]]), np.array([0.2])
    found = second_port(jones[None], sent, analyser)[0, 0, :, 0]
    for share, angle in zip(found, sent[0], strict=True):
        light = jones @ [np.cos(angle), np.sin(angle)]
        across = abs(np.array([-np.sin(0.2), np.cos(0.2)]) @ light) ** 2
        assert share == pytest.approx(across / np.vdot(light, light).real)


def test_pairs_behind_a_retarder_keep_one_correlation_and_lose_the_other_by_its_cosine():
    state, angles = werner_state("psi_minus", 1.0), np.array([0.0, DIAGONAL_RAD])
    seen = joint_probabilities(state, angles, angles, optics=[np.eye(2), plate(0.5).jones])
    correlation = np.einsum("stop,op->st", seen, [[1, -1], [-1, 1]])
    assert np.diag(correlation) == pytest.approx([-1, -np.cos(0.5)])
    turned = joint_probabilities(state, angles, angles, optics=[rotation(0.3), np.eye(2)])
    assert turned == pytest.approx(joint_probabilities(state, angles - 0.3, angles))


def test_drawn_pairs_have_the_correlations_behind_the_optics(missions):
    """Half a second at full transmittance: both stations see some 40,000 pairs at equal settings."""
    mission = missions["yin2020"]
    source = mission.source.model_copy(update={"pair_rate_hz": 4e5, "polarization_contrast": None})
    optics = [np.eye(2), plate(0.8).jones]
    alice, bob = entangled_light(
        source=source,
        angles_deg=[[0, 45], [0, 45]],
        switch_rate_hz=None,
        efficiencies=np.ones((2, 4)),
        edges_s=np.array([0.0, 0.5]),
        transmittances=np.full((2, 1), 0.9),
        rotations_rad=np.zeros((2, 1)),
        optics=[jones[None] for jones in optics],
        flights=[lambda emission_s: emission_s] * 2,
        switch_keys=[None, None],
        emissions=PoissonProcess(np.random.default_rng(1)),
        rng=np.random.default_rng(2),
    )
    _, first, second = np.intersect1d(alice.emission_s, bob.emission_s, return_indices=True)
    one, other = alice.channel[first].astype(int), bob.channel[second].astype(int)
    angles = np.radians([0, 45])
    expected = joint_probabilities(source_state(source), angles, angles, optics=optics)
    for setting in (0, 1):
        both = (one // 2 == setting) & (other // 2 == setting)
        equal = (one[both] % 2 == other[both] % 2).mean()
        share = expected[setting, setting, 0, 0] + expected[setting, setting, 1, 1]
        assert equal == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / both.sum()))


@pytest.mark.slow
def test_events_have_the_error_rate_of_the_mean_contrast(missions, tmp_path):
    bad = {"satellite": [{"retardance_deg": 40}], "station": [{"index": [0.04, 5.95]}], "own_contrast": 300}
    changes = {"polarization.train": bad | {"contrast": "train"}, "source.polarization_contrast": None}
    mission = missions["liao2017"].replaced(changes | {"orbit.max_duration_s": 30})
    orbit = find_sessions(mission)
    simulate(mission, orbit, link_budget(mission, orbit), path=tmp_path / "tags.zarr", seed=1, run=1)
    seen = coincidences(mission, orbit, tmp_path / "tags.zarr", path=tmp_path / "coincidence.nc")
    found = observables(seen)["qber_signal"][0]
    four_sigma = 4 * np.sqrt(found / float(seen.sifted_rate.sum()))
    assert found == pytest.approx(expected_from_orbit(mission, orbit)["qber_signal"], abs=four_sigma)


def test_the_analytic_chain_takes_the_mean_contrast_and_never_another(missions, orbits):
    mission = missions["liao2017"].replaced(TRAIN)
    with pytest.raises(ScenarioError, match="stated"):
        require_one_contrast(mission)
    constant = with_mean_contrast(mission, orbits["liao2017"])
    require_one_contrast(constant)
    wrong = 1 / (1 + polarization_contrast(mission.polarization.train, orbits["liao2017"]).contrast_compensated.values)
    used = orbits["liao2017"].measurement.values >= 0
    assert 1 / (1 + constant.source.polarization_contrast) == pytest.approx(wrong[used].mean())
    assert with_mean_contrast(missions["liao2017"], orbits["liao2017"]) is missions["liao2017"]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"polarization.train.contrast": "train"}, "replaces source.polarization_contrast=280"),
        ({"polarization.train.plates": "two"}, "half_wave"),
        ({"polarization.train.station": [{"index": [0.04, 5.9], "retardance_deg": 3}]}, "bare metal"),
    ],
)
def test_a_train_that_does_not_fit_is_refused(missions, changes, message):
    with pytest.raises(ScenarioError, match=message):
        missions["liao2017"].replaced(changes)
