"""Recordings that are longer than the memory: many tags take as much memory as few."""

import subprocess
import sys

import pytest

SIZES = 1 << 22, 1 << 24
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
READ = """
from benchmarks.pair import memory_mb
from satqkd.detection import tag_chunks, write_tags
for piece in tag_chunks("{folder}/{size}.{name}"):
    pass
print(memory_mb("VmHWM"))
"""
# The library's threads fill their caches in the first millions of tags, so these are converted twice.
CONVERT = """
from benchmarks.pair import memory_mb
from satqkd.detection import tag_chunks, write_tags
for _ in range(2):
    write_tags(tag_chunks("{folder}/{size}.{name}"), "{folder}/{size}.zarr", "alice")
print(memory_mb("VmHWM"))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "writing", "reading"),
    [
        ("ptu", WRITE, READ),
        ("csv", WRITE, READ),
        ("h5", WRITE, READ),
        ("parquet", WRITE_IN_ONE_GROUP, READ),
        ("a1", WRITE, CONVERT),
    ],
)
def test_memory_does_not_grow_with_the_tags(name, writing, reading, root, tmp_path):
    def run(code, **names):
        done = [sys.executable, "-c", code.format(folder=str(tmp_path), name=name, **names)]
        return subprocess.run(done, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout

    run(writing, sizes=SIZES)
    few_mb, many_mb = (int(run(reading, size=size)) for size in SIZES)
    assert many_mb - few_mb < A_QUARTER * MB_A_TAG * (SIZES[1] - SIZES[0]), (few_mb, many_mb)
