"""Results of the four experiments whose counts are made up, so that what the tables say of them is known."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from satqkd.analytic.expected import pair_rates, pulse_rates
from satqkd.bell.locality import along_baseline_m, trial_timing
from satqkd.dataset import save
from satqkd.papers import figure_tables, read_results

RUNS = 3
ACCIDENTALS = 7.0
DELAY_BINS_PS = (np.arange(200) - 99.5) * 100


def pulse_run(scenario, orbit, channel, rng):
    """Stage 4 of a downlink: sifted bits as expected in each second, and events of which every tenth is wrong."""
    rate = np.zeros(orbit.sizes["time"])
    used = orbit.measurement.values >= 0
    sifted = pulse_rates(scenario, channel.transmittance.values[used, 0])[:, :, 0].sum(axis=(0, 1))
    rate[used] = scenario.source.pulse_rate_hz * scenario.source.shares[0] * sifted
    seconds = np.repeat(np.arange(used.sum()), 10)
    outcome = rng.integers(0, 2, seconds.size)
    events = {
        "time": seconds * 10**12 + 5 * 10**11,
        "intensity": np.zeros(seconds.size, np.uint8),
        "setting_a": np.zeros(seconds.size, np.uint8),
        "setting_b": np.zeros(seconds.size, np.uint8),
        "outcome_a": outcome,
        "outcome_b": outcome ^ (np.arange(seconds.size) % 10 == 0),
    }
    # Decoys and other bases are no business of the error rate.
    others = {name: np.concatenate([values, values[:50]]) for name, values in events.items()}
    others["outcome_b"][-50:] ^= 1
    others["intensity"][-50:-25] = 1
    others["setting_a"][-25:] = 1
    return xr.Dataset(
        {name: ("coincidence", values) for name, values in others.items()}
        | {
            "sifted_rate": ("second", rate),
            "delay_histogram": ("delay_bin", np.rint(1e6 * np.exp(-((DELAY_BINS_PS / 400) ** 2) / 2))),
        },
        coords={"delay_bin": DELAY_BINS_PS},
        attrs={"seed": 7},
    )


def pair_run(scenario, orbit, channel):
    """Stage 4 of two downlinks: in each second the expected true coincidences and its share of accidental ones."""
    _, seconds = np.unique(orbit.session_number.values[orbit.measurement.values >= 0], return_counts=True)
    used = orbit.measurement.values >= 0
    rate = np.zeros(used.size)
    angles_deg = scenario.measurements[0].angles_deg
    true, _ = pair_rates(scenario, channel.transmittance.values[used], angles_deg=angles_deg)
    rate[used] = true.sum(axis=(1, 2, 3, 4))
    rate[used] += ACCIDENTALS / np.repeat(seconds, seconds)
    return xr.Dataset(
        {
            "rate": ("second", rate),
            "accidentals": ("session", np.full(seconds.size, ACCIDENTALS)),
            "session_duration": ("session", seconds),
        },
        attrs={"seed": 7},
    )


def bell_run(scenario, orbit, number):
    """Stage 6: correlations of 0.6, and sixteen right outcomes in equal bases for each wrong one."""
    used = orbit.isel(time=orbit.measurement.values >= 0)
    timing = trial_timing(used.range.values, hold_s=2e-4, random_number_delay_s=2e-7, measurement_delay_s=1e-7)
    sign = np.array([-1, 1, 1, 1])
    equal = np.array([[[2, 32], [32, 2]], [[32, 2], [2, 32]]]) * (1 + number)
    return xr.Dataset(
        {
            "counts": (("setting", "outcome"), np.full((4, 4), 16)),
            "e": ("setting", 0.6 * sign),
            "e_sigma": ("setting", np.full(4, 0.1)),
            "ideal": ("setting", sign / np.sqrt(2)),
            "sign": ("setting", sign),
            "basis_counts": (("basis", "alice_outcome", "bob_outcome"), equal),
            "along_baseline": ("time", along_baseline_m(used.range.values, baseline_m=float(orbit.baseline))),
            "baseline": orbit.baseline,
        }
        | {f"{name}_time": (("time", "station"), values) for name, values in vars(timing).items()},
        coords={"time": used.time, "station": used.station, "session_number": used.session_number},
    )


def tag_run(scenario, orbit, channel, path):
    """Stage 3 of two downlinks: in each second of every session as many clicks as are expected."""
    used = orbit.measurement.values >= 0
    second = ((orbit.time.values - orbit.time.values[0]) / np.timedelta64(1, "s")).astype(int)[used]
    store = zarr.open_group(path, mode="w")
    for index, station in enumerate(scenario.stations):
        seen = np.mean([detector.efficiency for detector in station.detectors])
        signal = scenario.source.pair_rate_hz * seen * channel.transmittance.values[used, index]
        noise = sum(station.background_rate_hz + detector.dark_rate_hz for detector in station.detectors)
        clicks = np.rint(signal + noise).astype(int)
        times = np.repeat(second, clicks) * 10**12 + 5 * 10**11
        sessions = np.bincount(orbit.session_number.values[used], clicks).astype(int)
        group = store.create_group(f"{station.name}/photons")
        for name, values in (("time", times), ("detector", np.zeros(times.size, np.uint8))):
            group.create_array(name, data=values, dimension_names=["tag"], config={"write_empty_chunks": True})
        group.attrs["session_first_tag"] = [0, *np.cumsum(sessions).tolist()]


def key_run(number):
    sifted = np.array([1500, 1600])
    return xr.Dataset({"sifted": ("basis", sifted), "errors": ("basis", [60 + number, 64]), "duration": ((), 3100.0)})


@pytest.fixture(scope="session")
def simulated(tmp_path_factory, missions, orbits, channels) -> dict[str, Path]:
    """Folder of the results by experiment, as the workflow leaves them."""
    rng = np.random.default_rng(1)
    results = {}
    for name, scenario in missions.items():
        orbit, channel, folder = orbits[name], channels[name], tmp_path_factory.mktemp(name)
        save(orbit, folder / "orbit.nc")
        save(channel, folder / "channel.nc")
        for number in range(RUNS):
            run = folder / f"run{number + 1}"
            if scenario.source.kind == "decoy":
                save(pulse_run(scenario, orbit, channel, rng), run / "coincidence.nc")
            else:
                save(pair_run(scenario, orbit, channel), run / "coincidence.nc")
                save(bell_run(scenario, orbit, number), run / "bell.nc")
                save(key_run(number), run / "key.nc")
                if name == "yin2020":
                    tag_run(scenario, orbit, channel, run / "detection.zarr")
        results[name] = folder
    return results


@pytest.fixture(scope="session")
def tables(simulated, missions):
    """Tables of all figures by experiment."""
    previous = simulated["yin2017"] / "channel.nc"
    return {
        name: figure_tables(read_results(scenario, simulated[name], previous if name == "yin2020" else None))
        for name, scenario in missions.items()
    }
