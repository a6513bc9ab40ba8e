"""Light of the sky: limits by hand, and that stage 3 and the analytic chain count it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.analytic import expected_from_orbit
from satqkd.analytic.expected import noise_hz
from satqkd.analytic.means import with_mean_sky
from satqkd.channel import link_budget
from satqkd.detection import read_tags, simulate, sky_background
from satqkd.detection.arrivals import background
from satqkd.detection.figures import rates_figure
from satqkd.detection.rates import PoissonProcess
from satqkd.detection.sky import (
    V_BAND_M,
    dark_sky_radiance,
    glow_ratio,
    moon_magnitude,
    optical_path,
    received_hz,
    scattered_brightness_nl,
    scattered_radiance,
    scattering_function,
    sky_radiance,
    sunlight_ratio,
    surface_magnitude,
    towards_sun,
    twilight_radiance,
)
from satqkd.orbit import find_sessions
from satqkd.scenario import ScenarioError

SKY = {"filter_nm": 20, "dark_magnitude": 20.2}
NIGHT = {
    "elevation_deg": 60.0,
    "azimuth_deg": 10.0,
    "moon_elevation_deg": 50.0,
    "moon_separation_deg": 60.0,
    "moon_phase_angle_deg": 20.0,
    "sun_elevation_deg": -40.0,
    "sun_separation_deg": 120.0,
    "dark_magnitude": 20.2,
    "extinction_mag": 0.172,
    "glow": [],
    "wavelength_m": 810e-9,
}


def test_without_air_nothing_is_scattered_and_no_path_is_longer():
    still = scattered_brightness_nl(
        magnitude=-12.73, light_zenith_deg=30.0, separation_deg=50.0, zenith_deg=20.0, extinction_mag=0.0
    )
    assert float(still) == 0.0
    assert optical_path([0.0, 90.0]) == pytest.approx([1.0, 5.0])  # 1/sqrt(0.04)


def test_the_half_moon_is_ten_times_fainter_than_the_full_one():
    # 0.026 mag a degree over 90 degrees and 0.26 of the fourth power: 2.6 mag, a factor of eleven.
    assert float(moon_magnitude(90.0) - moon_magnitude(0.0)) == pytest.approx(2.34 + 0.2624, abs=1e-3)


def test_light_that_has_set_and_the_new_moon_give_nothing():
    set_moon = sky_radiance(**NIGHT | {"moon_elevation_deg": -0.1})
    assert float(set_moon.moon) == 0.0
    new_moon = sky_radiance(**NIGHT | {"moon_phase_angle_deg": 180.0})
    assert float(new_moon.moon) < 1e-2 * float(new_moon.dark)


@given(st.floats(10, 89), st.floats(0.5, 170), st.floats(1, 180))
def test_a_brighter_moon_or_thicker_air_brightens_the_sky_it_does_not_dim(elevation, separation, phase):
    def moon(**changed):
        return float(
            sky_radiance(
                **NIGHT
                | {"elevation_deg": elevation, "moon_separation_deg": separation, "moon_phase_angle_deg": phase}
                | changed
            ).moon
        )

    assert moon(moon_phase_angle_deg=phase / 2) > moon()
    assert moon(wavelength_m=1550e-9) < moon()


def test_the_scattering_of_either_kind_follows_its_power_of_the_wavelength():
    # At 180 degrees the aerosol term is 1/45 of that of molecules, next to the Moon it is everything.
    twice = 2 * V_BAND_M
    far = scattering_function(180.0, wavelength_m=twice) / scattering_function(180.0)
    near = scattering_function(1.0, wavelength_m=twice) / scattering_function(1.0)
    assert 2**-4 < far < 1.7 * 2**-4
    assert near == pytest.approx(2**-1.3, rel=0.01)


def test_twilight_ends_with_the_sun_18_degrees_down_and_begins_where_it_sets():
    def light(sun_deg):
        return sky_radiance(**NIGHT | {"sun_elevation_deg": sun_deg})

    assert float(light(-18.001).twilight) == 0.0 < float(light(-17.999).twilight)
    assert float(light(-0.001).sun) == 0.0 < float(light(-0.001).twilight)
    assert float(light(0.001).twilight) == 0.0 < float(light(0.001).sun)
    # 2.29 times a zenith of 20.2 at 12 degrees, without the colour between 800 and 810 nm.
    zenith = light(-12.0).twilight / 10 ** (0.3 * (optical_path(30.0) - 1))
    dark = dark_sky_radiance(0.0, zenith_magnitude=20.2, extinction_mag=0.0, wavelength_m=810e-9)
    two_percent = 0.02
    towards_or_away = 10 ** (0.3 * (optical_path(30.0) - 1))
    assert 2.29 * (1 - two_percent) < float(zenith / dark) < 2.29 * (1 + two_percent) * towards_or_away


@given(st.floats(-18, -0.1), st.floats(0.05, 5), st.floats(0, 80), st.floats(-1, 1))
def test_twilight_fades_as_the_sun_sinks_and_is_brighter_low_and_towards_it(sun_deg, less, zenith_deg, towards):
    def light(sun_deg=sun_deg, zenith_deg=zenith_deg, towards=towards):
        return float(twilight_radiance(zenith_deg, sun_elevation_deg=sun_deg, towards=towards, wavelength_m=810e-9))

    assert light(sun_deg - less) < light()
    assert light(zenith_deg=0.0) <= light() <= light(towards=1.0)


def test_the_azimuth_from_the_sun_follows_from_the_angle_to_it():
    # At the horizon, with the Sun on it, the angle is the azimuth; opposite to a Sun 12 degrees down, 30 high: 162.
    assert towards_sun(elevation_deg=0.0, sun_elevation_deg=0.0, sun_separation_deg=60.0) == pytest.approx(0.5)
    assert towards_sun(elevation_deg=30.0, sun_elevation_deg=-12.0, sun_separation_deg=162.0) == pytest.approx(-1.0)
    assert towards_sun(elevation_deg=90.0, sun_elevation_deg=-12.0, sun_separation_deg=102.0) == 0.0


def test_glow_goes_around_the_horizon_and_leaves_the_zenith_dark():
    glow = [(350.0, 4.0), (10.0, 2.0)]
    assert glow_ratio(0.0, 70.0, glow=glow) == pytest.approx(3.0)
    assert glow_ratio([350.0, 10.0, 180.0], 70.0, glow=glow) == pytest.approx([4.0, 2.0, 3.0])
    assert glow_ratio(350.0, 0.0, glow=glow) == 0.0


def test_a_magnitude_of_a_square_arc_second_through_a_telescope_by_hand():
    # One square metre, one square arc second, one nanometre: 1e8 photons of a magnitude zero in the V band.
    radiance = dark_sky_radiance(0.0, zenith_magnitude=20.0, extinction_mag=0.2, wavelength_m=550e-9)
    field_rad = np.sqrt(4 / np.pi) * np.pi / 180 / 3600
    hz = received_hz(
        radiance, aperture_m=np.sqrt(4 / np.pi), obscuration_m=0.0, field_of_view_rad=field_rad, filter_nm=1.0
    )
    assert float(hz) == pytest.approx(9.96e7 * 1e-8, rel=1e-3)


def test_scattered_light_in_the_v_band_is_that_of_its_magnitude():
    nl = 500.0
    dark = dark_sky_radiance(
        0.0, zenith_magnitude=float(surface_magnitude(nl)), extinction_mag=0.0, wavelength_m=V_BAND_M
    )
    assert scattered_radiance(nl, wavelength_m=V_BAND_M) == pytest.approx(float(dark), rel=1e-4)  # printed constants
    assert sunlight_ratio(V_BAND_M) == 1.0


def test_noise_that_varies_has_the_rates_of_its_cells_and_channels():
    rates = np.array([[100.0, 300.0], [900.0, 100.0]])
    edges = np.array([0.0, 10.0, 30.0])
    streams = [np.random.default_rng(seed) for seed in (1, 2)]
    times, channel = background(rates_hz=rates, edges_s=edges, arrivals=PoissonProcess(streams[0]), rng=streams[1])
    seen = np.array(
        [[np.sum((times >= a) & (times < b) & (channel == c)) for c in (0, 1)] for a, b in ((0, 10), (10, 30))]
    )
    expected = rates * np.diff(edges)[:, None]
    five_sigma = 5 * np.sqrt(expected)
    assert (np.abs(seen - expected) < five_sigma).all()


def test_rates_that_do_not_vary_have_the_distribution_of_constant_ones():
    def drawn(rates):
        streams = [np.random.default_rng(seed) for seed in (1, 2)]
        return background(
            rates_hz=rates, edges_s=np.array([0.0, 1.0, 2.0]), arrivals=PoissonProcess(streams[0]), rng=streams[1]
        )

    constant, varying = drawn(np.array([100.0, 300.0])), drawn(np.array([[100.0, 300.0]] * 2))
    assert constant[0].tolist() == varying[0].tolist()
    assert constant[1].tolist() == varying[1].tolist()


@pytest.fixture(scope="module")
def moonlit(missions):
    """Forty seconds of yin2020 two days before full Moon, without other light."""
    scenario = missions["yin2020"].replaced(
        {
            "orbit.search_start": "2018-10-22T12:00:00Z",
            "orbit.search_end": "2018-10-23T00:00:00Z",
            "orbit.min_duration_s": 0,
            "measurements.0.duration_s": 30,
            "measurements.1.duration_s": 10,
            "source.pair_rate_hz": 1e3,
            "stations.0.sky": SKY,
            "stations.0.field_of_view_urad": 150,
            "stations.0.background_rate_hz": 0,
        }
    )
    return scenario, find_sessions(scenario)


def test_stage_3_counts_the_sky_second_by_second(moonlit, tmp_path):
    scenario, orbit = moonlit
    sky = sky_background(scenario, orbit)
    assert (sky.sel(light="moon").isel(station=0) > sky.sel(light="dark").isel(station=0) / 2).all()
    assert (sky.isel(station=1) == 0).all()  # the other station has no model
    truth = simulate(scenario, orbit, link_budget(scenario, orbit), path=tmp_path / "d.zarr", seed=1, run=1)
    used = orbit.measurement.values >= 0
    dark_hz = sum(detector.dark_rate_hz for detector in scenario.stations[0].detectors)
    expected = float(truth.photons[:, 0].sum() + 4 * sky.values[used, 0].sum() + dark_hz * used.sum())
    clicks = read_tags(tmp_path / "d.zarr", "delingha").sizes["tag"]
    five_sigma = 5 * np.sqrt(expected)
    assert abs(clicks - expected) < five_sigma
    assert (truth.sky.values == sky.values).all()
    assert len(rates_figure(truth).axes) == 2


def test_blocks_change_no_click(moonlit, tmp_path):
    scenario, orbit = moonlit
    link = link_budget(scenario, orbit)
    for name, block_s in (("whole.zarr", None), ("parts.zarr", 7.0)):
        simulate(scenario, orbit, link, path=tmp_path / name, seed=1, run=1, block_s=block_s)
    whole, parts = (read_tags(tmp_path / name, "delingha").time.values for name in ("whole.zarr", "parts.zarr"))
    assert (whole == parts).all()


def test_the_analytic_chain_takes_the_mean_sky(moonlit):
    scenario, orbit = moonlit
    constant = with_mean_sky(scenario, orbit)
    used = orbit.measurement.values >= 0
    mean_hz = float(sky_background(scenario, orbit).values[used, 0].sum(axis=1).mean())
    assert constant.stations[0].background_rate_hz == pytest.approx(mean_hz)
    assert constant.stations[1] == scenario.stations[1]
    assert expected_from_orbit(scenario, orbit)["accidental_rate"] == pytest.approx(
        expected_from_orbit(constant, orbit)["accidental_rate"]
    )
    with pytest.raises(ScenarioError, match=r"station delingha has sky.*with_mean_sky"):
        noise_hz(scenario, scenario.stations[0])


def test_a_sky_without_a_field_of_view_is_refused(missions):
    with pytest.raises(ScenarioError, match="sky goes with a field_of_view_urad"):
        missions["liao2017"].replaced({"stations.0.sky": SKY})


def test_a_scenario_without_a_model_has_no_light_of_the_sky_and_the_orbit_no_moon(missions, orbits):
    assert sky_background(missions["yin2020"], orbits["yin2020"]) is None
    assert with_mean_sky(missions["yin2020"], orbits["yin2020"]) is missions["yin2020"]
    assert not [name for name in orbits["yin2020"] if name.startswith("moon")]
