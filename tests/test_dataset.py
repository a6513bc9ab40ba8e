"""Random streams, files and provenance."""

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chisquare

from satqkd.dataset import growing, label, load, save, variable
from satqkd.files import MissingResult, finished, hash_of, save_json, save_provenance
from satqkd.streams import random_words, record_key, stream, transmitter_log

ONE_IN_TEN_THOUSAND = 1e-4


def test_streams_do_not_depend_on_the_order_in_which_they_are_opened():
    names = [("yin2020", run, "detection", session) for run in range(3) for session in range(3)]
    forward = {name: stream(7, *name).random(4).tolist() for name in names}
    backward = {name: stream(7, *name).random(4).tolist() for name in reversed(names)}
    assert forward == backward
    assert len({tuple(values) for values in forward.values()}) == len(names)


def test_streams_differ_by_seed_and_by_where_names_end():
    drawn = [stream(1, "ab", "c"), stream(1, "a", "bc"), stream(2, "ab", "c"), stream(1, "abc"), stream(1)]
    assert len({rng.random() for rng in drawn}) == len(drawn)
    assert len({record_key(seed, name) for seed in range(10) for name in "abc"}) == 30


def split_mix(key, counter):
    """SplitMix64 in integers of Python, after its definition: a state of key + counter * gamma, mixed."""
    z = (key + counter * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


@given(
    key=st.integers(0, 2**64 - 1),
    counters=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8),
)
def test_random_words_equal_their_definition(key, counters):
    words = random_words(np.uint64(key), np.array(counters, np.int64))
    assert words.tolist() == [split_mix(key, counter) for counter in counters]


def test_random_words_are_those_of_the_published_generator():
    # The first outputs of SplitMix64 with seed 1234567, a test vector that several libraries share.
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert random_words(np.uint64(1234567), np.arange(1, 5)).tolist() == published


@given(order=st.permutations(range(20)))
def test_a_record_can_be_looked_up_in_any_order(order):
    words = random_words(np.uint64(5), np.arange(20))
    assert (random_words(np.uint64(5), np.array(order)) == words[list(order)]).all()


@pytest.mark.parametrize("shares", [(0.5, 0.25, 0.25), (0.72, 0.18, 0.1), (0.001, 0.999 - 1e-6, 1e-6)])
def test_the_transmitter_sends_what_the_shares_say(shares):
    pulses = np.arange(10**6, dtype=np.int64) * 37 + 10**10
    intensity, basis, bit = transmitter_log(record_key(3, "log"), pulses, np.array(shares))
    cells = np.bincount(intensity * 4 + basis * 2 + bit, minlength=12)
    expected = np.repeat(shares, 4) / 4 * pulses.size
    enough = expected >= 5
    assert cells[~enough].sum() <= expected[~enough].sum() + 6 * np.sqrt(expected[~enough].sum()) + 1
    statistic = ((cells - expected)[enough] ** 2 / expected[enough]).sum()
    assert chi2.sf(statistic, enough.sum() - 1) > ONE_IN_TEN_THOUSAND


def test_neighbouring_pulses_are_independent():
    intensity, basis, bit = transmitter_log(record_key(3, "log"), np.arange(400_000), np.array([0.5, 0.25, 0.25]))
    for values in (intensity == 0, basis == 0, bit == 0):
        pairs = np.bincount(values[:-1] * 2 + values[1:], minlength=4)
        assert chisquare(pairs).pvalue > ONE_IN_TEN_THOUSAND


def example(scenario):
    size = 3000
    data = xr.Dataset(
        {
            "range": variable(("time", "station"), np.linspace(0, 1e6, 2 * size).reshape(size, 2), "m", "range"),
            "count": variable("time", np.arange(size, dtype=np.int64) * 10**12, "1", "counts"),
            "sunlit": variable("time", np.arange(size) % 2 == 0, "1", "sunlit"),
            "small": variable((), np.nan, "1", "a number that is none"),
        },
        coords={
            "time": np.datetime64("2018-10-01T18:11:07.210776133") + np.arange(size) * np.timedelta64(1, "s"),
            "station": ["delingha", "nanshan"],
            "session": ("session", np.arange(3, dtype=np.int16)),
        },
        attrs={"showcase": 1},
    )
    return label(data, "orbit", scenario, seed=5)


def test_what_is_saved_is_loaded_again(missions, tmp_path):
    data = example(missions["yin2020"])
    save(data, tmp_path / "orbit.nc")
    again = load(tmp_path / "orbit.nc")
    xr.testing.assert_identical(again, data)
    assert all(values.dtype == data.variables[name].dtype for name, values in again.variables.items())


def test_saving_twice_gives_the_same_bytes(missions, tmp_path):
    for name in ("one.nc", "two.nc"):
        save(example(missions["yin2020"]), tmp_path / name)
    assert (tmp_path / "one.nc").read_bytes() == (tmp_path / "two.nc").read_bytes()
    save(load(tmp_path / "one.nc"), tmp_path / "two.nc")
    xr.testing.assert_identical(load(tmp_path / "one.nc"), load(tmp_path / "two.nc"))


