"""Figures of stage 3: what is drawn is what the data set holds."""

import numpy as np
import xarray as xr

from satqkd.detection.figures import rates_figure


def test_every_second_of_open_link_is_drawn_and_no_other():
    # Two sessions of 4 and 3 rows; the last row of each closes it, and so has no fading.
    photons = np.array([[5, 50], [6, 60], [7, 70], [0, 0], [8, 80], [9, 90], [0, 0]])
    fading = np.where(photons > 0, 1.0, np.nan)
    truth = xr.Dataset(
        {"photons": (("time", "station"), photons), "fading": (("time", "station"), fading)},
        coords={"station": ["here", "there"], "session_number": ("time", [0, 0, 0, 0, 1, 1, 1])},
    )
    axis = rates_figure(truth).axes[0]
    drawn = [patch.get_data() for patch in axis.patches]
    assert [list(stairs.values) for stairs in drawn] == [[5, 6, 7], [8, 9], [50, 60, 70], [80, 90]]
    assert [list(stairs.edges) for stairs in drawn] == [[0, 1, 2, 3], [3, 4, 5]] * 2
    assert axis.get_ylim()[0] == 0 and axis.get_ylim()[1] >= 90
