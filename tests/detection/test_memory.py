"""Recordings that are longer than the memory: many tags take as much memory as few."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr
from pyarrow import parquet

from satqkd.detection import write_tags

FEW, MANY = 1 << 22, 1 << 24
MB_A_TAG, MB_A_PULSE = 9e-6, 1e-6
# A reader that kept its tags would grow by all of what was added; one that kept the times by eight ninths.
A_QUARTER = 0.25
WRITE = """
from pathlib import Path
from benchmarks.recordings import write
for size in {sizes}:
    write(Path({folder!r}, f"{{size}}.{name}"), size)
"""
WRITE_IN_ONE_GROUP = """
import numpy, pandas
from benchmarks.recordings import pieces
for size in {sizes}:
    time, detector = (numpy.concatenate(columns) for columns in zip(*pieces(size)))
    table = pandas.DataFrame({{"time_ps": time, "detector": detector}})
    table.to_parquet(f"{folder}/{{size}}.{name}", row_group_size=size)
"""
WRITE_WITH_SETTINGS = """
import numpy, pandas
from benchmarks.recordings import pieces
for size in {sizes}:
    time, detector = (numpy.concatenate(columns) for columns in zip(*pieces(size)))
    table = pandas.DataFrame({{"time_ps": time, "detector": detector, "basis": detector & 1}})
    table.to_parquet(f"{folder}/{{size}}.{name}", row_group_size=size)
"""
READ_WITH_SETTINGS = """
from collections import Counter
from pathlib import Path
from benchmarks.pair import peak_mb
from satqkd.detection.columns import read_parquet
from satqkd.detection.turned import ascending_with_settings, settings_of_tags
path = Path("{folder}/{size}.{name}")
tags, settings = read_parquet(path, 1 << 20, Counter()), settings_of_tags(path, "parquet", "basis")
for piece in ascending_with_settings(path, tags, settings, Counter(), earliest_ps=0, disorder_ps=0):
    pass
print(peak_mb())
"""
READ = """
from benchmarks.pair import peak_mb
from satqkd.detection import tag_chunks, write_tags
for piece in tag_chunks("{folder}/{size}.{name}"):
    pass
print(peak_mb())
"""
# The library's threads fill their caches in the first millions of tags, by an amount that varies: convert twice as many
# tags, twice. Parquet's reader of tags with settings fills its caches, too: it gets twice as many.
CONVERT = """
from benchmarks.pair import peak_mb
from satqkd.detection import tag_chunks, write_tags
for _ in range(2):
    write_tags(tag_chunks("{folder}/{size}.{name}"), "{folder}/{size}.zarr", "alice")
print(peak_mb())
"""
IMPORT = """
from benchmarks.pair import memory_mb
from satqkd import load_scenario
from satqkd.detection import import_recordings
import_recordings(load_scenario("{folder}/pulses_example.yaml"), "{folder}/detection.zarr")
print(memory_mb("VmHWM"))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "many", "writing", "reading"),
    [
        ("ptu", MANY, WRITE, READ),
        ("csv", MANY, WRITE, READ),
        ("h5", MANY, WRITE, READ),
        ("parquet", MANY, WRITE_IN_ONE_GROUP, READ),
        ("parquet", 2 * MANY, WRITE_WITH_SETTINGS, READ_WITH_SETTINGS),
        ("a1", 2 * MANY, WRITE, CONVERT),
    ],
)
def test_memory_does_not_grow_with_the_tags(name, many, writing, reading, root, tmp_path):
    def run(code, **names):
        done = [sys.executable, "-c", code.format(folder=str(tmp_path), name=name, **names)]
        return subprocess.run(done, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout

    sizes = FEW, many
    run(writing, sizes=sizes)
    few_mb, many_mb = (int(run(reading, size=size)) for size in sizes)
    assert many_mb - few_mb < A_QUARTER * MB_A_TAG * (many - FEW), (few_mb, many_mb)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_log_of_a_transmitter(root, tmp_path):
    """The library's buffers grow by some 30 MB; the states alone would by a byte a pulse."""
    (tmp_path / "recordings").mkdir()
    time = 1_000_000 * np.arange(400)
    tags = xr.Dataset({"time": ("tag", time), "detector": ("tag", np.arange(400, dtype=np.uint8) % 4)})
    write_tags(tags, tmp_path / "recordings/example_receiver.a1")
    scenario = (root / "data/scenarios/pulses_example.yaml").read_text()

    def peak_mb(size):
        folder = tmp_path / f"{size}"
        folder.mkdir()
        (folder / "pulses_example.yaml").write_text(scenario.replace("example_log", f"{size}"))
        rows = np.random.default_rng(1).integers(0, [[4], [2], [2]], (3, FEW), np.uint8)
        piece = pa.table({"intensity": np.array([0, 0, 1, 2], np.uint8)[rows[0]], "basis": rows[1], "bit": rows[2]})
        with parquet.ParquetWriter(tmp_path / f"recordings/{size}.parquet", piece.schema) as log:
            for _ in range(size // FEW):
                log.write_table(piece)
        code = IMPORT.format(folder=folder)
        done = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, stdout=subprocess.PIPE, text=True)
        return int(done.stdout)

    few_mb, many_mb = peak_mb(4 * FEW), peak_mb(24 * FEW)
    assert many_mb - few_mb < MB_A_PULSE * 20 * FEW, (few_mb, many_mb)
