"""Eve in stage 3: her record does not depend on where blocks end, and without her nothing changes."""

import numpy as np
import pytest
import xarray as xr

from satqkd.coincidence.sifting import resolve_clicks
from satqkd.detection import read_tags, simulate
from satqkd.detection.arrivals import settings_at
from satqkd.laboratory import EXPERIMENTS
from satqkd.laboratory.cell import link_of
from satqkd.scenario import ScenarioError, load_scenario

SHORT = {"measurements.0.duration_s": 1, "measurements.1.duration_s": 1}


def simulated(name, path, **options):
    experiment = EXPERIMENTS[name]
    mission = experiment.scenario("none", 0.5)
    faint = (
        SHORT | {"source.pair_rate_hz": 2e4}
        if mission.source.kind == "entangled"
        else {"measurements.0.duration_s": 1, "source.pulse_rate_hz": 5e6}
    )
    bench = mission.replaced(faint)
    orbit, channel = link_of(bench, experiment.transmittances)
    truth = simulate(bench, orbit, channel, path=path, seed=5, run=1, **options)
    return truth, read_tags(path, bench.stations[-1].name).load()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_neither_tags_nor_eves_record_depend_on_blocks(name, tmp_path):
    whole, blocks = (simulated(name, tmp_path / f"{s}.zarr", block_s=s) for s in (10, 0.3))
    assert whole[0].sizes["touched"] > 100
    xr.testing.assert_identical(whole[0], blocks[0])
    xr.testing.assert_identical(whole[1], blocks[1])


def test_her_record_is_in_order_and_made_of_probabilities(tmp_path):
    truth, _ = simulated("dead_time", tmp_path / "detection.zarr")
    assert (np.diff(truth.eve_time) >= 0).all()
    assert ((truth.eve_belief >= 0) & (truth.eve_belief <= 1)).all()


def test_without_an_attack_the_truth_has_nothing_of_her(tmp_path):
    quiet = load_scenario("yin2020").replaced(SHORT | {"source.pair_rate_hz": 2e3})
    orbit, channel = link_of(quiet, (0.8, 0.2))
    truth = simulate(quiet, orbit, channel, path=tmp_path / "detection.zarr", seed=5, run=1)
    assert not [name for name in truth if str(name).startswith("eve")] and "eve_knows" not in truth.attrs


def test_discarded_double_clicks_are_no_events():
    times, channel = np.array([0, 1, 5000, 9000]), np.array([0, 1, 2, 3], np.uint8)
    index, _ = resolve_clicks(times, channel, window_ps=100, dead_ps=0, key=1, discard=True)
    assert index.tolist() == [2, 3]


def test_a_record_that_repeats():
    times_s = np.arange(40) / 10 + 0.01
    seen = settings_at(times_s, switch_rate_hz=10, key=3, repeats_after=8)
    assert (seen == np.resize(settings_at(times_s[:8], switch_rate_hz=10, key=3), 40)).all()


def test_an_unbalanced_record():
    times_s = np.arange(20_000) / 10 + 0.01
    balanced, unbalanced = (settings_at(times_s, switch_rate_hz=10, key=3, first_share=q) for q in (0.5, 0.9))
    assert (unbalanced <= balanced).all()
    assert unbalanced.mean() == pytest.approx(0.1, abs=5 * np.sqrt(0.1 * 0.9 / 20_000))
    assert not settings_at(times_s, switch_rate_hz=10, key=3, first_share=1.0).any()


@pytest.mark.parametrize(
    ("mission", "attack", "sentence"),
    [
        ("yin2020", {"kind": "blinding", "photocurrent_ua": 20}, "the detector is not blind"),
        ("yin2020", {"kind": "photon_number_splitting"}, "requires pulses"),
        ("yin2020", {"kind": "double_clicks"}, "basis_choice active"),
        ("yin2020", {"kind": "unbalanced_settings"}, "basis_choice active"),
        ("yin2017", {"kind": "unbalanced_settings", "first_share": 0.4}, "attack.first_share=0.4"),
        ("yin2017", {"kind": "spatial_mode"}, "basis_choice passive"),
        ("yin2020", {"kind": "blinding", "monitor_treshold_v": 1}, "did you mean monitor_threshold_v"),
        ("yin2020", {"kind": "blinding", "strength": 1.5}, "attack.strength=1.5"),
    ],
)
def test_an_attack_that_cannot_be_is_refused_in_one_sentence(mission, attack, sentence):
    with pytest.raises(ScenarioError, match=sentence):
        load_scenario(mission).replaced({"attack": attack})


def test_naming_the_usual_sifting_keeps_the_hash():
    mission = load_scenario("yin2020")
    assert mission.replaced({"coincidence.double_clicks": "random"}).content_hash == mission.content_hash
    assert mission.replaced({"coincidence.double_clicks": "discard"}).content_hash != mission.content_hash
    attacked = mission.replaced({"attack": {"kind": "intercept_resend"}})
    assert attacked.content_hash != mission.content_hash
