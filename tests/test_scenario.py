"""What loads as a scenario, what does not, and what is said about it."""

import copy
import json
from pathlib import Path
from unittest.mock import patch

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satqkd.scenario import ORIGINS, ScenarioError, json_schema, load_scenario

from .sizes import examples

MISSIONS = ("yin2017", "liao2017", "yin2020", "tiangong2")


@pytest.fixture(scope="module")
def texts(root):
    """Each mission as the text of a file mission.yaml."""
    texts = {name: (root / f"data/scenarios/{name}.yaml").read_text() for name in MISSIONS}
    return {name: text.replace(f"\nname: {name}\n", "\nname: mission\n", 1) for name, text in texts.items()}


@pytest.fixture(scope="module")
def trees(texts):
    return {name: yaml.safe_load(text) for name, text in texts.items()}


@pytest.fixture
def load_text(tmp_path):
    def load(text):
        path = tmp_path / "mission.yaml"
        path.write_text(text, encoding="utf-8")
        return load_scenario(path)

    return load


@pytest.fixture
def changed(texts, load_text):
    """yin2020, or another mission, with one piece of its text exchanged."""

    def load(old, new, name="yin2020"):
        assert old in texts[name]
        return load_text(texts[name].replace(old, new, 1))

    return load


@pytest.fixture
def message(changed, tmp_path):
    """The one sentence with which a changed scenario is refused, without the file's name."""

    def refused(old, new, name="yin2020"):
        with pytest.raises(ScenarioError) as error:
            changed(old, new, name)
        text = str(error.value)
        assert text.startswith(f"{tmp_path / 'mission.yaml'}: ")
        assert "\n" not in text
        return text.removeprefix(f"{tmp_path / 'mission.yaml'}: ")

    return refused


APERTURE = 'aperture_m: {value: 0.18, assumed: "smaller telescope of Micius; it only limits the divergence"}'
LATITUDE = "latitude_deg: {value: 37 22 44.43 N, published: main text}"
LONGITUDE = "longitude_deg: {value: 97 43 37.01 E, published: main text}"
PAIR_RATE = "pair_rate_hz: {value: 5.9e6, published: main text}"
PHOTONS = """mean_photon_numbers:  # known to the printed fluctuation of the intensity
    signal: {value: 0.8, published: main text, range: [0.76, 0.84]}
    decoy: {value: 0.1, published: main text, range: [0.095, 0.105]}
    vacuum: {value: 0.0, published: main text}"""
END = "search_end: 2018-11-10T00:00:00Z"
ELEMENTS = "elements: micius.csv"


@pytest.mark.parametrize("name", MISSIONS)
def test_the_four_experiments_load(missions, name):
    assert missions[name].name == name
    assert missions[name].reference == name
    assert missions[name].file(missions[name].orbit.elements).is_file()


@pytest.mark.parametrize("name", MISSIONS)
def test_every_number_of_an_experiment_says_where_it_comes_from(missions, texts, name):
    origins = missions[name].origins
    assert {kind for kind, _ in origins.values()} <= {*ORIGINS, "transferred"}
    assert origins["stations.0.receiver_efficiency"][1]
    assert len(origins) == texts[name].count("{value: ") + texts[name].count("{from: ") > 30


@pytest.mark.parametrize("written", ["5.9e6", "5.9E6", "5900000", "5.9e+6", "'5.9e6'", "5_900_000", "0.59e7"])
def test_numbers_are_read_as_meant(changed, written):
    assert changed(PAIR_RATE, f"pair_rate_hz: {written}").source.pair_rate_hz == 5.9e6


@pytest.mark.parametrize(
    ("written", "degrees"),
    [("37 22 44.43 N", 37 + 22 / 60 + 44.43 / 3600), ("37 22 44.43 S", -(37 + 22 / 60 + 44.43 / 3600)), ("37.5", 37.5)],
)
def test_latitudes_are_read_as_printed(changed, written, degrees):
    assert changed(LATITUDE, f"latitude_deg: {written}").stations[0].latitude_deg == pytest.approx(degrees, abs=1e-12)


def test_latitudes_may_have_decimal_minutes(changed):
    assert changed(LATITUDE, "latitude_deg: 48 12.5 N").stations[0].latitude_deg == pytest.approx(48 + 12.5 / 60)


