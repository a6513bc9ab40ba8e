"""Read recordings of every format, compared with reading their bytes from the disk.

``python -m benchmarks.recordings FILE`` reads one file and prints tags, CPU seconds and peak of memory.
"""

import gzip
import json
import mmap
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.pair import peak_mb, side_by_side
from satqkd.detection import tag_chunks
from satqkd.detection.columns import write_npy, write_parquet
from satqkd.detection.sfifteen import write_sfifteen

SIZE, PIECE = 10**8, 1 << 20
NAMES = {
    "tags.a1": "S-Fifteen",
    "tags.ptu": "PTU",
    "tags.csv": "CSV",
    "tags.csv.gz": "CSV, compressed by gzip",
    "tags.parquet": "Parquet",
    "tags.h5": "Photon-HDF5",
    "tags.npy": "NPY",
}
HYDRAHARP_T2, UNIT_PS, TURN_BITS = 0x01010204, 4, 25
# Bytes for O_DIRECT: a multiple of any disk's sectors.
BLOCK = 1 << 22


def rows() -> list[dict]:
    """Return for each format the time to read a file that is not in memory, and CPU seconds and memory."""
    result = []
    for name, what in NAMES.items():
        with TemporaryDirectory(dir="results") as folder:  # on the disk, where /tmp may be memory; no commit takes it
            path = Path(folder) / name
            write(path, SIZE)
            result.append(
                side_by_side(
                    f"read {what}, {path.stat().st_size / SIZE:.3g} bytes a tag, not in memory",
                    SIZE,
                    lambda path=path: _read_from_disk(path),
                    lambda path=path: _bytes_from_disk(path),
                    peer_is="its bytes, O_DIRECT",
                    repeats=3,
                )
            )
            command = [sys.executable, "-m", "benchmarks.recordings", str(path)]
            alone = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            result.append({"what": f"read {what}", "unit": "CPU s", "cores": 1} | alone)
    return result


def pieces(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield random ascending tags [ps] at 1 MHz, of four detectors."""
    rng, last = np.random.default_rng(count), 0
    for first in range(0, count, PIECE):
        step = rng.integers(1, 2_000_000, min(PIECE, count - first))
        times = last + np.cumsum(step)
        last = int(times[-1])
        yield times, (step % 4).astype(np.uint8)


def write(path: Path, count: int) -> None:
    """Write a recording as other programs would: CSV by pyarrow, Parquet in groups of a piece."""
    writers = {
        ".a1": write_sfifteen,
        ".ptu": _write_ptu,
        ".csv": _write_csv,
        ".gz": _write_csv,
        ".parquet": write_parquet,
        ".h5": _write_photon_hdf5,
        ".npy": write_npy,
    }
    writers[path.suffix](path, pieces(count))


def _write_csv(path: Path, tags: Iterator) -> None:
    import pyarrow
    from pyarrow import csv

    with gzip.open(path, "wb", 1) if path.suffix == ".gz" else path.open("wb") as file:
        for number, (times, detector) in enumerate(tags):
            table = pyarrow.table({"time_ps": times, "detector": detector})
            csv.write_csv(table, file, csv.WriteOptions(include_header=number == 0))


def _write_photon_hdf5(path: Path, tags: Iterator) -> None:
    import netCDF4

    with netCDF4.Dataset(path, "w") as file:
        group = file.createGroup("photon_data")
        group.createDimension("photon", None)
        columns = [
            group.createVariable(name, kind, ("photon",), compression="zlib", complevel=1, chunksizes=[1 << 16])
            for name, kind in (("timestamps", "i8"), ("detectors", "u1"))
        ]
        group.createGroup("timestamps_specs").createVariable("timestamps_unit", "f8")[...] = 1e-12
        first = 0
        for piece in tags:
            for column, values in zip(columns, piece, strict=True):
                column[first : first + values.size] = values
            first += piece[0].size


def _write_ptu(path: Path, tags: Iterator) -> None:
    """Write records of a HydraHarp in T2; one of overflows precedes each tag in a new turn of the counter."""
    with path.open("wb") as file:
        turn, count = 0, 0
        for _ in range(2):  # the header has the number of records
            file.seek(0)
            file.write(b"PQTTTR\0\0" + b"1.0.00\0\0")
            for name, kind, value in (
                (b"TTResultFormat_TTTRRecType", 0x10000008, HYDRAHARP_T2),
                (b"TTResult_NumberOfRecords", 0x10000008, count),
                (b"MeasDesc_GlobalResolution", 0x20000008, UNIT_PS * 1e-12),
                (b"Header_End", 0xFFFF0008, 0),
            ):
                file.write(struct.pack("<32siI" + ("d" if kind == 0x20000008 else "q"), name, -1, kind, value))
            for times, detector in tags if not count else ():
                ticks = times // UNIT_PS
                turns = ticks >> TURN_BITS
                step = np.diff(turns, prepend=turn)
                records = detector.astype("<u4") << np.uint32(25) | (ticks & (1 << TURN_BITS) - 1).astype("<u4")
                new = np.flatnonzero(step)
                records = np.insert(records, new, (1 << 31 | 63 << 25 | step[new]).astype("<u4"))
                records.tofile(file)
                turn, count = int(turns[-1]), count + records.size


def _read_from_disk(path: Path) -> None:
    _forget(path)
    for _ in tag_chunks(path):
        pass


def _bytes_from_disk(path: Path) -> None:
    _forget(path)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        with mmap.mmap(-1, BLOCK) as buffer:  # O_DIRECT requires memory that begins with a page
            while os.readv(handle, [buffer]):
                pass
    finally:
        os.close(handle)


def _forget(path: Path) -> None:
    """Have the system drop what it holds of a file in memory."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _alone(path: str) -> dict:
    """Read a file; return tags, CPU seconds and the peak of memory of this process alone [MB]."""
    for _ in zip(range(1), tag_chunks(path), strict=False):  # compilation and imports
        pass
    start = time.process_time()
    tags = sum(piece.sizes["tag"] for piece in tag_chunks(path))
    seconds = time.process_time() - start
    return {"size": tags, "ours": f"{seconds:.4g}", "peak_mb": peak_mb()}


if __name__ == "__main__":
    print(json.dumps(_alone(sys.argv[1])))
