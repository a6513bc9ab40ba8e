"""Stage 2: the link budget."""

import numpy as np
import pytest
import xarray as xr

from satqkd.channel import COMPONENTS, link_budget, observables, to_db
from satqkd.channel.atmosphere import air_mass, extinction_db
from satqkd.channel.diffraction import captured_fraction
from satqkd.channel.pointing import pointing_variance
from satqkd.dataset import load, save

MISSIONS = ["yin2017", "liao2017", "yin2020", "tiangong2"]


def losses(channel, component):
    return channel.loss.sel(component=component).values


@pytest.mark.parametrize("name", MISSIONS)
def test_losses_add_up(channels, name):
    channel = channels[name]
    assert tuple(channel.component.values) == COMPONENTS
    np.testing.assert_allclose(channel.loss.sum("component"), channel.attenuation, rtol=1e-14)
    np.testing.assert_allclose(to_db(channel.transmittance), channel.attenuation, rtol=1e-14)
    assert float(channel.loss.min()) >= -1e-12
    assert np.all((channel.transmittance.values > 0) & (channel.transmittance.values < 1))


@pytest.mark.parametrize("name", MISSIONS)
def test_the_total_counts_detectors_where_the_paper_does(missions, channels, name):
    scenario, channel = missions[name], channels[name]
    total = channel.attenuation.sum("station").values
    if scenario.channel.attenuation_includes_detectors:
        for station in scenario.stations:
            total = total - 10 * np.log10(np.mean([d.efficiency for d in station.detectors]))
    np.testing.assert_allclose(channel.total_attenuation, total, rtol=1e-14)
    assert scenario.channel.attenuation_includes_detectors == (name == "yin2017")


@pytest.mark.parametrize("name", MISSIONS)
def test_dimensions_and_units(orbits, channels, name):
    channel = channels[name]
    link = ("time", "station")
    dims = {
        "loss": (*link, "component"),
        "attenuation": link,
        "transmittance": link,
        "fading_variance": link,
        "total_attenuation": ("time",),
    }
    units = {
        "loss": "dB",
        "attenuation": "dB",
        "transmittance": "1",
        "fading_variance": "1",
        "total_attenuation": "dB",
        "beam_diameter": "m",
        "distance": "m",
        "range": "m",
    }
    assert {variable: channel[variable].dims for variable in dims} == dims
    assert {variable: channel[variable].attrs["units"] for variable in units} == units
    assert all(channel[variable].attrs["long_name"] for variable in units)
    assert (channel.time.values == orbits[name].time.values).all()
    assert (channel.session_number.values == orbits[name].session_number.values).all()
    assert (channel.measurement.values == orbits[name].measurement.values).all()
    assert channel.attrs["stage"] == "channel"


@pytest.mark.parametrize("name", MISSIONS)
def test_components_follow_their_formulas(missions, orbits, channels, name):
    scenario, orbit, channel = missions[name], orbits[name], channels[name]
    assert losses(channel, "transmitter") == pytest.approx(to_db(scenario.transmitter.optics_efficiency))
    for i, station in enumerate(scenario.stations):
        here = channel.isel(station=i)
        assert losses(here, "receiver") == pytest.approx(to_db(station.receiver_efficiency))
        np.testing.assert_allclose(
            losses(here, "atmosphere"),
            extinction_db(orbit.elevation.values[:, i], zenith_extinction_db=station.zenith_extinction_db),
        )
        np.testing.assert_allclose(
            losses(here, "diffraction"),
            to_db(
                captured_fraction(
                    orbit.range.values[:, i],
                    aperture_m=station.aperture_m,
                    obscuration_m=station.obscuration_m,
                    divergence_full_angle_rad=tuple(scenario.transmitter.divergence_rad),
                )
            ),
        )
        assert np.all(losses(here, "turbulence") < 0.02)
        assert np.ptp(losses(here, "pointing")) == 0


def test_the_field_stop_costs_what_its_seeing_makes_of_it(missions, orbits, channels):
    """27 urad at 810 nm over 3153 m: 0.23 dB at the zenith, 1.25 dB at 19 degrees, and nothing without a stop."""
    stop_db = losses(channels["yin2020"], "field stop")
    elevation_deg = orbits["yin2020"].elevation.values
    order = np.argsort(elevation_deg[:, 0])
    at_19_and_60 = np.interp([19, 60], elevation_deg[order, 0], stop_db[order, 0])
    np.testing.assert_allclose(at_19_and_60, [1.25, 0.28], atol=0.01)
    assert (np.diff(stop_db[order, 0]) <= 0).all()
    open_field = missions["yin2020"].replaced({f"stations.{i}.field_of_view_urad": None for i in range(2)})
    before = link_budget(open_field, orbits["yin2020"])
    assert np.abs(losses(before, "field stop")).max() == 0
    np.testing.assert_allclose(channels["yin2020"].attenuation - before.attenuation, stop_db, atol=1e-9)


