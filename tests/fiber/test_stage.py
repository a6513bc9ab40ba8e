"""Stage 7: the satellite against fibre, by hand."""

import numpy as np
import pytest
import xarray as xr

from satqkd.dataset import load, save
from satqkd.fiber import compare, observables
from satqkd.key import distill

JULIAN_YEAR_S = 365.25 * 86400


def channel(total_db, *, distance_m, used=None, range_m=None):
    """A link of one or two stations, whose loss includes detectors of 50 per cent."""
    total = np.array(total_db, float)
    each = np.sqrt(10 ** (-total / 10)) / 0.5
    return xr.Dataset(
        {
            "distance": ((), distance_m),
            "total_attenuation": ("time", total),
            "transmittance": (("time", "station"), np.stack([each] * (2 if range_m is None else 1), axis=1)),
            "measurement": ("time", np.zeros(total.size, int) if used is None else used),
            "range": (("time", "station"), np.ones((total.size, 2)) if range_m is None else np.array(range_m)[:, None]),
        }
    )


def key(length, duration_s, bound):
    return xr.Dataset(
        {"length": ("bound", [length]), "duration": ((), duration_s)},
        coords={"bound": [bound]},
        attrs={"compared_bound": bound},
    )


@pytest.fixture
def two_downlinks(missions):
    """1203 km at 68 dB: the numbers of yin2017 by hand."""
    links = channel([68, 68, 90], distance_m=1203e3, used=[0, 0, -1])
    return missions["yin2017"], compare(missions["yin2017"], links, key(50.0, 250.0, "yin2020"))


def test_advantage_over_the_same_baseline(two_downlinks):
    _, data = two_downlinks
    np.testing.assert_allclose(data.fiber, [0.2, 0.16, 0.13, 0.095])
    np.testing.assert_allclose(data.loss, [240.6, 192.48, 156.39, 114.285])
    np.testing.assert_allclose(data.advantage, (np.array([240.6, 192.48, 156.39, 114.285]) - 68) / 10)
    values = {name: value for name, (value, _) in observables(data).items()}
    assert values["advantage_0.2"] == pytest.approx(17.26)
    assert values["whole_advantage_0.2"] == 17
    assert values["whole_advantage_0.16"] == 12
    assert values["whole_advantage_limit"] == [4, 8]


def test_rates_through_the_fibre(two_downlinks):
    """A pair source in the middle, 50 per cent detectors, half of the coincidences sifted."""
    _, data = two_downlinks
    expected = 5.9e6 * 10**-24.06 * 0.5**2 / 2
    assert float(data.sifted_rate[0]) == pytest.approx(expected)
    assert float(data.years_per_bit[0]) == pytest.approx(1 / expected / JULIAN_YEAR_S)
    assert float(data.plob[0]) == pytest.approx(10**-24.06 / np.log(2), rel=1e-6)
    np.testing.assert_allclose(data.plob_rate, data.plob * 5.9e6)
    assert float(data.satellite_key_rate) == 0.2


def test_the_satellite_loses_its_mean_transmittance(missions):
    """From pairs to coincidences, also where the publication's attenuation leaves out the detectors."""
    links = channel([60, 70], distance_m=1120e3)
    data = compare(missions["yin2020"], links, key(1.0, 1.0, "yin2020"))
    first, second = (np.mean([d.efficiency for d in s.detectors]) for s in missions["yin2020"].stations)
    mean = (1e-6 + 1e-7) / 2 * first * second / 0.5**2
    assert float(data.satellite_loss) == pytest.approx(-10 * np.log10(mean))


@pytest.mark.parametrize(
    ("name", "ideal_rate_hz"),
    [
        ("liao2017", 1e10 * 1e-24 * 0.5),
        ("yin2017", 1e7 * 1e-24),
        ("tiangong2", 1e10 * 1e-20),
    ],
)
def test_an_ideal_source_in_fibre(missions, name, ideal_rate_hz):
    mission = missions[name]
    data = compare(mission, channel([30.0], distance_m=1e6), key(1.0, 1.0, mission.key.bound))
    values = observables(data)
    assert values["ideal_rate"] == (pytest.approx(ideal_rate_hz), "1/s")
    assert values["ideal_years_per_bit"] == (pytest.approx(1 / ideal_rate_hz / JULIAN_YEAR_S), "year")


def test_one_downlink_is_compared_at_its_longest_range(missions):
    links = channel([50, 40, 45], distance_m=1.2e6, range_m=[1.2e6, 6e5, 9e5])
    data = compare(missions["liao2017"], links, key(3e5, 273.0, "chernoff"))
    assert float(data.satellite_loss) == 50
    np.testing.assert_allclose(data.advantage, (1.2e3 * data.fiber - 50) / 10)
    signal = 1e8 * 0.5 * 0.8
    assert float(data.sifted_rate[0]) == pytest.approx(signal * 1e-24 * 0.5 / 2)
    np.testing.assert_allclose(data.plob_rate, data.plob * 1e8)


def test_the_end_of_the_chain(pulses, tmp_path):
    distilled = distill(pulses.scenario, pulses.coincidence)
    data = compare(pulses.scenario, pulses.channel, distilled)
    assert float(data.distance) == pytest.approx(7.19e5, rel=1e-3)
    assert float(data.satellite_key_rate) == pytest.approx(float(distilled.length.sel(bound="chernoff")) / 143)
    assert np.all(np.diff(data.advantage) < 0)
    save(data, tmp_path / "fiber.nc")
    xr.testing.assert_identical(load(tmp_path / "fiber.nc"), data)
    assert all(values.attrs["units"] for values in data.data_vars.values())