@pytest.mark.parametrize(
    ("written", "meant"), [("017", 17), ("0200", 200), ("+0017", 17), ("08", 8), ("0_20.50", 20.5)]
)
def test_numbers_are_decimal_whatever_they_begin_with(changed, written, meant):
    old = "altitude_m: {value: 3153, published: main text}"
    assert changed(old, f"altitude_m: {written}").stations[0].altitude_m == meant


@pytest.mark.parametrize("key", [LATITUDE, APERTURE, "duration_s: {value: 3100, published: main text}"])
@pytest.mark.parametrize(
    "written", ["1:17", "5:30", "-1:17", "1:17.5", "12:30:45", "0x11", "0o17", "0b11", "!!int 1:17", "!!float 1:17"]
)
def test_no_other_notation_is_another_number_in_silence(message, key, written):
    name = key.split(":")[0]
    text = message(key, f"{name}: {written}")
    assert f"{name}={written} is not " in text or "cannot be read" in text


def test_a_number_of_base_60_is_shown_as_it_may_be_meant(message):
    text = message(APERTURE, "aperture_m: 1:30")
    assert text.startswith("transmitter.aperture_m=1:30 is not a number: write 90 or 1.5, whichever has the unit")


def test_longitudes_are_read_as_printed(changed):
    assert changed(LONGITUDE, "longitude_deg: 97 30 0 W").stations[0].longitude_deg == -97.5


@pytest.mark.parametrize("written", ["37 22 44.43 E", "37 61 0 N", "37 22 60 N", "thirty N", "37 22 N"])
def test_misprinted_latitudes_are_refused(message, written):
    text = message(LATITUDE, f"latitude_deg: {written}")
    assert text.startswith(f"stations.0.latitude_deg={written} is not an angle: give degrees, or as in")


@pytest.mark.parametrize(
    ("old", "new", "wrong", "right"),
    [
        (APERTURE, "aperture_cm: 18", "transmitter.aperture_cm", "aperture_m"),
        (PAIR_RATE, "pair_rate_mhz: 5.9", "source.pair_rate_mhz", "pair_rate_hz"),
        ("orbit:\n", "orbits:\n", "orbits", "orbit"),
        ("dark_rate_hz: 55}", "dark_rates_hz: 55}", "stations.0.detectors.0.dark_rates_hz", "dark_rate_hz"),
        ("duration_s: {value: 3100, published: main text}", "duration: 3100", "measurements.0.duration", "duration_s"),
    ],
)
def test_unknown_keys_name_the_nearest(message, old, new, wrong, right):
    assert message(old, new).startswith(f"unknown key {wrong}: did you mean {right}?")


