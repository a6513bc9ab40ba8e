"""Arguments of an account, one row for each point: what broadcasting gives."""

import numpy as np
import pytest

from satqkd.key.proofs.points import rows_of


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3)])
def test_rows_are_those_of_broadcasting(shape):
    rng = np.random.default_rng(1)
    vectors = rng.random((*shape, 3)), rng.random(3), rng.random((*shape[-1:], 3))
    numbers, choices = (rng.random(shape), 0.5), (2, np.arange(np.prod(shape, dtype=int)).reshape(shape))
    found, rows = rows_of(vectors, numbers, choices)
    assert found == shape
    for given, row in zip((*vectors, *numbers, *choices), rows, strict=True):
        width = row.shape[1:]
        wanted = np.broadcast_to(given, (*shape, *width)).reshape(-1, *width)
        for i, one in enumerate(wanted):
            assert np.array_equal(row[min(i, len(row) - 1)], one)
        assert row.flags.c_contiguous and row.flags.writeable
        assert row.dtype in (np.float64, np.int64)


def test_no_compiled_function_relies_on_a_cache_that_processes_write_together(root):
    """numba's cached gufuncs crash where two processes have compiled one at the same time."""
    for path in (root / "src").rglob("*.py"):
        assert "@guvectorize" not in path.read_text(), path
