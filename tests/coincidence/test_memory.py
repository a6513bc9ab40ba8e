"""Recordings of pairs that are longer than the memory: ten times the tags take as much of it."""

import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest
import xarray as xr
import zarr

from satqkd.coincidence import coincidences, recover_clock, spool, streams
from satqkd.coincidence.health import mean_delay_by_second
from satqkd.coincidence.spool import Spool
from satqkd.detection import write_tags
from satqkd.scenario import load_scenario

SECOND_PS = 10**12
PAIRS_HZ, NOISE_HZ = 60_000, 40_000
FEW_S, MANY_S = 20, 100
MB_A_TAG = 9e-6
# Tags in memory would take all of what was added, their times alone eight ninths.
A_QUARTER = 0.25
# Pieces and chunks are small, so that their buffers are full in either recording.
MATCH = """
from satqkd import dataset
from satqkd.coincidence import coincidences, streams
from satqkd.scenario import load_scenario
dataset.CHUNK, streams.PIECE = 1 << 15, 1 << 16
halves = {{f"measurements.{{m}}.duration_s": {half} for m in (0, 1)}}
scenario = load_scenario({scenario!r}).replaced(halves)
data = coincidences(scenario, None, {tags!r}, path={path!r})
print(data.sizes["coincidence"], *data.finding_kind.values)
"""


def recording(seconds, seed, pairs_hz=PAIRS_HZ, noise_hz=NOISE_HZ):
    """The tags of each second at one station: pairs that both stations have, and noise of its own."""
    for second in range(seconds):
        pairs = np.random.default_rng([1, second]).integers(0, SECOND_PS - 10**6, pairs_hz)
        rng = np.random.default_rng([seed, second])
        noise = rng.integers(0, SECOND_PS - 10**6, noise_hz)
        tags = np.sort(np.concatenate([pairs + rng.normal(10_000, 300, pairs.size).astype(np.int64), noise]))
        detector = rng.integers(0, 4, tags.size).astype(np.uint8)
        yield xr.Dataset({"time": ("tag", tags + (1 + second) * SECOND_PS), "detector": ("tag", detector)})


def written(folder, seconds):
    folder.mkdir()
    for seed, name in enumerate(("alice", "bob"), 2):
        write_tags(recording(seconds, seed), folder / "detection.zarr", name)
    zarr.open_group(folder / "detection.zarr", mode="a").attrs.update(seed=0, run=1)
    return folder


def in_small_pieces(monkeypatch):
    """Let pieces of a few tags go through files."""
    monkeypatch.setattr(streams, "PIECE", 1009)
    monkeypatch.setattr(spool, "HELD_BYTES", 5000)


@pytest.mark.parametrize("held_bytes", [0, 20, 1000])
def test_a_column_is_the_same_in_memory_and_in_a_file(held_bytes, monkeypatch, tmp_path):
    monkeypatch.setattr(spool, "HELD_BYTES", held_bytes)
    column, pieces = Spool(np.int64, tmp_path), [[1, 2], [], [3, 4, 5], [6]]
    for n, piece in enumerate(pieces, 1):
        column.append(np.array(piece))
        assert column.array().tolist() == sum(pieces[:n], [])
    assert column.size == 6 and not list(tmp_path.iterdir())


def test_an_empty_column():
    assert Spool(np.float64).array().shape == (0,)


def test_mean_delays_in_pieces_have_the_same_bits(monkeypatch):
    rng = np.random.default_rng(4)
    time_ps, delay_ps = np.sort(rng.integers(0, 5 * SECOND_PS, 5000)), rng.integers(-1250, 1250, 5000)
    whole = mean_delay_by_second(time_ps, delay_ps, 6)
    in_small_pieces(monkeypatch)
    assert np.array_equal(whole, mean_delay_by_second(time_ps, delay_ps, 6), equal_nan=True)
    assert whole[0][2] == pytest.approx(1e-12 * delay_ps[time_ps // SECOND_PS == 2].mean())


def test_a_clock_from_pieces_has_the_same_bits(monkeypatch, tmp_path):
    """Its delay bends, so that the curve is fitted as well."""
    rng = np.random.default_rng(5)
    a = np.sort(rng.integers(0, 10 * SECOND_PS, 20_000))
    b = np.sort(a + 10**6 + np.rint(3000 * np.sin(2 * a / SECOND_PS) + rng.normal(0, 300, a.size)).astype(np.int64))
    whole = recover_clock(a, b, reach_s=1e-3)
    in_small_pieces(monkeypatch)
    pieces = recover_clock(a, b, reach_s=1e-3, folder=tmp_path)
    assert whole.wander_s.any()
    assert all(np.array_equal(value, getattr(pieces, name)) for name, value in vars(whole).items())


@pytest.mark.slow
def test_the_size_of_pieces_changes_no_result_of_recordings(root, monkeypatch, tmp_path):
    """One of them jumps by a second, so that the search for it is done in pieces as well."""
    scenario = load_scenario(root / "data/scenarios/recorded_example.yaml")
    scenario = scenario.replaced({"measurements.0.duration_s": 6, "measurements.1.duration_s": 4})
    for seed, name in enumerate(("alice", "bob"), 2):
        tags = recording(10, seed, pairs_hz=2000, noise_hz=400)
        late = (piece.assign(time=piece.time + SECOND_PS * (seed == 3 and n >= 6)) for n, piece in enumerate(tags))
        write_tags(late, tmp_path / "detection.zarr", name)
    zarr.open_group(tmp_path / "detection.zarr", mode="a").attrs.update(seed=0, run=1)
    whole = coincidences(scenario, None, tmp_path / "detection.zarr", path=tmp_path / "whole.nc").load()
    in_small_pieces(monkeypatch)
    pieces = coincidences(scenario, None, tmp_path / "detection.zarr", path=tmp_path / "pieces.nc").load()
    assert pieces.identical(whole)
    assert "jump" in whole.finding_kind.values and whole.sizes["coincidence"] > 10_000


def own_mb(process):
    """The memory of a process that is not mapped from files [MB]: pages of files are given back when it is needed."""
    used = process.memory_info()
    return (used.rss - used.shared) / 1e6


def peak_of_matching(root, folder, seconds):
    """The most memory of a process that matches a recording [MB], and what it prints."""
    names = {"tags": f"{folder}/detection.zarr", "path": f"{folder}/coincidence.nc", "half": seconds // 2}
    code = MATCH.format(scenario=str(root / "data/scenarios/recorded_example.yaml"), **names)
    with psutil.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        peak = 0.0
        while process.poll() is None:
            with suppress(psutil.Error):  # it has just ended
                peak = max(peak, own_mb(process))
            time.sleep(0.002)
        assert process.returncode == 0
        return peak, process.stdout.read().split()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_tags(root, tmp_path):
    peaks = []
    for seconds in (2, FEW_S, MANY_S):  # the first one compiles
        folder = tmp_path / f"{len(peaks)}"
        peak, found = peak_of_matching(root, written(folder, seconds), seconds)
        assert int(found[0]) > 0.9 * seconds * PAIRS_HZ and len(found) == 1
        assert [path.name for path in sorted(folder.iterdir())] == ["coincidence.nc", "detection.zarr"]
        peaks.append(peak)
    added = 2 * (MANY_S - FEW_S) * (PAIRS_HZ + NOISE_HZ)
    assert peaks[2] - peaks[1] < A_QUARTER * MB_A_TAG * added, peaks
