"""The fidelity that a monitor would report of pairs of which somebody else has measured all bases."""

import numpy as np
import pytest

from satqkd.detection.monitor import fitted_visibility, reported_fidelity

# Photon pairs of M. Gil de Oliveira, QuantumMeasurements.jl (2025, doi 10.5281/zenodo.14009331), examples/counts.csv:
# coincidences with polarisers at 0, 45, 90 and 135 degrees, the other one at 0 or 45. They are multiples of 0.02, so
# that each is taken as the mean of fifty counts.
REPEATED = 50
FIXED_AT_0 = (1214.02, 603.04, 1.08, 623.7)
FIXED_AT_45 = (618.5, 1206.26, 579.82, 3.3)
# Both photons in the same state of a basis, and in different ones: linear, diagonal and circular.
SAME = np.array([1214.02 + 1182.12, 1206.26 + 1214.02, 3.86 + 4.76])
DIFFERENT = np.array([1.08 + 2.48, 3.3 + 3.52, 1204.86 + 1178.72])


def test_two_curves_report_the_fidelity_that_a_tomography_finds():
    """Its maximum likelihood over all 36 settings has a fidelity of at least 0.99 with Phi+."""
    turned = np.radians([0, 45, 90, 135])
    curves = [fitted_visibility(turned, REPEATED * np.array(counts)) for counts in (FIXED_AT_0, FIXED_AT_45)]
    reported = reported_fidelity(*curves)
    assert min(reported.bound, reported.white_noise) >= 0.99
    # Of a mixture of Bell states, by the three correlations (Phi+ is anti-correlated in the circular basis).
    correlation = (SAME - DIFFERENT) / (SAME + DIFFERENT)
    three_bases = (1 + correlation @ [1, 1, -1]) / 4
    assert reported.bound == pytest.approx(three_bases, abs=2 * reported.bound_sigma)
    assert reported.white_noise == pytest.approx(three_bases, abs=2 * reported.white_noise_sigma)
