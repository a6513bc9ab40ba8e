"""Stage 5: error rates, the length of the key under each proof, and the key itself."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from satqkd.dataset import in_parts, label, variable
from satqkd.flight import PS
from satqkd.key.custody.keyfile import SecretBits, write_key
from satqkd.key.postprocessing.codes import CODES, corrected_by
from satqkd.key.postprocessing.distillation import DistilledKey, distilled_key
from satqkd.key.postprocessing.exchange import exchange
from satqkd.key.postprocessing.messages import (
    Message,
    authentication_shares,
    correction_messages,
    pair_messages,
    pulse_messages,
)
from satqkd.key.proofs.balance import Alarm, bases_unbalanced, checked_assumptions
from satqkd.key.proofs.bbm92 import Bbm92Key, bbm92_key_length, qber_threshold
from satqkd.key.proofs.counted import qber_of, sifted_pairs
from satqkd.key.proofs.decoy import TWO_WAY, DecoyCounts, DecoyKey, decoy_key_length, pool_bases
from satqkd.key.proofs.entropy import binary_entropy
from satqkd.key.proofs.reasons import REASONS, SWAPPED, no_key_reason, not_in_hand_reason, suspected_swap
from satqkd.scenario import INTENSITIES, Recorded, RecordedStation, Scenario
from satqkd.scenario.mission import DecoyPulses
from satqkd.streams import stream

# The account of the key as a function of proof, secrecy, correctness and mismatch of the detectors.
KeyLength: TypeAlias = Callable[..., Bbm92Key | DecoyKey]

# The terms of a key's account by basis; pulses have more of them.
TERMS = (
    ("n_sifted", "bit", "sifted bits that become key"),
    ("phase_error", "1", "bound on the phase error rate"),
    ("privacy", "bit", "what an eavesdropper may know of the bits that count"),
    ("unfloored", "bit", "length before it is cut at zero"),
    ("security", "bit", "price of the failure probabilities"),
    ("leak_ec", "bit", "disclosed by error correction with f_ec"),
)
PHOTON_TERMS = (
    ("vacuum_events", "bit", "bits of empty pulses, at least"),
    ("single_photons", "bit", "bits of single photons, at least"),
    ("multiphoton", "bit", "bits that may be of several photons"),
)
# What may be wrong in a scenario, by what `suspected_swap` returns; the names of keys of the scenario follow.
SUGGESTIONS = {
    "outcomes": "outcomes are correlated, but with the other sign: two outcomes of a station may be swapped, or the "
    "state may be another one; compare",
    "settings": "unequal settings are correlated and equal ones are not: the settings of one station may be swapped; "
    "compare",
    "nothing": "a basis shows no correlation: only noise was counted, its angles are others, or what was matched does "
    "not belong together; compare",
}
# Failure probabilities for which a length is tabulated, in addition to the scenario's own.
EPS_GRID = 10.0 ** -np.arange(3, 16)


def distill(scenario: Scenario | Recorded, coincidence: xr.Dataset, *, folder: str | Path | None = None) -> xr.Dataset:
    """Compute error rates and key lengths from the sifted bits, and make the key itself.

    Parameters
    ----------
    scenario : Scenario or Recorded
    coincidence : xarray.Dataset
        Result of stage 4.
    folder : str or Path, optional
        Folder for ``alice.key`` and ``bob.key``, files of mode 0600; without it the keys are dropped.

    Returns
    -------
    xarray.Dataset
        sifted, errors and qber by basis (and intensity), length(bound) at the scenario's failure probabilities with the
        account of its terms, length_by_eps(bound, eps), and the account of the real key under the scenario's proof. It
        contains no bit of the key.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from satqkd import load_scenario
    >>> from satqkd.stages import run_stages
    >>> mission = load_scenario("tiangong2").replaced({"orbit.max_duration_s": 4})
    >>> with TemporaryDirectory() as folder:
    ...     events = run_stages(mission, folder, seed=1).coincidence.load()
    >>> key = distill(mission, events)
    >>> key.sifted.dims, bool((key.length >= 0).all())
    (('intensity_level', 'basis'), True)
    """
    bounds = scenario.proofs
    coincidence = _with_key_measurement(coincidence)
    data, length, alarm = _counted(scenario, coincidence)
    allowed = [alarm.allowed_mismatch(bound) for bound in bounds]
    granted = np.array([mismatch is not None for mismatch in allowed])
    # Where no key may be granted, the account shows what the equations give for the detectors as declared.
    mismatches = [alarm.declared if mismatch is None else mismatch for mismatch in allowed]
    keys = [
        length(bound, scenario.key.eps_sec, scenario.key.eps_cor, mismatch)
        for bound, mismatch in zip(bounds, mismatches, strict=True)
    ]
    data["length"] = variable("bound", granted * [float(key.length) for key in keys], "bit", "secret key")
    data["leak_ec"] = variable("bound", [float(key.leak_ec) for key in keys], "bit", "disclosed by error correction")
    parts = [[getattr(key, basis) for basis in ("z", "x")] for key in keys]
    for name, units, text in TERMS + (PHOTON_TERMS if isinstance(scenario.source, DecoyPulses) else ()):
        data[name if name != "leak_ec" else "leak_ec_by_basis"] = variable(
            ("bound", "basis"), [[float(getattr(p, name)) for p in pair] for pair in parts], units, text
        )
    for name, text in [
        ("estimate", "failure probability of each estimate"),
        ("estimates", "how many of them share the secrecy"),
        ("amplification", "failure probability of hashing"),
    ]:
        data[f"split_{name}"] = variable("bound", [float(getattr(key.split, name)) for key in keys], "1", text)
    by_eps = [
        np.broadcast_to(length(bound, EPS_GRID, EPS_GRID, mismatch).length, EPS_GRID.shape)
        for bound, mismatch in zip(bounds, mismatches, strict=True)
    ]
    data["length_by_eps"] = variable(
        ("bound", "eps"), granted[:, None] * by_eps, "bit", "secret key with both failure probabilities at eps"
    )
    data = data.assign_coords(bound=list(bounds), basis=["z", "x"], eps=EPS_GRID)
    real = _real_keys(
        scenario,
        coincidence,
        data.sel(bound=TWO_WAY.get(scenario.key.bound, scenario.key.bound)),
        granted=alarm.allowed_mismatch(scenario.key.bound) is not None and not scenario.turned,
    )
    _account(scenario, coincidence, data, real)
    _reasons(scenario, coincidence, data, real, alarm)
    if folder is not None:
        for side in ("alice", "bob"):
            write_key(Path(folder) / f"{side}.key", _joined([getattr(key, side) for key in real]))
    data.attrs |= {
        "run": coincidence.attrs["run"],
        "compared_bound": scenario.key.bound,
        "f_ec": scenario.key.f_ec,
        "eps_sec": scenario.key.eps_sec,
        "eps_cor": scenario.key.eps_cor,
    }
    return label(data, "key", scenario, coincidence.attrs["seed"])


def sifted_and_length(scenario: Scenario | Recorded, coincidence: xr.Dataset) -> tuple[xr.Dataset, KeyLength]:
    """Return what stage 4 counted for the key, and the length of the key as a function of the proof.

    Parameters
    ----------
    scenario : Scenario or Recorded
    coincidence : xarray.Dataset
        Result of stage 4; its counts suffice.

    Returns
    -------
    xarray.Dataset
        Sifted bits, errors and error rates, the beginning of the result of `distill`.
    callable
        Proof, secrecy, correctness and, where it is not the scenario's, mismatch of the detectors to the account of the
        key.
    """
    data, length, _ = _counted(scenario, coincidence)
    return data, length


def _counted(scenario: Scenario | Recorded, coincidence: xr.Dataset) -> tuple[xr.Dataset, KeyLength, Alarm]:
    """Return what `sifted_and_length` does, and what the counts say against the assumptions of the proofs."""
    alarm = _alarm(scenario, coincidence)
    of_source = _pulses if isinstance(scenario.source, DecoyPulses) else _pairs
    return *of_source(scenario, coincidence, alarm), alarm


def _real_keys(
    scenario: Scenario | Recorded, coincidence: xr.Dataset, account: xr.Dataset, *, granted: bool
) -> list[DistilledKey]:
    """Make the key of each basis, Z and X, by the scenario's proof, if the counts allow a key at all."""
    tag = -np.log2(scenario.key.eps_cor)
    keys = []
    for number, basis in enumerate(account.basis.values):
        alice, bob = _sifted_bits(scenario, coincidence, number)
        terms = {name: float(account[name].sel(basis=basis)) for name in ("unfloored", "leak_ec_by_basis", "security")}
        # The price of the failure probabilities already includes the verification's tag, which is added here again,
        # because `distilled_key` subtracts the tag that was really sent.
        # Cascade makes public where the errors were, hence also the bits of empty pulses: lemma 6 of docs/proofs.md.
        known = float(account.vacuum_events.sel(basis=basis)) if "vacuum_events" in account else 0.0
        undisclosed = terms["unfloored"] + terms["leak_ec_by_basis"] + (tag if terms["security"] > 0 else 0.0) - known
        keys.append(
            distilled_key(
                alice,
                bob,
                qber=float(np.mean(alice != bob)) if alice.size else np.nan,
                undisclosed=undisclosed if granted else 0.0,
                eps_cor=scenario.key.eps_cor,
                rng=stream(coincidence.attrs["seed"], scenario.name, coincidence.attrs["run"], "key", str(basis)),
            )
        )
    return keys


