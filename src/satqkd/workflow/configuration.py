"""The workflow's configuration: `workflow/config.yaml`, with the changes of the command line (`--config`)."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

from satqkd.scenario import ScenarioError

# The last five occur only on a command line: the experiment, plan or sweep that is asked for, and the plan's days.
KEYS = ("scenarios", "seed", "replicates", "quick", "plan", "start", "days", "sweep")


def require_known(keys: Iterable[str]) -> None:
    """Refuse a configuration with an unknown key.

    Raises
    ------
    ScenarioError
        One sentence that names the key and the nearest known one.

    Examples
    --------
    >>> require_known(["scenarios", "replicates"])
    """
    for key in keys:
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, 1, 0.5)
            way = f"did you mean {near[0]}?" if near else f"known are {', '.join(KEYS)}"
            raise ScenarioError(f"workflow/config.yaml or --config: unknown key {key}: {way}")


def scenario_names(value: Any) -> list[str]:
    """Return the names of the scenarios to run; one name alone is a list of one.

    Raises
    ------
    ScenarioError
        If the value is neither a name nor a list of names.

    Examples
    --------
    >>> scenario_names("yin2020")
    ['yin2020']
    """
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(_is_word(name) for name in names):
        raise ScenarioError(
            f"workflow/config.yaml or --config: scenarios={value} is not a list of names: write it as in "
            "--config 'scenarios=[yin2017, yin2020]'"
        )
    return names


def _is_word(name: Any) -> bool:
    return isinstance(name, str) and re.fullmatch(r"\w+", name) is not None
