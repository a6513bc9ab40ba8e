"""What a pass is expected to count: decoy pulses and pairs through links that change second by second.

Every setting that may be chosen before a pass enters here: intensities and their probabilities, bases, the width of the
coincidence window, and how much of the pass is used. A pass enters through sums over its seconds, the best ones first,
so that a point of a sweep costs the same however long the pass is.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf

from satqkd.key.proofs.decoy import DecoyCounts
from satqkd.key.proofs.decoy_bounds import pass_clicks
from satqkd.key.proofs.entropy import check_range

# Mean photon numbers that the power series reaches, and what it leaves out.
_BRIGHTEST, _NEGLIGIBLE = 2.0, 1e-17


def power_sums(values: np.ndarray, weights: np.ndarray, order: int) -> np.ndarray:
    r"""Return the cumulative sums :math:`\sum_{t < m} w_t v_t^j`.

    Parameters
    ----------
    values, weights : ndarray, shape (time,)
    order : int
        Powers j from 0 to order - 1.

    Returns
    -------
    ndarray, shape (time + 1, order)

    Examples
    --------
    >>> power_sums(np.array([0.5, 0.1]), np.array([1.0, 2.0]), 2)
    array([[0. , 0. ],
           [1. , 0.5],
           [3. , 0.7]])
    """
    terms = weights[:, np.newaxis] * values[:, np.newaxis] ** np.arange(order)
    return np.concatenate([np.zeros((1, order)), np.cumsum(terms, axis=0)])


def window_acceptance(window_s: ArrayLike, jitter_s: float) -> np.ndarray:
    """Return the share of a Gaussian delay that falls into a window of full width `window_s` around it [1].

    Examples
    --------
    >>> round(float(window_acceptance(2e-9, 0.5e-9)), 4)
    0.9545
    """
    return erf(window_s / (2.0 * np.sqrt(2.0) * jitter_s)) if jitter_s > 0.0 else np.ones_like(window_s, dtype=float)


@dataclass(frozen=True)
class DecoyDownlink:
    """Pass of decoy-state pulses over one station, as expected second by second.

    Attributes
    ----------
    transmittance : array_like, shape (time,)
        Probability that a photon of the transmitter clicks, detectors included, whenever it comes.
    noise_rate_hz : array_like, shape (time,) or ()
        Clicks without light, of all detectors together.
    pulse_rate_hz : float
        Pulses of any intensity.
    misalignment : float
        Error rate of light alone.
    jitter_s : float
        Standard deviation of a click about its pulse; 0 when any window takes all light.
    step_s : float
        Duration that each transmittance stands for.

    Raises
    ------
    ValueError
        For a transmittance or a misalignment that is no probability, a rate below 0, or no time at all.

    Examples
    --------
    >>> link = DecoyDownlink(np.full(100, 1e-3), np.array(1000.0), pulse_rate_hz=1e8, misalignment=0.01)
    >>> clicks, errors = link.clicks(mean_photon_numbers=[0.8, 0.1, 0.0], window_s=1e-9, seconds=100.0)
    >>> (clicks / 100).round(6)
    array([8.01e-04, 1.01e-04, 1.00e-06])
    """

    transmittance: np.ndarray
    noise_rate_hz: np.ndarray
    pulse_rate_hz: float
    misalignment: float
    jitter_s: float = 0.0
    step_s: float = 1.0

    def __post_init__(self) -> None:
        _check_link(self.transmittance, self.noise_rate_hz, self.misalignment, self.jitter_s, self.step_s)
        check_range(np.finfo(float).tiny, 1e15, "give pulses per second", pulse_rate_hz=self.pulse_rate_hz)

    @cached_property
    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Return power sums of the transmittance, plain and with the noise rate, best steps first, (time + 1,
        order).
        """
        transmittance = np.asarray(self.transmittance, dtype=float)
        best_first = np.argsort(-transmittance, kind="stable")
        noise_rate = np.broadcast_to(np.asarray(self.noise_rate_hz, dtype=float), transmittance.shape)[best_first]
        transmittance = transmittance[best_first]
        order, rest = 1, _BRIGHTEST * transmittance[0]
        while rest > _NEGLIGIBLE:
            order += 1
            rest *= _BRIGHTEST * transmittance[0] / order
        ones = np.ones_like(transmittance)
        return power_sums(transmittance, ones, order + 1), power_sums(transmittance, noise_rate, order + 1)

    def clicks(
        self, *, mean_photon_numbers: ArrayLike, window_s: ArrayLike, seconds: ArrayLike
    ) -> tuple[np.ndarray, np.ndarray]:
        r"""Return the expected clicks and errors of one pulse in each step of the pass, summed over the steps used.

        A pulse clicks with :math:`s = 1 - e^{-a\eta\mu}`, a being the share of light within the window, and noise where
        light does not; light errs with the misalignment, noise with one half. The sums over time are those of the
        power series in :math:`\eta`.

        Parameters
        ----------
        mean_photon_numbers : array_like, shape (..., k)
            At most 2 photons.
        window_s, seconds : array_like
            Full width of the window; time used, the best steps first and the last one in part. They broadcast with
            the leading axes.

        Returns
        -------
        clicks, errors : ndarray, shape (..., k)
        """
        check_range(0.0, _BRIGHTEST, "give photons per pulse", mean_photon_numbers=mean_photon_numbers)
        steps = np.divide(seconds, self.step_s)
        check_range(0.0, np.size(self.transmittance), "give at most the duration of the pass", steps=steps)
        mu, window, steps = np.broadcast_arrays(
            np.asarray(mean_photon_numbers, dtype=float),
            np.expand_dims(np.asarray(window_s, dtype=float), -1),
            np.expand_dims(steps, -1),
        )
        brightness = (mu * window_acceptance(window, self.jitter_s)).reshape(-1, mu.shape[-1])
        seen, dark = np.empty_like(brightness), np.empty_like(brightness)
        pass_clicks(brightness, steps.reshape(brightness.shape)[:, 0].copy(), *self.sums, seen, dark)
        seen, dark = seen.reshape(mu.shape), dark.reshape(mu.shape) * window
        return seen + dark, self.misalignment * seen + 0.5 * dark

    def counts(
        self,
        *,
        mean_photon_numbers: ArrayLike,
        intensity_probabilities: ArrayLike,
        basis_x: ArrayLike,
        window_s: ArrayLike,
        seconds: ArrayLike,
    ) -> DecoyCounts:
        """Return the expected sifted detections and errors.

        Parameters
        ----------
        mean_photon_numbers, intensity_probabilities : array_like, shape (..., k)
            Signal, decoy, and vacuum if there is one.
        basis_x : array_like
            Probability that either side chooses X; one half for a passive receiver.
        window_s, seconds : array_like
            As in `clicks`.

        Returns
        -------
        DecoyCounts
            Of shape (..., k).
        """
        clicks, errors = self.clicks(mean_photon_numbers=mean_photon_numbers, window_s=window_s, seconds=seconds)
        sent = self.pulse_rate_hz * np.asarray(intensity_probabilities)
        basis_x = np.expand_dims(basis_x, -1)
        x, z = self.step_s * sent * basis_x**2, self.step_s * sent * (1.0 - basis_x) ** 2
        return DecoyCounts(x * clicks, z * clicks, x * errors, z * errors, sent * np.expand_dims(seconds, -1))