def test_unknown_keys_like_nothing_list_what_there_is(message):
    assert "known here: wavelength_nm, aperture_m" in message(APERTURE, "colour: red")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (APERTURE, "aperture_m: 1.2 m", "transmitter.aperture_m=1.2 m is not a number: write the number alone"),
        (APERTURE, "aperture_m: 11", "transmitter.aperture_m=11 is wrong, input should be less than or equal to 10"),
        (APERTURE, "aperture_m: -1", "transmitter.aperture_m=-1 is wrong, input should be greater than 0"),
        (APERTURE, "aperture_m: .nan", "transmitter.aperture_m=nan is not a finite number"),
        (APERTURE, "aperture_m: nan", "transmitter.aperture_m=nan is not a finite number"),
        (APERTURE, "aperture_m: -.inf", "transmitter.aperture_m=-inf is not a finite number"),
        (APERTURE, "aperture_m: 1e400", "transmitter.aperture_m=1e400 is not a finite number"),
        (APERTURE, "aperture_m: true", "transmitter.aperture_m=True is not a number"),
        (APERTURE, "aperture_m: null", "transmitter.aperture_m=None is wrong"),
        (APERTURE, "wavelength_m: 1", "unknown key transmitter.wavelength_m: did you mean wavelength_nm?"),
        (APERTURE, "aperture_m: 1\n  aperture_m: 2", "line 19: the key aperture_m occurs twice: keep one"),
        (APERTURE, "aperture_m: &d 1\n  optics: *d", "line 19: YAML aliases are not allowed: write the value out"),
        (APERTURE, "aperture_m: 2016-02-30", "line 18: 2016-02-30 cannot be read (day is out of range for month)"),
        (APERTURE, "aperture_m: [", "line 20: is not YAML"),
        (APERTURE, "aperture_m: !!python/name:os.system x", "line 18: is not YAML"),
        (APERTURE, "aperture_m: " + "[" * 500 + "]" * 500, "is nested too deeply"),
        (APERTURE, 'aperture_m: "1\\n2"', "transmitter.aperture_m=1 2 is not a number"),
        (APERTURE, "? [a]\n  : 1", "line 18: a key has to be a plain word"),
        (APERTURE, "# 0.18", "the key transmitter.aperture_m is missing: add it (docs: clear aperture [m])"),
        (END, "search_end: 2018-11-10T00:00:00", "orbit.search_end=2018-11-10 00:00:00 is not in UTC: end it with Z"),
        (END, "search_end: 2018-11-10T00:00:00+08:00", "orbit.search_end=2018-11-10 00:00:00+08:00 is not in UTC"),
        (END, "search_end: 2018-11-10", "orbit.search_end=2018-11-10 is not a time: write it as in"),
        (END, "search_end: 20181110", "orbit.search_end=20181110 is not a time"),
        (END, "search_end: 9999-01-01T00:00:00Z", "orbit.search_end=9999-01-01 00:00:00+00:00 is outside the years"),
        (END, "search_end: 2018-01-01T00:00:00Z", "orbit search_end=2018-01-01 00:00:00+00:00 is not after search_st"),
        (ELEMENTS, "elements: ../micius.csv", "orbit.elements=../micius.csv leaves its folder: give a path below"),
        (ELEMENTS, "elements: /etc/passwd", "orbit.elements=/etc/passwd leaves its folder"),
        (ELEMENTS, "elements: a/../../b.csv", "orbit.elements=a/../../b.csv leaves its folder"),
        ("kind: entangled", "kind: single", "source is wrong, input tag 'single' found using 'kind' does not match"),
        (
            APERTURE,
            "aperture_m: 0.1",
            "transmitter divergence_full_angle_urad=10 is below 15.26, the diffraction lim",
        ),
        (APERTURE, "aperture_m: 0.3\n  beam_quality: 2", "transmitter beam_quality goes with a divergence_full_angle"),
        (
            APERTURE,
            "aperture_m: 0.3\n  beam_quality: 0.9",
            "transmitter.beam_quality=0.9 is wrong, input should be gre",
        ),
        ("value: passive", "value: pasive", "detection.basis_choice=pasive is wrong, input should be 'passive' or 'ac"),
        ("value: passive", "value: active", "detection switch_rate_hz goes with basis_choice active"),
        ("name: nanshan", "name: delingha", "the scenario stations have the same name: give each its own"),
        (
            "angles_deg: [[0, 45], [0, 45]]",
            "angles_deg: [[0, 45]]",
            "the scenario measurement key requires angles_deg f",
        ),
        ("name: bell", "name: key", "the scenario measurements have the names key, key: give each its own"),
    ],
)
def test_wrong_values_are_refused_in_one_sentence(message, old, new, expected):
    assert message(old, new).startswith(expected)


def test_a_divergence_that_is_left_out_follows_from_the_aperture(missions):
    """1.8836 wavelengths over the aperture, times the beam quality; both axes of a given beam keep this limit."""
    perfect = missions["yin2020"].replaced({"transmitter.divergence_full_angle_urad": None})
    assert 1e6 * perfect.transmitter.divergence_rad == pytest.approx([1.8836 * 0.81 / 0.18] * 2)
    wider = perfect.replaced({"transmitter.beam_quality": 1.5, "transmitter.aperture_m": 0.36})
    assert wider.transmitter.divergence_rad == pytest.approx(0.75 * perfect.transmitter.divergence_rad)
    at_the_limit = tuple(1e6 * perfect.transmitter.divergence_rad)
    missions["yin2020"].replaced({"transmitter.divergence_full_angle_urad": at_the_limit})
    with pytest.raises(ScenarioError, match="divergence_full_angle_urad=8 is below 8.476, the diffraction limit"):
        missions["yin2020"].replaced({"transmitter.divergence_full_angle_urad": [20, 8]})


