"""Local models exceed S = 2 where a loophole is open, and only there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.laboratory.figures import loophole_figure
from satqkd.laboratory.local_models import LOOPHOLES, loophole_table, play

TRIALS = 40_000


@pytest.mark.parametrize("loophole", LOOPHOLES)
def test_an_open_loophole_gives_four(loophole):
    seen = play(loophole, is_open=True, share=1.0, trials=TRIALS, rng=np.random.default_rng(1))
    assert seen.s > 3.9 and seen.p_value < 1e-100


@given(st.sampled_from(sorted(LOOPHOLES)), st.floats(0, 1), st.integers(0, 10_000))
def test_a_closed_loophole_never_exceeds_two(loophole, share, seed):
    seen = play(loophole, is_open=False, share=share, trials=TRIALS, rng=np.random.default_rng(seed))
    assert seen.s < 2 + 5 * max(seen.sigma, 2 / np.sqrt(TRIALS))
    assert seen.p_value > 1e-6


def test_silent_detectors_leave_a_quarter_of_the_trials():
    seen = play("fair sampling", is_open=True, share=1.0, trials=TRIALS, rng=np.random.default_rng(2))
    assert seen.trials == pytest.approx(TRIALS / 4, abs=5 * np.sqrt(TRIALS * 3 / 16))


def test_s_of_a_mixture_by_hand():
    """Of a share f that knows both settings and 1 - f of constant outcomes, E(0, 1) = 1 - 2 f: S = 2 + 2 f."""
    seen = play("locality", is_open=True, share=0.3, trials=TRIALS, rng=np.random.default_rng(3))
    assert seen.s == pytest.approx(2.6, abs=5 * seen.sigma)


def test_the_figure_has_a_panel_for_each_loophole():
    assert len(loophole_figure(loophole_table(1, trials=1000)).axes) == len(LOOPHOLES)
