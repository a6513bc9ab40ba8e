"""A computed plan: its table against the stages, its files, and the same bytes again."""

import csv
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from scipy.interpolate import lagrange

from satqkd.analytic import expected
from satqkd.analytic.forecast import expected_counts, secret_bits
from satqkd.analytic.means import with_mean_sky
from satqkd.key.proofs.reasons import REASONS
from satqkd.planner import load_plan, make_plan
from satqkd.planner.calendar import cumulative, nightly
from satqkd.planner.icalendar import calendar, identifiers
from satqkd.planner.nights import night_of
from satqkd.planner.sky import sky_columns
from satqkd.planner.windows import CLOSED, TOO_SHORT
from satqkd.planner.write import save_plan
from satqkd.scenario import ScenarioError, load_scenario

FILES = ("passes.csv", "links.csv", "shares.csv", "plan.ics", "plan.czml", "calendar.svg", "calendar.png")


@pytest.fixture(scope="module")
def example(root):
    """A week of the example."""
    return make_plan(load_plan(root / "data/plans/example.yaml", days=6))


@pytest.fixture(scope="module")
def folder(example, tmp_path_factory):
    path = tmp_path_factory.mktemp("plan")
    save_plan(example, path)
    return path


def seconds(text):
    return pd.to_datetime(text).astype("int64") / 1e9 if isinstance(text, pd.Series) else pd.Timestamp(text).timestamp()


def own_plan(root, tmp_path, scenario, **values):
    """The plan that asks for a scenario's own satellite and stations."""
    for name in ("orbits", "scenarios"):
        (tmp_path / name).symlink_to(root / "data" / name)
    stations = [
        {key: getattr(station, key) for key in ("name", "latitude_deg", "longitude_deg", "altitude_m")}
        for station in scenario.stations
    ]
    tree = {
        "name": "own",
        "title": "own",
        "min_elevation_deg": scenario.orbit.min_elevation_deg,
        "max_age_days": 60,
        "satellites": [{"name": "it", "elements": scenario.orbit.elements, "scenario": scenario.name}],
        "stations": stations,
    }
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/own.yaml").write_text(yaml.safe_dump(tree | values))
    return load_plan(tmp_path / "plans/own.yaml")


@pytest.mark.parametrize(
    ("name", "start", "days"),
    [("liao2017", "2016-12-19", 1), ("tiangong2", "2017-03-25", 2), ("yin2020", "2018-10-01", 1)],
)
def test_a_plan_has_the_session_that_stage_1_finds(root, tmp_path, missions, orbits, channels, name, start, days):
    """Window and counts of the sessions of the three experiments with a key."""
    scenario, orbit, channel = missions[name], orbits[name], channels[name]
    passes = make_plan(own_plan(root, tmp_path, scenario, start=start, days=days)).passes
    open_s, one_second = float(orbit.session_duration[0]), 1.0
    wanted = orbit.session_start.values[0].astype("datetime64[ns]").astype(np.int64) / 1e9
    [row] = [p for p in passes[passes.window_s > 0].itertuples() if abs(seconds(p.window_start_utc) - wanted) < 2]
    assert row.window_s == pytest.approx(open_s, abs=one_second) and row.night
    assert seconds(row.window_start_utc) == pytest.approx(wanted, abs=one_second)
    assert seconds(row.window_end_utc) == pytest.approx(wanted + open_s, abs=one_second + 0.5)
    session = channel.isel(time=channel.session_number.values == 0)
    # The stages count whole seconds and take each at its beginning.
    a_second_at_the_ends = 2 * one_second / open_s
    if scenario.source.kind == "decoy":
        chain = expected(scenario, session)
        assert row.sifted_bits == pytest.approx(chain["sifted_bits"], rel=a_second_at_the_ends)
        assert row.qber == pytest.approx(chain["qber_signal"], rel=a_second_at_the_ends)
    else:
        chain = expected(scenario, session)
        assert 2 * row.sifted_bits == pytest.approx(chain["coincidence_rate"] * open_s, rel=a_second_at_the_ends)


