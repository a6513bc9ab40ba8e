"""More than five hundred malformed scenarios: each ends in one sentence, and nothing is run or written on its word."""

import copy
import functools
import shutil
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satqkd.scenario import Recorded, Scenario, ScenarioError, load_scenario
from satqkd.workflow.check import check

from ..sizes import examples

DATA = Path(__file__).parents[2] / "data"
LONGEST_SENTENCE, SECONDS = 700, 2
NO_NUMBER = ["5 km", [], {"a": 1}, True, float("nan"), float("inf")]


@functools.cache
def whole(name):
    """A scenario as a tree; nobody changes it."""
    return yaml.load((DATA / f"scenarios/{name}.yaml").read_text(), yaml.CSafeLoader) | {"name": "scenario"}


def dumped(tree):
    return yaml.dump(tree, Dumper=yaml.CSafeDumper)


def numbers(node, place=()):
    """Places of all numbers, with or without provenance."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield (*place, key)
        else:
            yield from numbers(value, (*place, key))


def replaced(tree, place, value):
    tree = copy.deepcopy(tree)
    node = tree
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return tree


def refused(path, call=load_scenario):
    """The sentence with which a scenario is refused."""
    start = time.process_time()
    with pytest.raises(ScenarioError) as caught:
        call(path)
    # A bound on work, not a measurement: a billion laughs would take hours.
    assert time.process_time() - start < SECONDS
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence and "Traceback" not in sentence
    assert len(sentence) - len(str(path)) < LONGEST_SENTENCE
    return sentence


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Where a scenario goes, in a folder with real element sets; nothing else is there afterwards."""
    (tmp_path / "scenarios").mkdir()
    shutil.copytree(DATA / "orbits", tmp_path / "orbits")
    monkeypatch.chdir(tmp_path)
    before = {found for found in tmp_path.rglob("*")}
    yield tmp_path / "scenarios/scenario.yaml"
    assert {found for found in tmp_path.rglob("*")} - before <= {tmp_path / "scenarios/scenario.yaml"}


PLACES = [
    (name, place) for name in ("yin2020", "tiangong2") for place in numbers(whole(name)) if "value" not in place[:-1]
]


@pytest.mark.parametrize(
    ("name", "place"), PLACES, ids=lambda part: part if isinstance(part, str) else ".".join(map(str, part))
)
def test_a_number_is_a_number(path, name, place):
    tree = whole(name)
    for value in NO_NUMBER:
        path.write_text(dumped(replaced(tree, place, value)))
        assert str(next(key for key in reversed(place) if isinstance(key, str) and key != "value")) in refused(path)


def test_the_corpus_is_as_large_as_it_says():
    assert len(PLACES) * len(NO_NUMBER) >= 500


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n- b\n",
        "just words",
        "name: [",
        "name: yin\nname: yin\n",
        "a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "&a name: *a\n",
        "<<: {name: yin}\nname: yin\n",
        "name: !!python/object/apply:os.system ['touch owned']\n",
        "name: !!python/name:os.system\n",
        "!!python/object/new:subprocess.Popen [['touch', 'owned']]\n",
        "name: !include /etc/passwd\n",
        "? [a, b]\n: 1\n",
        "name: 2016-02-30\n",
        "name: \x01\n",
        "name: " + "[" * 2000 + "]" * 2000,
        "{" * 2000,
        "name: " + "x" * 10**6,
        "kind: recorded\n",
        "kind: mission\n",
        "kind: nonsense\n",
        "kind: [mission]\n",
        "%YAML 9.9\n---\nname: a\n",
        "---\nname: a\n---\nname: b\n",
    ],
)
def test_text_that_is_no_scenario(path, text):
    path.write_text(text)
    refused(path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x00" * 100, bytes(range(256))])
def test_bytes_that_are_no_text(path, content):
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize(
    "name",
    ["../up", "/etc/passwd", "a/b", "a b", "A", "", ".", "..", "a\x00b", "a;rm", "$(touch owned)", "x" * 200, 7, None],
)
@pytest.mark.parametrize("place", [("name",), ("stations", 0, "name"), ("reference",)])
def test_names_that_become_paths_are_plain_words(path, name, place):
    if place == ("reference",) and name is None:
        return  # no reference at all is allowed
    path.write_text(dumped(replaced(whole("yin2020"), place, name)))
    refused(path)


@pytest.mark.parametrize("elements", ["nowhere.csv", "../../../../etc/passwd", "/dev/null", "a\x00b", "x" * 5000, "/"])
def test_element_sets_that_are_none(path, elements):
    path.write_text(dumped(replaced(whole("yin2020"), ("orbit", "elements"), elements)))
    refused(path, check)


LINES = (
    "1 41731U 16051A   16354.56911000  .00000000  00000-0  00000-0 0  9990",
    "2 41731  97.3600 270.0000 0013000 100.0000 260.0000 15.23000000    10",
)


@pytest.mark.parametrize(
    "lines",
    [
        (LINES[0][:-1] + "5", LINES[1]),
        (LINES[1], LINES[0]),
        (LINES[0],),
        (LINES[0][:40], LINES[1][:40]),
        ("not", "elements"),
        ("OBJECT_NAME,EPOCH", "MICIUS,yesterday"),
        ("OBJECT_NAME,EPOCH",),
    ],
)
def test_element_sets_that_are_damaged(path, lines):
    elements = path.parents[1] / "orbits/micius.csv"
    elements.write_text("\n".join(lines) + "\n")
    path.write_text(dumped(whole("yin2020")))
    refused(path, check)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    place=st.sampled_from(PLACES),
    value=st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers(), max_size=3),
        st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    ),
)  # fmt: skip
def test_whatever_stands_there_it_loads_or_is_refused_in_one_sentence(path, place, value):
    path.write_text(dumped(replaced(whole(place[0]), place[1], value)))
    try:
        assert isinstance(load_scenario(path), Scenario | Recorded)
    except ScenarioError:
        refused(path)


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_whatever_is_written_is_refused_in_one_sentence(path, text):
    path.write_text(text, encoding="utf-8", errors="replace")
    refused(path)
