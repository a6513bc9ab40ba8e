"""Stage 5 on counts made by hand, and on the stages before it."""

import numpy as np
import pytest
import xarray as xr

from satqkd.coincidence.sifting import ideal_correlation
from satqkd.dataset import load, save
from satqkd.key import (
    DecoyCounts,
    authentication_cost_bits,
    bbm92_key_length,
    decoy_key_length,
    distill,
    in_words,
    observables,
)
from satqkd.key.custody.keyfile import read_key
from satqkd.key.figures import exchange_figure, length_figure, qber_figure
from satqkd.key.postprocessing.codes import CODES
from satqkd.key.proofs.reasons import SWAPPED
from satqkd.key.stage import EPS_GRID, sifted_and_length
from satqkd.scenario import PROOFS, load_scenario

# Yin et al., Nature 582, 501 (2020): sifted bits and errors by basis, in 3100 s.
SINGLES = [[6_000_000, 5_000_000], [7_000_000, 6_000_000]]  # detections by session and station
YIN2020 = {"n_z": 1685, "n_x": 1415, "errors_z": 78, "errors_x": 62}


def table(*, n_z, n_x, errors_z, errors_x, correlation):
    """Counts by settings and outcomes, with the errors where the state says that they are; as many for other settings,
    of which the outcomes are not correlated.
    """
    counts = np.full((2, 2, 2, 2), round(np.sqrt(n_z * n_x) / 4))
    for basis, (n, errors) in enumerate([(n_z, errors_z), (n_x, errors_x)]):
        right, wrong = (((n - errors) // 2, n - errors - (n - errors) // 2), (errors // 3, errors - errors // 3))
        equal, unequal = (right, wrong) if correlation[basis, basis] > 0 else (wrong, right)
        counts[basis, basis] = [[equal[0], unequal[0]], [unequal[1], equal[1]]]
    return counts


def coincidence(scenario, tables, durations):
    """What stage 5 reads of stage 4."""
    names = [measurement.name for measurement in scenario.measurements]
    correlation = [
        ideal_correlation(scenario.source.bell_state, *np.deg2rad(m.angles_deg)) for m in scenario.measurements
    ]
    settings = ("alice_setting", "bob_setting")
    tables = np.array(tables)
    one_by_one = np.random.default_rng(3).permutation(np.repeat(np.arange(tables.size), tables.ravel()))
    number, setting_a, setting_b, outcome_a, outcome_b = np.unravel_index(one_by_one, tables.shape)
    turned = np.array(correlation)[number, setting_a, setting_b] < 0
    columns = {
        "measurement_number": number,
        "setting_a": setting_a,
        "setting_b": setting_b,
        "alice_bit": np.where(setting_a == setting_b, outcome_a, -1),
        "bob_bit": np.where(setting_a == setting_b, outcome_b ^ turned, -1),
    }
    return xr.Dataset(
        {name: ("coincidence", values) for name, values in columns.items()}
        | {
            "counts": (("measurement", *settings, "alice_outcome", "bob_outcome"), tables),
            "ideal_correlation": (("measurement", *settings), np.array(correlation)),
            "duration": ("measurement", durations),
            "singles": (("session", "station"), SINGLES),
            "session_duration": ("session", [1700.0, 1400.0]),
        },
        coords={"measurement_name": ("measurement", names)},
        attrs={"run": 1, "seed": 2},
    )


def distilled(scenario, duration_s=3100, **counted):
    correlation = ideal_correlation(scenario.source.bell_state, *np.deg2rad(scenario.measurements[0].angles_deg))
    tables = [table(**(YIN2020 | counted), correlation=correlation), np.full((2, 2, 2, 2), 7)]
    return distill(scenario, coincidence(scenario, tables, [duration_s, 226]))


def test_both_sides_hold_the_real_key_and_no_bit_of_it_is_in_the_data_set(missions, tmp_path):
    scenario = missions["yin2020"]
    correlation = ideal_correlation(scenario.source.bell_state, *np.deg2rad(scenario.measurements[0].angles_deg))
    tables = [table(**YIN2020, correlation=correlation), np.full((2, 2, 2, 2), 7)]
    data = distill(scenario, coincidence(scenario, tables, [3100, 226]), folder=tmp_path)
    alice, bob = (read_key(tmp_path / f"{side}.key") for side in ("alice", "bob"))
    assert alice == bob and len(alice) == data.real_length.sum() > 300
    assert data.keys_equal and data.verified.all()
    # The proof's length with what was really disclosed in the place of f_ec n h(E), whole bits.
    proof = data.sel(bound=scenario.key.bound)
    tag = np.log2(1 / scenario.key.eps_cor)
    expected = np.floor(proof.unfloored + proof.leak_ec_by_basis + tag) - data.parity_bits - data.tag_bits
    assert data.real_length.values.tolist() == expected.values.tolist()
    assert data.net_length == data.real_length.sum() - data.authentication_cost
    assert {variable.size for variable in data.variables.values()}.isdisjoint({len(alice), data.sifted.sum().item()})


@pytest.mark.parametrize("state", ["psi_plus", "psi_minus", "phi_plus", "phi_minus"])
def test_the_published_counts_give_the_key_of_the_formula(missions, state):
    scenario = missions["yin2020"].replaced({"key.f_ec": 1.19, "source.bell_state": state})
    data = distilled(scenario)
    for bound in PROOFS["entangled"]:
        key = bbm92_key_length(
            **YIN2020, eps_sec=1e-10, eps_cor=1e-10, f_ec=1.19, bound=bound, efficiency_mismatch=0.0147
        )
        found = data.sel(bound=bound)
        assert float(found.length) == key.length
        assert float(found.leak_ec) == key.leak_ec
        assert found.phase_error.values.tolist() == [key.z.phase_error, key.x.phase_error]
        assert found.unfloored.values.tolist() == [key.z.unfloored, key.x.unfloored]
    assert data.sifted.values.tolist() == [1685, 1415]
    assert data.errors.values.tolist() == [78, 62]


def test_published_counts_give_the_printed_key(missions):
    """372 bits at 1e-10 and an error rate of 4.51(37) per cent."""
    printed_bits, readings = 372, 10
    data = distilled(missions["yin2020"].replaced({"key.f_ec": 1.19}))
    values = {name: value for name, (value, _) in observables(data).items()}
    assert abs(values["key_length"] - printed_bits) < readings
    assert values["qber"] == pytest.approx(0.0451, abs=1e-4)
    assert values["qber_z"] == pytest.approx(78 / 1685)
    assert values["sifted_rate"] == 1.0
    assert values["key_rate"] == values["key_length"] / 3100
    assert data.qber_sigma.values == pytest.approx(np.array([0.0051, 0.0054]), abs=5e-5)


def test_lengths_by_eps_are_those_of_each_eps_and_fall(missions):
    data = distilled(missions["yin2020"].replaced({"key.f_ec": 1.19}))
    assert (data.eps.values == EPS_GRID).all()
    lengths = data.length_by_eps.sel(bound="yin2020").values
    for eps, length in zip(EPS_GRID, lengths, strict=True):
        key = bbm92_key_length(
            **YIN2020, eps_sec=eps, eps_cor=eps, f_ec=1.19, bound="yin2020", efficiency_mismatch=0.0147
        )
        assert length == pytest.approx(key.length)
    assert np.all(np.diff(lengths) <= 0)
    assert np.ptp(data.length_by_eps.sel(bound="asymptotic").values) == 0


def test_the_threshold_is_where_the_key_ends(missions):
    bits = {"n_z": 16850, "n_x": 14150}
    threshold = float(distilled(missions["yin2020"], **bits).qber_threshold)
    assert threshold > float(distilled(missions["yin2020"]).qber_threshold)
    for qber, positive in [(threshold - 0.002, True), (threshold + 0.002, False)]:
        data = distilled(missions["yin2020"], **bits, errors_z=round(16850 * qber), errors_x=round(14150 * qber))
        assert (float(data.length.sel(bound="yin2020")) > 0) == positive


@pytest.mark.parametrize(
    "counted",
    [
        {"n_z": 3, "n_x": 2, "errors_z": 0, "errors_x": 1},
        {"n_z": 1, "n_x": 0, "errors_z": 0, "errors_x": 0},
        {"errors_z": 800, "errors_x": 700},
    ],
)
def test_too_few_bits_or_too_many_errors_make_no_key(missions, counted):
    data = distilled(missions["yin2020"], **counted)
    assert float(data.length.sel(bound="yin2020")) == 0
    assert float(data.unfloored.sel(bound="yin2020").max()) <= 0
    if counted.get("n_z", 10) < 10:
        assert np.isnan(data.qber_threshold)


def test_the_state_measurement_serves_where_no_key_was_measured(missions):
    scenario = missions["yin2017"]
    counts = np.zeros((2, 2, 2, 2, 2), int)
    counts[0] = table(
        n_z=60,
        n_x=74,
        errors_z=5,
        errors_x=7,
        correlation=ideal_correlation("psi_plus", *np.deg2rad(scenario.measurements[0].angles_deg)),
    )
    data = distill(scenario, coincidence(scenario, counts, [250, 1059]))
    assert data.sifted.values.tolist() == [60, 74]
    assert data.errors.values.tolist() == [5, 7]
    assert float(data.duration) == 250


def test_a_vacuum_that_is_not_dark_leaves_out_the_proof_that_wants_one(missions, pulses):
    assert tuple(distill(pulses.scenario, pulses.coincidence).bound.values) == PROOFS["decoy"][:-1]
    assert missions["tiangong2"].proofs == PROOFS["decoy"]
    assert missions["yin2020"].proofs == PROOFS["entangled"]


def test_pulses_are_counted_by_intensity_and_basis(pulses):
    # The same counts as if no light had been in the vacuum pulses, so that every proof takes them.
    scenario = pulses.scenario.replaced({"source.mean_photon_numbers.vacuum": 0, "key.bound": "tiangong2"})
    data = distill(scenario, pulses.coincidence)
    counts = pulses.coincidence.counts.values
    z, x = counts[:, 0, 0], counts[:, 1, 1]
    assert (data.sifted.values == np.stack([z.sum(axis=(1, 2)), x.sum(axis=(1, 2))], axis=1)).all()
    assert (data.errors.values == np.stack([z[:, 0, 1] + z[:, 1, 0], x[:, 0, 1] + x[:, 1, 0]], axis=1)).all()
    source = scenario.source
    for bound in PROOFS["decoy"]:
        key = decoy_key_length(
            counts=DecoyCounts(
                detections_z=data.sifted.values[:, 0],
                detections_x=data.sifted.values[:, 1],
                errors_z=data.errors.values[:, 0],
                errors_x=data.errors.values[:, 1],
                pulses=data.pulses.values,
            ),
            mean_photon_numbers=source.mu,
            intensity_probabilities=source.shares,
            eps_sec=1e-5,
            eps_cor=1e-5,
            f_ec=1.16,
            bound=bound,
            key_basis="both",
            key_intensities="signal",
            intensity_fluctuation=0.0,
        )
        assert float(data.length.sel(bound=bound)) == pytest.approx(float(key.length))
    values = {name: value for name, (value, _) in observables(data).items()}
    assert values["key_length"] == float(data.length.sel(bound="tiangong2")) > 0
    assert values["key_per_pulse"] == pytest.approx(values["key_length"] / (5e7 * 143))
    assert 0.5 < values["privacy_amplification_factor"] < 1
    # Larger samples deviate less: with both bases taken as one the key is longer, and the phase error smaller.
    assert values["pooled_key_length"] > values["key_length"]
    assert values["privacy_amplification_factor"] < values["pooled_privacy_amplification_factor"] < 1
    assert values["pooled_key_per_pulse"] == pytest.approx(values["pooled_key_length"] / (5e7 * 143))


def test_bases_that_are_not_equally_frequent_have_no_pooled_key(pulses):
    """Every third event of X is kept, as by a receiver that chooses it less often: each basis still has its key."""
    counts = pulses.coincidence.counts
    rare = pulses.coincidence.assign(counts=(counts.dims, counts.values // np.array([1, 3])[:, None, None]))
    scenario = pulses.scenario.replaced({"key.bound": "asymptotic"})
    for events, equal in ((pulses.coincidence, True), (rare, False)):
        data, length = sifted_and_length(scenario, events)
        assert (data.pooled_length > 0) == equal
        key = length("asymptotic", 1e-5, 1e-5)
        assert key.z.unfloored > 0 and key.x.unfloored > 0


@pytest.mark.parametrize("which", ["bright", "pulses"])
def test_the_account_of_every_proof_adds_up(which, request):
    run = request.getfixturevalue(which)
    data = distill(run.scenario, run.coincidence)
    spent = data.privacy + data.leak_ec_by_basis + data.security + data.get("multiphoton", 0.0)
    np.testing.assert_allclose(data.n_sifted - spent, data.unfloored, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(data.unfloored.clip(min=0).sum("basis"), data.length, rtol=1e-12)
    proven = data.drop_sel(bound="asymptotic")
    assert ((proven.split_estimate > 0) & (proven.split_estimate <= run.scenario.key.eps_sec)).all()
    assert (proven.split_estimates >= 1).all() and data.split_estimates.sel(bound="asymptotic") == 0


def test_a_mismatch_of_the_detectors_costs_key_of_pulses_too(pulses):
    equal, unequal = (
        distill(pulses.scenario.replaced({"key.efficiency_mismatch": mismatch}), pulses.coincidence)
        for mismatch in (0, 0.1)
    )
    assert (unequal.length <= equal.length).all()
    assert unequal.length.sel(bound="asymptotic") < equal.length.sel(bound="asymptotic")


@pytest.mark.parametrize("which", ["bright", "pulses"])
def test_files_keep_everything(which, request, tmp_path):
    run = request.getfixturevalue(which)
    data = distill(run.scenario, run.coincidence)
    save(data, tmp_path / "key.nc")
    xr.testing.assert_identical(load(tmp_path / "key.nc"), data)
    assert data.length.attrs["units"] == "bit"
    assert data.attrs["seed"] == 11


def degenerate(scenario, what):
    """Counts of the key measurement in which something is not as it should be, and of a Bell test."""
    correlation = ideal_correlation(scenario.source.bell_state, *np.deg2rad(scenario.measurements[0].angles_deg))
    counts = table(**YIN2020, correlation=correlation)
    if what == "no signal":
        counts = 0 * counts
    elif what == "empty basis":
        counts[1, 1] = 0
    elif what == "block too small":
        counts //= 10
    elif what == "uncorrelated":
        counts[:] = 421
    elif what == "too many errors":
        counts[[0, 1], [0, 1]] = table(**YIN2020 | {"errors_z": 400, "errors_x": 400}, correlation=correlation)[
            [0, 1], [0, 1]
        ]
    elif what == "outcomes of X swapped":
        counts[1, 1] = counts[1, 1, ::-1]
    elif what == "outcomes swapped":
        counts = counts[:, :, ::-1]
    elif what == "settings swapped":
        counts[:, :] = 421
        counts[[0, 1], [1, 0]] = table(**YIN2020, correlation=correlation)[[0, 1], [0, 1]]
    return coincidence(scenario, [counts, np.full((2, 2, 2, 2), 7)], [3100, 226])


NO_KEY = {
    "no signal": "no signal",
    "empty basis": "empty basis",
    "block too small": "block too small",
    "uncorrelated": "uncorrelated",
    "too many errors": "too many errors",
    "outcomes of X swapped": "errors above one half",
    "outcomes swapped": "errors above one half",
    "settings swapped": "uncorrelated",
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", NO_KEY)
def test_no_key_is_an_answer(missions, tmp_path, what):
    """Length 0, the reason in data set, observables and words, files that keep it, and figures of it."""
    scenario = missions["yin2020"]
    data = distill(scenario, degenerate(scenario, what), folder=tmp_path)
    assert not data.length.sel(bound=scenario.key.bound) and not data.real_length.any()
    assert data.authentication_cost == data.net_length == 0 and not data.authentication.any()
    assert data.no_key.sel(bound=scenario.key.bound) == NO_KEY[what]
    assert set(data.no_key_in_hand.values) == {NO_KEY[what]}
    assert ((data.no_key != "") == (data.length == 0)).all()
    assert len(read_key(tmp_path / "alice.key")) == len(read_key(tmp_path / "bob.key")) == 0
    save(data, tmp_path / "key.nc")
    xr.testing.assert_identical(load(tmp_path / "key.nc"), data)
    values = {name: value for name, (value, _) in observables(data).items()}
    assert values["no_key"] == NO_KEY[what] and values["key_length"] == values["key_rate"] == 0
    assert values["suggestion"] == data.attrs.get("suggestion", "")
    assert np.isnan(values["qber"]) == (what == "no signal")
    assert np.isnan(values["error_correction_inefficiency"]) == (not data.parity_bits.any())
    assert f"{scenario.key.bound}: 0 bit, {NO_KEY[what]}" in in_words(data)
    assert NO_KEY[what] in qber_figure(data).get_suptitle()
    assert f"{scenario.key.bound} ({NO_KEY[what]})" in [line.get_label() for line in length_figure(data).axes[0].lines]


@pytest.mark.parametrize(
    ("what", "sign", "keys"),
    [
        ("outcomes of X swapped", "% in Z and 95.6 % in X: outcomes are", ["source.bell_state"]),
        ("outcomes swapped", "95.4 % in Z and 95.6 % in X: outcomes are", ["source.bell_state"]),
        ("settings swapped", "unequal settings are correlated", []),
        ("uncorrelated", "50.0 % in Z and 50.0 % in X: a basis shows no correlation", ["source.bell_state"]),
    ],
)
def test_labels_that_may_be_swapped_are_named_as_the_scenario_spells_them(missions, root, what, sign, keys):
    for scenario in (missions["yin2020"], load_scenario(root / "data/scenarios/recorded_example.yaml")):
        counted = degenerate(missions["yin2020"], what)
        data = distill(scenario, counted)
        expected = [*keys, "measurements.0.angles_deg"]
        if scenario.kind == "recorded":
            expected += ["stations.0.channels (alice)", "stations.1.channels (bob)"]
        else:
            expected += ["polarization.compensated"]
        assert sign in data.attrs["suggestion"] and data.attrs["suggestion"] in in_words(data)
        assert [key for key in expected if key not in data.attrs["suggestion"]] == []
        assert ("source.bell_state" in data.attrs["suggestion"]) == bool(keys)
    assert "suggestion" not in distill(missions["yin2020"], degenerate(missions["yin2020"], "empty basis")).attrs


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        ("no signal", lambda counts: 0 * counts),
        ("empty basis", lambda counts: counts * np.array([1, 0])[:, None, None, None]),
        ("block too small", lambda counts: counts // 400),
        ("errors above one half", lambda counts: counts[:, :, :, ::-1]),
        ("uncorrelated", lambda counts: counts + counts[:, :, :, ::-1]),
        ("no single photons", lambda counts: counts * np.array([1, 0, 1])[:, None, None, None, None]),
    ],
)
def test_no_key_of_pulses_is_an_answer(pulses, tmp_path, reason, changed):
    scenario = pulses.scenario
    tables = changed(pulses.coincidence.counts.values)
    events = np.repeat(np.arange(tables.size), tables.ravel())
    names = ("intensity", "setting_a", "setting_b", "outcome_a", "outcome_b")
    columns = dict(zip(names, np.unravel_index(events, tables.shape), strict=True))
    counted = pulses.coincidence.drop_dims("coincidence").assign(
        {name: ("coincidence", column) for name, column in columns.items()}
        | {"counts": (pulses.coincidence.counts.dims, tables)}
    )
    data = distill(scenario, counted)
    assert data.no_key.sel(bound=scenario.key.bound) == reason
    assert ((data.no_key != "") == (data.length == 0)).all() and not data.real_length.any()
    values = {name: value for name, (value, _) in observables(data).items()}
    assert values["no_key"] == reason and values["key_length"] == values["key_per_pulse"] == 0
    assert np.isnan(values["qber"]) == (reason == "no signal")
    assert ("polarization.compensated" in data.attrs.get("suggestion", "")) == (reason in SWAPPED)
    save(data, tmp_path / "key.nc")
    xr.testing.assert_identical(load(tmp_path / "key.nc"), data)
    assert qber_figure(data) and length_figure(data)


def test_a_length_of_zero_beside_key_in_hand_says_why(missions):
    """With the highest f_ec a scenario may have nothing is left; what Cascade really disclosed leaves a key."""
    scenario = missions["yin2020"].replaced({"key.f_ec": 3})
    correlation = ideal_correlation("psi_plus", *np.deg2rad(scenario.measurements[0].angles_deg))
    tables = [table(**YIN2020, correlation=correlation), np.full((2, 2, 2, 2), 7)]
    data = distill(scenario, coincidence(scenario, tables, [3100, 226]))
    assert data.length.sel(bound="yin2020") == 0 and data.real_length.sum() > 100
    assert data.no_key.sel(bound="yin2020") == "assumed leak"
    assert data.no_key_in_hand.values.tolist() == ["", ""]
    assert "yin2020: 0 bit, assumed leak" in in_words(data)


def weakened(scenario, tables, *, kept, station=1, detector=1):
    """Counts in which one detector keeps a part of its coincidences, and has as many clicks as before."""
    tables = np.array(tables, float)
    place = [slice(None)] * 5
    place[1 + station], place[3 + station] = detector >> 1, detector & 1
    tables[tuple(place)] *= kept
    data = coincidence(scenario, tables.astype(int), [3100, 226])
    of_a, of_b = tables.sum(axis=(0, 2, 4)).ravel(), tables.sum(axis=(0, 1, 3)).ravel()
    blind = np.zeros((2, 4), np.int8)
    blind[station, detector] = kept < 0.5
    by_detector = {
        "detector_singles": np.full((2, 4), 3_000_000),
        "detector_coincidences": np.array([of_a, of_b], int),
        "looks_blind": blind,
    }
    return data.assign({name: (("station", "detector"), values) for name, values in by_detector.items()})


def balanced(scenario, **counted):
    correlation = ideal_correlation(scenario.source.bell_state, *np.deg2rad(scenario.measurements[0].angles_deg))
    return [table(**(YIN2020 | counted), correlation=correlation), np.full((2, 2, 2, 2), 7)]


LONG = {"n_z": 168_500, "n_x": 141_500, "errors_z": 1600, "errors_x": 1400}


@pytest.mark.parametrize("what", ["yin2020", "recorded_example"])
def test_a_blind_detector_is_named_and_no_proof_gives_key(missions, root, tmp_path, what):
    """The equations alone grant a key; the counts contradict what they assume."""
    scenario = load_scenario(root / f"data/scenarios/{what}.yaml")
    data = distill(scenario, weakened(scenario, balanced(scenario, **LONG), kept=0.05), folder=tmp_path)
    assert (data.unfloored.sel(bound="tomamichel2012") > 0).any()
    assert set(data.no_key.values) == {"unequal detectors"}
    assert not data.length.any() and not data.length_by_eps.any() and not data.real_length.any()
    assert len(read_key(tmp_path / "alice.key")) == 0
    assert np.isnan(data.qber_threshold)
    name = scenario.stations[1].name
    channel = "channel 3 (setting 0, outcome 1 of bob)" if what == "recorded_example" else f"outcome 1 of {name}"
    assert f"{channel} has fewer counts" in data.attrs["suggestion"]
    assert f"{channel} has 25 % of its station's clicks and 2 % of its coincidences" in in_words(data)
    assert "unequal detectors" in qber_figure(data).get_suptitle()


def test_a_weaker_detector_is_paid_for_by_the_proof_that_covers_it_and_refused_by_the_others(missions):
    scenario = missions["yin2020"].replaced({"key.bound": "projected"})
    counted = weakened(scenario, balanced(scenario, **LONG), kept=0.9)
    data = distill(scenario, counted)
    whole = distill(scenario, coincidence(scenario, balanced(scenario, **LONG), [3100, 226]))
    assert 0 < data.length.sel(bound="projected") < 0.9 * whole.length.sel(bound="projected")
    assert data.real_length.sum() > 0 and data.keys_equal
    refused = data.drop_sel(bound="projected")
    assert set(refused.no_key.values) == {"unequal detectors"} and not refused.length.any()
    assert "projected takes the larger value into account" in data.attrs["suggestion"]
    declared = distill(scenario.replaced({"key.efficiency_mismatch": 0.2}), counted)
    assert set(declared.no_key.values) == {""} and "suggestion" not in declared.attrs


def test_events_of_dead_detectors_give_no_key(missions):
    scenario = missions["yin2020"].replaced({"coincidence.dead_time_rule": "setting"})
    data = distill(scenario, coincidence(scenario, balanced(scenario, **LONG), [3100, 226]))
    assert set(data.no_key.values) == {"dead detectors"} and not data.real_length.any()
    assert "coincidence.dead_time_rule=setting" in data.attrs["suggestion"]


def test_coincidences_of_equal_settings_alone_are_refused(missions):
    """As with blinded detectors, which click only in the eavesdropper's basis."""
    scenario = missions["yin2020"]
    tables = np.array(balanced(scenario, **LONG))
    tables[0, [0, 1], [1, 0]] = 0
    data = distill(scenario, coincidence(scenario, tables, [3100, 226]))
    assert set(data.no_key.values) == {"dependent bases"} and not data.real_length.any()
    assert "correlated beyond key.efficiency_mismatch=0.0147" in data.attrs["suggestion"]


def test_every_message_is_a_row_of_the_account(missions, pulses):
    """All detections of both stations, whatever came of them; what a tag grows by, and what is disclosed, add up."""
    scenario = missions["yin2020"]
    data = distilled(scenario)
    a, b = (station.name for station in scenario.stations)
    detections = dict(zip((a, b), np.sum(SINGLES, axis=0), strict=True))
    for name, count in detections.items():
        assert data.public_bits.sel(message=f"{name} detections") == 64 * count
        assert data.public_bits.sel(message=f"{name} settings") == count
        assert data.public_bits.sel(message=f"{name} test outcomes") == 16 * 7
    assert data.public_bits.sel(message=f"{b} sifting") == 3100 * 24  # places among 13 million
    assert data.public_bits.sel(message=f"{a} parities") == data.parity_bits.sum()
    for run in (data, distill(pulses.scenario, pulses.coincidence)):
        assert run.disclosed.sum() == run.parity_bits.sum() + run.tag_bits.sum()
        assert run.authentication.sum() == run.authentication_cost > 0
        total = run.public_bits.groupby("sender").sum().values
        assert run.authentication_cost == authentication_cost_bits(map(int, total), eps=run.attrs["eps_cor"])
    assert set(run.sender.values) == {"transmitter", pulses.scenario.stations[0].name}
    assert run.public_bits.sel(message="transmitter intensities") == 2 * pulses.coincidence.singles.sum()


@pytest.mark.parametrize("kind", ["pairs", "pulses"])
def test_a_public_link_adds_times_and_changes_no_key(missions, pulses, kind):
    scenario = (missions["yin2020"] if kind == "pairs" else pulses.scenario).replaced({"public_link": None})

    def on(link):
        linked = scenario.replaced({"public_link": link})
        return distilled(linked) if kind == "pairs" else distill(linked, pulses.coincidence)

    link = {"alice_bit_s": 4e6, "bob_bit_s": 1e6, "delay_ms": 10}
    instant, plain, compressed = on(None), on(link), on(link | {"announcements": "compressed"})
    assert instant.equals(plain[list(instant.data_vars)].drop_vars(["side", "code"], errors="ignore"))
    assert compressed.public_bits.sum() < plain.public_bits.sum()
    assert compressed.real_length.equals(plain.real_length)
    times = (plain.sending_time + plain.waiting_time).where(plain.streamed == 0, 0)
    assert float(plain.time_to_key) == pytest.approx(float(plain.backlog + times.sum()))
    assert observables(plain)["time_to_key"] == (float(plain.time_to_key), "s")
    assert "from the last photon to the key" in in_words(plain)
    found = [str(code) for code in plain.code.values[plain.code_verified.values == 1]]
    assert {code for code in CODES if code.startswith("cascade")} <= set(found)  # Winnow may leave errors
    assert [len(exchange_figure(data).axes) for data in (instant, plain)] == [1, 2]


def test_a_link_for_no_bits_has_no_codes_to_compare(missions):
    link = {"alice_bit_s": 4e6, "bob_bit_s": 1e6, "delay_ms": 10}
    data = distilled(missions["yin2020"].replaced({"public_link": link}), n_z=0, n_x=0, errors_z=0, errors_x=0)
    assert "code" not in data.dims
    assert float(data.time_to_key) > 0
    assert len(exchange_figure(data).axes) == 1
