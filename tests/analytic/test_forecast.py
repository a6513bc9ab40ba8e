"""What passes will yield against the stages' own chain, and the deviations against Monte Carlo."""

import numpy as np
import pytest

from satqkd.analytic import expected
from satqkd.analytic.forecast import (
    Counts,
    expected_counts,
    key_length,
    no_key,
    pooled_secret_bits,
    secret_bits,
)
from satqkd.orbit import frames
from satqkd.planner.plan import placed
from satqkd.planner.planfile import PlanStation

DRAWS = 3000
# The deviation of so many draws is itself uncertain by 1.3 %; a shift of one sigma leaves curvature of about as much.
SIX_PER_CENT = 0.06


def track(passes=3, nodes=40, duration_s=280.0, stations=1):
    """Made-up passes at 500 km: range and elevation of each at evenly spaced nodes, and equal weights."""
    along_m = np.linspace(-1e6, 1e6, nodes) * np.ones((passes, 1))
    beside_m = np.linspace(1e5, 6e5, passes)[:, None]
    range_m = np.sqrt(along_m**2 + beside_m**2 + 5e5**2)[..., None] * np.ones(stations)
    elevation_deg = np.degrees(np.arcsin(5e5 / range_m))
    weights_s = np.full((passes, nodes), duration_s / nodes)
    return {"range_m": range_m, "elevation_deg": elevation_deg, "weights_s": weights_s}


@pytest.fixture(params=["liao2017", "tiangong2", "yin2020"])
def mission(request, missions):
    """A decoy source under either kind of proof, and one of pairs, over links that give key in one pass."""
    if request.param == "liao2017":
        return missions["liao2017"]
    proof = {"key.bound": "tomamichel2012"} if request.param == "yin2020" else {}
    stations = missions[request.param].stations
    return missions[request.param].replaced(
        proof | {f"stations.{i}.receiver_efficiency": 0.8 for i in range(len(stations))}
    )


@pytest.fixture
def counts(mission):
    return expected_counts(mission, **track(stations=len(mission.stations)))


def drawn(counts, rng, clear=None):
    """Counts as nature would draw them: fading, then Poisson, and whole passes lost to clouds."""
    ones = [1] * (counts.mean.ndim - 1)
    fading = rng.standard_normal((DRAWS, len(counts.mean), *ones)) * counts.fading.reshape(-1, *ones)
    found = rng.poisson(np.maximum(counts.mean + counts.photons * fading, 0))
    if clear is None:
        return found.astype(float), counts.duration_s
    sky = rng.random((DRAWS, len(counts.mean))) < clear
    return (found * sky.reshape(*sky.shape, *ones)).sum(axis=1).astype(float), (sky * counts.duration_s).sum(axis=1)


def test_deviation_of_the_key_of_each_pass(mission, counts):
    mean, sigma = secret_bits(mission, counts)
    found = key_length(mission)(*drawn(counts, np.random.default_rng(3)))
    sure = mean > 6 * sigma
    assert sure.any()
    assert found.std(axis=0)[sure] == pytest.approx(sigma[sure], rel=SIX_PER_CENT)
    four_sigma = 4 * sigma[sure] / np.sqrt(DRAWS)
    assert np.abs(found.mean(axis=0) - mean)[sure] == pytest.approx(
        0, abs=float((four_sigma + 0.05 * sigma[sure]).max())
    )


def test_deviation_of_sifted_bits_and_error_rate(mission, counts):
    found, _ = drawn(counts, np.random.default_rng(4))
    bits = (found[..., 0] if mission.source.kind == "decoy" else found).sum(axis=2)
    sifted, sifted_sigma = counts.sifted()
    qber, qber_sigma = counts.qber()
    assert bits.sum(axis=2).std(axis=0) == pytest.approx(sifted_sigma, rel=SIX_PER_CENT)
    assert bits.sum(axis=2).mean(axis=0) == pytest.approx(sifted, rel=1e-2)
    rate = bits[..., 1] / bits.sum(axis=2)
    assert rate.mean(axis=0) == pytest.approx(qber, rel=2e-2)
    assert rate.std(axis=0) == pytest.approx(qber_sigma, rel=SIX_PER_CENT)


def test_deviation_of_the_pooled_key_with_clouds(mission):
    many = expected_counts(mission, **track(passes=40, stations=len(mission.stations)))
    mean, sigma = pooled_secret_bits(mission, many, 0.6)
    found = key_length(mission)(*drawn(many, np.random.default_rng(5), clear=0.6))
    assert mean > 6 * sigma
    assert found.std() == pytest.approx(sigma, rel=SIX_PER_CENT)
    assert found.mean() == pytest.approx(mean, abs=0.15 * sigma)


def test_pooling_never_gives_less_than_the_best_pass(mission, counts):
    each, _ = secret_bits(mission, counts)
    assert pooled_secret_bits(mission, counts, 1.0)[0] >= each.max()
    assert pooled_secret_bits(mission, counts, 0.0) == (0.0, 0.0)


def test_a_pass_of_no_light_gives_no_key_and_no_error(missions):
    dark = missions["liao2017"].replaced({"stations.0.receiver_efficiency": 1e-12})
    counts = expected_counts(dark, **track())
    mean, sigma = secret_bits(dark, counts)
    assert (mean == 0).all() and (sigma == 0).all()
    assert counts.qber()[0] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("name", ["liao2017", "tiangong2"])
