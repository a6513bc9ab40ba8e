"""The receiver's curves at the places where they follow from printed numbers."""

import numpy as np
import pytest

from satqkd.papers.receiver import ALARMING_UA, BLOCKING_DB, blinding_monitor, filters, spatial_modes, splitting
from satqkd.papers.results import Results
from satqkd.validation import load_reference


@pytest.fixture(scope="module")
def results(missions, orbits, channels):
    return Results(missions["yin2020"], orbits["yin2020"], channels["yin2020"], ())


@pytest.fixture(scope="module")
def printed():
    return {one.id: one.value for one in load_reference("yin2020").values}


def test_within_the_filter_the_splitter_hardly_depends_on_the_wavelength(results, printed):
    table = splitting(results)
    band = table[table.in_band]
    assert np.ptp(band.wavelength_nm) == printed["filter_bandwidth"]
    # The derivative of sin^2(pi/4 (w/w0)^order) at w0 is pi order/(4 w0), to either side of an even split.
    slope = np.pi * 2.5 / 4 / printed["wavelength"]
    assert np.ptp(band.to_first) == pytest.approx(slope * printed["filter_bandwidth"], rel=1e-3)
    assert table.to_first.max() > 0.95 and table.to_second.max() > 0.75


def test_the_narrow_filter_passes_half_at_its_edges_and_both_block_where_either_does(results, printed):
    table = filters(results)
    edges = table[np.abs(table.wavelength_nm - printed["wavelength"]) == printed["filter_bandwidth"] / 2]
    assert edges.narrow_db.tolist() == pytest.approx([-10 * np.log10(2)] * 2)
    far = table[np.abs(table.wavelength_nm - printed["wavelength"]) > 200]
    assert (far.narrow_db == 0).all() and (far.both_db == -BLOCKING_DB).all()


def test_the_monitor_sees_the_current_times_the_sampling_resistance(results, printed):
    table = blinding_monitor(results)
    for current_ua, one in table.groupby("photocurrent_ua"):
        steady_v = 1e-3 * current_ua * printed["sampling_resistance"]
        assert one.monitor_v.iloc[0] == 0
        assert one.monitor_v.iloc[-1] == pytest.approx(steady_v, rel=1e-3)
    # Blind from 15 V/510 kohm on, below the printed alarm; the brighter light raises it.
    assert table.blind.all() and table.blind_v.iloc[0] == pytest.approx(15 * 10 / 510)
    assert table.blind_v.iloc[0] < 0.4 < printed["monitor_alarm"] < 1e-2 * ALARMING_UA


def test_detectors_differ_outside_the_field_of_view_and_hardly_within(results, printed):
    table = spatial_modes(results)
    assert 2 * table.angle_urad[table.in_view].max() == printed["receiver_field_of_view"]
    # exp(2 angle misalignment sqrt(2)/acceptance^2) between the detectors that lie on the line.
    by_hand = np.exp(2 * np.abs(table.angle_urad) * 4 * np.sqrt(2) / 15**2)
    assert table.ratio[table.angle_urad.abs() > 10].to_numpy() == pytest.approx(by_hand[table.angle_urad.abs() > 10])
    assert table.ratio[table.in_view].max() < 2 < 100 < table.ratio.max()
