"""The CHSH test on what the printed S and number of trials imply when the trials are shared evenly by the settings."""

import numpy as np
import pytest

from satqkd.bell.chsh import chsh


def evenly_shared(s, trials):
    """Whole counts of four settings with equal correlations, as near to s and trials as they come."""
    per_setting = trials // 4
    like = round(per_setting * (1.0 + s / 4.0) / 2.0)
    like, unlike = ([n // 2, n - n // 2] for n in (like, per_setting - like))
    positive = [like[0], unlike[0], unlike[1], like[1]]
    negative = [unlike[0], like[0], like[1], unlike[1]]
    return np.array([positive, negative, positive, positive])


def test_yin2017_sigma_and_significance():
    # Printed: S = 2.37 +- 0.09 with 1167 trials, a violation by 4 standard deviations.
    result = chsh(evenly_shared(2.37, 1167))
    assert result.s == pytest.approx(2.37, abs=0.01)
    assert result.sigma == pytest.approx(0.09, abs=0.005)
    assert result.n_sigma == pytest.approx(4.0, abs=0.5)


def test_yin2020_sigma_is_larger_than_printed():
    # Printed: S = 2.56 +- 0.07 with 1021 trials, by 8 standard deviations; even sharing makes 0.096, and 5.8.
    result = chsh(evenly_shared(2.56, 1021))
    assert result.s == pytest.approx(2.56, abs=0.01)
    assert result.sigma == pytest.approx(4.0 * np.sqrt((1.0 - (2.56 / 4.0) ** 2) / 1021), rel=0.01)
    assert result.sigma > 0.09


@pytest.mark.parametrize(("s", "trials", "below"), [(2.37, 1167, 1e-3), (2.56, 1021, 1e-6)], ids=["yin2017", "yin2020"])
def test_local_realism_is_rejected_without_gaussian_errors(s, trials, below):
    assert chsh(evenly_shared(s, trials)).p_value < below
