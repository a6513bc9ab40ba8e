"""README.md's summary says what docs/validation.csv says, and somebody is told when that is no longer so."""

from io import StringIO

import pandas as pd
import pytest

from satqkd.plot import save_figure
from satqkd.report import outdated, renew, summary, summary_figure
from satqkd.report.__main__ import main
from satqkd.report.readme import PAGES, with_summary

ROWS = """scenario,id,role,verdict,z,relative_deviation,relative_width,reason
one,a,predicted,within,0.123,0.01,0.1,x
one,b,calibrated,within,0.9,0.01,0.1,x
one,d,predicted,vague,0.4,0.01,0.4,x
two,a,predicted,listed,7,0.5,0.1,x
two,c,predicted,missing,,,,x
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("before\n<!-- validation -->\n| old |\n<!-- end -->\nafter\n")
    (tmp_path / "table.csv").write_text(ROWS)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_say_what_the_committed_table_says(root, page):
    text = (root / page).read_text()
    assert with_summary(text, pd.read_csv(root / "docs/validation.csv")) == text


def test_the_readme_shows_the_figure(root):
    assert "](docs/validation.svg)" in (root / "README.md").read_text()


@pytest.mark.locked
def test_the_figure_is_drawn_from_the_committed_table(root, tmp_path):
    save_figure(summary_figure(pd.read_csv(root / "docs/validation.csv")), tmp_path / "validation.svg")
    assert (tmp_path / "validation.svg").read_bytes() == (root / "docs/validation.svg").read_bytes()


def test_ci_holds_the_summary_to_the_results(root):
    assert "python -m satqkd.report check" in (root / ".ci/run").read_text()


def test_what_was_renewed_is_current(project):
    renew(pd.read_csv(project / "table.csv"), project)
    assert outdated(pd.read_csv(project / "table.csv"), project) == []
    text = (project / "README.md").read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| predicted | 1 | 1 | 1 | 0 | 1 | 4 |" in text and "| all | 2 | 1 | 1 | 0 | 1 | 5 |" in text
    assert [path.name for path in sorted((project / "docs").iterdir())] == ["validation.csv", "validation.svg"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "within,0.9,",
            "outside,2.9,",
            "one b calibrated: within, z = 0.9 in docs/validation.csv, outside, z = 2.9",
        ),
        (
            "within,0.9,",
            "within,0.95,",
            "one b calibrated: within, z = 0.9 in docs/validation.csv, within, z = 0.95",
        ),
        ("two,c,", "two,d,", "two d predicted is not in both"),
        ("missing,,", "within,0.1,", "two c predicted: missing, z = nan in docs/validation.csv, within, z = 0.1 now"),
    ],
)
def test_what_rots_is_named(project, old, new, said):
    renew(pd.read_csv(project / "table.csv"), project)
    (project / "table.csv").write_text(ROWS.replace(old, new))
    assert any(sentence.startswith(said) for sentence in outdated(pd.read_csv(project / "table.csv"), project))


def test_last_digits_of_another_machine_do_not_rot(project):
    renew(pd.read_csv(project / "table.csv"), project)
    (project / "table.csv").write_text(ROWS.replace("0.123", "0.1251"))
    assert outdated(pd.read_csv(project / "table.csv"), project) == []


def test_a_readme_without_a_place_is_refused_and_left_alone(project):
    (project / "README.md").write_text("nothing\n")
    with pytest.raises(ValueError, match="no place for the summary"):
        renew(pd.read_csv(project / "table.csv"), project)
    assert not list((project / "docs").iterdir())


def test_the_counts_add_up():
    frame = pd.read_csv(StringIO(ROWS))
    assert summary(frame).splitlines()[-1] == "| all | 2 | 1 | 1 | 0 | 1 | 5 |"


def test_the_command_renews_and_checks(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    assert main(["readme", "table.csv"]) == 0 and main(["check", "table.csv"]) == 0
    (project / "table.csv").write_text(ROWS.replace("within,0.9,", "listed,2.4,"))
    assert main(["check", "table.csv"]) == 1
    assert "python -m satqkd.report readme renews" in capsys.readouterr().out


def test_the_command_writes_pages(root, tmp_path):
    assert main(["parameters", str(root / "data/scenarios/jinan1.yaml"), str(tmp_path / "a.html")]) == 0
    assert "Jinan-1" in (tmp_path / "a.html").read_text()
