"""Whether the counts agree with what the proofs assume of the detectors: equal efficiency, whatever the basis.

Counts can contradict an assumption; they cannot prove it. An eavesdropper who makes the pairs may hide a mismatch by
biasing them, so `efficiency_mismatch` remains a calibration of the laboratory.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from satqkd.result import Result

# Standard deviations from which counts contradict an assumption; by chance it is once in 1.7 million times.
ALARM_SIGMA = 5.0
# Proofs that hold for detectors that differ by a known factor: theorem 4 of docs/proofs.md. The other bounds take the
# printed E / (1 - Delta), which is not a proof.
COVERED = ("projected", "multinomial", "multinomial_two_way")
# A key is granted up to this mismatch: the weaker of two detectors has half of the other's efficiency.
LARGEST_MISMATCH = 1.0


@dataclass(frozen=True, repr=False)
class Mismatch(Result):
    """Largest relative difference of two detectors of a basis: the larger efficiency over the smaller, minus one.

    Attributes
    ----------
    least, most : float
        Limits, `ALARM_SIGMA` standard deviations below and above what the counts say; `least` is 0 where they do not
        show a difference.
    station, setting, outcome : int
        Detector that has the clearest lack of counts.
    """

    least: float
    most: float
    station: int
    setting: int
    outcome: int


@dataclass(frozen=True, repr=False)
class Alarm(Result):
    """What the counts say against the assumptions of the proofs.

    Attributes
    ----------
    reason : str
        "dead detectors", "dependent bases", "unequal detectors", or empty where nothing contradicts the assumptions.
    mismatch : Mismatch
        What the counts show.
    declared : float
        Relative difference of the efficiencies that the scenario declares.
    """

    reason: str
    mismatch: Mismatch
    declared: float

    def allowed_mismatch(self, bound: str) -> float | None:
        """Return the mismatch for which a proof gives its length; None where no key may be granted.

        Examples
        --------
        >>> unequal = Alarm("unequal detectors", Mismatch(0.1, 0.2, station=0, setting=0, outcome=1), declared=0.0)
        >>> unequal.allowed_mismatch("projected"), unequal.allowed_mismatch("tomamichel2012")
        (0.2, None)
        """
        if not self.reason:
            return self.declared
        covered = self.reason == "unequal detectors" and bound in COVERED and self.mismatch.most <= LARGEST_MISMATCH
        return self.mismatch.most if covered else None


def checked_assumptions(
    counts: ArrayLike, *, pairs: bool, declared: float, dead_time_rule: str = "station", independent: bool = True
) -> Alarm:
    """Return whether counts contradict what the proofs assume: detectors as equal as declared, and in every basis.

    Parameters
    ----------
    counts, pairs
        As for `detector_mismatch`.
    declared : float
        `efficiency_mismatch` of the scenario.
    dead_time_rule : str
        Rule by which events were left out: all detectors were ready at each only by "station".
    independent : bool
        Whether both sides chose their settings independently; of analysers turned by hand, the time spent at each pair
        of settings says nothing.

    Returns
    -------
    Alarm

    Examples
    --------
    >>> counts = np.full((2, 2, 2, 2), 1000)
    >>> counts[:, 0, :, 1] = 600
    >>> checked_assumptions(counts, pairs=True, declared=0.0).reason
    'unequal detectors'
    >>> checked_assumptions(counts, pairs=True, declared=0.7).reason
    ''
    """
    mismatch = detector_mismatch(counts, pairs=pairs)
    if dead_time_rule != "station":
        return Alarm("dead detectors", mismatch, declared)
    unequal = mismatch.least > declared
    if independent and bases_depend(counts, mismatch=mismatch.most if unequal else declared):
        return Alarm("dependent bases", mismatch, declared)
    return Alarm("unequal detectors" if unequal else "", mismatch, declared)


def log_ratio(first: ArrayLike, second: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the logarithm of the ratio of two Poissonian counts and its standard deviation.

    Parameters
    ----------
    first, second : array_like
        Counts.

    Returns
    -------
    ratio, sigma : ndarray

    Notes
    -----
    :math:`\ln[(n_0 + 1/2)/(n_1 + 1/2)]` with the variance :math:`1/(n_0 + 1/2) + 1/(n_1 + 1/2)`; the halves (Haldane,
    Anscombe) keep it finite without counts.

    Examples
    --------
    >>> ratio, sigma = log_ratio(200, 100)
    >>> round(float(ratio), 2), round(float(sigma), 2)
    (0.69, 0.12)
    """
    first, second = np.asarray(first) + 0.5, np.asarray(second) + 0.5
    return np.log(first / second), np.sqrt(1.0 / first + 1.0 / second)