def test_a_value_is_named_even_inside_an_intensity(message):
    new = "mean_photon_numbers: {signal: 0.8, decoy: -0.1, vacuum: 0.0}"
    assert message(PHOTONS, new, "liao2017").startswith("source.mean_photon_numbers.decoy=-0.1 is wrong, input should")


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("{signal: 0.8, decoy: 0.1}", "source mean_photon_numbers lacks vacuum: give signal, decoy and vacuum"),
        ("{signal: 0.2, decoy: 0.15, vacuum: 0.1}", "source mean_photon_numbers={'signal': 0.2, 'decoy': 0.15, 'vac"),
        ("{signal: 0.8, weak: 0.1, vacuum: 0}", "source.mean_photon_numbers.weak=weak is wrong, input should be 'si"),
    ],
)
def test_intensities_have_to_be_whole_and_in_order(message, new, expected):
    assert message(PHOTONS, f"mean_photon_numbers: {new}", "liao2017").startswith(expected)


def test_intensity_probabilities_sum_to_one(message):
    old = "intensity_probabilities: {value: {signal: 0.5, decoy: 0.25, vacuum: 0.25}"
    new = "intensity_probabilities: {value: {signal: 0.5, decoy: 0.25, vacuum: 0.2}"
    assert "intensity_probabilities sum to 0.95: they must sum to 1" in message(old, new, "liao2017")


def test_a_bell_test_alone_gives_no_key(changed, texts, load_text):
    start, end = texts["yin2020"].index("- name: key"), texts["yin2020"].index("- name: bell")
    with pytest.raises(ScenarioError, match="measurements are bell: add one of name key or state"):
        load_text(texts["yin2020"][:start] + texts["yin2020"][end:])


def test_only_the_last_measurement_may_fill_the_session(message):
    new = message("duration_s: {value: 3100, published: main text}\n    ", "")
    assert "measurements lack duration_s: only the last one may leave it out" in new


@pytest.mark.parametrize(
    ("new", "has"),
    [
        ("{value: 1}", "value"),
        ("{published: p. 3}", "published"),
        ("{value: 1, published: p. 3, assumed: usual}", "value, published, assumed"),
        ("{value: 1, publshed: p. 3}", "value, publshed"),
        ("{value: 1, published: p. 3, note: x}", "value, published, note"),
    ],
)
def test_a_sourced_value_has_one_value_and_one_source(message, new, has):
    expected = f"transmitter.aperture_m requires value and one of published, assumed, calibrated, and has {has}"
    assert message(APERTURE, f"aperture_m: {new}") == expected


def test_a_source_is_kept_beside_its_value(changed):
    scenario = changed(APERTURE, "aperture_m: {value: 0.2, assumed: for a test}")
    assert scenario.transmitter.aperture_m == 0.2
    assert scenario.origins["transmitter.aperture_m"] == ("assumed", "for a test")


@pytest.mark.parametrize("text", ["", "- 1\n", "5", "---\na: 1\n---\nb: 1\n", "a: b: c", "\x00", "\tx: 1"])
def test_what_is_no_mapping_is_refused(load_text, tmp_path, text):
    with pytest.raises(ScenarioError) as error:
        load_text(text)
    assert str(error.value).startswith(f"{tmp_path / 'mission.yaml'}: ")
    assert "\n" not in str(error.value)


def test_what_is_no_text_file_is_refused(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "absent.yaml", tmp_path / "binary.yaml"):
        with pytest.raises(ScenarioError, match=f"^{path}: cannot be read"):
            load_scenario(path)


def test_missing_element_sets_are_named_with_where_to_put_them(changed, tmp_path):
    scenario = changed(ELEMENTS, "elements: nobody.csv")
    with pytest.raises(ScenarioError, match=r"mission.yaml: orbit names the file nobody.csv, found neither .*: put"):
        scenario.file(scenario.orbit.elements)
    (tmp_path / "nobody.csv").write_text("")
    assert scenario.file("nobody.csv") == tmp_path / "nobody.csv"


def test_a_file_of_several_satellites_is_chosen_from_by_number(changed, missions):
    assert missions["yin2020"].orbit.norad_id is None
    scenario = changed(ELEMENTS, f"{ELEMENTS}\n  norad_id: 41731")
    assert scenario.orbit.norad_id == 41731
    assert scenario.content_hash != missions["yin2020"].content_hash
    assert changed(ELEMENTS, f"{ELEMENTS}\n  norad_id: 999999999").orbit.norad_id == 999_999_999