def test_a_small_mirror_takes_its_share_of_the_axis(missions, orbits):
    """Far from the satellite: area of the mirror times the peak of the Gaussian, 2 / (pi w^2)."""
    channel = link_budget(
        missions["liao2017"].replaced(
            {"stations.0.aperture_m": 0.1, "transmitter.divergence_full_angle_urad": [20, 30]}
        ),
        orbits["liao2017"],
    )
    w = np.outer(channel.range.values[:, 0], [10e-6, 15e-6])
    expected = 0.05**2 * 2 / w.prod(axis=1)
    np.testing.assert_allclose(losses(channel, "diffraction")[:, 0], -10 * np.log10(expected), atol=1e-3)


@pytest.mark.parametrize(
    ("key", "factor", "component", "change_db"),
    [
        ("transmitter.optics_efficiency", 0.5, "transmitter", 10 * np.log10(2)),
        ("stations.0.receiver_efficiency", 0.1, "receiver", 10.0),
    ],
)
def test_a_worse_part_changes_its_own_loss_alone(missions, orbits, channels, key, factor, component, change_db):
    mission, before = missions["liao2017"], channels["liao2017"]
    node = mission.model_dump()
    for part in key.split("."):
        node = node[int(part)] if isinstance(node, tuple | list) else node[part]
    after = link_budget(mission.replaced({key: node * factor}), orbits["liao2017"])
    difference = after.loss - before.loss
    assert difference.sel(component=component).values == pytest.approx(change_db)
    assert np.abs(difference.drop_sel(component=component)).max() == 0


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("stations.0.zenith_extinction_db", (0.1, 1, 4)),
        ("transmitter.pointing_jitter_urad", (0, 0.5, 2)),
        ("transmitter.divergence_full_angle_urad", (6, 10, 40)),
        ("stations.0.field_of_view_urad", (60, 30, 10)),
        ("stations.0.obscuration_m", (0, 0.2, 0.5)),
        ("channel.ground_cn2", (1e-16, 1e-14, 1e-12)),
    ],
)
def test_losses_rise_with_what_makes_them(missions, orbits, key, values):
    missions = [missions["liao2017"].replaced({key: value}) for value in values]
    low, middle, high = (link_budget(mission, orbits["liao2017"]).attenuation.values for mission in missions)
    assert np.all((low < middle) & (middle < high))


@pytest.mark.parametrize("name", MISSIONS)
def test_losses_never_fall_with_range(channels, name):
    channel = channels[name]
    for i in range(channel.sizes["station"]):
        order = np.argsort(channel.range.values[:, i])
        assert np.all(np.diff(losses(channel, "diffraction")[order, i]) >= -1e-9)
        order = np.argsort(-channel.elevation.values[:, i])
        assert np.all(np.diff(losses(channel, "atmosphere")[order, i]) >= -1e-9)


@pytest.mark.parametrize("name", MISSIONS)
def test_fading_is_weak_and_strongest_near_the_horizon(channels, name):
    for i in range(channels[name].sizes["station"]):
        link = channels[name].isel(station=i)
        assert np.all((link.fading_variance.values > 0) & (link.fading_variance.values < 0.5))
        assert link.fading_variance.values[np.argmin(link.elevation.values)] == link.fading_variance.values.max()


def test_fading_is_of_scintillation_and_of_pointing(missions, orbits):
    """Independent factors: their relative variances plus one multiply."""
    mission = missions["liao2017"]
    still, moving = (
        link_budget(mission.replaced({"transmitter.pointing_jitter_urad": jitter}), orbits["liao2017"]).fading_variance
        for jitter in (0, 1.2)
    )
    pointing = pointing_variance(1.2e-6, tuple(mission.transmitter.divergence_rad))
    assert pointing > 0.01
    np.testing.assert_allclose((1 + moving) / (1 + still), 1 + pointing)


@pytest.mark.parametrize("name", MISSIONS)
def test_a_fibre_would_bridge_the_baseline_or_the_longest_range(orbits, channels, name):
    expected = orbits[name].baseline if name.startswith("yin") else orbits[name].longest_range.max()
    assert float(channels[name].distance) == float(expected)


