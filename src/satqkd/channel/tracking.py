"""Tracking: the error that a coarse and a fine loop leave of the platform's vibration and of the drive's errors.

Angles are those of one axis. Spectra are one-sided: their integral over all frequencies from zero is the variance.
"""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import lfilter

from satqkd.channel.diffraction import check_positive

CORNER_HZ = 1.0  # corner frequency of the platform's spectrum
SPEED_OF_LIGHT_M_S = 299792458.0


@dataclass(frozen=True)
class Loop:
    """A sampled control loop: a sensor that integrates for a frame, a delay, and an integrator.

    Attributes
    ----------
    frame_hz : float
        Frames of the sensor [1/s].
    bandwidth_hz : float
        Frequency at which the open loop has a gain of one [1/s].
    delay_frames : int
        Frames from the end of an exposure to the correction.
    noise_rad : float
        Standard deviation of the sensor in one frame [rad].
    """

    frame_hz: float
    bandwidth_hz: float
    delay_frames: int = 1
    noise_rad: float = 0.0

    def __post_init__(self) -> None:
        check_positive(frame_hz=self.frame_hz, bandwidth_hz=self.bandwidth_hz)
        if self.bandwidth_hz >= self.widest_bandwidth_hz:
            raise ValueError(
                f"bandwidth_hz={self.bandwidth_hz:g} is not below {self.widest_bandwidth_hz:.3g}, at which a loop of "
                f"{self.frame_hz:g} frames a second and {self.delay_frames} frames of delay oscillates: lower it"
            )

    @property
    def gain(self) -> float:
        """Return the share of a measured error that each frame corrects [1]."""
        return 2 * np.pi * self.bandwidth_hz / self.frame_hz

    @property
    def widest_bandwidth_hz(self) -> float:
        """Return the bandwidth at which the loop oscillates [1/s].

        Notes
        -----
        With n = delay_frames + 1 the poles solve z^n - z^(n - 1) + gain = 0; the first of them reaches the unit circle
        at the gain 2 sin(pi / (4 n - 2)).

        Examples
        --------
        >>> round(Loop(frame_hz=2000, bandwidth_hz=100, delay_frames=1).widest_bandwidth_hz)
        318
        """
        return float(self.frame_hz / np.pi * np.sin(np.pi / (4 * self.delay_frames + 2)))


def platform_spectrum(frequency_hz: ArrayLike, *, rms_rad: float, highest_hz: float = np.inf) -> np.ndarray:
    """Return the spectrum of a platform's vibration [rad2 s].

    Parameters
    ----------
    frequency_hz : array_like
    rms_rad : float
        Standard deviation of the vibration [rad].
    highest_hz : float
        Frequency above which the platform does not vibrate. The standard deviation is that of the vibration below it.

    Returns
    -------
    ndarray

    Notes
    -----
    S = (2 sigma^2 / pi) / (1 + f^2) with f in Hz: the form that ESA derived from measurements on its satellite Olympus
    (Wittig, van Holtz, Tunbridge and Vermeulen, Proc. SPIE 1218, 205 (1990)); 160 urad2/Hz at low frequencies are
    15.9 urad rms.

    Examples
    --------
    >>> round(float(platform_spectrum(0.0, rms_rad=15.85e-6)) * 1e12)
    160
    """
    frequency = np.asarray(frequency_hz, float)
    peak = rms_rad**2 / CORNER_HZ / np.arctan(highest_hz / CORNER_HZ)
    return np.where(frequency <= highest_hz, peak / (1 + (frequency / CORNER_HZ) ** 2), 0.0)


