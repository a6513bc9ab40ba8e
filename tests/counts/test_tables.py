"""Count tables from the file to the results."""

import numpy as np
import pandas as pd
import pytest

from satqkd.counts import analyse, in_words, observables, read_table, results_table
from satqkd.counts.figures import acquisitions_figure, error_rate_figure, row_bell_figure, row_key_figure
from satqkd.scenario import ScenarioError, data_folder, load_scenario
from satqkd.workflow.check import check

FIGURES = (acquisitions_figure, error_rate_figure, row_key_figure, row_bell_figure)
NAMES = [f"{a}{b}" for a in "hvda" for b in "HVDA"]
PAIRS = """kind: counts
name: mine
title: A table
table: mine.csv
duration_s: t
window_ns: {column: window, unit: ps}
pairs:
  singles: [[h, v, d, a], [H, V, D, A]]
  coincidences: "{a}{b}"
source: {kind: entangled, bell_state: psi_minus}
key: {eps_sec: 1e-10, eps_cor: 1e-10, f_ec: 1.16, bound: projected}
"""
PULSES = """kind: counts
name: mine
title: A table
table: mine.csv
duration_s: 100
pulses:
  detections_z: [zs, zd, zv]
  detections_x: [xs, xd, xv]
  errors_z: [ezs, ezd, ezv]
  errors_x: [exs, exd, exv]
source:
  kind: decoy
  pulse_rate_hz: 1e8
  pulse_width_ps: 200
  mean_photon_numbers: {signal: 0.8, decoy: 0.1, vacuum: 0}
  intensity_probabilities: {signal: 0.5, decoy: 0.25, vacuum: 0.25}
key: {eps_sec: 1e-10, eps_cor: 1e-10, f_ec: 1.16, bound: lim2014}
"""


def anticorrelated(rows=2, scale=1000):
    """A table of a singlet: 2 % errors in equal bases, no correlation between different ones."""
    share = np.full((4, 4), 0.25)
    share[:2, :2] = share[2:, 2:] = [[0.01, 0.49], [0.49, 0.01]]
    one = {"t": 10.0, "window": 2000.0} | dict.fromkeys("hvdaHVDA", 50_000)
    one |= {name: int(scale * value) for name, value in zip(NAMES, share.ravel(), strict=True)}
    return pd.DataFrame([one] * rows)


@pytest.fixture
def written(tmp_path):
    """Write a table and its scenario, and load it."""

    def write(frame, text=PAIRS, suffix="csv", **options):
        scenario = tmp_path / "mine.yaml"
        scenario.write_text(text.replace("mine.csv", f"mine.{suffix}"))
        if suffix == "parquet":
            frame.to_parquet(tmp_path / "mine.parquet")
        else:
            frame.to_csv(tmp_path / f"mine.{suffix}", index=False, **options)
        return load_scenario(scenario)

    return write


def test_a_singlet_has_the_error_rate_that_follows_by_hand(written):
    data = analyse(written(anticorrelated()))
    assert data.row.values.tolist() == ["1", "2", "all"]
    assert data.sifted.values.tolist() == [[1000, 1000], [1000, 1000], [2000, 2000]]
    assert data.errors.sel(row="all").values.tolist() == [40, 40]
    assert data.visibility.sel(row="1").values == pytest.approx(0.96)
    # Sixteen pairs of detectors: (5e4)^2 * 2e-9 / 10 each.
    assert data.accidentals.values == pytest.approx([8, 8, 16])
    table = results_table(data).set_index("row")
    assert table.loc["1", "qber_z"] == 0.02 and table.loc["all", "key_projected"] > 0
    assert observables(data)["qber"][0] == 0.02
    assert "QBER in Z: 2 ± 0.3 % of 2,000 bit" in in_words(data)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("parquet", {}),
        ("csv", {"sep": ";"}),
        ("csv", {"sep": "\t"}),
        ("csv.gz", {}),
        ("csv", {"encoding": "utf-8-sig"}),
    ],
)
def test_dialects_and_parquet_give_the_same_counts(written, suffix, options):
    table = read_table(written(anticorrelated(), suffix=suffix, **options))
    assert table.coincidences[0, 0, 0].tolist() == [[10, 490], [490, 10]]
    assert table.coincidences[0, 0, 1].tolist() == [[250, 250], [250, 250]]
    assert table.window_s.tolist() == [2e-9, 2e-9] and table.singles.shape == (2, 2, 4)


def test_singles_may_be_rates(written):
    text = PAIRS.replace("  singles:", "  singles_unit: kHz\n  singles:")
    rates = anticorrelated().assign(**dict.fromkeys("hvdaHVDA", 5.0))
    assert np.array_equal(read_table(written(rates, text)).singles, np.full((2, 2, 4), 50_000))


def test_a_half_width_doubles_the_window(written):
    full = analyse(written(anticorrelated()))
    half = analyse(written(anticorrelated(), PAIRS + "window_is: half\n"))
    assert np.allclose(half.accidentals, 2 * full.accidentals)


