"""Kinds of quantity: how "about" is read, and how wide a comparison may be that still reproduces something.

The widths are stated here once for each kind, never for a single row. A row's kind follows from its unit.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Kind:
    """A kind of quantity.

    Attributes
    ----------
    name : str
    about : float
        Half-width of a value that the paper calls "about", as a fraction (see `fraction`).
    widest : float
        Largest 95 % half-width of the comparison, as a fraction, that counts as reproduced.
    scale : {"value", "decibel", "day"}
        What a difference is a fraction of: the value; the transmittance behind a loss in dB; or a day, for a time of
        day, whose zero is arbitrary.
    """

    name: str
    about: float
    widest: float
    scale: Literal["value", "decibel", "day"] = "value"

    def fraction(self, difference: float, value: float) -> float:
        """Return a difference as a fraction.

        Parameters
        ----------
        difference : float
            In the unit of the quantity.
        value : float
            The value that the fraction refers to, not zero where the scale is "value".

        Examples
        --------
        >>> GEOMETRY.fraction(30.0, 1500.0), round(LOSS.fraction(1.0, 64.0), 3)
        (0.02, 0.259)
        """
        if self.scale == "decibel":
            return float(np.power(10.0, difference / 10) - 1)
        return difference / (24.0 if self.scale == "day" else abs(value))

    def difference(self, fraction: float, value: float) -> float:
        """Return the difference that is a given fraction; the inverse of `fraction`.

        Examples
        --------
        >>> GEOMETRY.difference(0.02, 1500.0)
        30.0
        """
        if self.scale == "decibel":
            return float(10 * np.log10(1 + fraction))
        return fraction * (24.0 if self.scale == "day" else abs(value))


# "About" is 5 %, half a unit of the second digit of 10, the least that two digits say; ranges and speeds follow from an
# orbit and agree to 2 %. A quarter of an hour is half of the half hour to which the papers give a time of day.
GEOMETRY = Kind("range, length, speed or angle", about=0.02, widest=0.10)
TIME = Kind("time", about=0.05, widest=0.10)
TIME_OF_DAY = Kind("time of day", about=1 / 96, widest=1 / 48, scale="day")
LOSS = Kind("loss", about=0.05, widest=0.25, scale="decibel")
NUMBER = Kind("count, rate, ratio or probability", about=0.05, widest=0.25)

KINDS = {
    **dict.fromkeys(("m", "km", "m/s", "km/s", "rad", "urad", "deg", "deg/s"), GEOMETRY),
    **dict.fromkeys(("s", "ns", "us", "ps", "h"), TIME),
    "h after midnight": TIME_OF_DAY,
    "dB": LOSS,
}


def kind_of(unit: str) -> Kind:
    """Return the kind of a quantity by its unit: a count, rate or ratio where the unit has no other kind.

    Examples
    --------
    >>> kind_of("km").widest, kind_of("bit/s").widest
    (0.1, 0.25)
    """
    return KINDS.get(unit, NUMBER)
