"""One attack at one strength against one setup: stages 3 to 6, and then Eve's guess of every bit of the sifted key."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from satqkd.attack.knowledge import guesses, information_bits, success_probability
from satqkd.bell.stage import bell_test
from satqkd.bench import still_link
from satqkd.coincidence.stage import coincidences
from satqkd.detection.stage import simulate
from satqkd.key.proofs.reasons import CONTRADICTIONS
from satqkd.key.stage import distill, sifted_and_length
from satqkd.laboratory.alarms import alarms
from satqkd.laboratory.claims import claimed_lengths, sifted_bits
from satqkd.laboratory.experiments import Experiment
from satqkd.result import Result
from satqkd.scenario import INTENSITIES, Scenario
from satqkd.scenario.mission import DecoySource
from satqkd.streams import stream


@dataclass(frozen=True, repr=False)
class Outcome(Result):
    """The outcome of an attack.

    Attributes
    ----------
    sifted, errors : int
        Bits that become key, and the errors among them.
    leak_ec : float
        What error correction discloses of them [bit].
    s, s_sigma : float
        Of the Bell test, nan without one.
    alarms : tuple of str
    lengths : dict of float
        Key that is claimed, by proof, the laboratory's own proof first [bit]. It is claimed even where the counts
        contradict what the proof assumes.
    contradiction : str
        What stage 5 finds in the counts against the assumptions of the proofs, for which it refuses the key.
    eve_bits : float
        What Eve knows of the sifted bits, the sum of 1 - h(p) [bit].
    guessed, computed : float
        Share of the sifted bits that she guesses right, and the share that her probabilities promise [1].
    """

    sifted: int
    errors: int
    leak_ec: float
    s: float
    s_sigma: float
    alarms: tuple[str, ...]
    lengths: dict[str, float]
    contradiction: str
    eve_bits: float
    guessed: float
    computed: float

    @property
    def left(self) -> float:
        """Return the bits that are left after error correction and of which Eve knows nothing."""
        return self.sifted - self.leak_ec - self.eve_bits

    @property
    def verdicts(self) -> dict[str, str]:
        """Return the verdict on each proof."""
        return {
            proof: verdict(length=length, left=self.left, alarm=bool(self.alarms))
            for proof, length in self.lengths.items()
        }

    @property
    def verdict(self) -> str:
        """Return the verdict on the laboratory's own proof."""
        return next(iter(self.verdicts.values()))


def verdict(*, length: float, left: float, alarm: bool) -> str:
    """Return what an attack has achieved.

    Parameters
    ----------
    length : float
        Key that is claimed [bit].
    left : float
        Sifted bits minus what error correction discloses and what Eve knows [bit].
    alarm : bool
        Whether the station has noticed.

    Returns
    -------
    {"stopped", "priced", "broken"}
        No key or an alarm; a key that is no longer than what is left; a longer one, of which Eve must know a part.

    Notes
    -----
    No hash makes more secret bits than the entropy that Eve lacks. Parities that are disclosed take one bit each from
    it, unless she already knows them.

    Examples
    --------
    >>> [verdict(length=length, left=500.0, alarm=False) for length in (0.0, 400.0, 600.0)]
    ['stopped', 'priced', 'broken']
    """
    if alarm or length <= 0:
        return "stopped"
    return "broken" if length > left else "priced"


def link_of(scenario: Scenario, transmittance: ArrayLike) -> tuple[xr.Dataset, xr.Dataset]:
    """Return orbit and channel data sets of a scenario's measurements through a constant link without motion.

    Parameters
    ----------
    scenario : Scenario
    transmittance : array_like, shape () or (station,)
        Of each path, without detectors [1].
    """
    durations_s = [int(measurement.duration_s or 0) for measurement in scenario.measurements]
    return still_link([station.name for station in scenario.stations], durations_s, transmittance=transmittance)