def test_every_row_is_possible(example):
    table = example.passes
    rise, top, end = (seconds(table[f"{name}_utc"]) for name in ("rise", "culmination", "set"))
    assert ((rise <= top) & (top <= end)).all() and rise.is_monotonic_increasing
    assert (table.max_elevation_deg >= example.plan.min_elevation_deg - 0.01).all()
    usable = table[table.window_s > 0]
    assert 20 < len(usable) < len(table) and usable.night.any() and not table.night.all()
    begin, close = seconds(usable.window_start_utc), seconds(usable.window_end_utc)
    assert ((rise[usable.index] <= begin + 1) & (close <= end[usable.index] + 1)).all()
    assert usable.qber.between(0, 0.5).all() and (usable.sifted_bits > usable.secret_bits).all()
    assert (usable.expected_secret_bits <= usable.secret_bits).all()
    closed = table[table.window_s == 0]
    assert (closed.secret_bits == 0).all() and closed.qber.isna().all() and (closed.window_start_utc == "").all()
    assert table.element_age_days.max() <= 6


def test_a_pass_without_key_says_why(example):
    table = example.passes
    assert ((table.no_key == "") == (table.secret_bits > 0)).all()
    closed, opened = table[table.window_s == 0], table[(table.window_s > 0) & (table.secret_bits == 0)]
    assert set(closed.no_key) <= {*CLOSED, TOO_SHORT} and "sun too high" in set(closed.no_key)
    assert len(opened) and set(opened.no_key) <= set(REASONS)
    assert set(example.links.no_key[example.links.pooled_secret_bits > 0]) == {""}


def test_a_night_pass_that_is_too_far_too_bright_or_too_short_says_so(root):
    whole = load_plan(root / "data/plans/example.yaml", days=2)
    plan = whole.model_copy(update={"satellites": whole.satellites[:1], "stations": whole.stations[:1]})
    [(satellite, elements, scenario)] = plan.fleet()
    asked = {
        "too far away": {"max_range_m": 1e5},
        "satellite in sunlight": {"satellite_in_shadow": True, "max_sun_elevation_deg": 90.0},
        "window too short": {"min_duration_s": 1e4},
        "sun too high": {"max_sun_elevation_deg": -90.0},
    }
    for reason, conditions in asked.items():
        changed = scenario.model_copy(update={"orbit": scenario.orbit.model_copy(update=conditions)})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(plan), "fleet", lambda _, changed=changed: [(satellite, elements, changed)])
            forecast = make_plan(plan)
        assert reason in set(forecast.passes.no_key)
        if reason != "satellite in sunlight":
            night = forecast.passes[forecast.passes.night] if reason != "sun too high" else forecast.passes
            assert set(night.no_key) == {reason} and forecast.links.no_key.tolist() == ["no window"]


def test_a_station_with_an_obscured_mirror_sees_less(root):
    plan = load_plan(root / "data/plans/example.yaml", days=2)
    clear, obscured = (
        plan.model_copy(
            update={
                "satellites": plan.satellites[:1],
                "stations": (plan.stations[0].model_copy(update={"obscuration_m": width_m}),),
            }
        )
        for width_m in (0.0, 0.5)
    )
    assert 0.0 < make_plan(obscured).passes.sifted_bits.sum() < make_plan(clear).passes.sifted_bits.sum()


def test_links_add_up(example):
    for link in example.links.itertuples():
        rows = example.passes[(example.passes.satellite == link.satellite) & (example.passes.stations == link.stations)]
        assert link.passes == len(rows) and link.usable_passes == (rows.window_s > 0).sum()
        assert link.secret_bits == pytest.approx(rows.expected_secret_bits.sum(), abs=0.1 * len(rows) + 0.1)
        variance = (rows.expected_secret_bits_sigma**2).sum()
        assert link.secret_bits_sigma == pytest.approx(np.sqrt(variance), rel=1e-3, abs=0.2)
    decoy = example.links[example.links.satellite == "micius"]
    assert (decoy.pooled_secret_bits > decoy.secret_bits).all()


def test_weather_lowers_the_expectation_and_widens_it(root, example):
    clear = make_plan(
        example.plan.model_copy(
            update={
                "satellites": example.plan.satellites[:1],
                "stations": tuple(s.model_copy(update={"cloud_probability": 0.0}) for s in example.plan.stations),
            }
        )
    ).links
    cloudy = example.links[example.links.satellite == "micius"]
    assert (clear.secret_bits.values * cloudy.clear_probability.values) == pytest.approx(cloudy.secret_bits, rel=1e-6)
    assert (clear.secret_bits_sigma.values < cloudy.secret_bits_sigma.values).all()


