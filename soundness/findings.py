"""How often an estimate failed, against what was paid for it."""

from dataclasses import dataclass

from scipy.stats import beta

# One in a million of the drawn cells would be called a failure by chance.
CHANCE = 1e-6


@dataclass(frozen=True)
class Finding:
    """Failures of one estimate of one bound in one situation.

    Attributes
    ----------
    family : str
        "pairs" or "decoy".
    bound, estimate : str
        Name of the proof.
    eps : float
        Secrecy that was asked for.
    paid : float
        Probability with which the estimate may fail.
    failures : float
        Probability with which it does: exact, or the fraction of the draws.
    where : str
        Population and block.
    draws : int
        0 where every outcome was enumerated.
    """

    family: str
    bound: str
    estimate: str
    eps: float
    paid: float
    failures: float
    where: str
    draws: int = 0

    @property
    def ratio(self) -> float:
        """Failures over what was paid."""
        return self.failures / self.paid

    def interval(self, outside: float = 0.05) -> tuple[float, float]:
        """Clopper and Pearson's interval of the failure probability, half of `outside` to each side."""
        if not self.draws:
            return self.failures, self.failures
        failed = round(self.failures * self.draws)
        low = beta.ppf(outside / 2, failed, self.draws - failed + 1) if failed else 0.0
        high = beta.isf(outside / 2, failed + 1, self.draws - failed) if failed < self.draws else 1.0
        return float(low), float(high)

    @property
    def unsound(self) -> bool:
        """Whether the estimate fails more often than was paid for, chance and rounding excluded."""
        rounding = 1e-9
        return self.interval(2 * CHANCE)[0] > self.paid * (1.0 + rounding)


def worst(findings: list[Finding]) -> Finding:
    """The finding with the largest ratio; of equal ones an enumerated one, then the one with most draws."""
    return max(findings, key=lambda one: (one.ratio, not one.draws, one.draws))
