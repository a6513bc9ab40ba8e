"""Recordings that are longer than the memory: many tags take as much memory as few."""

import subprocess
import sys

import pytest

FEW, MANY = 1 << 22, 1 << 24
MB_A_TAG = 9e-6
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
