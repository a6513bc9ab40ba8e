"""Compare Toeplitz hashing with three real FFTs, the GF(2) product of gf2x, and galois."""

import ctypes
import ctypes.util

import numpy as np
import scipy
from scipy import fft

from benchmarks.pair import side_by_side
from satqkd.key import toeplitz

SIZES = (10**5, 10**6, 10**7)
SMALL = 10**4  # the time of galois grows as the square of the size
KEPT = 0.4  # bits of the hash per bit of key


def rows() -> list[dict]:
    """Return a row for each size and peer: ours from bits to hash, the peers only their product. A missing peer
    gives a row that says so.
    """
    three_ffts = f"scipy {scipy.__version__}, three real FFTs in float64, rounding left out"
    result = [_row(size, _fft, three_ffts) for size in SIZES]
    library = ctypes.util.find_library("gf2x")
    if library is None:
        result.append(_absent("gf2x", SIZES[0]))
    else:
        multiply = _gf2x(library)
        result += [_row(size, multiply, f"{library} of the system, packing left out") for size in SIZES]
    try:
        import galois
    except ImportError:
        return [*result, _absent("galois", SMALL)]
    return [*result, _row(SMALL, _galois, f"galois {galois.__version__}")]


def _row(size: int, prepare, peer_is: str) -> dict:
    rng, length = np.random.default_rng(size), round(KEPT * size)
    key, seed = (rng.integers(0, 2, bits, dtype=np.uint8) for bits in (size, size + length - 1))
    peer, hashed = prepare(key, seed)
    if not np.array_equal(hashed(peer())[size - 1 :][:length], toeplitz(key, seed, length)):
        raise RuntimeError(f"{peer_is} and ours differ at {size} bits: a ratio of speeds has no meaning")
    return side_by_side("toeplitz", size, lambda: toeplitz(key, seed, length), peer, peer_is=peer_is)


def _absent(peer: str, size: int) -> dict:
    return {"what": "toeplitz", "size": size, "peer_is": f"{peer} is not installed"}


def _fft(key, seed):
    points = fft.next_fast_len(key.size + seed.size, real=True)
    first, second = seed.astype(float), key.astype(float)

    def multiply():
        return fft.irfft(fft.rfft(first, points) * fft.rfft(second, points), points)

    return multiply, lambda result: np.rint(result).astype(np.int64) & 1


def _galois(key, seed):
    from galois import GF2, Poly

    first, second = (Poly(bits[::-1], field=GF2) for bits in (seed, key))

    def bits(polynomial):
        coefficients = np.asarray(polynomial.coeffs)[::-1]
        return np.pad(coefficients, (0, key.size + seed.size - coefficients.size))

    return lambda: first * second, bits


def _gf2x(library: str):
    multiply = ctypes.CDLL(library).gf2x_mul
    words = ctypes.POINTER(ctypes.c_ulong)
    multiply.argtypes = (words, words, ctypes.c_ulong, words, ctypes.c_ulong)

    def prepare(key, seed):
        a, b = _words(seed), _words(key)
        product = np.zeros(a.size + b.size, np.uint64)
        arguments = [array.ctypes.data_as(words) for array in (product, a, b)]

        def call():
            multiply(arguments[0], arguments[1], a.size, arguments[2], b.size)
            return product

        return call, lambda result: np.unpackbits(result.view(np.uint8), bitorder="little")

    return prepare


def _words(bits: np.ndarray) -> np.ndarray:
    packed = np.packbits(bits, bitorder="little")
    return np.pad(packed, (0, -packed.size % 8)).view(np.uint64)
