"""How many examples a property test draws, in proportion to those of hypothesis' profile."""

from hypothesis import settings


def examples(in_full: int) -> int:
    """How many examples to draw where `make test` draws a number; `make check` has a profile of fewer."""
    return max(in_full * settings().max_examples // settings.get_profile("full").max_examples, 1)
