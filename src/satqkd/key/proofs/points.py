"""Arguments of an account, broadcast to one row for each point, for a compiled loop over the rows.

numba's own way, a cached `guvectorize`, is not safe when several processes compile it at the same time: two files of
its cache may then come from different processes, and the next process crashes.
"""

import math

import numpy as np
from numpy.typing import ArrayLike


def rows_of(
    vectors: tuple[ArrayLike, ...], numbers: tuple[ArrayLike, ...], choices: tuple[ArrayLike, ...]
) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """Broadcast arguments that are vectors along their last axis, numbers, and whole numbers.

    Parameters
    ----------
    vectors : tuple of array_like, each shape (..., k)
    numbers, choices : tuple of array_like, each shape (...)

    Returns
    -------
    shape : tuple of int
        Of the points.
    rows : list of ndarray
        The arguments in their order, shape (point, k) of float64, (point,) of float64, and (point,) of int64. What is
        the same for all points has one row: row `min(i, len(rows) - 1)` belongs to point i.

    Examples
    --------
    >>> shape, rows = rows_of(([1.0, 2.0],), ([0.1, 0.2, 0.3],), (1,))
    >>> shape, [row.shape for row in rows]
    ((3,), [(1, 2), (3,), (1,)])
    """
    given = [(np.asarray(vector, float), 1) for vector in vectors]
    given += [(np.asarray(number, float), 0) for number in numbers]
    given += [(np.asarray(choice, np.int64), 0) for choice in choices]
    shape = np.broadcast_shapes(*(values.shape[: values.ndim - axes] for values, axes in given))
    return shape, [_rows(values, shape, values.shape[values.ndim - axes :]) for values, axes in given]


def _rows(values: np.ndarray, shape: tuple[int, ...], row: tuple[int, ...]) -> np.ndarray:
    """Return one row for all points, or a row for each of them."""
    if values.size != math.prod(row):
        values = np.broadcast_to(values, (*shape, *row))
    values = values.reshape(-1, *row)
    return values if values.flags.c_contiguous and values.flags.writeable else values.copy()
