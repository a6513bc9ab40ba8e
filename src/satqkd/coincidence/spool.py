"""Columns of numbers that grow piece by piece: in memory while they are short, then in a file without a name."""

from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike

# A longer column is in a file [bytes].
HELD_BYTES = 1 << 20


class Spool:
    """A column that may be longer than the memory; nothing is left of its file when it is no longer used.

    Parameters
    ----------
    dtype : DTypeLike
    folder : str or Path, optional
        Where the file is made, on a disk that has room for it; by default the system's folder of temporary files.

    Attributes
    ----------
    size : int
        How many numbers it has.

    Examples
    --------
    >>> column = Spool(np.int64)
    >>> column.append(np.array([1, 2]))
    >>> column.append(np.array([5]))
    >>> column.array().tolist()
    [1, 2, 5]
    """

    def __init__(self, dtype: DTypeLike, folder: str | Path | None = None) -> None:
        self._dtype, self._folder = np.dtype(dtype), folder
        self._held: list[np.ndarray] = []
        self._file: IO[Any] | None = None
        self.size = 0

    def append(self, values: np.ndarray) -> None:
        """Add numbers at the end."""
        self._held.append(np.array(values, self._dtype))
        self.size += values.size
        if self._file is None and self.size * self._dtype.itemsize > HELD_BYTES:
            # It has no name from the beginning, so that it is gone however the process ends.
            self._file = TemporaryFile(dir=self._folder)  # noqa: SIM115 - open as long as the column
        if self._file is not None:
            for part in self._held:
                self._file.write(part.tobytes())
            self._held = []

    def __del__(self) -> None:
        # What is mapped stays open.
        if self._file is not None:
            self._file.close()

    def array(self) -> np.ndarray:
        """Return all numbers as one array, mapped from the file if there is one: its pages are read when used.

        It may be sorted in place: the column is then sorted too, or its copy in memory.
        """
        if self._file is None:
            return np.concatenate([np.empty(0, self._dtype), *self._held])
        self._file.flush()
        return np.asarray(np.memmap(self._file, self._dtype, mode="r+", shape=(self.size,)))
