"""Sizes of what both sides announce about detections: plain, or compressed in prefix codes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

TIME_BITS = 64  # of a detection, as time taggers write it, or the number of a pulse
INTENSITY_BITS = 2  # one of three


@dataclass(frozen=True)
class Announcements:
    """Sizes of three kinds of announcement [bit].

    Attributes
    ----------
    times : callable
        From the number of detections and of time slots to the size of the list of their times.
    places : callable
        From the number of chosen entries of a list and its length to the size of the list of their places.
    levels : callable
        From a number of pulses and the shares of the intensities to the size of the list of their intensities.
    """

    times: Callable[[int, float], int]
    places: Callable[[int, int], int]
    levels: Callable[[int, Sequence[float]], int]


def rice_parameter(chosen: int, places: float) -> int:
    """Return the number of bits that a Rice code writes as they are, for the gaps of a random subset.

    Parameters
    ----------
    chosen : int
        Size of the subset.
    places : float
        Number of entries that it is chosen from, at least `chosen`.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If `chosen` is below 0 or above `places`.

    Notes
    -----
    Rice, JPL Publication 79-22 (1979); Golomb, IEEE Trans. Inf. Theory 12, 399 (1966). The parameter with the smallest
    expected size is searched, see `rice_size_bits`.

    Examples
    --------
    >>> rice_parameter(1000, 1_000_000)
    9
    """
    if not 0 <= chosen <= places:
        raise ValueError(f"chosen={chosen} is outside [0, {places:g}]: give the number of entries that are chosen")
    exponents = np.arange(64)
    return int(np.argmin(_bits_per_gap(exponents, chosen / max(places, 1.0))))


def rice_size_bits(chosen: int, places: float) -> int:
    """Return the expected size of a random subset in a Rice code of its gaps [bit].

    Parameters
    ----------
    chosen, places
        As of `rice_parameter`.

    Returns
    -------
    int

    Notes
    -----
    A gap g >= 0 between chosen entries is geometric with p = chosen/places. Its code has k bits as they are and
    floor(g / 2^k) + 1 of the rest in unary: k + 1/(1 - (1 - p)^(2^k)) bits on average.

    Examples
    --------
    3.55 million of 27 billion pulses: 14.4 bits each, where the entropy is 14.3.

    >>> round(rice_size_bits(3_551_136, 2.73e10) / 3_551_136, 1)
    14.4
    """
    bits = _bits_per_gap(np.array([rice_parameter(chosen, places)]), chosen / max(places, 1.0))
    return int(np.ceil(chosen * bits[0])) if chosen else 0


def prefix_bits(count: int, shares: Sequence[float]) -> int:
    """Return the size of intensities in the best prefix code of three, one bit for the commonest, two for the others.

    Parameters
    ----------
    count : int
        Pulses that are announced.
    shares : sequence of float
        Shares of the three intensities among them.

    Returns
    -------
    int

    Notes
    -----
    Huffman, Proc. IRE 40, 1098 (1952). With shares of one half and two quarters this is the entropy, 1.5 bits.

    Examples
    --------
    >>> prefix_bits(1000, [0.5, 0.25, 0.25])
    1500
    """
    return int(np.ceil(count * (2 - max(shares))))


def _bits_per_gap(exponents: np.ndarray, share: float) -> np.ndarray:
    """Return the expected size of a geometric gap by the number of bits written as they are."""
    with np.errstate(divide="ignore"):
        return exponents - 1 / np.expm1(2.0**exponents * np.log1p(-share))


ANNOUNCEMENTS = {
    "plain": Announcements(
        times=lambda detections, slots: TIME_BITS * int(detections),
        places=lambda chosen, length: int(chosen) * int(np.ceil(np.log2(max(length, 2)))),
        levels=lambda count, shares: INTENSITY_BITS * int(count),
    ),
    "compressed": Announcements(times=rice_size_bits, places=rice_size_bits, levels=prefix_bits),
}
