"""Which attacks are tried, on which mission, at which strengths, and what changes with each countermeasure."""

from dataclasses import dataclass
from typing import Any

from satqkd.scenario import Scenario, load_scenario

# Of pairs: a link with hardly any loss to the first station, so that Eve's photons are the only rare ones.
PAIR_TRANSMITTANCES = (0.8, 0.2)
PAIRS: dict[str, Any] = {
    "source.pair_rate_hz": 1e6,
    "measurements.0.duration_s": 4,
    "measurements.1.duration_s": 1,
    "public_link": None,  # what messages take on it decides no verdict
}
ACTIVE: dict[str, Any] = {"detection.basis_choice": "active", "detection.switch_rate_hz": 5e3}
PULSES: dict[str, Any] = {"measurements.0.duration_s": 10, "public_link": None}
STRENGTHS = (0.0, 0.05, 0.2, 0.5, 1.0)
INPUT_PHOTONS = 1e12  # that the Trojan horse sends in for each pulse


@dataclass(frozen=True)
class Experiment:
    """An attack, and the countermeasures that are tried against it.

    Attributes
    ----------
    title : str
        Of its page and its row in the matrix.
    mission : str
        Scenario whose source, detectors and protocol are used.
    attack : dict
        Section `attack`, without strength.
    setups : dict
        By name of the setup, "none" first: keys of the scenario that change.
    laboratory : dict
        Keys of the scenario that change in all setups: a bench with constant loss.
    transmittances : tuple of float
        Of the path to each station, without detectors [1].
    strengths : tuple of float
        Share of the light that Eve attacks, and 0 for nobody [1].
    """

    title: str
    mission: str
    attack: dict[str, Any]
    setups: dict[str, dict[str, Any]]
    laboratory: dict[str, Any]
    transmittances: tuple[float, ...] = PAIR_TRANSMITTANCES
    strengths: tuple[float, ...] = STRENGTHS

    def scenario(self, setup: str, strength: float) -> Scenario:
        """Return the scenario of a cell.

        Parameters
        ----------
        setup : str
            One of `setups`.
        strength : float

        Examples
        --------
        >>> EXPERIMENTS["blinding"].scenario("monitor at 1.2 V", 0.5).attack.monitor_threshold_v
        1.2
        """
        attack = self.attack | {"strength": strength}
        mission = load_scenario(self.mission)
        assert isinstance(mission, Scenario)
        return mission.replaced(self.laboratory | {"attack": attack}).replaced(self.setups[setup])


def _within_the_proof(isolation_db: float) -> dict[str, Any]:
    """Return keys of an isolated source, and of a proof that knows how many photons come back through the isolation."""
    return {
        "attack.isolation_db": isolation_db,
        "key.bound": "multinomial",
        "source.returned_photons": INPUT_PHOTONS * 10 ** (-isolation_db / 10),
    }


