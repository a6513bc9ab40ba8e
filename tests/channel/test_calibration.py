"""Calibration: what it finds, what it says of its errors, and what it refuses."""

import numpy as np
import pytest

from satqkd import validation
from satqkd.analytic import expected
from satqkd.channel import calibrate, link_budget, read_calibration
from satqkd.channel.calibration import Parameter, Target

FOUR_DIGITS = 1e-3
EFFICIENCY = Parameter("receiver efficiency", ("stations.0.receiver_efficiency",), 0.01, 1.0)
EXTINCTION = Parameter("extinction", ("stations.0.zenith_extinction_db",), 0.1, 10.0)
APERTURE = Parameter("aperture", ("stations.0.aperture_m",), 0.1, 10.0)


def toy(scenario):
    """Two numbers that fix an efficiency and an extinction, and one that neither has a hand in."""
    station = scenario.stations[0]
    near = -10 * np.log10(station.receiver_efficiency) + station.zenith_extinction_db
    far = -10 * np.log10(station.receiver_efficiency) + 3 * station.zenith_extinction_db
    return {"loss": [near, far], "near": near, "far": far}


def seen(near=12.0, far=20.0, widths=(0.5, 0.5)):
    return [Target("printed_loss", "loss", (near, far), widths)]


def test_two_unknowns_come_out_of_two_numbers(missions):
    fit = calibrate(toy, missions["tiangong2"], parameters=[EFFICIENCY, EXTINCTION], targets=seen())
    assert fit.values["extinction"] == pytest.approx(4.0, rel=1e-6)
    assert fit.values["receiver efficiency"] == pytest.approx(10**-0.8, rel=1e-6)
    assert fit.residuals == {"printed_loss": pytest.approx((0, 0), abs=1e-6)}
    assert fit.scenario.stations[0].zenith_extinction_db == fit.values["extinction"]
    assert missions["tiangong2"].stations[0].zenith_extinction_db != 4.0


def test_errors_are_propagated_from_the_widths(missions):
    """By hand: extinction = (far - near) / 2, and 10 log of the efficiency = (far - 3 near) / 2."""
    fit = calibrate(toy, missions["tiangong2"], parameters=[EFFICIENCY, EXTINCTION], targets=seen(widths=(0.2, 0.6)))
    assert fit.sigmas["extinction"] == pytest.approx(np.hypot(0.2, 0.6) / 2, rel=1e-3)
    relative = np.log(10) / 10 * np.hypot(3 * 0.2, 0.6) / 2
    assert fit.sigmas["receiver efficiency"] == pytest.approx(10**-0.8 * relative, rel=1e-3)


def test_more_numbers_than_unknowns_are_weighed_by_their_widths(missions):
    targets = [Target("a", "near", (12.0,), (0.1,)), Target("b", "near", (13.0,), (0.2,))]
    fit = calibrate(toy, missions["tiangong2"], parameters=[EXTINCTION], targets=targets)
    loss = toy(fit.scenario)["near"]
    assert loss == pytest.approx((12.0 / 0.1**2 + 13.0 / 0.2**2) / (1 / 0.1**2 + 1 / 0.2**2), rel=1e-6)
    assert fit.residuals["a"][0] == pytest.approx(loss - 12)


def test_what_the_numbers_do_not_fix_has_an_infinite_error(missions):
    fit = calibrate(toy, missions["tiangong2"], parameters=[EXTINCTION, APERTURE], targets=seen())
    assert fit.sigmas["aperture"] == np.inf


def test_the_start_does_not_matter(missions):
    fits = [
        calibrate(
            toy,
            missions["tiangong2"].replaced({"stations.0.receiver_efficiency": start}),
            parameters=[EFFICIENCY, EXTINCTION],
            targets=seen(),
        )
        for start in (0.02, 0.9)
    ]
    assert fits[0].values == fits[1].values


def test_more_parameters_than_numbers_are_refused(missions):
    with pytest.raises(ValueError, match="3 parameters cannot be fitted to 2 numbers: take fewer parameters"):
        calibrate(toy, missions["tiangong2"], parameters=[EFFICIENCY, EXTINCTION, APERTURE], targets=seen())


def calibration_of(root, mission):
    published = validation.observed(validation.load_reference(root / f"data/reference/{mission.reference}.yaml"))
    return read_calibration(
        root / "data/scenarios/calibration.yaml", mission.name, {name: row.ends for name, row in published.items()}
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiangong2", "liao2017"])
def test_calibrating_again_gives_what_the_scenario_holds(root, missions, orbits, name):
    mission = missions[name]
    parameters, targets = calibration_of(root, mission)

    def model(trial):
        return expected(trial, link_budget(trial, orbits[name]))

    fit = calibrate(model, mission, parameters=parameters, targets=targets)
    committed = mission.model_dump()
    for parameter in parameters:
        for key in parameter.keys:
            node = committed
            for part in key.split("."):
                node = node[int(part)] if isinstance(node, list | tuple) else node[part]
            assert fit.values[parameter.name] == pytest.approx(node, rel=FOUR_DIGITS)


@pytest.mark.parametrize("name", ["yin2017", "liao2017", "yin2020", "tiangong2"])
def test_the_scenario_holds_the_best_of_its_neighbourhood(root, missions, orbits, name):
    """No parameter that is one per cent off fits the observed values better."""
    mission = missions[name]
    parameters, targets = calibration_of(root, mission)
    assert len(parameters) <= sum(len(target.values) for target in targets)

    def misfit(trial):
        found = expected(trial, link_budget(trial, orbits[name]))
        return sum((((np.atleast_1d(found[t.name]) - t.values) / np.array(t.widths)) ** 2).sum() for t in targets)

    best = misfit(mission)
    tree = mission.model_dump()
    for parameter in parameters:
        node = tree
        for part in parameter.keys[0].split("."):
            node = node[int(part)] if isinstance(node, list | tuple) else node[part]
        for off in (0.99, 1.01):
            other = mission.replaced(dict.fromkeys(parameter.keys, node * off))
            assert misfit(other) > best


@pytest.mark.parametrize("name", ["yin2017", "liao2017", "yin2020", "tiangong2"])
def test_what_is_fitted_is_marked_calibrated_and_nothing_else(root, missions, name):
    """Every fitted key names targets of its calibration; the session's own choice by printed ranges stands in orbit."""
    parameters, targets = calibration_of(root, missions[name])
    fitted = {key for parameter in parameters for key in parameter.keys}
    marked = {
        key: words
        for key, (origin, words) in missions[name].origins.items()
        if origin == "calibrated" and not key.startswith("orbit.")
    }
    assert set(marked) == fitted
    assert {word.strip() for words in marked.values() for word in words.split(",")} <= {target.id for target in targets}


def test_a_calibration_names_only_what_was_published(root, tmp_path):
    with pytest.raises(ValueError, match="calibration.yaml: has no calibration of nobody: add its parameters"):
        read_calibration(root / "data/scenarios/calibration.yaml", "nobody", {})
    with pytest.raises(ValueError, match="tiangong2 is fitted to attenuation, qber_signal, which no paper gives"):
        read_calibration(root / "data/scenarios/calibration.yaml", "tiangong2", {})
