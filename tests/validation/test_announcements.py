"""Compressed announcements against the parameter that somebody else derived for a Rice code."""

import numpy as np
import pytest

from satqkd.key.postprocessing.announcements import rice_parameter

GOLDEN_RATIO = (np.sqrt(5) + 1) / 2


def best_exponent(share):
    """Return the base-2 logarithm of the best Rice parameter of a geometric distribution.

    Kiely, Selecting the Golomb parameter in Rice coding, IPN Progress Report 42-159 (2004), as the documentation of
    dsi-bitstream 0.5.0, module codes::rice, gives it; the logarithm of 1 - p, which is negative, taken as a size.
    """
    return max(int(np.ceil(np.log2(np.log(GOLDEN_RATIO) / -np.log1p(-share)))), 0)


@pytest.mark.parametrize("places", [1_000, 2.73e10, 2.0**64])
def test_the_parameter_is_that_of_the_closed_form(places):
    chosen = np.unique(np.geomspace(1, 0.9 * min(places, 1e12), 400).astype(int))
    ours = [rice_parameter(int(number), places) for number in chosen]
    assert ours == [best_exponent(number / places) for number in chosen]
    assert len(set(ours)) > 9  # from dense to sparse