def rejection(frequency_hz: ArrayLike, loop: Loop) -> np.ndarray:
    """Return the complex share of a disturbance's amplitude that a loop leaves.

    Parameters
    ----------
    frequency_hz : array_like
        Frequencies [1/s]. Above half of the frames a second the loop leaves the whole disturbance.
    loop : Loop

    Returns
    -------
    ndarray of complex

    Notes
    -----
    1/(1 + L) with the open loop L = gain z^-(1 + d) / (1 - 1/z), z = exp(2 pi i f / frame), of a sensor that takes the
    mean of a frame, and an integrator that acts d frames after the next one begins (Franklin, Powell and Workman,
    Digital Control of Dynamic Systems). It holds for the mean error in a frame.

    Examples
    --------
    >>> fine = Loop(frame_hz=2000, bandwidth_hz=100)
    >>> float(np.abs(rejection(1.0, fine)).round(3))
    0.01
    """
    frequency = np.asarray(frequency_hz, float)
    within = (frequency > 0) & (frequency < loop.frame_hz / 2)
    known = np.where(within, frequency, loop.frame_hz / 4)
    z = np.exp(2j * np.pi * known / loop.frame_hz)
    open_loop = loop.gain * z ** -(1.0 + loop.delay_frames) / (1 - 1 / z)
    return np.where(frequency == 0, 0.0, np.where(within, 1 / (1 + open_loop), 1.0))


def residual_spectrum(
    frequency_hz: ArrayLike, *, platform_rms_rad: float, coarse: Loop, fine: Loop, highest_hz: float = np.inf
) -> np.ndarray:
    r"""Return the spectrum of the error that both loops leave [rad2 s].

    Parameters
    ----------
    frequency_hz : array_like
        Frequencies above zero [1/s].
    platform_rms_rad : float
        Standard deviation of the platform's vibration [rad].
    coarse, fine : Loop
        The fine loop corrects the error that the coarse loop leaves.
    highest_hz : float
        See `platform_spectrum`.

    Returns
    -------
    ndarray

    Notes
    -----
    The mean error in a frame of the fine sensor has :math:`S\,\mathrm{sinc}^2(f/f_\mathrm{frame})\,|E_c|^2|E_f|^2`
    with the shares :math:`E_c` and :math:`E_f` that the coarse and the fine loop leave. The noise of the fine sensor,
    white below half of its frames a second, is added through the closed loop :math:`1 - E_f`. The noise of the coarse
    sensor and the steps of the coarse loop, which the fine one corrects, are left out.

    Examples
    --------
    >>> loops = {"coarse": Loop(frame_hz=40, bandwidth_hz=2), "fine": Loop(frame_hz=2000, bandwidth_hz=100)}
    >>> spectrum = residual_spectrum([1.0, 1000.0], platform_rms_rad=10e-6, **loops)
    >>> (1e12 * spectrum).round(4)
    array([0.0008, 0.    ])
    """
    frequency = np.asarray(frequency_hz, float)
    left = np.abs(np.sinc(frequency / fine.frame_hz) * rejection(frequency, coarse) * rejection(frequency, fine)) ** 2
    white = np.where(frequency < fine.frame_hz / 2, 2 * fine.noise_rad**2 / fine.frame_hz, 0.0)
    return (
        platform_spectrum(frequency, rms_rad=platform_rms_rad, highest_hz=highest_hz) * left
        + white * np.abs(1 - rejection(frequency, fine)) ** 2
    )


def residual_rms_rad(*, platform_rms_rad: float, coarse: Loop, fine: Loop, highest_hz: float = np.inf) -> float:
    """Return the standard deviation of the error that both loops leave [rad].

    Parameters
    ----------
    platform_rms_rad, coarse, fine, highest_hz
        As of `residual_spectrum`.

    Examples
    --------
    >>> loops = {"coarse": Loop(frame_hz=40, bandwidth_hz=2), "fine": Loop(frame_hz=2000, bandwidth_hz=100)}
    >>> round(1e6 * residual_rms_rad(platform_rms_rad=10e-6, **loops), 2)
    1.25
    """
    frequency = frequencies_hz(fine)
    spectrum = residual_spectrum(
        frequency, platform_rms_rad=platform_rms_rad, coarse=coarse, fine=fine, highest_hz=highest_hz
    )
    return float(np.sqrt(np.trapezoid(spectrum * frequency, np.log(frequency))))