@pytest.mark.parametrize(("counted", "key"), [(16.0, "window_is: half"), (4.0, "check window_ns"), (8.5, None)])
def test_accidentals_that_contradict_the_window_are_said(written, counted, key):
    text = PAIRS.replace("  coincidences:", "  accidentals: late\n  coincidences:")
    data = analyse(written(anticorrelated(rows=50).assign(late=counted), text))
    assert ("window_warning" in data.attrs) == (key is not None)
    assert key is None or key in in_words(data)


def test_s_of_the_rows_of_a_bell_test(written):
    text = PAIRS.replace("pairs:", "pairs:\n  measurement: what").replace(
        "source:",
        "measurements:\n  - {name: key, angles_deg: [[0, 45], [0, 45]]}\n"
        "  - {name: bell, angles_deg: [[0, 45], [22.5, 67.5]]}\nsource:",
    )
    frame = anticorrelated().assign(what=["key", "bell"])
    correlated = {1: [427, 73, 73, 427], -1: [73, 427, 427, 73]}
    for a, b, sign in [("hv", "HV", -1), ("hv", "DA", 1), ("da", "HV", -1), ("da", "DA", -1)]:
        frame.loc[1, [f"{x}{y}" for x in a for y in b]] = correlated[sign]
    data = analyse(written(frame, text))
    assert np.isnan(data.s.sel(row="1")) and float(data.s.sel(row="2")) == pytest.approx(4 * 0.708)
    assert data.sifted.sel(row="all").values.tolist() == [1000, 1000]  # those of the key's row alone
    assert observables(data)["chsh_s"][0] == pytest.approx(4 * 0.708) and "S = 2.832" in in_words(data)


def test_decoy_states(written):
    one = dict(zs=700_000, zd=40_000, zv=100, xs=700_000, xd=40_000, xv=100)
    one |= dict(ezs=7350, ezd=500, ezv=50, exs=7350, exd=500, exv=50)
    scenario = written(pd.DataFrame([one, one]), PULSES)
    table = read_table(scenario)
    assert table.pulses.pulses.tolist() == [[5e9, 2.5e9, 2.5e9]] * 2
    data = analyse(scenario)
    assert data.qber.values == pytest.approx(0.0105)
    together = data.length.sel(row="all", bound="lim2014")
    assert float(together) > 2 * float(data.length.sel(row="1", bound="lim2014")) > 0
    assert "tiangong2" in data.bound.values


@pytest.mark.parametrize("draw", FIGURES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("scale", [1000, 0])
def test_figures_are_drawn_with_and_without_counts(written, draw, scale):
    data = analyse(written(anticorrelated(scale=scale)))
    assert draw(data).axes


def test_no_counts_are_an_answer(written):
    data = analyse(written(anticorrelated(scale=0)))
    assert (data.no_key == "no signal").all() and (data.length == 0).all()
    assert "no bit was sifted" in in_words(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hH": 1.5}, r"row 1: hH=1.5 is not a whole number of counts"),
        ({"hH": -1}, r"hH=-1 is not a whole number"),
        ({"t": 0}, r"an acquisition time is 0 s"),
        ({"H": "many"}, r"row 1: H=many is not a number"),
    ],
)
def test_wrong_values_are_named_with_their_row(written, change, words):
    with pytest.raises(ValueError, match=rf"mine.csv: .*{words}"):
        read_table(written(anticorrelated().assign(**change)))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("duration_s: t", "duration_s: tt", "has no column tt: did you mean t?"),
        ('"{a}{b}"', '"{a}-{b}"', "has no column h-H"),
        ('"{a}{b}"', '"{a}"', "is not a pattern with {a} and {b}"),
        ("{column: window, unit: ps}", "-3", "window_ns=-3"),
        ("window_ns: {column: window, unit: ps}\n", "", "window_ns is missing"),
        ("bound: projected", "bound: lim2014", "is not a proof for this source"),
        ("[h, v, d, a]", "[h, v, d]", "pairs.singles"),
        ("mine.csv", "none.csv", "names the file none.csv"),
    ],
)
def test_wrong_scenarios_are_refused_before_any_work(written, tmp_path, old, new, words):
    written(anticorrelated())
    (tmp_path / "mine.yaml").write_text(PAIRS.replace(old, new))
    with pytest.raises(ScenarioError) as error:
        check(tmp_path / "mine.yaml")
    assert words in str(error.value) and "\n" not in str(error.value)


def test_what_is_no_table_is_refused(written, tmp_path):
    scenario = written(anticorrelated().iloc[:0])
    with pytest.raises(ValueError, match="has no rows"):
        read_table(scenario)
    (tmp_path / "mine.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ValueError, match="cannot be read as a table"):
        read_table(scenario)


def test_the_example_table_has_sixteen_pairs_of_detectors_and_no_contradiction():
    scenario = load_scenario("counts_example")
    assert len(scenario.pairs.coincidence_columns) == 4 and "window_warning" not in analyse(scenario).attrs
    assert (data_folder() / "counts/counts_example.csv").read_text().startswith("# Simulated, not measured")
