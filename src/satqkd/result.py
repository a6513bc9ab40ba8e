"""Results that print as plain numbers."""

from dataclasses import fields
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Return a value with Python's numbers in place of numpy's, also inside tuples, lists and dicts.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"length": np.float64(372.0), "range": (np.int64(1), 2.5)})
    {'length': 372.0, 'range': (1, 2.5)}
    """
    if isinstance(value, np.number | np.bool_) or isinstance(value, np.ndarray) and value.ndim == 0:
        return value.item()
    if type(value) in (tuple, list):
        return type(value)(plain(entry) for entry in value)
    if type(value) is dict:
        return {key: plain(entry) for key, entry in value.items()}
    return value


class Result:
    """Base of dataclasses with ``repr=False``: fields that are numpy's scalars are shown as plain numbers."""

    def __repr__(self) -> str:
        shown = (f"{field.name}={plain(getattr(self, field.name))!r}" for field in fields(self) if field.repr)  # type: ignore[arg-type]
        return f"{type(self).__qualname__}({', '.join(shown)})"