def frequencies_hz(fine: Loop) -> np.ndarray:
    """Return frequencies from 0.01 Hz to ten times the frames a second, in equal steps of the logarithm.

    Examples
    --------
    >>> frequencies_hz(Loop(frame_hz=2000, bandwidth_hz=100))[[0, -1]].round(2).tolist()
    [0.01, 20000.0]
    """
    return np.geomspace(1e-2, 10 * fine.frame_hz, 4000)


def correlation_time_s(frequency_hz: np.ndarray, spectrum: np.ndarray) -> float:
    """Return the time after which the correlation of an error has fallen to 1/e [s].

    Parameters
    ----------
    frequency_hz : ndarray, shape (n,)
        Ascending.
    spectrum : ndarray, shape (n,)
        One-sided.

    Notes
    -----
    The correlation is the cosine transform of the spectrum over its integral (Wiener and Khinchin).

    Examples
    --------
    Without a loop, the corner frequency of one hertz gives the correlation exp(-2 pi t).

    >>> frequency = np.geomspace(1e-3, 1e4, 4000)
    >>> round(2 * np.pi * correlation_time_s(frequency, platform_spectrum(frequency, rms_rad=1e-5)), 2)
    1.0
    """
    weights = np.gradient(frequency_hz) * spectrum
    times = np.geomspace(0.05 / frequency_hz[-1], 1 / frequency_hz[0], 400)
    correlation = np.cos(2 * np.pi * np.outer(times, frequency_hz)) @ weights / weights.sum()
    below = np.flatnonzero(correlation < np.exp(-1))
    if not below.size or below[0] == 0:
        return float(times[below[0] if below.size else -1])
    pair = slice(below[0] - 1, below[0] + 1)
    return float(np.interp(-np.exp(-1), -correlation[pair], times[pair]))


def drive_residual_rad(
    rate_rad_s: ArrayLike, *, amplitude_rad: float, period_rad: float, coarse: Loop, fine: Loop
) -> np.ndarray:
    """Return the standard deviation of the error that the loops leave of a periodic error of the drive [rad].

    Parameters
    ----------
    rate_rad_s : array_like
        Angular rate of the line of sight [rad/s].
    amplitude_rad, period_rad : float
        Amplitude of the error, and the angle after which it repeats [rad].
    coarse, fine : Loop

    Returns
    -------
    ndarray, shape of rate_rad_s

    Notes
    -----
    At the rate w the error has the frequency w / period, at which the loops leave :math:`|E_c E_f|` of it; the variance
    of a sine is half of its squared amplitude. An integrator leaves more of a faster error, so the scatter grows with
    the angular rate and is largest near the culmination.

    Examples
    --------
    >>> loops = {"coarse": Loop(frame_hz=40, bandwidth_hz=2), "fine": Loop(frame_hz=2000, bandwidth_hz=100)}
    >>> drive = {"amplitude_rad": 50e-6, "period_rad": np.radians(0.5)}
    >>> (1e6 * drive_residual_rad(np.radians([0.1, 1.0]), **drive, **loops)).round(3)
    array([0.007, 0.675])
    """
    frequency = np.abs(np.asarray(rate_rad_s, float)) / period_rad
    return amplitude_rad / np.sqrt(2) * np.abs(rejection(frequency, coarse) * rejection(frequency, fine))


def point_ahead_rad(transverse_speed_m_s: ArrayLike) -> np.ndarray:
    """Return the angle by which the downlink leads the uplink beacon [rad].

    Notes
    -----
    2 v / c: light travels both ways while the satellite moves across the line of sight.

    Examples
    --------
    >>> (1e6 * point_ahead_rad(7600.0)).round(1)
    np.float64(50.7)
    """
    return 2 * np.asarray(transverse_speed_m_s, float) / SPEED_OF_LIGHT_M_S