def detector_mismatch(counts: ArrayLike, *, pairs: bool) -> Mismatch:
    r"""Return by how much the detectors of a basis differ, of the two whose counts show it best.

    Both outcomes are equally likely in every basis: pairs are of a Bell state, and the bits of pulses are random. Where
    the settings of pairs differ, a station's outcomes have the ratio :math:`\eta_0/\eta_1` of its own detectors. Where
    they are equal the outcomes are correlated, so that the sifted bits have the ratio of both stations' detectors
    together, and each station has its square root.

    Parameters
    ----------
    counts : array_like, shape (2, 2, 2, 2)
        Coincidences of the key measurement, or detections of pulses of all intensities: (setting, setting, outcome,
        outcome).
    pairs : bool
        Whether both stations have detectors; the first "station" of pulses is the transmitter.

    Returns
    -------
    Mismatch

    Examples
    --------
    >>> counts = np.full((2, 2, 2, 2), 1000)
    >>> counts[:, 0, :, 1] = 250
    >>> mismatch = detector_mismatch(counts, pairs=True)
    >>> round(mismatch.least, 2), round(mismatch.most, 2), (mismatch.station, mismatch.setting, mismatch.outcome)
    (2.11, 4.13, (1, 0, 1))
    """
    counts = np.asarray(counts)
    found, limits = [], []
    for station in (0, 1) if pairs else (1,):
        outcomes = counts.sum(axis=3 - station)  # (setting of a, setting of b, outcome of the station)
        for setting in (0, 1):
            of_setting = outcomes[setting] if station == 0 else outcomes[:, setting]
            unlike, alike = of_setting[1 - setting], of_setting[setting]
            # Outcomes, and how many stations' detectors their ratio contains.
            for numbers, stations in ((unlike, 1), (alike, 2)) if pairs else ((unlike + alike, 1),):
                ratio, sigma = log_ratio(*numbers)
                least = np.expm1(max(np.abs(ratio) - ALARM_SIGMA * sigma, 0.0) / stations)
                limits.append(np.expm1((np.abs(ratio) + ALARM_SIGMA * sigma) / stations))
                found.append((least, station, setting, int(ratio > 0)))
    least, *detector = max(found, key=lambda one: one[0])
    return Mismatch(float(least), float(max(limits)), *detector)


def bases_unbalanced(sifted: ArrayLike, *, mismatch: float) -> bool:
    r"""Return whether one basis has more sifted bits than chance and detectors of this mismatch explain.

    One error rate of both bases together stands for the phase errors only where either basis is as likely: of
    :math:`n_z + n_x` bits :math:`n_z e_z + n_x e_x` are wrong, and the proofs need :math:`n_z e_x + n_x e_z`. With
    unequal bases an eavesdropper measures in the more probable one.

    Parameters
    ----------
    sifted : array_like, shape (basis,)
        Sifted pulses of all intensities.
    mismatch : float
        Relative difference of the receiver's detectors.

    Returns
    -------
    bool

    Notes
    -----
    Lo, Chau and Ardehali, J. Cryptology 18, 133 (2005): unequal bases require an error rate of each.

    Examples
    --------
    >>> bases_unbalanced([5000, 5100], mismatch=0.0), bases_unbalanced([9000, 1000], mismatch=0.1)
    (False, True)
    """
    ratio, sigma = log_ratio(*np.asarray(sifted))
    return bool(abs(ratio) > np.log1p(mismatch) + ALARM_SIGMA * sigma)


def bases_depend(counts: ArrayLike, *, mismatch: float) -> bool:
    r"""Return whether detections depend on the basis more than detectors of this mismatch explain.

    Both sides choose their settings independently. If the probability of a click does not depend on the setting,
    :math:`n_{ab} \propto p_a p_b` and the odds ratio :math:`n_{00} n_{11}/(n_{01} n_{10})` is 1, whatever arrives. In
    each of its four numbers the two detectors may lose a factor of :math:`1 + m` each, so that
    :math:`|\ln| \le 4 \ln(1 + m)`. Blinded detectors, which click only in the eavesdropper's basis, show here.

    Parameters
    ----------
    counts : array_like, shape (2, 2, 2, 2)
        As for `detector_mismatch`.
    mismatch : float
        Relative difference of the detectors' efficiencies.

    Returns
    -------
    bool

    Examples
    --------
    >>> counts = np.full((2, 2, 2, 2), 1000)
    >>> counts[[0, 1], [1, 0]] = 10
    >>> bases_depend(np.full((2, 2, 2, 2), 1000), mismatch=0.0), bases_depend(counts, mismatch=0.1)
    (False, True)
    """
    table = np.asarray(counts).sum(axis=(2, 3))
    ratio, sigma = log_ratio(table[[0, 1], [0, 1]], table[[0, 1], [1, 0]])
    return bool(abs(ratio.sum()) > 4.0 * np.log1p(mismatch) + ALARM_SIGMA * np.sqrt((sigma**2).sum()))