def _sifted_bits(scenario: Scenario | Recorded, coincidence: xr.Dataset, basis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the bits of both sides that become key in a basis; events on disk are read in parts."""
    if isinstance(scenario.source, DecoyPulses):
        column, which, sides = "intensity", INTENSITIES.index("signal"), ("outcome_a", "outcome_b")
    else:
        column, which, sides = "measurement_number", _key_measurement(coincidence), ("alice_bit", "bob_bit")
    alice, bob = bits = np.empty((2, int(coincidence.counts.values[which, basis, basis].sum())), np.uint8)
    end = 0
    for part in in_parts(coincidence, "coincidence"):
        kept = (part.setting_a.values == basis) & (part.setting_b.values == basis) & (part[column].values == which)
        first, end = end, end + int(np.count_nonzero(kept))
        for side, name in zip(bits, sides, strict=True):
            side[first:end] = part[name].values[kept]
    return alice, bob


def _account(
    scenario: Scenario | Recorded, coincidence: xr.Dataset, data: xr.Dataset, keys: list[DistilledKey]
) -> None:
    """Add the account of the real key: what was disclosed, what was said, and what authentication costs."""
    corrections = [key.reconciliation for key in keys]
    for name, units, text in [
        ("parity_bits", "bit", "really disclosed by error correction"),
        ("tag_bits", "bit", "disclosed to verify that the keys are equal"),
        ("round_trips", "1", "questions and answers of error correction, verification included"),
        ("verified", "1", "whether the corrected bits were verified"),
    ]:
        data[name] = variable("basis", [int(getattr(c, name, 0)) for c in corrections], units, text)
    data["real_length"] = variable("basis", [len(key.alice) for key in keys], "bit", "key that both sides hold")
    data["keys_equal"] = variable((), int(all(key.alice == key.bob for key in keys)), "1", "whether they are the same")
    said = _messages(scenario, coincidence, data, keys)
    _exchange(scenario, coincidence, data, said)
    shares = authentication_shares(said, eps=scenario.key.eps_cor)
    if not data.real_length.any():  # a session without key is broken off before any tag is sent
        shares = [0] * len(said)
    for name, values, text in [
        ("public_bits", [message.bits for message in said], "size of the message"),
        ("disclosed", [message.disclosed for message in said], "what it gives away of the key, which is taken from it"),
        ("authentication", shares, "what it adds to its sender's tag"),
    ]:
        data[name] = variable("message", np.array(values, np.int64), "bit", text)
    data.coords["message"] = [f"{message.sender} {message.topic}" for message in said]
    data.coords["sender"] = ("message", [message.sender for message in said])
    cost = int(data.authentication.sum())
    data["authentication_cost"] = variable((), cost, "bit", "key spent on authenticating the messages")
    data["net_length"] = variable((), int(data.real_length.sum()) - cost, "bit", "key gained, authentication paid")


def _messages(
    scenario: Scenario | Recorded, coincidence: xr.Dataset, data: xr.Dataset, keys: list[DistilledKey]
) -> list[Message]:
    """List what both sides say in public about all sessions together."""
    names = [station.name for station in scenario.stations]
    detections = coincidence.singles.values.sum(axis=0)
    announcements = scenario.public_link.announcements if scenario.public_link else "plain"
    if isinstance(scenario.source, DecoyPulses):
        sifted = data.sifted.values
        by_intensity = coincidence.counts.values.sum(axis=(1, 2, 3, 4))
        return pulse_messages(
            station=names[0],
            detections=detections[0],
            sifted=sifted.sum(),
            tested=sifted[1:].sum(),
            keys=keys,
            slots=float(coincidence.pulses.sum()),
            shares=by_intensity / max(by_intensity.sum(), 1),
            announcements=announcements,
        )
    by_measurement = coincidence.counts.values.sum(axis=(1, 2, 3, 4))
    tested = by_measurement.sum() - by_measurement[_key_measurement(coincidence)]
    return pair_messages(
        stations=names,
        detections=detections,
        sifted=data.sifted.values.sum(),
        tested=tested,
        keys=keys,
        slots=float(coincidence.session_duration.sum()) * PS,
        announcements=announcements,
    )


def _exchange(
    scenario: Scenario | Recorded, coincidence: xr.Dataset, data: xr.Dataset, said: Sequence[Message]
) -> None:
    """Add how long the messages take on the scenario's link, and error correction alone with each code."""
    if scenario.public_link is None:
        return
    names = ["transmitter"] * isinstance(scenario.source, DecoyPulses) + [one.name for one in scenario.stations]
    link = partial(
        exchange,
        rates_bit_s=dict(zip(names, (scenario.public_link.alice_bit_s, scenario.public_link.bob_bit_s), strict=True)),
        delay_s=scenario.public_link.delay_ms * 1e-3,
        sessions_s=coincidence.session_duration.values,
    )
    times = link(said)
    for name, values, text in [
        ("sending_time", times.sending_s, "size of the message over its sender's rate"),
        ("waiting_time", times.waiting_s, "until the other side has read it"),
    ]:
        data[name] = variable("message", values, "s", text)
    data["streamed"] = variable("message", [int(one.streamed) for one in said], "1", "whether sent during the sessions")
    data["link_load"] = variable("side", list(times.load.values()), "1", "share of the sessions that streams take")
    data["backlog"] = variable((), times.backlog_s, "s", "from the last photon to the end of what is streamed")
    data["time_to_key"] = variable((), times.after_s, "s", "from the last photon to the key")
    data.coords["side"] = names
    pairs = [_sifted_bits(scenario, coincidence, number) for number in range(data.sizes["basis"])]
    seeds = (coincidence.attrs["seed"], scenario.name, coincidence.attrs["run"], "codes")
    done = {c: corrected_by(c, pairs, eps_cor=scenario.key.eps_cor, rng=stream(*seeds, c)) for c in CODES}
    if not all(done.values()):  # no bit to correct
        return
    alone = [link(correction_messages(names[0], names[1], each)) for each in done.values()]
    for name, counts, units, text in [
        ("code_parity_bits", [sum(one.parity_bits for one in each) for each in done.values()], "bit", "disclosed"),
        ("code_round_trips", [max(one.round_trips for one in each) for each in done.values()], "1", "of both bases"),
        ("code_verified", [all(one.verified for one in each) for each in done.values()], "1", "whether all bits agree"),
        ("code_sending_time", [one.sending_s.sum() for one in alone], "s", "sizes of its messages over the rates"),
        ("code_waiting_time", [one.waiting_s.sum() for one in alone], "s", "until its messages are read"),
    ]:
        data[name] = variable("code", np.array(counts, float), units, text)
    data.coords["code"] = list(CODES)


def _reasons(
    scenario: Scenario | Recorded, coincidence: xr.Dataset, data: xr.Dataset, keys: list[DistilledKey], alarm: Alarm
) -> None:
    """Add the reasons why there is no key, which labels may be swapped, and what is wrong with the detectors."""
    errors, sifted = _signal(data)
    asymptotic, held = data.sel(bound="asymptotic"), data.real_length.values
    single_photons = float(asymptotic.single_photons.sum()) if "pulses" in data else np.inf
    reasons = {
        bound: "not measured"
        if not data.duration
        else no_key_reason(
            length=float(data.length.sel(bound=bound)),
            asymptotic=float(asymptotic.unfloored.clip(min=0).sum()),
            sifted=sifted,
            errors=errors,
            single_photons=single_photons,
            held=int(held.sum()) if bound == scenario.key.bound else 0,
            alarm=alarm.reason,
        )
        for bound in data.bound.values.tolist()
    }
    proof = reasons[scenario.key.bound]
    in_hand = [
        not_in_hand_reason(
            held=int(bits),
            turned=scenario.turned,
            begun=key.reconciliation is not None,
            verified=key.reconciliation is not None and key.reconciliation.verified,
            proof_reason=proof,
        )
        for bits, key in zip(held, keys, strict=True)
    ]
    data["no_key"] = variable("bound", list(reasons.values()), "1", "why the proof gives no key")
    data["no_key_in_hand"] = variable("basis", in_hand, "1", "why the sides hold no key")
    if proof in SWAPPED:
        rates = [f"{100 * _rate(*both):.1f} % in {basis}" for *both, basis in zip(*_signal(data), "ZX", strict=True)]
        data.attrs["suggestion"] = f"QBER {' and '.join(rates)}: {_suggestion(scenario, coincidence)}"
    elif alarm.reason and proof in ("", alarm.reason):
        data.attrs["suggestion"] = _warning(scenario, coincidence, alarm)


def _alarm(scenario: Scenario | Recorded, coincidence: xr.Dataset) -> Alarm:
    """Return what the counts say against the assumptions of the proofs."""
    pulses = isinstance(scenario.source, DecoyPulses)
    counts = coincidence.counts.values
    counts = counts.sum(axis=0) if pulses else counts[_key_measurement(coincidence)]
    return checked_assumptions(
        counts,
        pairs=not pulses,
        declared=scenario.key.efficiency_mismatch,
        dead_time_rule=scenario.coincidence.dead_time_rule,
        independent=not scenario.turned,
    )


def _warning(scenario: Scenario | Recorded, coincidence: xr.Dataset, alarm: Alarm) -> str:
    """Return a sentence on what the counts say against the proofs, and on detectors that look blind or late."""
    seen, declared = alarm.mismatch, f"key.efficiency_mismatch={alarm.declared:g}"
    if alarm.reason == "dead detectors":
        return (
            f"coincidence.dead_time_rule={scenario.coincidence.dead_time_rule}: a detector that is dead after a click "
            "makes the next bit or basis predictable, so take the rule station for a key"
        )
    if alarm.reason == "dependent bases":
        text = (
            f"settings of the two sides are correlated beyond {declared}: look for blinded detectors, a basis with "
            "noise of its own, or coincidences of equal settings only"
        )
    else:
        index = seen.station if len(scenario.stations) == 2 else 0
        covered = alarm.allowed_mismatch(scenario.key.bound)
        text = (
            f"{_detector(scenario, index, 2 * seen.setting + seen.outcome)} has fewer counts than the other one of its "
            f"setting: efficiencies differ by {100 * seen.least:.0f} to {100 * seen.most:.0f} % and {declared} is "
            "declared; "
        )
        text += (
            f"{scenario.key.bound} takes the larger value into account"
            if covered is not None
            else "repair or attenuate the detector, or calibrate it and declare the difference"
        )
    blind = _blind(scenario, coincidence)
    return f"{text}; {blind}" if blind else text


def _blind(scenario: Scenario | Recorded, coincidence: xr.Dataset) -> str:
    """Name the detectors that have clicks and hardly any coincidence."""
    if "looks_blind" not in coincidence:
        return ""
    named = []
    for index, detector in np.argwhere(coincidence.looks_blind.values).tolist():
        clicks, pairs = (coincidence[name].values[index] for name in ("detector_singles", "detector_coincidences"))
        shares = 100 * clicks[detector] / clicks.sum(), 100 * pairs[detector] / max(pairs.sum(), 1)
        named.append(
            f"{_detector(scenario, index, detector)} has {shares[0]:.0f} % of its station's clicks and "
            f"{shares[1]:.0f} % of its coincidences: it looks blind or late"
        )
    return "; ".join(named)


def _detector(scenario: Scenario | Recorded, station: int, detector: int) -> str:
    """Return the name of a detector: its channel where the scenario has channels."""
    party = scenario.stations[station]
    where = f"setting {detector >> 1}, outcome {detector & 1} of {party.name}"
    return (
        f"channel {party.channels[detector % len(party.channels)]} ({where})"
        if isinstance(party, RecordedStation)
        else where
    )


def _signal(data: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return errors and sifted bits of what becomes key, by basis."""
    counted = data.isel(intensity_level=INTENSITIES.index("signal")) if "pulses" in data else data
    return counted.errors.values, counted.sifted.values


def _suggestion(scenario: Scenario | Recorded, coincidence: xr.Dataset) -> str:
    """Return which keys of the scenario to compare when outcomes are not correlated as they should be."""
    if isinstance(scenario.source, DecoyPulses):
        suspect = suspected_swap(coincidence.counts.values[0], np.ones((2, 2)))
        keys = ["polarization.compensated", "polarization.residual_deg"]
    else:
        which = _key_measurement(coincidence)
        suspect = suspected_swap(coincidence.counts.values[which], coincidence.ideal_correlation.values[which])
        keys = [f"measurements.{which}.angles_deg"]
        if suspect != "settings":
            keys.insert(0, "source.bell_state")
        if isinstance(scenario, Recorded):
            keys = [f"stations.{i}.channels ({station.name})" for i, station in enumerate(scenario.stations)] + keys
        else:
            keys += ["polarization.compensated", "polarization.residual_deg"]
    return f"{SUGGESTIONS[suspect]} {', '.join(keys)}"


def in_words(data: xr.Dataset) -> str:
    """Return the lengths of the key in a few lines of text, with the reason wherever there is no key.

    Parameters
    ----------
    data : xarray.Dataset
        Result of `distill`.

    Returns
    -------
    str

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from satqkd import load_scenario
    >>> from satqkd.stages import run_stages
    >>> bench = load_scenario("bench_example").replaced({"stations.0.loss_db": 3, "source.pair_rate_hz_per_mw": 4e4})
    >>> with TemporaryDirectory() as folder:
    ...     print(in_words(run_stages(bench, folder, seed=1).key).splitlines()[0])
    secret key by projected: 2,... bit
    """
    own = data.attrs["compared_bound"]
    bounds = [own, *(bound for bound in data.bound.values if bound != own)]
    results = [
        (f"secret key by {bound}", data.length.sel(bound=bound), data.no_key.sel(bound=bound)) for bound in bounds
    ]
    results += [
        (f"key in hand from {basis.upper()}", data.real_length.sel(basis=basis), data.no_key_in_hand.sel(basis=basis))
        for basis in data.basis.values
    ]
    results = [(what, float(bits), str(reason.values)) for what, bits, reason in results]
    lines = [f"{what}: {bits:,.0f} bit" + (f", {reason}" if reason else "") for what, bits, reason in results]
    lines.append(
        f"said in public: {int(data.public_bits.sum()):,} bit, authenticated with {int(data.authentication_cost)} bit "
        f"of key; net {int(data.net_length):,} bit"
    )
    if "time_to_key" in data:
        lines.append(f"on the public link: {float(data.time_to_key):.1f} s from the last photon to the key")
    given = dict.fromkeys(reason for *_, reason in results if reason)
    lines += [f"{reason}: {REASONS[reason]}" for reason in given]
    return "\n".join([*lines, *filter(None, [data.attrs.get("suggestion")])])


def _joined(keys: Iterable[SecretBits]) -> SecretBits:
    """Return several keys as one."""
    return SecretBits(np.concatenate([key.reveal() for key in keys]))


def _with_key_measurement(coincidence: xr.Dataset) -> xr.Dataset:
    """Add a key measurement without counts to recordings of a Bell test alone."""
    if "pulses" in coincidence or {"key", "state"} & set(coincidence.measurement_name.values):
        return coincidence
    measured = coincidence[["counts", "ideal_correlation", "duration", "measurement_name"]]
    empty = xr.zeros_like(measured.isel(measurement=[0])).assign_coords(measurement_name=("measurement", ["key"]))
    return coincidence.drop_dims("measurement").merge(xr.concat([measured, empty], "measurement"))


def _key_measurement(coincidence: xr.Dataset) -> int:
    """Return the index of the measurement that is for the key, else of the test of the state."""
    names = list(coincidence.measurement_name.values)
    return names.index("key") if "key" in names else names.index("state")


def _pairs(scenario: Scenario | Recorded, coincidence: xr.Dataset, alarm: Alarm) -> tuple[xr.Dataset, KeyLength]:
    """Return what pairs counted for the key, and its length as a function of the proof."""
    which = _key_measurement(coincidence)
    counts = sifted_pairs(coincidence.counts.values[which], coincidence.ideal_correlation.values[which])
    sifted, errors = np.array([counts.n_z, counts.n_x]), np.array([counts.errors_z, counts.errors_x])
    data = _rates(("basis",), sifted, errors, float(coincidence.duration.values[which]))
    mismatch = alarm.allowed_mismatch(scenario.key.bound)
    threshold = np.nan
    # So few bits that there is no key even without errors leave it undefined, as do detectors that allow no key.
    with suppress(ValueError):
        threshold = (
            np.nan
            if mismatch is None
            else qber_threshold(
                n_z=sifted[0],
                n_x=sifted[1],
                eps_sec=scenario.key.eps_sec,
                eps_cor=scenario.key.eps_cor,
                f_ec=scenario.key.f_ec,
                bound=scenario.key.bound,
                efficiency_mismatch=mismatch,
            )
        )
    data["qber_threshold"] = variable((), threshold, "1", "error rate at which no key is left")
    declared = scenario.key.efficiency_mismatch
    return data, lambda bound, eps_sec, eps_cor, mismatch=declared: bbm92_key_length(
        n_z=sifted[0],
        n_x=sifted[1],
        errors_z=errors[0],
        errors_x=errors[1],
        eps_sec=eps_sec,
        eps_cor=eps_cor,
        f_ec=scenario.key.f_ec,
        bound=bound,
        efficiency_mismatch=mismatch,
    )


def _pulses(scenario: Scenario | Recorded, coincidence: xr.Dataset, alarm: Alarm) -> tuple[xr.Dataset, KeyLength]:
    """Return what pulses counted for the key, and its length as a function of the proof."""
    assert isinstance(scenario.source, DecoyPulses)
    counts = coincidence.counts.values[:, [0, 1], [0, 1]]
    sifted, errors = counts.sum(axis=(2, 3)), counts[:, :, 0, 1] + counts[:, :, 1, 0]
    data = _rates(("intensity_level", "basis"), sifted, errors, float(coincidence.duration.sum()))
    data["pulses"] = coincidence.pulses
    data.coords["intensity_name"] = ("intensity_level", list(INTENSITIES))
    source = scenario.source
    counted = DecoyCounts(
        detections_z=sifted[:, 0],
        detections_x=sifted[:, 1],
        errors_z=errors[:, 0],
        errors_x=errors[:, 1],
        pulses=coincidence.pulses.values,
    )
    length = partial(
        decoy_key_length,
        mean_photon_numbers=source.mu,
        intensity_probabilities=source.shares,
        f_ec=scenario.key.f_ec,
        key_intensities="signal",
        intensity_fluctuation=source.intensity_fluctuation,
        returned_photons=source.returned_photons,
    )
    allowed = alarm.allowed_mismatch(scenario.key.bound)
    declared = scenario.key.efficiency_mismatch
    mismatch = declared if allowed is None else allowed
    pooled = length(
        counts=pool_bases(counted),
        key_basis="z",
        efficiency_mismatch=mismatch,
        bound=scenario.key.bound,
        eps_sec=scenario.key.eps_sec,
        eps_cor=scenario.key.eps_cor,
    )
    assert pooled.z is not None
    refused = allowed is None or bases_unbalanced(sifted.sum(axis=0), mismatch=mismatch)
    bits = 0.0 if refused else float(pooled.length)
    data["pooled_length"] = variable((), bits, "bit", "secret key with both bases taken as one")
    data["pooled_phase_error"] = variable((), float(pooled.z.phase_error), "1", "bound on its phase error rate")
    return data, lambda bound, eps_sec, eps_cor, mismatch=declared: length(
        counts=counted,
        key_basis="both",
        bound=bound,
        eps_sec=eps_sec,
        eps_cor=eps_cor,
        efficiency_mismatch=mismatch,
    )


def _rates(dims: tuple[str, ...], sifted: np.ndarray, errors: np.ndarray, duration_s: float) -> xr.Dataset:
    """Return sifted bits, errors and error rates as the beginning of the stage's data set."""
    qber, sigma = qber_of(errors, sifted)
    return xr.Dataset(
        {
            "sifted": variable(dims, sifted, "bit", "sifted bits"),
            "errors": variable(dims, errors, "bit", "errors among them"),
            "qber": variable(dims, qber, "1", "quantum bit error rate"),
            "qber_sigma": variable(dims, sigma, "1", "its binomial standard deviation"),
            "duration": variable((), duration_s, "s", "open link"),
        }
    )


def _rate(errors: np.ndarray, events: np.ndarray) -> float:
    """Return the share of errors among all events; nan without events."""
    return float(np.sum(errors) / np.sum(events)) if np.sum(events) else np.nan


def _shannon_bits(sifted: np.ndarray, errors: np.ndarray) -> float:
    """Return the least that correction of both bases discloses [bit]: all bits where half of them or more are wrong."""
    qber = np.minimum(np.divide(errors, np.maximum(sifted, 1)), 0.5)
    return float(np.sum(sifted * binary_entropy(qber)))


def observables(data: xr.Dataset) -> dict[str, tuple[float | str, str]]:
    """Return the quantities of the key that publications state: name to (value, unit).

    Rates without counts are nan. `no_key` is one of `satqkd.key.proofs.reasons.REASONS`, and `suggestion` says which
    labels may be swapped; both are empty where there is key.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from satqkd import load_scenario
    >>> from satqkd.stages import run_stages
    >>> bench = load_scenario("bench_example").replaced({"stations.0.loss_db": 3, "source.pair_rate_hz_per_mw": 4e4})
    >>> with TemporaryDirectory() as folder:
    ...     found = observables(run_stages(bench, folder, seed=1).key)
    >>> found["key_length"][0] > 1000, round(found["qber"][0], 2)
    (True, 0.02)
    """
    compared = data.sel(bound=data.attrs["compared_bound"])
    errors, sifted = _signal(data)
    shannon, parities = _shannon_bits(sifted, errors), float(data.parity_bits.sum())
    found = length_observables(
        data,
        length=float(compared.length),
        asymptotic_length=float(data.length.sel(bound="asymptotic")),
        leak_ec=float(compared.leak_ec),
        phase_errors=compared.phase_error.values,
    )
    in_hand = {
        "no_key": (str(compared.no_key.values), "reason"),
        "suggestion": (data.attrs.get("suggestion", ""), "text"),
        "real_key_length": (float(data.real_length.sum()), "1"),
        "net_key_length": (float(data.net_length), "1"),
        "authentication_cost": (float(data.authentication_cost), "1"),
        "error_correction_inefficiency": (parities / shannon if shannon and parities else np.nan, "1"),
    }
    if "time_to_key" in data:
        in_hand["time_to_key"] = (float(data.time_to_key), "s")
    return {**found, **in_hand}


def length_observables(
    data: xr.Dataset, *, length: float, asymptotic_length: float, leak_ec: float, phase_errors: ArrayLike
) -> dict[str, tuple[float, str]]:
    """Return the observables that follow from the counts and the length of the key: name to (value, unit).

    Parameters
    ----------
    data : xarray.Dataset
        Of `sifted_and_length` or `distill`.
    length, asymptotic_length, leak_ec : float
        Secret bits by the proof that is compared and by "asymptotic", and what error correction discloses [bit].
    phase_errors : array_like, shape (basis,)
        By the proof that is compared [1].

    Examples
    --------
    >>> counts = xr.Dataset(
    ...     {"sifted": ("basis", [60, 40]), "errors": ("basis", [1, 1]), "qber": ("basis", [1 / 60, 1 / 40])}
    ...     | {"duration": 10.0, "qber_threshold": 0.1}
    ... )
    >>> lengths = {"length": 5.0, "asymptotic_length": 50.0, "leak_ec": 15.0}
    >>> found = length_observables(counts, **lengths, phase_errors=[0.1, 0.1])
    >>> found["key_rate"], found["qber"]
    ((0.5, 'bit/s'), (0.02, '1'))
    """
    duration_s = float(data.duration) or np.nan
    errors, sifted = _signal(data)
    result = {
        "key_length": (length, "1"),
        "key_rate": (length / duration_s, "bit/s"),
        "asymptotic_key_rate": (asymptotic_length / duration_s, "bit/s"),
        "leak_ec": (leak_ec, "1"),
        "qber": (_rate(errors, sifted), "1"),
    }
    if "pulses" in data:
        pulses, pooled = data.pulses.values, float(data.pooled_length)
        return result | {
            "key_per_pulse": (length / float(pulses.sum()), "1"),
            "leak_ec_per_pulse": (leak_ec / float(pulses[0]), "1"),
            "privacy_amplification_factor": (1 - float(np.mean(binary_entropy(phase_errors))), "1"),
            "pooled_key_length": (pooled, "1"),
            "pooled_key_rate": (pooled / duration_s, "bit/s"),
            "pooled_key_per_pulse": (pooled / float(pulses.sum()), "1"),
            "pooled_privacy_amplification_factor": (1 - float(binary_entropy(data.pooled_phase_error.values)), "1"),
        }
    return result | {
        "sifted_bits": (float(sifted.sum()), "1"),
        "sifted_errors": (float(errors.sum()), "1"),
        "sifted_rate": (float(sifted.sum()) / duration_s, "bit/s"),
        "qber_z": (float(data.qber[0]), "1"),
        "qber_x": (float(data.qber[1]), "1"),
        "qber_threshold": (float(data.qber_threshold), "1"),
    }