def test_the_sum_over_seconds_is_that_of_the_chain(missions, channels, name):
    mission, channel = missions[name], channels[name]
    used = channel.isel(time=channel.measurement.values >= 0)
    counts = expected_counts(
        mission,
        range_m=used.range.values[None],
        elevation_deg=used.elevation.values[None],
        weights_s=np.ones((1, used.sizes["time"])),
    )
    chain = expected(mission, channel)
    assert counts.sifted()[0][0] == pytest.approx(chain["sifted_bits"], rel=1e-9)
    assert counts.qber()[0][0] == pytest.approx(chain["qber_signal"], rel=1e-9)
    vacuum = (
        counts.mean[0, :, :, 2].sum() / used.sizes["time"] / mission.source.pulse_rate_hz / mission.source.shares[2]
    )
    assert 2 * vacuum == pytest.approx(chain["yield_vacuum"], rel=1e-9)


def test_pairs_of_the_chain(missions, channels):
    mission, channel = missions["yin2020"], channels["yin2020"]
    used = channel.isel(time=channel.measurement.values == 0)
    counts = expected_counts(
        mission,
        range_m=used.range.values[None],
        elevation_deg=used.elevation.values[None],
        weights_s=np.ones((1, used.sizes["time"])),
    )
    chain = expected(mission, channel)
    (z, x), wrong = counts.mean[0].sum(axis=1), counts.mean[0, :, 1]
    assert counts.sifted()[0][0] == pytest.approx(chain["key_sifted"], rel=1e-9)
    assert counts.qber()[0][0] == pytest.approx(chain["qber"], rel=1e-9)
    assert wrong / (z, x) == pytest.approx([chain["qber_z"], chain["qber_x"]], rel=1e-9)


def test_receivers_go_to_the_stations_of_the_plan(missions):
    stations = (
        PlanStation(name="nanshan", latitude_deg=1, longitude_deg=2, altitude_m=3, background_rate_hz=5),
        PlanStation(name="elsewhere", latitude_deg=4, longitude_deg=5, altitude_m=6, aperture_m=0.3),
    )
    there = placed(missions["yin2020"], stations)
    delingha, nanshan = missions["yin2020"].stations
    assert [station.name for station in there.stations] == ["nanshan", "elsewhere"]
    assert there.stations[0].detectors == nanshan.detectors and there.stations[1].detectors == delingha.detectors
    assert there.stations[0].latitude_deg == 1 and there.stations[0].background_rate_hz == 5
    assert there.stations[1].aperture_m == 0.3 and there.stations[0].aperture_m == nanshan.aperture_m
    assert frames.geodetic_to_itrs(there.stations[1].latitude_deg, 5, 6) == pytest.approx(
        frames.geodetic_to_itrs(4, 5, 6)
    )


def test_counts_are_frozen():
    counts = Counts(np.ones((1, 2, 2)), np.ones((1, 2, 2)), np.zeros(1), np.ones(1))
    with pytest.raises(AttributeError):
        counts.fading = np.ones(1)


@pytest.mark.parametrize("name", ["liao2017", "yin2020"])
def test_every_proof_that_a_source_admits_gives_a_length(missions, name):
    bright = {f"stations.{i}.receiver_efficiency": 0.8 for i in range(len(missions[name].stations))}
    lengths = {}
    for bound in missions[name].proofs:
        mission = missions[name].replaced(bright | {"key.bound": bound})
        counts = expected_counts(mission, **track(stations=len(mission.stations)))
        mean, sigma = secret_bits(mission, counts)
        pooled, _ = pooled_secret_bits(mission, counts, 0.7)
        assert (mean > 0).all() and (sigma > 0).all() and (sigma < mean).all() and pooled > 0, bound
        lengths[bound] = mean[0]
    assert max(lengths, key=lengths.get) == "asymptotic"


@pytest.mark.filterwarnings("error")
def test_a_pass_without_key_has_its_reason(mission):
    """Too little light for the proof, nothing but noise, and neither light nor noise."""
    stations = range(len(mission.stations))

    def reasons(**station):
        changed = {f"stations.{i}.{key}": value for i in stations for key, value in station.items()}
        scenario = mission.replaced(changed)
        found = expected_counts(scenario, **track(stations=len(mission.stations)))
        (bits, _), (qber, _) = secret_bits(scenario, found), found.qber()
        assert [bool(why) for why in no_key(scenario, found)] == (bits == 0).tolist()
        return set(no_key(scenario, found)), qber

    assert reasons()[0] == {""}
    faint, _ = reasons(receiver_efficiency=mission.stations[0].receiver_efficiency / 300, background_rate_hz=0.0)
    assert faint <= {"block too small", "no single photons", "too many errors", "uncorrelated"} and faint
    noise, qber = reasons(receiver_efficiency=1e-9, background_rate_hz=1e5)
    assert noise == {"uncorrelated"} and qber == pytest.approx(0.5, abs=1e-3)


def test_counts_of_nothing_have_no_error_rate(mission, counts):
    nothing = Counts(0 * counts.mean, 0 * counts.photons, 0 * counts.fading, counts.duration_s)
    assert np.isnan(nothing.qber()).all() and not np.any(nothing.sifted())
    assert not np.any(secret_bits(mission, nothing))
    assert set(no_key(mission, nothing)) == {"no signal"}
