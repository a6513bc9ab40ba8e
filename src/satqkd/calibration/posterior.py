"""Sample the joint posterior of the calibration, and diagnose the samples.

The posterior of parameters theta given the observed values d is

    p(theta | d) = prior(theta) product_i likelihood(d_i | expected_i(theta)),

with the expectations of the analytic chain, Poisson's likelihood for a count, and a normal one for any other value,
whose width follows from its printing. It is sampled by emcee (Foreman-Mackey et al., Publ. Astron. Soc. Pac. 125, 306
(2013)). Half of the moves are those of differential evolution, and half are independent draws from an approximation of
the posterior, Student's distribution about the least-squares solution. Each walker counts as one chain.
"""

import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import least_squares
from scipy.stats import multivariate_t

from satqkd.analytic.expected import expected_rates
from satqkd.analytic.links import changed_link
from satqkd.calibration.problem import Problem
from satqkd.channel import attenuation_ends_db, link_budget
from satqkd.scenario import Scenario, ScenarioError
from satqkd.scenario.uncertain import LOWER, UPPER
from satqkd.streams import stream

WALKERS, STEPS, WARM_UP = 24, 400, 50
NODES = 300  # seconds of open link: enough for the count of a session to a per mille
TAIL = 8  # degrees of freedom of Student's distribution, from which independent moves are drawn
STARTS = 24  # points of the prior, the best of which starts the least-squares fit
GROUPS = ("posterior", "prior", "posterior_predictive", "observed_data")


