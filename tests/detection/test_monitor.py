"""The monitor on board: curves of known states, and what they report."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.detection.monitor import curve_probabilities, extreme_visibilities, fitted_visibility, reported_fidelity
from satqkd.detection.source import BELL_STATES, joint_probabilities, werner_state

TURNED = np.radians(np.arange(0, 180, 10))


@pytest.mark.parametrize("name", BELL_STATES)
def test_curves_are_those_of_the_receivers_at_equal_angles(name):
    state = werner_state(name, 0.9)
    curve = curve_probabilities(state, 0.4, TURNED)
    for angle, probability in zip(TURNED, curve, strict=True):
        both = joint_probabilities(state, np.array([0.4, 0.0]), np.array([angle, 0.0]))
        assert probability == pytest.approx(both[0, 0, 0, 0])
    assert curve.mean() == pytest.approx(0.25)


@given(st.floats(0.3, 1.0), st.floats(0, 180))
def test_the_curve_of_a_werner_state_has_its_visibility_at_every_angle(fidelity, fixed_deg):
    curve = curve_probabilities(werner_state("psi_minus", fidelity), np.radians(fixed_deg), TURNED)
    assert fitted_visibility(TURNED, 1e6 * curve).value == pytest.approx((4 * fidelity - 1) / 3, abs=1e-9)


def test_the_sigma_is_the_scatter_of_repeated_curves():
    rng = np.random.default_rng(1)
    expected = 500 * curve_probabilities(werner_state("psi_plus", 0.907), 0.0, TURNED)
    fits = [fitted_visibility(TURNED, rng.poisson(expected)) for _ in range(2000)]
    scatter = np.std([one.value for one in fits])
    assert np.mean([one.sigma for one in fits]) == pytest.approx(scatter, rel=0.07)


def test_a_fidelity_is_reported_and_bounded_as_the_state_has_it():
    white_noise = werner_state("psi_plus", 0.907)
    white = [fitted_visibility(TURNED, curve_probabilities(white_noise, a, TURNED)) for a in (0, np.pi / 4)]
    assert reported_fidelity(*white).white_noise == pytest.approx(0.907)
    assert reported_fidelity(*white).bound < 0.907
    psi = BELL_STATES["psi_plus"]
    dephased = 0.907 * np.outer(psi, psi) + 0.093 * np.outer(BELL_STATES["psi_minus"], BELL_STATES["psi_minus"])
    curves = [fitted_visibility(TURNED, curve_probabilities(dephased, a, TURNED)) for a in (0, np.pi / 4)]
    assert [one.value for one in curves] == pytest.approx(extreme_visibilities(0.907)["dephased"][:2])
    assert reported_fidelity(*curves).bound == pytest.approx(0.907)  # the bound is reached
    assert reported_fidelity(*curves).white_noise > 0.907  # and white noise would overstate it


@given(st.floats(0.5, 1.0))
def test_the_visibilities_of_a_fidelity_add_up(fidelity):
    for seen in extreme_visibilities(fidelity).values():
        assert sum(seen) == pytest.approx(4 * fidelity - 1)


def test_too_few_angles_and_an_impossible_fidelity_are_refused():
    with pytest.raises(ValueError, match="at least four"):
        fitted_visibility(TURNED[:3], [1, 2, 3])
    with pytest.raises(ValueError, match="with a count"):
        fitted_visibility(TURNED, np.zeros(TURNED.size))
    with pytest.raises(ValueError, match=r"outside \[0.5, 1\]"):
        extreme_visibilities(0.4)