@pytest.mark.parametrize("written", ["0", "-5", "1000000000", "41731.5", "MICIUS"])
def test_what_is_no_catalogue_number_is_refused(message, written):
    assert f"orbit.norad_id={written} " in message(ELEMENTS, f"{ELEMENTS}\n  norad_id: {written}")


def test_the_hash_is_of_the_values_alone(texts, load_text, missions):
    tree = yaml.safe_load(texts["yin2020"])
    tree["transmitter"]["aperture_m"] = "1.8e-1"
    tree["stations"][0]["altitude_m"] = 3153.0
    reordered = yaml.safe_dump(dict(reversed(tree.items())), default_flow_style=True)
    as_it_stands = load_text(texts["yin2020"]).content_hash
    assert load_text(reordered).content_hash == as_it_stands
    tree["transmitter"]["aperture_m"] = 0.181
    assert load_text(yaml.safe_dump(tree)).content_hash != as_it_stands
    assert len({scenario.content_hash for scenario in missions.values()}) == len(MISSIONS)


def test_replaced_changes_only_what_it_is_told(missions):
    before = missions["yin2020"]
    after = before.replaced({"stations.1.receiver_efficiency": 0.2, "source.fidelity": "9e-1"})
    assert (after.stations[1].receiver_efficiency, after.source.fidelity) == (0.2, 0.9)
    assert after.stations[0] == before.stations[0]
    assert before.stations[1].receiver_efficiency != 0.2
    assert (after.path, after.origins) == (before.path, before.origins)
    assert before.replaced({}).content_hash == before.content_hash


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("stations.0.altitude", 1, "stations.0.altitude is not a key of this scenario"),
        ("nowhere.else", 1, "nowhere.else is not a key of this scenario"),
        ("stations.7.altitude_m", 1, "stations.7.altitude_m is not a key of this scenario"),
        ("stations.first.altitude_m", 1, "stations.first.altitude_m is not a key of this scenario"),
        ("stations.0.altitude_m.x", 1, "stations.0.altitude_m.x is not a key of this scenario"),
        ("source.fidelity", 1.1, "source.fidelity=1.1 is wrong, input should be less than or equal to 1"),
    ],
)
def test_replaced_refuses_what_a_file_could_not_say(missions, key, value, text):
    with pytest.raises(ScenarioError) as error:
        missions["yin2020"].replaced({key: value})
    assert text in str(error.value)
    assert str(error.value).startswith(str(missions["yin2020"].path))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"source.bell_weights": {"psi_plus": 1}}, "describe the same state: give one of the two"),
        ({"source.fidelity": None}, "fidelity and bell_weights describe the same state: give one of the two"),
        (
            {"source.fidelity": None, "source.bell_weights": {"psi_plus": 0.9, "phi_plus": 0.2}},
            "bell_weights sum to 1.1: they must sum to 1",
        ),
        (
            {"source.fidelity": None, "source.bell_weights": {"psi_plus": 0.4, "phi_plus": 0.6}},
            "bell_weights are largest for phi_plus, but bell_state=psi_plus is intended: give that state the largest",
        ),
        ({"source.fidelity": None, "source.bell_weights": {"psi": 1}}, "source.bell_weights"),
        ({"source.fidelity": None, "source.bell_weights": {"psi_plus": 1.2, "phi_plus": -0.2}}, "source.bell_weights"),
    ],
)
def test_a_source_has_one_state(missions, values, text):
    with pytest.raises(ScenarioError) as error:
        missions["yin2020"].replaced(values)
    assert text in str(error.value)


def test_a_state_that_is_not_given_by_weights_leaves_no_trace_in_the_hash(missions):
    mixed = missions["yin2020"].replaced({"source.fidelity": None, "source.bell_weights": {"psi_plus": 1}})
    assert mixed.content_hash != missions["yin2020"].content_hash
    assert mixed.source.bell_weights == {"psi_plus": 1}
    assert "bell_weights" in missions["yin2020"].model_dump()["source"]


def _places(node, path=()):
    yield path
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from _places(child, (*path, key))


