"""A link budget after changes, against a new one."""

import numpy as np
import pytest

from satqkd.analytic.links import changed_link
from satqkd.channel import link_budget
from satqkd.dataset import load, save
from satqkd.orbit import find_sessions
from satqkd.scenario import load_scenario

CHANGES = {
    "optics": {"transmitter.optics_efficiency": 0.3},
    "receivers": {"stations.0.receiver_efficiency": 0.03, "stations.1.receiver_efficiency": 0.3},
    "air": {"stations.1.zenith_extinction_db": 2.5},
    "pointing": {"transmitter.pointing_jitter_urad": 3.0},
    "detectors": {f"stations.0.detectors.{i}.efficiency": 0.9 for i in range(4)},
    "mirror": {"stations.0.aperture_m": 2.0},
    "source": {"source.pair_rate_hz": 1e7},
}
CHANGES["all"] = {key: value for changes in CHANGES.values() for key, value in changes.items()}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_it_is_that_of_the_changed_scenario(missions, orbits, changes):
    """yin2017, whose attenuation includes the detectors; every twentieth second."""
    mission, orbit = missions["yin2017"], orbits["yin2017"].isel(time=slice(None, None, 20))
    changed, link = changed_link(mission, changes, channel=link_budget(mission, orbit), orbit=orbit)
    assert changed == mission.replaced(changes)
    again = link_budget(changed, orbit)
    for name in ("loss", "attenuation", "transmittance", "fading_variance", "total_attenuation"):
        np.testing.assert_allclose(link[name].values, again[name].values, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "changes", [CHANGES["optics"], CHANGES["mirror"], CHANGES["all"]], ids=["optics", "mirror", "all"]
)
def test_drawn_nights_stay_the_same(missions, orbits, changes, tmp_path):
    """yin2020 with drawn nights, read from a file as in the workflow; every twentieth second."""
    drawn = {"channel.nights.sessions": "drawn", "channel.nights.stated": "median"}
    mission = missions["yin2020"].replaced(drawn | {"orbit.measurement_nights": "stated"})
    changes = {key: value for key, value in changes.items() if "extinction" not in key}
    orbit = orbits["yin2020"].isel(time=slice(None, None, 20))
    save(link_budget(mission, orbit, seed=3), tmp_path / "channel.nc")
    changed, link = changed_link(mission, changes, channel=load(tmp_path / "channel.nc"), orbit=orbit)
    again = link_budget(changed, orbit, seed=3)
    np.testing.assert_allclose(link.loss.values, again.loss.values, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("fading", ["cells", "correlated"])
@pytest.mark.parametrize("name", ["yin2017", "liao2017", "tiangong2"])
def test_the_jitter_changes_everything_that_depends_on_it(missions, orbits, name, fading):
    """Tracking in yin2017, also a scanned far field in liao2017, neither in tiangong2."""
    mission = missions[name].replaced({"channel.fading": fading})
    orbit = orbits[name].isel(time=slice(None, None, 20))
    changed, link = changed_link(mission, CHANGES["pointing"], channel=link_budget(mission, orbit), orbit=orbit)
    again = link_budget(changed, orbit)
    assert set(link) == set(again)
    for variable in set(again) - {"polarization_flips"}:
        np.testing.assert_allclose(link[variable].astype(float), again[variable].astype(float), rtol=1e-9, atol=1e-12)


def test_loops_that_are_only_shown_change_their_error_and_nothing_else(missions, orbits):
    mission, orbit = missions["yin2017"], orbits["yin2017"].isel(time=slice(None, None, 200))
    before = link_budget(mission, orbit)
    changes = {"transmitter.tracking.fine.bandwidth_hz": 200.0}
    _, link = changed_link(mission, changes, channel=before, orbit=orbit)
    assert float(link.tracking_error) < float(before.tracking_error)
    assert float(link.tracking_error) == float(link_budget(mission.replaced(changes), orbit).tracking_error)
    assert link.drop_vars("tracking_error").identical(before.drop_vars("tracking_error"))


def test_loops_give_the_correlation_time_of_fading(missions, orbits):
    mission = missions["yin2017"].replaced({"channel.fading": "correlated"})
    orbit = orbits["yin2017"].isel(time=slice(None, None, 200))
    before = link_budget(mission, orbit)
    changes = {"transmitter.tracking.fine.bandwidth_hz": 200.0}
    changed, link = changed_link(mission, changes, channel=before, orbit=orbit)
    assert link.identical(link_budget(changed, orbit)) and (link.pointing_time != before.pointing_time).all()


def test_a_stated_jitter_moves_nothing_where_the_loops_give_it(missions, orbits):
    mission = missions["liao2017"].replaced({"transmitter.tracking.jitter": "loops"})
    orbit = orbits["liao2017"].isel(time=slice(None, None, 20))
    before = link_budget(mission, orbit)
    changed, link = changed_link(mission, CHANGES["pointing"], channel=before, orbit=orbit)
    np.testing.assert_allclose(link.loss.values, link_budget(changed, orbit).loss.values, rtol=1e-12)
    np.testing.assert_array_equal(link.fading_variance.values, before.fading_variance.values)


def test_a_bench_has_no_optics_to_change(root):
    bench = load_scenario(root / "data/scenarios/bench_example.yaml")
    orbit = find_sessions(bench)
    changed, link = changed_link(bench, CHANGES["detectors"], channel=link_budget(bench, orbit), orbit=orbit)
    assert changed.stations[0].detectors[0].efficiency == 0.9
    assert link.equals(link_budget(changed, orbit))
