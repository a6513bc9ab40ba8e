"""What the benchmarks measure, where it is not a time."""

import subprocess
import sys

import numpy as np


def test_the_peak_of_a_child_does_not_include_its_parent(root):
    held = np.ones(20_000_000)
    command = [sys.executable, "-c", "from benchmarks.pair import peak_mb; print(peak_mb())"]
    peak_mb = int(subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout)
    assert 0 < peak_mb < held.nbytes / 1e6