KEYS = st.sampled_from(["value", "kind", "aperture_m", *ORIGINS]) | st.text(max_size=5)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.datetimes()
    | st.sampled_from(["5.9e6", "1.2 m", "../x", "psi_plus", "active", "37 22 44 N", "2018-01-01T00:00:00Z", 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=examples(120), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_a_file_it_loads_or_is_refused_in_one_sentence(data, trees):
    """Random mutations of valid trees: nothing but a ScenarioError comes out, on one line, naming the file first."""
    tree = copy.deepcopy(trees[data.draw(st.sampled_from(MISSIONS))])
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(list(_places(tree))[1:]))
        parent = tree
        for part in place[:-1]:
            parent = parent[part]
        action = data.draw(st.sampled_from(["replace", "remove", "rename", "double"]))
        if action == "remove":
            del parent[place[-1]]
        elif action == "rename" and isinstance(parent, dict):
            parent[data.draw(st.text(max_size=8))] = parent.pop(place[-1])
        elif action == "double" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[place[-1]]))
        else:
            parent[place[-1]] = data.draw(ANYTHING)
    path = Path("mission.yaml")
    with (
        patch("satqkd.scenario.reading.yaml.load", return_value=tree),
        patch.object(Path, "read_text", return_value=""),
    ):
        try:
            scenario = load_scenario(path)
        except ScenarioError as error:
            assert str(error).startswith(f"{path}: ")
            assert len(str(error).splitlines()) == 1
        else:
            assert len(scenario.content_hash) == 64


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_typed_into_a_file_it_loads_or_is_refused_in_one_sentence(data, texts, tmp_path):
    """The same with characters instead of values, and tags, anchors and the like among them."""
    text = texts[data.draw(st.sampled_from(MISSIONS))]
    typed = st.text(max_size=4) | st.sampled_from(
        [
            "&a",
            "*a",
            "!!int ",
            "!!timestamp ",
            "!!bool x",
            "!!binary x",
            "<<: ",
            "? ",
            "- ",
            "%",
            "|\n",
            "{",
            "]",
            "\t",
            "0b_",
            "0x",
            "1:99",
            "2016-13-45",
            "=",
            "\x00",
            "\x85",
            "\ufeff",
        ]
    )
    start = data.draw(st.integers(0, len(text)))
    text = text[:start] + data.draw(typed) + text[start + data.draw(st.integers(0, 3)) :]
    path = tmp_path / "mission.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        load_scenario(path)
    except ScenarioError as error:
        assert str(error).startswith(f"{path}: ")
        assert len(str(error).splitlines()) == 1


class _Texts(yaml.SafeLoader):
    """YAML as an editor sees it: times are text."""


_Texts.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def test_the_committed_schema_is_that_of_the_model(root):
    """Write it anew with json.dumps(satqkd.scenario.json_schema(), indent=1, sort_keys=True)."""
    committed = (root / "data/scenarios/scenario.schema.json").read_text()
    assert committed == json.dumps(json_schema(), indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("name", MISSIONS)
def test_the_experiments_follow_the_schema(schema, texts, name):
    schema.validate(yaml.load(texts[name], _Texts))


@pytest.mark.parametrize(
    ("old", "new"),
    [(PAIR_RATE, "pair_rate_hz: 5.9e6"), (PAIR_RATE, "pair_rate_hz: 59"), (LATITUDE, "latitude_deg: 37 22 44.43 N")],
)
def test_the_schema_takes_what_loads(schema, texts, changed, old, new):
    changed(old, new)
    schema.validate(yaml.load(texts["yin2020"].replace(old, new, 1), _Texts))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (APERTURE, "aperture_cm: 18"),
        (APERTURE, "aperture_m: 11"),
        (APERTURE, "aperture_m: -1"),
        (APERTURE, "aperture_m: 1.2 m"),
        (APERTURE, "aperture_m: {value: 1}"),
        (APERTURE, "aperture_m: {value: 1, published: a, assumed: b}"),
        ("kind: entangled", "kind: single"),
        ("name: nanshan", "name: Nan Shan"),
    ],
)
def test_the_schema_refuses_what_does_not_load(schema, texts, message, old, new):
    message(old, new)
    with pytest.raises(jsonschema.ValidationError):
        schema.validate(yaml.load(texts["yin2020"].replace(old, new, 1), _Texts))