EXPERIMENTS = {
    "intercept_resend": Experiment(
        "Intercept and resend",
        "yin2020",
        {"kind": "intercept_resend"},
        {
            "none": {"attack.privacy_amplification": False},
            "privacy amplification by the error rate": {"attack.privacy_amplification": True},
        },
        PAIRS,
    ),
    "photon_number_splitting": Experiment(
        "Photon-number splitting",
        "liao2017",
        {"kind": "photon_number_splitting", "decoys": False},
        {"none": {}, "decoy states": {"attack.decoys": True}},
        PULSES,
        transmittances=(1e-3,),
    ),
    "photon_number_splitting_usual_channel": Experiment(
        "Photon-number splitting, usual channel",
        "liao2017",
        {"kind": "photon_number_splitting", "lossless_channel": False, "decoys": False},
        {"none": {}, "decoy states": {"attack.decoys": True}},
        PULSES,
        transmittances=(1e-3,),
    ),
    "predictable_intensities": Experiment(
        "Predictable intensities",
        "liao2017",
        {"kind": "photon_number_splitting"},
        {"none": {"attack.knows_intensities": True}, "fresh random numbers": {"attack.knows_intensities": False}},
        PULSES,
        transmittances=(4e-3,),
    ),
    "trojan_horse": Experiment(
        "Trojan horse",
        "liao2017",
        {"kind": "trojan_horse", "input_photons": INPUT_PHOTONS},
        {
            "none": {"attack.isolation_db": 115},
            "isolation of 180 dB, 10⁻⁶ photons in the proof": _within_the_proof(180),
            "isolation of 250 dB, 10⁻¹³ photons in the proof": _within_the_proof(250),
        },
        PULSES,
        transmittances=(4e-3,),
    ),
    "laser_seeding": Experiment(
        "Laser seeding",
        "liao2017",
        {"kind": "laser_seeding", "brightening": 2},
        {
            "none": {},
            "power behind the source watched": {"attack.power_alarm": 0.05},
            "17 dB more: 4 %, with 5 % in the proof": {"attack.isolation_db": 17, "source.intensity_fluctuation": 0.05},
        },
        PULSES,
        transmittances=(4e-3,),
    ),
    "time_shift": Experiment(
        "Time shift",
        "yin2020",
        {"kind": "time_shift", "shift_ns": 0.6, "gate_width_ps": 300},
        {
            "none": {},
            "mismatch of 99 % in the proof": {"key.efficiency_mismatch": 0.99},
            "free-running detectors": {"attack.gate_width_ps": None},
        },
        PAIRS,
    ),
    "time_shift_delays": Experiment(
        "Time shift, unequal delays",
        "yin2020",
        {"kind": "time_shift", "shift_ns": 2},
        {"none": {"attack.detector_delay_ns": 1}, "delays aligned": {"attack.detector_delay_ns": 0}},
        PAIRS,
    ),
    "blinding": Experiment(
        "Detector blinding",
        "yin2020",
        {"kind": "blinding", "monitor_threshold_v": None},
        {
            "none": {},
            "monitor at 1.2 V": {"attack.monitor_threshold_v": 1.2},
            "monitor at 0.25 V": {"attack.monitor_threshold_v": 0.25},
        },
        PAIRS,
    ),
    "damage": Experiment(
        "Detector damage",
        "yin2020",
        {"kind": "damage", "balance_alarm": None},
        {"none": {}, "balance of the outcomes watched": {"attack.balance_alarm": 1e-10}},
        PAIRS,
        strengths=(0.0, 0.2, 0.5, 0.8, 0.95),
    ),
    "dead_time": Experiment(
        "Dead time",
        "yin2020",
        {"kind": "dead_time"},
        {
            "none": {"coincidence.dead_time_rule": "detector"},
            "only events at which all detectors are ready": {"coincidence.dead_time_rule": "station"},
        },
        PAIRS,
    ),
    "wavelength": Experiment(
        "Wavelength-dependent beam splitter",
        "yin2020",
        {"kind": "wavelength", "detuning_nm": 250, "filter_nm": None},
        {"none": {}, "filter of 5 nm": {"attack.filter_nm": 5}},
        PAIRS,
    ),
    "spatial_mode": Experiment(
        "Spatial mode",
        "yin2020",
        {"kind": "spatial_mode", "field_of_view_urad": None},
        {"none": {}, "spatial filter of 27 µrad": {"attack.field_of_view_urad": 27}},
        PAIRS,
    ),
    "double_clicks": Experiment(
        "Double clicks",
        "yin2020",
        {"kind": "double_clicks"},
        {
            "none": {"coincidence.double_clicks": "discard"},
            "random assignment": {"coincidence.double_clicks": "random"},
        },
        PAIRS | ACTIVE,
    ),
    "predictable_settings": Experiment(
        "Predictable settings",
        "yin2020",
        {"kind": "predictable_settings", "settings_in_record": 2500, "repeat_alarm": None},
        {"none": {}, "test of the record": {"attack.repeat_alarm": 1e-10}},
        PAIRS | ACTIVE,
    ),
    "unbalanced_settings": Experiment(
        "Unbalanced settings",
        "yin2020",
        {"kind": "unbalanced_settings", "first_share": 0.9, "errors_by_basis": False},
        {
            "none": {},
            "errors of each basis in the proof": {"attack.errors_by_basis": True},
            "balance of the settings watched": {"attack.balance_alarm": 1e-10},
        },
        PAIRS | ACTIVE,
    ),
}
