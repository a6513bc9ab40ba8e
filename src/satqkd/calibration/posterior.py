"""Sample the joint posterior of the calibration, and diagnose the samples.

The posterior of parameters theta given the observed values d is

    p(theta | d) = prior(theta) product_i likelihood(d_i | expected_i(theta)),

with the expectations of the analytic chain, Poisson's likelihood for a count, and a normal one for a value that is
known to the width of its printing. It is sampled by emcee (Foreman-Mackey et al., Publ. Astron. Soc. Pac. 125, 306
(2013)) with the moves of differential evolution, from starting points around the least-squares solution. Each walker
counts as one chain.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import least_squares

from satqkd.analytic.expected import expected, expected_rates
from satqkd.analytic.links import changed_link
from satqkd.calibration.problem import Problem
from satqkd.channel import link_budget
from satqkd.scenario import Scenario, ScenarioError
from satqkd.scenario.uncertain import LOWER, UPPER
from satqkd.streams import stream

WALKERS, STEPS, WARM_UP = 24, 800, 200
STARTS = 24  # points of the prior from which the least-squares solution is sought
GROUPS = ("posterior", "prior", "posterior_predictive", "observed_data")


@dataclass(frozen=True)
class Flight:
    """A scenario as it is calibrated: with its orbit and link budget, which the parameters only scale."""

    scenario: Scenario
    orbit: xr.Dataset
    channel: xr.Dataset

    @classmethod
    def of(cls, scenario: Scenario, orbit: xr.Dataset) -> "Flight":
        """Return a scenario with the part of its link budget that the expectations need.

        Examples
        --------
        >>> from satqkd import load_scenario
        >>> from satqkd.orbit import find_sessions
        >>> mission = load_scenario("tiangong2")
        >>> Flight.of(mission, find_sessions(mission)).channel.sizes["station"]
        1
        """
        needed = orbit.isel(time=orbit.measurement.values >= 0)
        channel = link_budget(scenario, needed)
        channel.attrs.pop("quoted_range_m", None)  # no target is a loss at a range, which takes most of the time
        return cls(scenario, needed, channel)


def expectations(problem: Problem, flights: Mapping[str, Flight], values: Mapping[str, float]) -> list[list[float]]:
    """Return what the analytic chain expects of each target, one number or both ends of a range.

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
        Where a scenario cannot have such a value.

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
        found[name] = expected_rates(scenario, channel)
        if not {target.observable for target in problem.targets if target.scenario == name} <= set(found[name]):
            found[name] = expected(scenario, channel)
    return [np.atleast_1d(found[target.scenario][target.observable]).tolist() for target in problem.targets]


def log_posterior(
    problem: Problem, flights: Mapping[str, Flight], point: np.ndarray
) -> tuple[float, list[list[float]]]:
    """Return the logarithm of the posterior density at a point, up to a constant, and the expectations of the targets.

    Parameters
    ----------
    problem : Problem
    flights : mapping
    point : ndarray, shape (parameter,)

    Returns
    -------
    float
        Minus infinity where the density vanishes; there are no expectations then.
    list of list of float
        As of `expectations`.

    Examples
    --------
    >>> from satqkd.calibration.problem import Parameter
    >>> from satqkd.scenario.uncertain import Uncertainty
    >>> one = Parameter("a", ("mine/key",), Uncertainty(0.5, low=0.0, high=1.0))
    >>> log_posterior(Problem((one,), ()), {}, np.array([2.0]))
    (-inf, [])
    """
    prior = sum(p.prior.log_density(value) for p, value in zip(problem.parameters, point, strict=True))
    if not np.isfinite(prior):
        return -np.inf, []
    try:
        means = expectations(problem, flights, problem.named(point))
    except ScenarioError:
        return -np.inf, []
    found = prior + sum(t.log_likelihood(mean) for t, mean in zip(problem.targets, means, strict=True))
    return (found, means) if np.isfinite(found) else (-np.inf, [])


