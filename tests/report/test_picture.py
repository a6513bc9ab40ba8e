"""README's picture is drawn from docs/yin2020.csv, and that is what the data sets of the experiment hold."""

import numpy as np
import pytest

from satqkd.bell import bell_test
from satqkd.dataset import save
from satqkd.key import distill
from satqkd.plot import save_figure
from satqkd.report.picture import EXPERIMENT, moved, picture, picture_table, read_picture


@pytest.fixture(scope="module")
def results(bright, tmp_path_factory):
    """The data sets of thirty seconds, where the workflow puts those of the experiment."""
    folder = tmp_path_factory.mktemp("results")
    run = folder / EXPERIMENT / "run1"
    run.mkdir(parents=True)
    save(bright.orbit, run.parent / "orbit.nc")
    save(bright.coincidence, run / "coincidence.nc")
    save(distill(bright.scenario, bright.coincidence), run / "key.nc")
    save(bell_test(bright.scenario, bright.coincidence, bright.orbit), run / "bell.nc")
    return folder


@pytest.mark.locked
def test_the_picture_is_drawn_from_the_committed_table(root, tmp_path):
    save_figure(picture(read_picture(root)), tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").read_bytes() == (root / f"docs/{EXPERIMENT}.svg").read_bytes()
    assert f"](docs/{EXPERIMENT}.svg)" in (root / "README.md").read_text()


def test_the_table_holds_what_the_data_sets_do(results, bright):
    frame = picture_table(results).set_index("panel")
    ten_seconds, bell = 10, bell_test(bright.scenario, bright.coincidence, bright.orbit)
    counted = bright.coincidence.rate.values
    whole = counted[: counted.size // ten_seconds * ten_seconds]
    assert frame.loc["coincidences"].value.sum() * ten_seconds == pytest.approx(whole.sum(), abs=0.1)
    assert frame.loc["S"].value == pytest.approx(float(bell.s), abs=5e-4)
    assert np.allclose(frame.loc["correlation"].value, bell.e, atol=5e-4)
    highest = frame.loc["elevation"].groupby("name").value.max()
    tenth_of_a_degree = 0.1
    assert (highest <= bright.orbit.elevation.max("time").to_series() + tenth_of_a_degree).all()
    assert set(frame.loc["key"].name) == set(distill(bright.scenario, bright.coincidence).bound.values)


def test_what_a_reader_would_see_is_named(root):
    then = read_picture(root)
    assert moved(then, then) == []
    now = then.copy()
    now.loc[now.panel == "key", "value"] *= 1.2
    now.loc[now.panel == "coincidences", "value"] += 1e-4
    assert len(found := moved(now, then)) == 1 and found[0].startswith("key: ") and "of the picture" in found[0]
    assert moved(then[then.name != "asymptotic"], then) == [
        "key: the picture does not show the same rows as the results"
    ]