def run_cell(experiment: Experiment, *, setup: str, strength: float, seed: int) -> Outcome:
    """Run an attack through stages 3 to 6, and compare the key that is claimed with what Eve knows.

    Parameters
    ----------
    experiment : Experiment
    setup : str
        One of its setups.
    strength : float
        Share of the light that Eve attacks [1].
    seed : int

    Examples
    --------
    >>> from dataclasses import replace
    >>> from satqkd.laboratory import EXPERIMENTS
    >>> brief = {"measurements.0.duration_s": 3, "measurements.1.duration_s": 2}
    >>> attacked = EXPERIMENTS["intercept_resend"]
    >>> attacked = replace(attacked, laboratory=attacked.laboratory | brief)
    >>> outcome = run_cell(attacked, setup="none", strength=1.0, seed=1)
    >>> round(outcome.errors / outcome.sifted, 1), outcome.s < 2
    (0.3, True)
    """
    scenario = experiment.scenario(setup, strength)
    orbit, channel = link_of(scenario, experiment.transmittances)
    with TemporaryDirectory() as folder:
        tags = str(Path(folder) / "detection.zarr")
        truth = simulate(scenario, orbit, channel, path=tags, seed=seed, run=1)
        events = coincidences(scenario, orbit, tags, path=Path(folder) / "coincidence.nc").load()
        alarmed = tuple(alarms(scenario, tags))
    key = distill(scenario, events)
    s, s_sigma = np.nan, np.nan
    if scenario.source.kind == "entangled":
        bell = bell_test(scenario, events, None)
        s, s_sigma = float(bell.s), float(bell.sigma)
    bits, belief = sifted_beliefs(scenario, events, truth)
    guess = guesses(belief, stream(seed, scenario.name, "eve's guess"))
    sifted, errors = sifted_bits(key)
    _, length = sifted_and_length(scenario, events)
    claimed = [float(length(bound, scenario.key.eps_sec, scenario.key.eps_cor).length) for bound in key.bound.values]
    contradiction = str(key.no_key.sel(bound=scenario.key.bound).values)
    return Outcome(
        sifted=sifted,
        errors=errors,
        leak_ec=float(key.leak_ec.sel(bound="asymptotic")),
        s=s,
        s_sigma=s_sigma,
        alarms=alarmed,
        lengths=claimed_lengths(scenario, key.assign(length=("bound", claimed))),
        contradiction=contradiction if contradiction in CONTRADICTIONS else "",
        eve_bits=float(information_bits(belief).sum()),
        guessed=float(np.mean(guess == bits)),
        computed=float(success_probability(belief).mean()),
    )


def sifted_beliefs(scenario: Scenario, events: xr.Dataset, truth: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the sifted bits that Eve is after, and her probability that each is 1.

    Parameters
    ----------
    scenario : Scenario
    events : xarray.Dataset
        Result of stage 4.
    truth : xarray.Dataset
        Of stage 3.

    Returns
    -------
    bits : ndarray of uint8, shape (sifted,)
        Of the side that her record is about. The other side's bits become the same by error correction.
    belief : ndarray, shape (sifted,)
        One half where she has no record of the photon.
    """
    pulses = isinstance(scenario.source, DecoySource)
    column, wanted = ("intensity", INTENSITIES.index("signal")) if pulses else ("measurement_number", 0)
    kept = (events.setting_a.values == events.setting_b.values) & (events[column].values == wanted)
    event = events.isel(coincidence=kept)
    when_s = 1e-12 * (event.time.values + (0 if pulses else event.delay.values))
    # An entry at either end, of no knowledge, so that every event lies between two.
    record_s = np.concatenate([[-np.inf], truth.eve_time.values, [np.inf]])
    beliefs = np.pad(truth.eve_belief.values.astype(float), ((1, 1), (0, 0)), constant_values=0.5)
    after = np.searchsorted(record_s, when_s)
    nearest = after - (when_s - record_s[after - 1] <= record_s[after] - when_s)
    caused = np.abs(when_s - record_s[nearest]) <= _reach_s(scenario)
    belief = np.where(caused, beliefs[nearest, event.setting_b.values.astype(int)], 0.5)
    sent = truth.attrs["eve_knows"] == "sent"
    return (event.outcome_a if sent else event.outcome_b).values.astype(np.uint8), belief


def _reach_s(scenario: Scenario) -> float:
    """Return how far a click may lie from the photon that caused it [s]: five standard deviations of a tag."""
    width_ps = scenario.source.pulse_width_ps if isinstance(scenario.source, DecoySource) else 0.0
    return 5e-12 * float(np.hypot(scenario.detection.timing_jitter_ps, width_ps))
