"""Eve at the last station: the clicks that she causes in stage 3, and her record of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from satqkd.attack.devices import (
    angle_through,
    best_splits,
    field_of_view_efficiency,
    gate_efficiency,
    linear_mode_click,
    window_acceptance,
)
from satqkd.attack.responses import (
    Response,
    doubled,
    faked,
    filtered,
    mean_click_probability,
    one_awake,
    predicted,
    resent_click_table,
)
from satqkd.attack.splitting import Split, seeded, split, split_by_intensity, trojan_horse
from satqkd.scenario.hostile import (
    Attack,
    Blinding,
    DeadTime,
    DetectorDamage,
    DoubleClicks,
    InterceptResend,
    LaserSeeding,
    PhotonNumberSplitting,
    PredictableSettings,
    SpatialMode,
    TimeShift,
    TrojanHorse,
    UnbalancedSettings,
    WavelengthDependence,
)

DRAWS = 5  # random numbers for each photon in every attack, so that results do not depend on the ends of blocks


@dataclass(frozen=True)
class Station:
    """Properties of the attacked station that Eve knows.

    Attributes
    ----------
    wavelength_nm : float
        Wavelength of the signal [nm].
    discards_double_clicks : bool
    switch_rate_hz : float or None
        Settings per second of an active receiver [1/s].
    dead_time_s : float
        Dead time of its detectors [s].
    transmittance : float
        Mean transmittance of link, receiver and detectors together [1].
    receiver_efficiency : float
        Efficiency of receiver and detectors, which she cannot replace [1].
    window_ps, jitter_ps : float
        Full width of the window in which clicks count, and standard deviation of their delay in it [ps].
    """

    wavelength_nm: float
    discards_double_clicks: bool
    switch_rate_hz: float | None
    dead_time_s: float
    transmittance: float
    receiver_efficiency: float
    window_ps: float
    jitter_ps: float


class Eve:
    """Eve in a session.

    Parameters
    ----------
    attack : Attack
        Section `attack` of a scenario.
    station : Station
    rng : numpy.random.Generator

    Attributes
    ----------
    gain : float
        Number of photons that she takes for each one that the station would detect, to make up for photons that do not
        click. Near the satellite, before the losses of the link, there are enough photons.
    reach_s : float
        Longest time by which she shifts a photon [s].
    """

    def __init__(self, attack: Attack, station: Station, rng: np.random.Generator) -> None:
        self._attack, self._station, self._rng = attack, station, rng
        self._times: list[np.ndarray] = []
        self._beliefs: list[np.ndarray] = []
        self.gain, self.reach_s, self._last_s = 1.0, 0.0, -np.inf
        self._click_delays_s = np.zeros(4)
        self._respond: Callable[[np.ndarray, np.ndarray, np.ndarray], Response] | None
        match attack:
            case TimeShift():
                self._click_delays_s = 1e-9 * _click_delays_ns(attack)
                self.reach_s = 1e-9 * (attack.shift_ns + attack.detector_delay_ns / 2)
                self._filter(_gates(attack), 1e-9 * _shifts_ns(attack), _accepted(attack, station))
            case DetectorDamage():
                self._filter(np.array([[1.0, 1 - attack.strength] * 2]), np.zeros(1))
            case InterceptResend() | Blinding() | WavelengthDependence() | SpatialMode():
                table = _click_table(attack, station)
                self.gain = 1 / mean_click_probability(table)
                self._respond = lambda channel, _, draws: faked(channel, draws, table)
            case DeadTime():
                self.gain, self.reach_s = 4.0, 1e-9 * attack.lead_ns
                self._respond = self._put_to_sleep
            case DoubleClicks():
                self.gain = 2.0 if station.discards_double_clicks else 1.0
                self._respond = lambda channel, _, draws: doubled(channel, draws)
            case PredictableSettings():
                assert station.switch_rate_hz is not None  # the scenario is checked
                known_after_s = attack.settings_in_record / station.switch_rate_hz
                self._respond = lambda channel, time_s, _: predicted(channel, time_s, known_after_s=known_after_s)
            case UnbalancedSettings():
                unchanged = resent_click_table(match=1.0, mismatch=1.0)
                self._respond = lambda channel, _, draws: faked(channel, draws, unchanged, basis=0)
            case PhotonNumberSplitting() | TrojanHorse() | LaserSeeding():
                self._respond = None

    def _filter(self, table: np.ndarray, delays_s: np.ndarray, accepted: np.ndarray | float = 1.0) -> None:
        """Set up an attack that sends photons on."""
        self.gain = 1 / float(np.mean(table / table.max() * accepted))
        self._respond = lambda channel, _, draws: filtered(channel, draws, table, delays_s=delays_s, accepted=accepted)

    def _put_to_sleep(self, channel: np.ndarray, time_s: np.ndarray, draws: np.ndarray) -> Response:
        """Attack through the dead time, and only photons that come when the detectors are ready again."""
        gap_s = np.diff(time_s, prepend=self._last_s)
        self._last_s = time_s[-1] if time_s.size else self._last_s
        rested = gap_s > self._station.dead_time_s + self.reach_s
        return one_awake(channel, draws, rested=rested, lead_s=self.reach_s)

    @property
    def knows(self) -> str:
        """Return whose bits her record is about: "sent" (transmitter) or "received" (attacked station)."""
        return "sent" if self._respond is None else "received"

    @property
    def settings_in_record(self) -> int | None:
        """Return the number of settings after which the station's record repeats; None if it does not."""
        return self._attack.settings_in_record if isinstance(self._attack, PredictableSettings) else None

    @property
    def first_share(self) -> float:
        """Return the share of the station's settings that are 0 [1]."""
        return self._attack.first_share if isinstance(self._attack, UnbalancedSettings) else 0.5

    def split(self, mean_photon_numbers: np.ndarray) -> Split | None:
        """Return the gains and her knowledge for attacks on whole pulses; None if she attacks single photons."""
        if isinstance(self._attack, TrojanHorse):
            return trojan_horse(
                mean_photon_numbers,
                transmittance=self._station.transmittance,
                input_photons=self._attack.input_photons,
                isolation_db=self._attack.isolation_db,
                strength=self._attack.strength,
            )
        if isinstance(self._attack, LaserSeeding):
            return seeded(
                mean_photon_numbers,
                transmittance=self._station.transmittance,
                receiver_efficiency=self._station.receiver_efficiency,
                gain=1 + brightening(self._attack),
                strength=self._attack.strength,
            )
        if not isinstance(self._attack, PhotonNumberSplitting):
            return None
        of_pulses = split_by_intensity if self._attack.knows_intensities else split
        return of_pulses(
            mean_photon_numbers,
            transmittance=self._station.transmittance,
            receiver_efficiency=self._station.receiver_efficiency,
            lossless=self._attack.lossless_channel,
            strength=self._attack.strength,
        )

    def keep(
        self, emission_s: np.ndarray, *, known: np.ndarray, certainty: float, basis: np.ndarray, bit: np.ndarray
    ) -> None:
        """Record the photons of detected pulses that she has kept, and measures when the bases are public.

        Parameters
        ----------
        emission_s : ndarray, shape (n,)
            Since the session's start [s].
        known : ndarray, shape (n,)
            Probability that she has kept light of the pulse [1].
        certainty : float
            Probability that measuring it gives the bit [1].
        basis, bit : ndarray of uint8, shape (n,)
            Sent basis and bit.
        """
        draw = self._rng.random(emission_s.size)
        has = draw < known
        belief = np.full((emission_s.size, 2), 0.5)
        found = np.where(draw < known * certainty, bit, 1 - bit)
        belief[np.arange(emission_s.size), basis] = np.where(found == 1, certainty, 1 - certainty)
        self._record(emission_s[has], belief[has])

    def touch(self, emission_s: np.ndarray, channel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the photons that the station detects under her attack, and record what she knows of them.

        Parameters
        ----------
        emission_s : ndarray, shape (n,)
            Since the session's start [s].
        channel : ndarray of uint8, shape (n,)
            2 * setting + outcome.

        Returns
        -------
        emission_s : ndarray, shape (m,)
            Ascending [s].
        channel : ndarray of uint8, shape (m,)
        """
        if self._respond is None:
            return emission_s, channel
        draws = self._rng.random((emission_s.size, DRAWS))
        share = 1.0 if isinstance(self._attack, DetectorDamage) else self._attack.strength
        attacked = draws[:, 0] < share
        passed = ~attacked & (draws[:, 1] * self.gain < 1)
        time_s, where = emission_s[attacked], channel[attacked]
        answer = self._respond(where, time_s, draws[attacked, 2:])
        arrival_s, kept, extra = time_s + answer.delay_s, answer.kept, answer.extra
        extra_s = time_s[extra] + answer.extra_delay_s
        self._record(arrival_s[kept] + self._click_delays_s[answer.channel[kept]], answer.belief[kept])
        self._record(extra_s, answer.extra_belief)
        times = np.concatenate([emission_s[passed], arrival_s[kept], extra_s])
        channels = np.concatenate([channel[passed], answer.channel[kept], answer.extra_channel])
        times += self._click_delays_s[channels]
        order = np.argsort(times, kind="stable")
        return times[order], channels[order]

    def _record(self, emission_s: np.ndarray, belief: np.ndarray) -> None:
        self._times.append(emission_s)
        self._beliefs.append(belief)

    def record(self) -> tuple[np.ndarray, np.ndarray]:
        """Return her record: times [s since the session's start, ascending], and beliefs, shape (n, setting)."""
        times = np.concatenate([*self._times, np.empty(0)])
        order = np.argsort(times, kind="stable")
        return times[order], np.concatenate([*self._beliefs, np.empty((0, 2))])[order]


def brightening(attack: LaserSeeding) -> float:
    """Return the relative increase of a pulse's photon number, proportional to the light that enters the laser [1].

    Examples
    --------
    >>> brightening(LaserSeeding(kind="laser_seeding", brightening=2, isolation_db=20))
    0.02
    """
    return attack.brightening * 10 ** (-attack.isolation_db / 10)


def _shifts_ns(attack: TimeShift) -> np.ndarray:
    """Return the delay of photons that are early and of those that are late [ns], shape (delay,)."""
    return attack.shift_ns * np.array([-1, 1])


def _click_delays_ns(attack: TimeShift) -> np.ndarray:
    """Return the delay of the clicks of each channel: outcome 1 after outcome 0 [ns], shape (channel,)."""
    return attack.detector_delay_ns * np.array([-0.5, 0.5, -0.5, 0.5])


def _gates(attack: TimeShift) -> np.ndarray:
    """Return the efficiency of each channel for photons that are early and late, shape (delay, channel)."""
    if attack.gate_width_ps is None:
        return np.ones((2, 4))
    gates = gate_efficiency(1e3 * _shifts_ns(attack), offset_ps=attack.gate_offset_ps, width_ps=attack.gate_width_ps)
    return np.tile(gates, 2)


def _accepted(attack: TimeShift, station: Station) -> np.ndarray:
    """Return how early and late photons are accepted by the window, relative to others, shape (delay, channel)."""
    shifts_ns = np.append(_shifts_ns(attack), 0)[:, None]
    shares = window_acceptance(
        1e3 * (shifts_ns + _click_delays_ns(attack)), window_ps=station.window_ps, jitter_ps=station.jitter_ps
    )
    return shares[:2] / shares[2].mean()


def _click_table(
    attack: InterceptResend | Blinding | WavelengthDependence | SpatialMode, station: Station
) -> np.ndarray:
    """Return the probability that Eve's light clicks in each channel of the station, shape (target, channel)."""
    match attack:
        case Blinding():
            whole, half = linear_mode_click([attack.pulse_power, attack.pulse_power / 2], always=attack.always_power)
            return resent_click_table(match=whole, mismatch=1 - (1 - half) ** 2)
        case WavelengthDependence():
            detuning_nm = min(attack.detuning_nm, (attack.filter_nm or np.inf) / 2)
            split = best_splits(design_nm=station.wavelength_nm, order=attack.coupler_order, detuning_nm=detuning_nm)
            return resent_click_table(match=split, mismatch=1 - split)
        case SpatialMode():
            seen = field_of_view_efficiency(
                angle_urad=angle_through(attack.angle_urad, attack.field_of_view_urad),
                misalignment_urad=attack.misalignment_urad,
                acceptance_urad=attack.acceptance_urad,
            )
            return resent_click_table(match=1.0, mismatch=1.0) * seen
    return resent_click_table(match=1.0, mismatch=1.0)
