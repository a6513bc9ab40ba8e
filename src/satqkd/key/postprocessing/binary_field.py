r"""The field of 2^64 elements, and the fast transform of polynomials over it: products of bit strings without rounding.

An element is a uint64, the polynomial over GF(2) with these coefficients modulo :math:`x^{64} + x^4 + x^3 + x + 1`.
Addition is exclusive or. Integers alone: nothing here can round.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba.core import config, types
from numba.extending import intrinsic

MODULUS = 0x1B  # of the reducing polynomial, what stands below x^64
# A Cantor basis: b_0 = 1 and b_i^2 + b_i = b_(i-1), Cantor, J. Comb. Theory A 50, 285 (1989).
CANTOR_BASIS = np.array(
    [
        0x0000000000000001, 0x19C9369F278ADC02, 0xA181E7D66F5FF794, 0x5DB84357CE785D08,
        0xB973D466F5C9D0CA, 0x521AC889831A075E, 0x033CE8BEDDC8A656, 0xB5846C4E07B91010,
        0x4087B8CBB37A32EC, 0x00D0D3888C0AE17C, 0xAFD5AC70237F2222, 0xE3F5AF99CC3AAAF8,
        0x5A1DB3B16A0B58B8, 0x09947C54FE7EE248, 0x0E8EAF0E0068F544, 0xA2A113500B4B4F5A,
    ],
    np.uint64,
)  # fmt: skip


@numba.njit(cache=True)
def portable_product(a: np.uint64, b: np.uint64) -> np.uint64:
    """Return the product of two elements, bit by bit; ten times slower than the instruction, on any machine.

    Examples
    --------
    >>> int(portable_product(np.uint64(2), np.uint64(3)))
    6
    """
    product = np.uint64(0)
    for i in range(63, -1, -1):
        product = (product << np.uint64(1)) ^ (np.uint64(MODULUS) if product >> np.uint64(63) else np.uint64(0))
        product ^= a if (b >> np.uint64(i)) & np.uint64(1) else np.uint64(0)
    return product


@intrinsic
def carryless_product(typing_context: Any, a: types.Type, b: types.Type) -> tuple[Any, Callable[..., ir.Value]]:
    """Return the product of two elements by the carry-less multiplication of x86 processors, thrice."""
    pair, word = ir.VectorType(ir.IntType(64), 2), ir.IntType(32)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[ir.Value]) -> ir.Value:
        multiply = builder.module.declare_intrinsic(
            "llvm.x86.pclmulqdq", (), ir.FunctionType(pair, [pair, pair, ir.IntType(8)])
        )
        zero = ir.Constant(word, 0)
        x, y = (builder.insert_element(ir.Constant(pair, [0, 0]), element, zero) for element in arguments)
        modulus = ir.Constant(pair, [MODULUS, 0])
        # What stands above x^64 comes down with the modulus: 64 bits at first, and then the 4 that rose above again.
        low, high = ir.Constant(ir.IntType(8), 0), ir.Constant(ir.IntType(8), 1)
        once = builder.call(multiply, [x, y, low])
        folded = builder.call(multiply, [once, modulus, high])
        again = builder.call(multiply, [folded, modulus, high])
        return builder.extract_element(builder.xor(once, builder.xor(folded, again)), zero)

    return types.uint64(types.uint64, types.uint64), generate


def _has_carryless_multiplication() -> bool:
    """Return whether the processor has the instruction; without it, LLVM would end the process."""
    features = config.CPU_FEATURES if config.CPU_FEATURES is not None else llvm.get_host_cpu_features().flatten()
    return "+pclmul" in features.split(",")


product = carryless_product if _has_carryless_multiplication() else portable_product


@lru_cache
def _tables(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the twiddle factors, and the steps (half block, shift) of the change of basis."""
    levels = points.bit_length() - 1
    places = np.zeros(1, np.uint64)
    for element in CANTOR_BASIS[:levels]:
        places = np.concatenate([places, places ^ element])
    return places[::2].copy(), np.array(_steps(levels, 0), np.int64).reshape(-1, 2)


