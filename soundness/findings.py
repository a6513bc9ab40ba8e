"""The frequency with which an estimate failed, compared with the failure probability that its proof pays for it."""

from dataclasses import dataclass

from scipy.stats import beta

# Probability that a drawn cell is called a failure by chance.
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
        Requested secrecy.
    paid : float
        Probability with which the estimate may fail according to its proof.
    failures : float
        Probability with which it fails: exact, or the fraction of the draws.
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
        """Return the failure probability relative to the allowed one."""
        return self.failures / self.paid

    def interval(self, outside: float = 0.05) -> tuple[float, float]:
        """Return Clopper and Pearson's interval of the failure probability, half of `outside` to each side."""
        if not self.draws:
            return self.failures, self.failures
        failed = round(self.failures * self.draws)
        low = beta.ppf(outside / 2, failed, self.draws - failed + 1) if failed else 0.0
        high = beta.isf(outside / 2, failed + 1, self.draws - failed) if failed < self.draws else 1.0
        return float(low), float(high)

    @property
    def unsound(self) -> bool:
        """Return whether the estimate fails more often than allowed, apart from chance and rounding."""
        rounding = 1e-9
        return self.interval(2 * CHANCE)[0] > self.paid * (1.0 + rounding)


def worst(findings: list[Finding]) -> Finding:
    """Return the finding with the largest ratio; of equal ones an enumerated one, then the one with most draws."""
    return max(findings, key=lambda one: (one.ratio, not one.draws, one.draws))