@dataclass(frozen=True)
class PairDownlinks:
    """Pass of photon pairs over two stations, as expected second by second.

    Attributes
    ----------
    transmittance : array_like, shape (time, 2)
        Probability that a photon clicks at its station, detectors included, whenever it comes.
    noise_rate_hz : array_like, shape (time, 2) or (2,)
        Clicks without light, of all detectors of a station together.
    misalignment : float
        Error rate of pairs alone.
    jitter_s : float
        Standard deviation of the delay between the two clicks of a pair; 0 when any window takes all pairs.
    step_s : float
        Duration that each transmittance stands for.

    Raises
    ------
    ValueError
        As `DecoyDownlink`.

    Examples
    --------
    >>> link = PairDownlinks(np.full((100, 2), 1e-3), np.array([1000.0, 1000.0]), misalignment=0.01)
    >>> counts = link.counts(pair_rate_hz=5e6, window_s=1e-9, basis_x=0.5, seconds=100.0)
    >>> {name: round(float(count), 1) for name, count in counts.items()}
    {'n_z': 125.9, 'n_x': 125.9, 'errors_z': 1.7, 'errors_x': 1.7}
    """

    transmittance: np.ndarray
    noise_rate_hz: np.ndarray
    misalignment: float
    jitter_s: float = 0.0
    step_s: float = 1.0

    def __post_init__(self) -> None:
        _check_link(self.transmittance, self.noise_rate_hz, self.misalignment, self.jitter_s, self.step_s)
        if np.shape(self.transmittance)[1:] != (2,):
            raise ValueError(f"transmittance has shape {np.shape(self.transmittance)}, not (time, 2): one per station")

    def counts(
        self, *, pair_rate_hz: ArrayLike, window_s: ArrayLike, basis_x: ArrayLike, seconds: ArrayLike
    ) -> dict[str, np.ndarray]:
        r"""Return the expected sifted bits and errors by basis.

        Pairs seen by both, :math:`R\eta_a\eta_b` of which a share falls into the window, and accidentals
        :math:`(R\eta_a + r_a)(R\eta_b + r_b)w`, half of which are errors.

        Parameters
        ----------
        pair_rate_hz, window_s : array_like
            Pairs of the source; full width of the window.
        basis_x : array_like
            Probability that a station measures in X.
        seconds : array_like
            Seconds used: those with the most pairs, the last one in part.

        Returns
        -------
        dict
            n_z, n_x, errors_z, errors_x, as `satqkd.key.proofs.bbm92.bbm92_key_length` takes them.
        """
        links = np.asarray(self.transmittance, dtype=float)
        noise = np.broadcast_to(np.asarray(self.noise_rate_hz, dtype=float), links.shape)
        best_first = np.argsort(-links.prod(axis=1), kind="stable")
        links, noise = links[best_first], noise[best_first]
        elapsed = self.step_s * np.arange(len(links) + 1)
        both, mixed, dark = (
            np.interp(np.asarray(seconds), elapsed, self.step_s * np.append(0.0, np.cumsum(terms)))
            for terms in (links.prod(axis=1), (links * noise[:, ::-1]).sum(axis=1), noise.prod(axis=1))
        )
        rate, window = np.asarray(pair_rate_hz), np.asarray(window_s)
        pairs = rate * both * window_acceptance(window, self.jitter_s)
        accidental = window * (rate**2 * both + rate * mixed + dark)
        total, errors = pairs + accidental, self.misalignment * pairs + 0.5 * accidental
        x, z = np.square(basis_x), np.square(np.subtract(1.0, basis_x))
        return {"n_z": z * total, "n_x": x * total, "errors_z": z * errors, "errors_x": x * errors}


def _check_link(
    transmittance: ArrayLike, noise_rate_hz: ArrayLike, misalignment: float, jitter_s: float, step_s: float
) -> None:
    """Refuse links without a second, and parameters out of range."""
    if np.size(transmittance) == 0:
        raise ValueError("transmittance is empty: give at least one second of open link")
    check_range(0.0, 1.0, "give a probability, not dB", transmittance=transmittance)
    check_range(0.0, 1e12, "give clicks per second", noise_rate_hz=noise_rate_hz)
    check_range(0.0, 0.5, "give a fraction, not percent", misalignment=misalignment)
    check_range(0.0, 1.0, "give seconds", jitter_s=jitter_s)
    check_range(np.finfo(float).tiny, 1e6, "give seconds", step_s=step_s)
