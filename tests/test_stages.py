"""One run of a scenario from Python, without the workflow."""

from satqkd.channel import link_budget
from satqkd.dataset import load
from satqkd.stages import run_stages


def test_the_nights_are_drawn_with_the_seed(missions, tmp_path):
    drawn = {"channel.nights.sessions": "drawn", "channel.nights.stated": "median", "orbit.max_duration_s": 4}
    mission = missions["liao2017"].replaced(drawn)
    results = run_stages(mission, tmp_path, seed=7)
    assert results.channel.identical(link_budget(mission, results.orbit, seed=7))
    assert load(tmp_path / "channel.nc").loss.equals(results.channel.loss)
    assert not results.channel.loss.equals(link_budget(mission, results.orbit).loss)