def draw_vibration(
    rng: np.random.Generator, size: int, *, step_s: float, rms_rad: float, highest_hz: float = np.inf
) -> np.ndarray:
    """Draw a platform's vibration at equal steps, with `platform_spectrum` [rad].

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int
    step_s : float
        Time between two values [s].
    rms_rad : float
        Standard deviation [rad].
    highest_hz : float
        See `platform_spectrum`.

    Returns
    -------
    ndarray, shape (size,)

    Notes
    -----
    Its spectrum is that of an Ornstein-Uhlenbeck process, whose values at equal steps are exactly a chain x' = r x +
    sqrt(1 - r^2) xi with r = exp(-2 pi step) (Gillespie, Phys. Rev. E 54, 2084 (1996)).

    Examples
    --------
    >>> vibration = draw_vibration(np.random.default_rng(1), 100_000, step_s=0.1, rms_rad=2.0)
    >>> float(vibration.std().round(1))
    2.0
    """
    kept = float(np.exp(-2 * np.pi * CORNER_HZ * step_s))
    begin = kept * rng.standard_normal(1)
    drawn = rms_rad * lfilter([np.sqrt(1 - kept**2)], [1.0, -kept], rng.standard_normal(size), zi=begin)[0]
    if np.isinf(highest_hz):
        return drawn
    transform = np.fft.rfft(drawn)
    transform[np.fft.rfftfreq(size, step_s) > highest_hz] = 0.0
    return np.fft.irfft(transform, size) / np.sqrt(2 / np.pi * np.arctan(highest_hz / CORNER_HZ))


def residual_series_rad(
    disturbance_rad: np.ndarray, *, coarse: Loop, fine: Loop, rng: np.random.Generator
) -> np.ndarray:
    """Return the error that both loops leave, at every frame of the fine sensor [rad].

    Parameters
    ----------
    disturbance_rad : ndarray, shape (frame,)
        Mean disturbance in every frame of the fine sensor [rad].
    coarse, fine : Loop
        The frame rate of the fine loop is a multiple of that of the coarse loop.
    rng : numpy.random.Generator
        Generator of the sensors' noise.

    Returns
    -------
    ndarray, shape (frame,)

    Raises
    ------
    ValueError
        If the frame rate of the fine loop is not a multiple of that of the coarse one.

    Examples
    --------
    >>> loops = {"coarse": Loop(frame_hz=40, bandwidth_hz=2), "fine": Loop(frame_hz=2000, bandwidth_hz=100)}
    >>> step = residual_series_rad(np.full(2000, 1e-5), **loops, rng=np.random.default_rng(1))
    >>> bool(abs(step[0]) == 1e-5), bool(abs(step[-1]) < 1e-9)
    (True, True)
    """
    ratio = fine.frame_hz / coarse.frame_hz
    if ratio != int(ratio):
        raise ValueError(
            f"fine frame_hz={fine.frame_hz:g} is not a multiple of coarse frame_hz={coarse.frame_hz:g}: "
            "choose one that is"
        )
    noise = fine.noise_rad * rng.standard_normal(disturbance_rad.size)
    coarse_noise = coarse.noise_rad * rng.standard_normal(int(disturbance_rad.size // ratio) + 1)
    return _follow(
        disturbance_rad,
        noise,
        coarse_noise,
        int(ratio),
        coarse.gain,
        coarse.delay_frames,
        fine.gain,
        fine.delay_frames,
    )


@numba.njit(cache=True)
def _follow(
    disturbance: np.ndarray,
    noise: np.ndarray,
    coarse_noise: np.ndarray,
    ratio: int,
    coarse_gain: float,
    coarse_delay: int,
    fine_gain: float,
    fine_delay: int,
) -> np.ndarray:
    """Return the error in every fine frame. A correction acts from the first frame after exposure and delay."""
    size = disturbance.size
    left, fine_steps = np.empty(size), np.zeros(size + fine_delay + 1)
    coarse_steps = np.zeros(size // ratio + coarse_delay + 3)
    coarse = fine = seen = 0.0
    for i in range(size):
        if i % ratio == 0:
            coarse += coarse_steps[i // ratio]
        fine += fine_steps[i]
        left[i] = disturbance[i] - coarse - fine
        fine_steps[i + 1 + fine_delay] += fine_gain * (left[i] + noise[i])
        seen += disturbance[i] - coarse
        if i % ratio == ratio - 1:
            frame = i // ratio
            coarse_steps[frame + 1 + coarse_delay] += coarse_gain * (seen / ratio + coarse_noise[frame])
            seen = 0.0
    return left