def _steps(levels: int, stride: int) -> list[tuple[int, int]]:
    """Return divisions by powers of s(x) = x^(2^k) + x, 2^k the largest below the degree, and so on within."""
    if levels < 2:
        return []
    k = 1 << (levels - 1).bit_length() - 1
    divisions = [(1 << stride + k + j, 1 << stride + j) for j in reversed(range(levels - k))]
    return divisions + _steps(levels - k, stride + k) + _steps(k, stride)


def evaluate(coefficients: np.ndarray) -> None:
    r"""Replace the coefficients of a polynomial by its values at every point of the span of the Cantor basis.

    Parameters
    ----------
    coefficients : ndarray of uint64, shape (N,)
        From :math:`x^0` upwards, N a power of two up to 2^16; overwritten by the values.

    Notes
    -----
    Butterflies over the basis of products of the subspace polynomials :math:`s_i`: Lin, Al-Naffouri, Han and Chung,
    IEEE Trans. Inf. Theory 62, 6284 (2016). The change to that basis is by repeated division by powers of the
    :math:`s_{2^k} = x^{2^{2^k}} + x` that a Cantor basis has (derived).

    Examples
    --------
    >>> values = np.array([1, 1], np.uint64)
    >>> evaluate(values)
    >>> values.tolist()
    [1, 0]
    """
    twiddles, steps = _tables(coefficients.size)
    _change_basis(coefficients, steps)
    _forward(coefficients, twiddles)


def interpolate(values: np.ndarray) -> None:
    """Undo `evaluate`: replace values by the coefficients of the one polynomial of degree below N that takes them.

    Examples
    --------
    >>> values = np.array([1, 0], np.uint64)
    >>> interpolate(values)
    >>> values.tolist()
    [1, 1]
    """
    twiddles, steps = _tables(values.size)
    _backward(values, twiddles)
    _change_basis_back(values, steps)


@numba.njit(cache=True)
def _change_basis(f: np.ndarray, steps: np.ndarray) -> None:
    """Replace coefficients by those of the basis of products of the subspace polynomials."""
    for s in range(len(steps)):
        half, shift = steps[s]
        for start in range(0, f.size, 2 * half):
            for e in range(start + half - shift, start + half):
                f[e + shift] ^= f[e + half]
            for e in range(start, start + half - shift):
                f[e + shift] ^= f[e + half]


@numba.njit(cache=True)
def _change_basis_back(f: np.ndarray, steps: np.ndarray) -> None:
    """Undo `_change_basis`."""
    for s in range(len(steps) - 1, -1, -1):
        half, shift = steps[s]
        for start in range(0, f.size, 2 * half):
            for e in range(start, start + half - shift):
                f[e + shift] ^= f[e + half]
            for e in range(start + half - shift, start + half):
                f[e + shift] ^= f[e + half]


@numba.njit(cache=True)
def _forward(f: np.ndarray, twiddles: np.ndarray) -> None:
    """Replace coefficients in that basis by values."""
    half = f.size >> 1
    while half:
        for block in range(f.size // (2 * half)):
            for e in range(2 * half * block, 2 * half * block + half):
                f[e] ^= product(twiddles[block], f[e + half])
                f[e + half] ^= f[e]
        half >>= 1


@numba.njit(cache=True)
def _backward(f: np.ndarray, twiddles: np.ndarray) -> None:
    """Undo `_forward`."""
    half = 1
    while half < f.size:
        for block in range(f.size // (2 * half)):
            for e in range(2 * half * block, 2 * half * block + half):
                f[e + half] ^= f[e]
                f[e] ^= product(twiddles[block], f[e + half])
        half <<= 1


@numba.njit(cache=True)
def add_products(total: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """Add the products of the elements of `a` and `b` to those of `total`, each of shape (N,).

    Examples
    --------
    >>> total = np.zeros(1, np.uint64)
    >>> add_products(total, np.array([2], np.uint64), np.array([3], np.uint64))
    >>> total.tolist()
    [6]
    """
    for e in range(total.size):
        total[e] ^= product(a[e], b[e])