def test_observables_read_the_showcase(channels):
    channel = channels["yin2020"]
    shown = channel.isel(time=channel.session_number.values == channel.attrs["showcase"])
    values = {name: value for name, (value, _) in observables(channel).items()}
    assert values["attenuation"] == [float(shown.total_attenuation.min()), float(shown.total_attenuation.max())]
    high = shown.total_attenuation.values[(shown.elevation.values >= 15).all(axis=1)]
    assert 0 < high.size < shown.sizes["time"]
    assert values["attenuation_above_15deg"] == [high.min(), high.max()]
    assert values["receiver_loss"] == pytest.approx(float(losses(shown, "receiver")[0, 0]))


def test_quoted_losses_are_those_at_the_quoted_range(channels):
    channel = channels["tiangong2"]
    values = {name: value for name, (value, _) in observables(channel).items()}
    approach = channel.isel(station=0, time=slice(0, 60))
    assert float(approach.range[0]) > 7e5 > float(channel.range[-1, 0])
    second = int(np.argmin(np.abs(approach.range.values - 7e5)))
    a_second_db = 0.1
    assert values["diffraction_loss_quoted"] == pytest.approx(losses(approach, "diffraction")[second], abs=a_second_db)
    assert values["diffraction_loss_quoted"] == pytest.approx(23.20, abs=0.01)
    assert values["geometric_loss_quoted"] == pytest.approx(20 * np.log10(24.5 / 1.2), abs=1e-3)
    assert values["beam_diameter_quoted"] == pytest.approx(35e-6 * 7e5)
    assert "beam_diameter_quoted" not in observables(channels["yin2020"])


@pytest.mark.parametrize("way", [1, -1])
def test_the_ends_of_a_session_belong_to_it(channels, way):
    """A loss quoted at the longest range is that of the last second, or of the first where the satellite comes from."""
    channel = channels["liao2017"].isel(time=slice(None, None, way)).copy()
    farthest = int(np.argmax(channel.range.values[:, 0]))
    channel.attrs["quoted_range_m"] = float(channel.range[farthest, 0])
    values = observables(channel)
    assert values["diffraction_loss_quoted"][0] == losses(channel, "diffraction")[farthest, 0]


def test_files_keep_everything(channels, tmp_path):
    save(channels["yin2017"], tmp_path / "channel.nc")
    xr.testing.assert_identical(load(tmp_path / "channel.nc"), channels["yin2017"])


def test_the_loss_is_finite_at_every_elevation_that_a_scenario_may_ask_for(missions, orbits):
    """It grows towards the horizon."""
    elevation_deg = np.concatenate([[0.0], np.geomspace(1e-12, 1.0, 60), np.linspace(1.0, 89.99, 1000)[1:]])
    orbit = orbits["liao2017"].isel(time=np.zeros(elevation_deg.size, int))
    orbit = orbit.assign(elevation=orbit.elevation.copy(data=elevation_deg[:, None]))
    channel = link_budget(missions["liao2017"], orbit)
    loss, fading = channel.attenuation.values[:, 0], channel.fading_variance.values[:, 0]
    assert np.isfinite(channel.loss.values).all() and np.isfinite(fading).all() and (fading > 0).all()
    assert (np.diff(loss) <= 1e-9).all()
    assert float(channel.transmittance.min()) > 0


def test_each_session_has_the_air_of_its_night(missions, orbits):
    """Drawn sessions differ in the atmosphere alone, in proportion to the air mass, and hardly within a pass."""
    scenario, orbit = missions["yin2020"], orbits["yin2020"]
    stated = link_budget(scenario, orbit, seed=3)
    assert (stated.loss == link_budget(scenario, orbit).loss).all()
    nights = {"channel.nights.sessions": "drawn", "orbit.measurement_nights": "stated"}
    drawn, again, other = (link_budget(scenario.replaced(nights), orbit, seed=seed) for seed in (3, 3, 4))
    assert (drawn.loss == again.loss).all() and (drawn.loss != other.loss).any()
    more = drawn.loss - stated.loss
    others = [name for name in COMPONENTS if name != "atmosphere"]
    assert (more.sel(component=others) == 0).all()
    zenith_db = more.sel(component="atmosphere").values / air_mass(orbit.elevation.values)
    nights = [zenith_db[orbit.session_number.values == session] for session in range(orbit.sizes["session"])]
    within = max(float(np.ptp(night, axis=0).max()) for night in nights)
    between = np.std([night.mean(axis=0) for night in nights], axis=0)
    assert (between > 5 * within).all()
    assert np.abs(zenith_db[:, 0] - zenith_db[:, 1]).max() > 5 * within  # the stations have skies of their own