@dataclass(frozen=True)
class Flight:
    """A scenario to calibrate, with its orbit and the link budget that the parameters scale.

    Attributes
    ----------
    scenario : Scenario
    orbit, channel : xarray.Dataset
        Every `step`-th second of open link.
    step : int
        Number of seconds that each of these represents; expected counts are multiplied by it.
    """

    scenario: Scenario
    orbit: xr.Dataset
    channel: xr.Dataset
    step: int = 1

    @classmethod
    def of(cls, scenario: Scenario, orbit: xr.Dataset) -> "Flight":
        """Return the flight of a scenario, with the part of its link budget that the expectations need.

        Examples
        --------
        >>> from satqkd import load_scenario
        >>> from satqkd.orbit import find_sessions
        >>> mission = load_scenario("tiangong2")
        >>> Flight.of(mission, find_sessions(mission)).channel.sizes["station"]
        1
        """
        used = np.flatnonzero(orbit.measurement.values >= 0)
        step = max(used.size // NODES, 1)
        needed = orbit.isel(time=used[step // 2 :: step])
        channel = link_budget(scenario, needed)
        channel.attrs.pop("quoted_range_m", None)  # slow to compute, and no target is a loss at a quoted range
        return cls(scenario, needed, channel, step)


def expectations(problem: Problem, flights: Mapping[str, Flight], values: Mapping[str, float]) -> list[list[float]]:
    """Return the expectation of the analytic chain for each target, one number or both ends of a range.

    Parameters
    ----------
    problem : Problem
    flights : mapping
        By the name of the scenario.
    values : mapping
        Of all parameters, by name.

    Raises
    ------
    ScenarioError
        For a value outside the bounds of its scenario.

    Examples
    --------
    >>> from satqkd.calibration.problem import Target
    >>> expectations(Problem((), (Target("mine", "rate", "rate", (1.0,), 0.1),)), {}, {})
    Traceback (most recent call last):
    ...
    KeyError: 'mine'
    """
    found: dict[str, dict] = {}
    for name in dict.fromkeys(target.scenario for target in problem.targets):
        flight = flights[name]
        scenario, channel = changed_link(
            flight.scenario, problem.changes(name, values), channel=flight.channel, orbit=flight.orbit
        )
        found[name] = expected_rates(scenario, channel) | {"attenuation": attenuation_ends_db(channel)}
    return [
        np.multiply(found[t.scenario][t.observable], 1 if t.width is not None else flights[t.scenario].step)
        .reshape(-1)
        .tolist()
        for t in problem.targets
    ]


def values_at(
    problem: Problem, flights: Mapping[str, Flight], coordinates: np.ndarray
) -> tuple[dict[str, float], float]:
    """Return the values of all parameters at coordinates of the sampler, and the logarithm of the prior density there.

    Parameters
    ----------
    problem : Problem
    flights : mapping
        By the name of the scenario.
    coordinates : ndarray, shape (parameter,)
        For an efficiency that a count fixes, the logarithm of the expected count over the observed one; for any other
        parameter its normal score in the prior. A count fixes a product of many parameters to a per mille. With these
        coordinates this is a narrow range of one coordinate, and not a thin curved ridge through all parameters.

    Returns
    -------
    dict of str to float
        Values by name of the parameter.
    float
        Logarithm of the prior density of the coordinates, up to a constant.

    Examples
    --------
    >>> from satqkd.calibration.problem import Parameter
    >>> from satqkd.scenario.uncertain import Uncertainty
    >>> one = Parameter("a", ("mine/key",), Uncertainty(0.5, low=0.0, high=1.0))
    >>> values_at(Problem((one,), ()), {}, np.array([0.0]))
    ({'a': 0.5}, 0.0)
    """
    fixing = {target.fixes: i for i, target in enumerate(problem.targets) if target.fixes}
    values = {
        p.name: p.value_at(0.0 if p.name in fixing else float(x))
        for p, x in zip(problem.parameters, coordinates, strict=True)
    }
    means = expectations(problem, flights, values) if fixing else []
    density = 0.0
    for parameter, x in zip(problem.parameters, coordinates, strict=True):
        if parameter.name in fixing:
            place = fixing[parameter.name]
            wanted = problem.targets[place].value[0] * np.exp(x) / means[place][0]
            values[parameter.name] = value = float(values[parameter.name] * wanted ** (1 / parameter.power))
            density += parameter.prior.log_density(value) + np.log(value)
        else:
            density -= float(x) ** 2 / 2
    return values, density


def log_posterior(
    problem: Problem, flights: Mapping[str, Flight], coordinates: np.ndarray
) -> tuple[float, list[list[float]], dict[str, float]]:
    """Return the logarithm of the posterior density, up to a constant, with the targets' expectations and the values.

    Parameters
    ----------
    problem : Problem
    flights : mapping
        By the name of the scenario.
    coordinates : ndarray, shape (parameter,)
        See `values_at`; the density is that of the coordinates.

    Returns
    -------
    float
        Minus infinity where the density is zero; expectations and values are then empty.
    list of list of float
        See `expectations`.
    dict of str to float
        Values by name of the parameter.

    Examples
    --------
    >>> from satqkd.calibration.problem import Parameter
    >>> from satqkd.scenario.uncertain import Uncertainty
    >>> one = Parameter("a", ("mine/key",), Uncertainty(0.5, low=0.0, high=1.0))
    >>> log_posterior(Problem((one,), ()), {}, np.array([1.0]))[0]
    -0.5
    """
    try:
        values, prior = values_at(problem, flights, coordinates)
        means = expectations(problem, flights, values) if np.isfinite(prior) else []
    except ScenarioError:
        return -np.inf, [], {}
    found = prior + sum(t.log_likelihood(mean) for t, mean in zip(problem.targets, means, strict=False))
    return (found, means, values) if np.isfinite(found) else (-np.inf, [], {})


def sample(
    problem: Problem,
    flights: Mapping[str, Flight],
    *,
    seed: int,
    steps: int = STEPS,
    warm_up: int = WARM_UP,
    processes: int = 1,
) -> xr.DataTree:
    """Sample the posterior of a calibration.

    Parameters
    ----------
    problem : Problem
    flights : mapping
        By the name of the scenario.
    seed : int
    steps, warm_up : int
        Steps of each walker that are kept, and those before them that are dropped.
    processes : int
        Number of processes in which scenarios that share no parameter are sampled at the same time. The samples do not
        depend on it.

    Returns
    -------
    xarray.DataTree
        In ArviZ's layout: groups posterior and prior (a variable for each parameter), posterior_predictive (one for
        each target, ``scenario id``), all with dimensions chain and draw, and observed_data.

    Examples
    --------
    >>> from satqkd.calibration import Parameter
    >>> from satqkd.scenario.uncertain import Uncertainty
    >>> problem = Problem((Parameter("efficiency", ("mine/key.f_ec",), Uncertainty(0.5, low=0.0, high=1.0)),), ())
    >>> sample(problem, {}, seed=1, steps=5, warm_up=5)["posterior"]["efficiency"].dims
    ('chain', 'draw')
    """
    groups: dict[str, xr.Dataset] = {name: xr.Dataset() for name in GROUPS}
    blocks = sorted(problem.blocks(), key=lambda block: -len(block.scenarios))  # the longest first
    tasks = [
        (informed(block, flights), flights, stream(seed, "calibration", block.parameters[0].name), steps, warm_up)
        for block in blocks
    ]
    for block, task, (points, means, rng) in zip(blocks, tasks, _at_the_same_time(tasks, processes), strict=True):
        sampled = dict(zip(task[0].parameters, np.moveaxis(points, 2, 0), strict=True))
        for parameter in block.parameters:
            quantile = np.vectorize(parameter.prior.quantile)
            prior, free = quantile(rng.random((WALKERS, steps))), quantile(rng.random((WALKERS, steps)))
            for group, values in (("posterior", sampled.get(parameter, free)), ("prior", prior)):
                groups[group][parameter.name] = (("chain", "draw"), values)
        column = 0
        for target in block.targets:
            ends, name = len(target.value), f"{target.scenario} {target.id}"
            mean = means[..., column : column + ends]
            column += ends
            drawn = rng.poisson(mean) if target.width is None else rng.normal(mean, target.width)
            dims = ("end",) if ends > 1 else ()
            shape = mean.shape if ends > 1 else mean.shape[:-1]
            groups["posterior_predictive"][name] = (("chain", "draw", *dims), drawn.reshape(shape))
            groups["observed_data"][name] = (dims, np.array(target.value).reshape(shape[2:]))
    return xr.DataTree.from_dict({f"/{name}": group for name, group in groups.items()})


def informed(block: Problem, flights: Mapping[str, Flight]) -> Problem:
    """Return a problem without the parameters on which none of its targets depends: their posterior is their prior.

    Parameters
    ----------
    block : Problem
    flights : mapping
        By the name of the scenario.

    Examples
    --------
    >>> from satqkd.calibration.problem import Parameter
    >>> from satqkd.scenario.uncertain import Uncertainty
    >>> one = Parameter("a", ("mine/key",), Uncertainty(0.5, low=0.0, high=1.0))
    >>> informed(Problem((one,), ()), {}).parameters
    ()
    """
    middle = {parameter.name: parameter.value_at(0.0) for parameter in block.parameters}
    kept = []
    for parameter in block.parameters:
        ends = [
            expectations(block, flights, {**middle, parameter.name: parameter.value_at(score)}) for score in (-0.5, 0.5)
        ]
        if ends[0] != ends[1]:
            kept.append(parameter)
    return Problem(tuple(kept), block.targets)


def _at_the_same_time(tasks: list[tuple], processes: int) -> list[tuple]:
    """Return the result of `_chains` of each task."""
    if processes == 1:
        return [_chains(*task) for task in tasks]
    # Spawned, because numba's threads do not survive a fork.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(_chains, *zip(*tasks, strict=True)))


def _chains(
    block: Problem, flights: Mapping[str, Flight], rng: np.random.Generator, steps: int, warm_up: int
) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Return points, shape (chain, draw, parameter), expectations of the targets, shape (chain, draw, number), and the
    generator after them.
    """
    import emcee  # from the extra `calibrate`, which is not needed to read the committed draws

    if not block.parameters:
        means = np.concatenate([[], *expectations(block, flights, {})])
        return np.empty((WALKERS, steps, 0)), np.broadcast_to(means, (WALKERS, steps, means.size)), rng
    numbers = sum(len(target.value) for target in block.targets)
    columns = numbers + len(block.parameters)

    def probability(coordinates: np.ndarray) -> tuple[float, np.ndarray]:
        found, means, values = log_posterior(block, flights, coordinates)
        return found, np.concatenate([*means, list(values.values())]) if values else np.full(columns, np.nan)

    approximation = _approximation(block, flights, rng)
    begin: list[np.ndarray] = []
    while len(begin) < WALKERS:
        begin += [
            point
            for point in approximation.rvs(WALKERS, rng).reshape(WALKERS, -1)
            if np.isfinite(probability(point)[0])
        ]

    def independent(coordinates: np.ndarray, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
        new = approximation.rvs(len(coordinates), random).reshape(coordinates.shape)
        return new, approximation.logpdf(coordinates) - approximation.logpdf(new)

    moves = [(emcee.moves.MHMove(independent), 0.5), (emcee.moves.DEMove(), 0.5)]
    sampler = emcee.EnsembleSampler(
        WALKERS, len(block.parameters), probability, moves=moves, blobs_dtype=[("found", float, (columns,))]
    )
    random_state = np.random.RandomState(int(rng.integers(2**31))).get_state()
    sampler.run_mcmc(emcee.State(np.array(begin[:WALKERS]), random_state=random_state), warm_up + steps)
    found = sampler.get_blobs(discard=warm_up)["found"].reshape(steps, WALKERS, columns).swapaxes(0, 1)
    return found[..., numbers:], found[..., :numbers], rng


def _approximation(block: Problem, flights: Mapping[str, Flight], rng: np.random.Generator) -> Any:
    """Return Student's distribution with the mode and covariance of the least-squares solution, in the coordinates."""
    fixed = np.isin([parameter.name for parameter in block.parameters], [target.fixes for target in block.targets])

    def residual(coordinates: np.ndarray) -> np.ndarray:
        values, _ = values_at(block, flights, coordinates)
        parts = [
            (np.array(mean) - t.value) / (t.width if t.width is not None else np.sqrt(t.value))
            for t, mean in zip(block.targets, expectations(block, flights, values), strict=True)
        ]
        return np.concatenate([*parts, coordinates[~fixed]])  # the normal scores are the residuals of the priors

    candidates = np.where(fixed, 0.0, rng.uniform(-1, 1, (STARTS, fixed.size)))
    possible = [point for point in candidates if np.isfinite(log_posterior(block, flights, point)[0])]
    best = min(possible, key=lambda point: float(np.sum(residual(point) ** 2)))
    fit = least_squares(residual, best, x_scale=np.where(fixed, 0.01, 1.0))
    return multivariate_t(fit.x, np.linalg.inv(fit.jac.T @ fit.jac), df=TAIL)


def diagnostics(tree: xr.DataTree) -> pd.DataFrame:
    """Return median, 68 % interval, R-hat and effective sample size of each parameter.

    Notes
    -----
    Rank-normalised split R-hat and bulk effective sample size, Vehtari et al., Bayesian Anal. 16, 667 (2021), as in
    ArviZ.

    Examples
    --------
    >>> draws = xr.Dataset({"pointing": (("chain", "draw"), np.random.default_rng(1).normal(size=(4, 1000)))})
    >>> row = diagnostics(xr.DataTree.from_dict({"/posterior": draws})).iloc[0]
    >>> bool(row.r_hat < 1.01), bool(row.ess > 3000)
    (True, True)
    """
    from arviz_stats.base import array_stats

    rows = []
    for name, values in tree["posterior"].to_dataset().items():
        low, median, high = np.quantile(values, [LOWER, 0.5, UPPER])
        r_hat, size = (
            float(get(values.values, chain_axis=0, draw_axis=1)) for get in (array_stats.rhat, array_stats.ess)
        )
        rows.append((name, median, low, high, r_hat, size))
    return pd.DataFrame(rows, columns=["parameter", "median", "low", "high", "r_hat", "ess"])