def test_labels_name_scenario_version_and_seed_and_no_time_of_day(missions):
    data = example(missions["yin2020"])
    assert data.attrs["scenario_hash"] == missions["yin2020"].content_hash
    assert set(data.attrs) == {
        "Conventions",
        "title",
        "stage",
        "scenario",
        "scenario_hash",
        "satqkd_version",
        "seed",
        "showcase",
    }


@pytest.mark.parametrize("folder", [False, True])
def test_an_interrupted_result_leaves_nothing(tmp_path, folder):
    with pytest.raises(KeyboardInterrupt), finished(tmp_path / "deep" / "result") as draft:
        if folder:
            draft.mkdir()
            (draft / "part").write_text("half")
        else:
            draft.write_text("half")
        raise KeyboardInterrupt
    assert list((tmp_path / "deep").iterdir()) == []


@pytest.mark.parametrize("folder", [False, True])
def test_an_interrupted_result_leaves_the_old_one(tmp_path, folder):
    result = tmp_path / "result"
    for text, fails in (("old", False), ("new", True)):
        try:
            with finished(result) as draft:
                if folder:
                    draft.mkdir()
                (draft / "part" if folder else draft).write_text(text)
                if fails:
                    raise OSError("disk full")
        except OSError:
            assert fails
    assert (result / "part" if folder else result).read_text() == "old"
    assert list(tmp_path.iterdir()) == [result]


def test_a_folder_replaces_a_folder(tmp_path):
    for name in ("a", "b"):
        with finished(tmp_path / "result") as draft:
            draft.mkdir()
            (draft / name).write_text(name)
    assert [path.name for path in (tmp_path / "result").iterdir()] == ["b"]


def test_the_hash_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert hash_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def folder_of(path, files):
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def test_the_hash_of_a_folder_is_of_names_and_contents(tmp_path):
    files = [{"a": "bc"}, {"ab": "c"}, {"a": "bcd"}, {"a": "", "bc": ""}, {"x/a": "bc"}, {"a": "b", "c": ""}]
    hashes = [hash_of(folder_of(tmp_path / str(i), content)) for i, content in enumerate(files)]
    assert len(set(hashes)) == len(files)
    assert hash_of(folder_of(tmp_path / "again", files[0])) == hashes[0]


def test_provenance_names_what_went_in(tmp_path):
    save_json({"b": 1, "a": 2}, tmp_path / "in.json")
    save_json({}, tmp_path / "result.json")
    save_provenance(tmp_path / "result.json", [tmp_path / "in.json"])
    record = json.loads((tmp_path / "result.json.provenance.json").read_text())
    assert record["inputs"] == {"in.json": hash_of(tmp_path / "in.json")}
    assert record["result"] == "result.json"
    assert (tmp_path / "in.json").read_text() == '{\n "a": 2,\n "b": 1\n}\n'


def test_what_lies_along_a_dimension_may_be_left_in_the_file(tmp_path):
    long, short = np.arange(5000), np.arange(3)
    data = xr.Dataset({"long": ("event", long), "short": ("basis", short)}, coords={"basis": [0, 1, 2]})
    save(data, tmp_path / "a.nc")
    left = load(tmp_path / "a.nc", leave="event")
    assert left.identical(load(tmp_path / "a.nc"))
    assert left.short.variable._in_memory and not left.long.variable._in_memory
    assert left.long[10:20].values.tolist() == long[10:20].tolist()
    assert not left.long.variable._in_memory  # nor is it kept when it was asked for
    left.close()


@given(parts=st.lists(st.lists(st.integers(0, 255), max_size=20), min_size=1, max_size=20))
@pytest.mark.slow
def test_a_data_set_that_grows_holds_all_rows_and_no_more(parts, tmp_path_factory):
    path, rest = tmp_path_factory.mktemp("growing") / "a.nc", xr.Dataset({"rate": ("second", np.arange(2000))})
    with growing(path, "event") as (append, finish):
        for rows in parts:
            wide, narrow = (variable("event", np.array(rows, kind), "1", "") for kind in (np.int64, np.uint8))
            append({"wide": wide, "narrow": narrow})
        assert not path.exists()
        finish(rest)
    found, expected = load(path), np.concatenate([np.array(rows, int) for rows in parts])
    assert found.wide.dtype == np.int64 and found.narrow.dtype == np.uint8
    assert found.wide.values.tolist() == found.narrow.values.tolist() == expected.tolist()
    assert found.rate.identical(rest.rate) and found.wide.attrs["units"] == "1"


def test_a_data_set_that_stops_growing_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="enough"), growing(tmp_path / "a.nc", "event") as (append, _):
        append({"wide": variable("event", np.arange(5), "1", "")})
        raise RuntimeError("enough")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("leave", [None, "coincidence"])
def test_a_data_set_that_is_not_there_yet_is_one_sentence(tmp_path, leave):
    """A notebook shows it without a traceback."""
    with pytest.raises(MissingResult, match="key.nc does not exist yet: run make results first") as raised:
        load(tmp_path / "key.nc", leave=leave)
    (shown,) = raised.value._render_traceback_()
    assert shown == f"MissingResult: {raised.value}" and "\n" not in shown