def test_nights(example):
    table = nightly(example.plan, example.passes)
    assert table.to_numpy()[np.isfinite(table.to_numpy())].sum() == pytest.approx(
        example.passes.expected_secret_bits.sum(), rel=1e-9
    )
    total = sum(mean[-1] for mean, _ in cumulative(example.plan, example.passes).values())
    assert total == pytest.approx(example.passes.expected_secret_bits.sum(), rel=1e-9)
    midnight = np.array(["2018-09-11T00:30"], "datetime64[s]")
    days = [str(night_of(midnight, np.array([longitude]))[0]) for longitude in (-75, 0, 15, 100, 350)]
    assert days == ["2018-09-10", "2018-09-10", "2018-09-10", "2018-09-10", "2018-09-10"]
    noon = np.array(["2018-09-11T05:00"], "datetime64[s]")
    assert [str(night_of(noon, np.array([longitude]))[0]) for longitude in (0, 120)] == ["2018-09-10", "2018-09-11"]


@pytest.mark.slow
def test_the_same_bytes_again(root, example, folder, tmp_path):
    save_plan(make_plan(load_plan(root / "data/plans/example.yaml", days=6)), tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name
    assert (folder / "passes.csv.provenance.json").is_file()


def test_the_table_reads_back(example, folder):
    rows = list(csv.DictReader(io.StringIO((folder / "passes.csv").read_text())))
    assert len(rows) == len(example.passes) and list(rows[0]) == list(example.passes.columns)
    assert b"\r" not in (folder / "passes.csv").read_bytes()


def unfolded(data: bytes) -> list[str]:
    assert data.endswith(b"\r\n") and b"\n" not in data.replace(b"\r\n", b"")
    assert max(len(line) for line in data.split(b"\r\n")) <= 75
    return data.replace(b"\r\n ", b"").decode().removesuffix("\r\n").split("\r\n")


def test_the_calendar_follows_rfc_5545(example, folder):
    lines = unfolded((folder / "plan.ics").read_bytes())
    assert lines[:2] == ["BEGIN:VCALENDAR", "VERSION:2.0"] and lines[-1] == "END:VCALENDAR"
    assert sum(line.startswith("PRODID:") for line in lines) == 1
    events, current = [], None
    for line in lines:
        name, _, value = line.partition(":")
        if line == "BEGIN:VEVENT":
            current = {}
        elif line == "END:VEVENT":
            events.append(current)
            current = None
        elif current is not None:
            assert name not in current
            current[name] = value
    usable = example.passes[example.passes.window_s > 0]
    assert len(events) == len(usable) == len({event["UID"] for event in events})
    for event, row in zip(events, usable.itertuples(), strict=True):
        assert {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY"} <= set(event)
        assert event["DTSTAMP"] == "20180910T000000Z"
        assert event["DTSTART"] == re.sub("[-:]", "", row.window_start_utc)
        assert re.fullmatch(r"\d{8}T\d{6}Z", event["DTEND"]) and event["DTEND"] > event["DTSTART"]
        assert row.stations.split("+")[0] in event["SUMMARY"]


@pytest.mark.parametrize("moved_s", [-5, 3, 14])
def test_events_keep_their_identifiers_when_passes_move_by_seconds(example, moved_s):
    """By 14 s a set of a month is wrong; only a window with its middle that close to a full hour may change."""
    usable = example.passes[example.passes.window_s > 0]
    edges = ["window_start_utc", "window_end_utc"]
    moved = usable.copy()
    for edge in edges:
        later = pd.to_datetime(usable[edge]) + pd.Timedelta(seconds=moved_s)
        moved[edge] = later.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    start, end = (pd.to_datetime(usable[edge]) for edge in edges)
    middle = start + (end - start) / 2
    safe = (middle.dt.floor("h") == (middle + pd.Timedelta(seconds=moved_s)).dt.floor("h")).to_numpy()
    before, after = np.array(identifiers(usable)), np.array(identifiers(moved))
    assert safe.sum() > 0.9 * safe.size and (before[safe] == after[safe]).all()
    assert len(set(after)) == len(usable)


def test_two_windows_of_a_link_within_an_hour_have_identifiers_of_their_own(example):
    usable = example.passes[example.passes.window_s > 0]
    twice = pd.concat([usable, usable], ignore_index=True)
    assert len(set(identifiers(twice))) == len(twice)
    lines = unfolded(calendar(example.plan, twice).encode())
    assert len({line for line in lines if line.startswith("UID:")}) == len(twice)


GEOSTATIONARY = {
    "OBJECT_NAME": "GEO",
    "EPOCH": "2018-09-20T00:00:00",
    "MEAN_MOTION": 1.00273791,
    "ECCENTRICITY": 0.0002,
    "INCLINATION": 0.05,
    "RA_OF_ASC_NODE": 20,
    "ARG_OF_PERICENTER": 0,
    "MEAN_ANOMALY": 0,
    "NORAD_CAT_ID": 100_000_001,
    "BSTAR": 0,
}


@pytest.mark.parametrize("days", [1, 2, 4, 10])
def test_a_satellite_that_is_always_in_view_has_a_window_a_night(root, tmp_path, missions, days):
    """It had one window, the longest night, in a plan of any length."""
    mission = missions["liao2017"]
    orbit = mission.orbit.model_copy(update={"max_range_m": None, "max_duration_s": None})
    conditions = mission.model_copy(update={"orbit": orbit})
    plan = own_plan(root, tmp_path, mission, start="2018-09-20", days=days, min_elevation_deg=20)
    (tmp_path / "plans/micius.csv").write_text(json.dumps([GEOSTATIONARY | {"MEAN_ANOMALY": 81}]))
    [(satellite, elements, _)] = plan.fleet()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(plan), "fleet", lambda _: [(satellite, elements, conditions)])
        passes = make_plan(plan).passes
    # A night of Xinglong lies between 10 h and 22 h UTC: no plan from 0 h UTC cuts one.
    assert len(passes) == days and (passes.window_s > 8 * 3600).all() and (passes.window_s < 13 * 3600).all()
    begin, close = seconds(passes.window_start_utc), seconds(passes.window_end_utc)
    longitude_deg = np.full(days, plan.stations[0].longitude_deg)
    nights = night_of(pd.to_datetime(passes.window_start_utc).dt.tz_localize(None).to_numpy(), longitude_deg)
    assert nights.tolist() == np.arange(np.datetime64("2018-09-20"), np.datetime64("2018-09-20") + days).tolist()
    assert (close.to_numpy()[:-1] < begin.to_numpy()[1:]).all()
    rise, top, end = (seconds(passes[f"{edge}_utc"]) for edge in ("rise", "culmination", "set"))
    assert ((rise <= top) & (top <= end)).all() and (end.to_numpy()[:-1] == rise.to_numpy()[1:]).all()
    assert len(set(identifiers(passes))) == days


def test_czml_shows_the_orbits_and_the_links(example, folder):
    packets = json.loads((folder / "plan.czml").read_text())
    by_id = {packet["id"]: packet for packet in packets}
    assert packets[0]["id"] == "document" and packets[0]["version"] == "1.0" and len(by_id) == len(packets)
    whole = "2018-09-10T00:00:00Z/2018-09-16T00:00:00Z"
    assert packets[0]["clock"]["interval"] == whole
    for station in example.plan.stations:
        place = by_id[f"station/{station.name}"]["position"]["cartographicDegrees"]
        assert place == [station.longitude_deg, station.latitude_deg, station.altitude_m]
    path, satellite = example.trajectories["micius"], by_id["satellite/micius"]
    samples = np.array(satellite["position"]["cartesian"]).reshape(-1, 4)
    assert satellite["availability"] == whole and samples[0, 0] == 0 and samples[-1, 0] == 6 * 86400
    degree = satellite["position"]["interpolationDegree"]
    near, metres = samples[1000 : 1000 + degree + 1], 2.0
    middle = (near[2, 0] + near[3, 0]) / 2
    position = [lagrange((near[:, 0] - middle) / 100, near[:, axis])(0) for axis in (1, 2, 3)]
    assert np.abs(position - path.at(np.array([middle]))[0][0]).max() < metres
    links = [packet for packet in packets if packet["id"].startswith("link/")]
    for link in links:
        ends = [reference.removesuffix("#position") for reference in link["polyline"]["positions"]["references"]]
        assert set(ends) <= set(by_id)
        first, *shown = link["polyline"]["show"]
        assert first == {"interval": whole, "boolean": False} and shown
        assert all(begin < end for begin, end in (entry["interval"].split("/") for entry in shown))
    usable = example.passes[example.passes.window_s > 0]
    assert sum(len(link["polyline"]["show"]) - 1 for link in links) == (usable.stations.str.count(r"\+") + 1).sum()


def test_a_plan_without_a_dark_pass_still_has_its_files(root, tmp_path):
    plan = load_plan(root / "data/plans/example.yaml", days=1)
    none = plan.model_copy(update={"stations": (plan.stations[0],), "satellites": plan.satellites[:1]})
    high = make_plan(none.model_copy(update={"min_elevation_deg": 89.0}))
    assert not len(high.passes) and high.links.passes.tolist() == [0]
    save_plan(high, tmp_path)
    assert all((tmp_path / name).is_file() for name in FILES)


def test_a_satellite_that_comes_down_ends_in_one_sentence(root, tmp_path, missions):
    with (root / "data/orbits/micius.csv").open(newline="") as handle:
        [row] = [row for row in csv.DictReader(handle) if row["EPOCH"].startswith("2018-09-15")]
    plan = own_plan(root, tmp_path, missions["liao2017"], start="2018-09-15", days=60)
    with (tmp_path / "plans/micius.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, row)
        writer.writeheader()
        writer.writerow(row | {"BSTAR": "0.05"})
    with pytest.raises(ScenarioError, match="satellite it: SGP4 gives no position of MICIUS"):
        make_plan(plan)


def test_clouds_for_sure_leave_nothing(root):
    plan = load_plan(root / "data/plans/example.yaml", days=1)
    station = plan.stations[0].model_copy(update={"cloud_probability": 1.0})
    forecast = make_plan(plan.model_copy(update={"stations": (station,), "satellites": plan.satellites[:1]}))
    assert forecast.links.secret_bits.tolist() == [0] and forecast.links.pooled_secret_bits.tolist() == [0]
    assert forecast.passes.secret_bits.max() > 0


def test_the_scenario_of_the_example_is_read_as_it_stands(root, example):
    fleet = {satellite.name: scenario for satellite, _, scenario in example.plan.fleet()}
    assert fleet["micius"].content_hash == load_scenario(root / "data/scenarios/liao2017.yaml").content_hash


def test_a_plan_warns_of_moonlight_and_counts_it(root, tmp_path, missions):
    """A model of the sky gives three columns, and on the same passes more errors where the Moon is bright."""
    tree = yaml.safe_load((root / "data/scenarios/yin2020.yaml").read_text())
    del tree["reference"]
    keys = ("name", "latitude_deg", "longitude_deg", "altitude_m")
    plan = {"name": "own", "title": "own", "min_elevation_deg": 10, "max_age_days": 60}
    plan |= {"start": "2018-10-10", "days": 14}
    plan["stations"] = [{key: getattr(station, key) for key in keys} for station in missions["yin2020"].stations]
    (tmp_path / "plans").mkdir()
    (tmp_path / "scenarios").mkdir()
    tables = []
    for name, sky in (
        ("dark", None),
        ("moonlit", {"filter_nm": 20, "dark_magnitude": 20.2}),
    ):
        for station in tree["stations"]:
            station |= {"background_rate_hz": 0, "field_of_view_urad": 150, "sky": sky and dict(sky)}
        (tmp_path / f"scenarios/{name}.yaml").write_text(yaml.safe_dump(tree | {"name": name}))
        plan["satellites"] = [{"name": "it", "elements": "micius.csv", "scenario": name}]
        (tmp_path / "plans/own.yaml").write_text(yaml.safe_dump(plan))
        passes = make_plan(load_plan(tmp_path / "plans/own.yaml")).passes
        tables.append(passes[passes.window_s > 0].set_index("culmination_utc"))
    dark, moonlit = tables
    assert "sky_hz" not in dark
    assert (moonlit.qber > dark.qber).all()
    new_moon, full_moon = moonlit.index < "2018-10-13", moonlit.index > "2018-10-22"
    assert (moonlit.bright_sky[new_moon] == "").all()
    assert (moonlit.bright_sky[full_moon] == "moon").any()
    warned = moonlit.sky_hz[moonlit.bright_sky == "moon"]
    assert warned.min() > moonlit.sky_hz[new_moon].median()


def by_twilight(missions, sun_deg):
    """A pass of liao2017 through a field of 100 urad: its scenario with the mean sky, counts, and the warning."""
    sky = {"stations.0.sky": {"filter_nm": 20, "dark_magnitude": 20.2}, "stations.0.field_of_view_urad": 100}
    scenario, session_s = missions["liao2017"].replaced(sky), np.full((1, 1), 270.0)
    nodes = {"range_m": np.full((1, 1, 1), 8e5), "elevation_deg": np.full((1, 1, 1), 40.0)}
    angles = {"elevation": 40, "azimuth": 0, "moon_elevation": -20, "moon_separation": 90, "moon_phase_angle": 90}
    angles |= {"sun_elevation": sun_deg, "sun_separation": 90}
    seen = xr.Dataset({name: (("time", "station"), [[float(angle)]]) for name, angle in angles.items()})
    constant = with_mean_sky(scenario, seen, weights_s=session_s[0])
    counts = expected_counts(constant, **nodes, weights_s=session_s)
    return constant, counts, sky_columns(scenario, seen, session_s).bright_sky[0]


def test_twilight_makes_errors_and_a_warning_where_it_is_most_of_the_light(missions):
    found = {sun_deg: by_twilight(missions, sun_deg) for sun_deg in (-30, -15, -12, -9)}
    assert [warning for _, _, warning in found.values()] == ["", "", "twilight", "twilight"]
    errors = [counts.qber()[0][0] for _, counts, _ in found.values()]
    assert errors == sorted(errors)
    assert errors[1] - errors[0] < 0.001 < errors[2] - errors[0] < 0.01 < errors[3] - errors[0]


@pytest.mark.slow
def test_what_twilight_costs_a_pass(missions):
    """With the Sun 15 degrees down a pass loses a hundredth of its key, at 12 a fifth and at 9 all of it."""
    keys = {}
    for sun_deg in (-30, -15, -12, -9):
        constant, counts, _ = by_twilight(missions, sun_deg)
        keys[sun_deg] = secret_bits(constant, counts)[0][0]
    assert 0.97 < keys[-15] / keys[-30] < 1
    assert 0.7 < keys[-12] / keys[-30] < 0.9
    assert keys[-9] == 0


@pytest.mark.slow
def test_a_plan_counts_twilight_and_names_it(root, tmp_path):
    """In one night of May it is dark at 40 degrees of latitude, astronomical twilight at 58 and nautical at 66."""
    tree = yaml.safe_load((root / "data/scenarios/liao2017.yaml").read_text())
    del tree["reference"], tree["relay"], tree["orbit"]["survey"]
    plan = {
        "name": "own",
        "title": "own",
        "min_elevation_deg": 10,
        "max_age_days": 60,
        "start": "2017-05-04",
        "days": 2,
    }
    plan["stations"] = [
        {"name": name, "latitude_deg": latitude, "longitude_deg": 117, "altitude_m": 0}
        for name, latitude in (("dark", 40), ("dusk", 58), ("bright", 66))
    ]
    (tmp_path / "plans").mkdir()
    (tmp_path / "scenarios").mkdir()
    tables = []
    for name, sky in (("without", None), ("modelled", {"filter_nm": 20, "dark_magnitude": 20.2})):
        tree["stations"][0] |= {"field_of_view_urad": 100, "sky": sky}
        (tmp_path / f"scenarios/{name}.yaml").write_text(yaml.safe_dump(tree | {"name": name}))
        plan["satellites"] = [{"name": "it", "elements": "micius.csv", "scenario": name}]
        (tmp_path / "plans/own.yaml").write_text(yaml.safe_dump(plan))
        tables.append(make_plan(load_plan(tmp_path / "plans/own.yaml")).passes)
    without, modelled = tables
    assert (without.twilight == modelled.twilight).all()
    is_open = modelled.window_s > 0
    assert (modelled.twilight[~is_open] == "").all()
    for name, twilight in (("dark", ""), ("dusk", "astronomical"), ("bright", "nautical")):
        assert twilight in set(modelled.twilight[is_open & (modelled.stations == name)])
    nautical = modelled.twilight == "nautical"
    assert (modelled.bright_sky[nautical] == "twilight").all()
    assert (modelled.bright_sky[is_open & (modelled.twilight == "")] != "twilight").all()
    assert (modelled.secret_bits[nautical] <= without.secret_bits[nautical]).all()
    assert (modelled.qber - without.qber)[nautical].min() > 0