def sample(
    problem: Problem,
    flights: Mapping[str, Flight],
    *,
    seed: int,
    steps: int = STEPS,
    warm_up: int = WARM_UP,
    progress: Callable[[str], None] = lambda words: None,
) -> xr.DataTree:
    """Sample the posterior of a calibration.

    Parameters
    ----------
    problem : Problem
    flights : mapping
        By the name of the scenario.
    seed : int
    steps, warm_up : int
        Steps of each walker, after those that are dropped.
    progress : callable
        Told in words what is done.

    Returns
    -------
    xarray.DataTree
        In ArviZ's layout: groups posterior and prior (a variable for each parameter), posterior_predictive (one for
        each target, ``scenario id``), all with dimensions chain and draw, and observed_data.
    """
    groups: dict[str, xr.Dataset] = {name: xr.Dataset() for name in GROUPS}
    for block in problem.blocks():
        progress(f"sampling {', '.join(parameter.name for parameter in block.parameters)}")
        rng = stream(seed, "calibration", block.parameters[0].name)
        points, means = _chains(block, flights, rng=rng, steps=steps, warm_up=warm_up)
        for i, parameter in enumerate(block.parameters):
            uniform = rng.random((WALKERS, steps))
            prior = np.vectorize(parameter.prior.quantile)(uniform)
            for group, values in (("posterior", points[..., i]), ("prior", prior)):
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


def _chains(
    block: Problem, flights: Mapping[str, Flight], *, rng: np.random.Generator, steps: int, warm_up: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return points, shape (chain, draw, parameter), and expectations of the targets, shape (chain, draw, number)."""
    import emcee  # of the extra `calibrate`, which reading the committed draws does not need

    numbers = sum(len(target.value) for target in block.targets)

    def probability(point: np.ndarray) -> tuple[float, np.ndarray]:
        found, means = log_posterior(block, flights, point)
        return found, np.concatenate(means) if means else np.full(numbers, np.nan)

    begin = _starts(block, flights, rng)
    moves = [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)]
    sampler = emcee.EnsembleSampler(
        WALKERS, len(block.parameters), probability, moves=moves, blobs_dtype=[("expected", float, (numbers,))]
    )
    state = emcee.State(begin, random_state=np.random.RandomState(int(rng.integers(2**31))).get_state())
    sampler.run_mcmc(state, warm_up + steps)
    points = sampler.get_chain(discard=warm_up).swapaxes(0, 1)
    blobs = sampler.get_blobs(discard=warm_up)["expected"]
    return points, blobs.reshape(steps, WALKERS, numbers).swapaxes(0, 1)


def _starts(block: Problem, flights: Mapping[str, Flight], rng: np.random.Generator) -> np.ndarray:
    """Return starting points around the least-squares solution, shape (walker, parameter)."""
    priors = [parameter.prior for parameter in block.parameters]
    names = [parameter.name for parameter in block.parameters]
    uniform = rng.uniform(0.05, 0.95, (STARTS, len(priors)))
    widths = np.array([prior.quantile(UPPER) - prior.quantile(LOWER) for prior in priors]) / 2
    middle = np.array([prior.quantile(0.5) for prior in priors])
    low, high = np.array([(prior.low, prior.high) for prior in priors]).T

    def residual(point: np.ndarray) -> np.ndarray:
        means = expectations(block, flights, block.named(point))
        parts = [
            (np.array(mean) - t.value) / (t.width if t.width is not None else np.sqrt(t.value))
            for t, mean in zip(block.targets, means, strict=True)
        ]
        return np.concatenate([*parts, 0.1 * (point - middle) / widths])  # the last ones only keep the rank

    candidates = np.array([[prior.quantile(u) for prior, u in zip(priors, row, strict=True)] for row in uniform])
    best = min(candidates, key=lambda point: float(np.sum(residual(point) ** 2)))
    margin = 1e-6 * widths
    fit = least_squares(residual, np.clip(best, low + margin, high - margin), bounds=(low, high), x_scale=widths)
    covariance = np.linalg.inv(fit.jac.T @ fit.jac)
    # A weak direction is as wide as its prior at most.
    points: list[np.ndarray] = []
    for _ in range(10_000):
        point = rng.multivariate_normal(fit.x, covariance / 4, method="eigh")
        if np.isfinite(log_posterior(block, flights, point)[0]):
            points.append(point)
        if len(points) == WALKERS:
            return np.array(points)
    raise ValueError(f"the calibration of {', '.join(names)} has no solution within its ranges: widen them")


def diagnostics(tree: xr.DataTree) -> pd.DataFrame:
    """Return median, 68 % interval, R-hat and effective sample size of each parameter.

    Notes
    -----
    Rank-normalised split R-hat and bulk effective sample size, Vehtari et al., Bayesian Anal. 16, 667 (2021), as in
    ArviZ.
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
