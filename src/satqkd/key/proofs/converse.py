"""The most that a proof could grant a key whose phase errors are known from a sample of the other basis."""

import numpy as np
from scipy.special import gammaln

from satqkd.key.proofs.entropy import check_range
from satqkd.key.proofs.sampling import hypergeometric_key_errors

# Probabilities with which the attack goes unnoticed, in units of the secrecy; any gives a limit, the least one counts.
_UNNOTICED = 10.0 ** np.linspace(0.01, 6.0, 60)


def longest_length(*, n_key: int, n_sample: int, errors_sample: int, leak_ec: float, eps_sec: float) -> float:
    r"""Upper limit on the length that any rule may grant, whatever its proof.

    The least over :math:`\delta` of :math:`n - \log_2\binom{n}{u_\delta} + \log_2[1/(1 - \varepsilon_s/\delta)] -
    \text{leak}`, where :math:`u_\delta` is `satqkd.key.proofs.sampling.hypergeometric_key_errors` for the tail
    :math:`\delta`.

    Parameters
    ----------
    n_key, n_sample, errors_sample : int
        Bits that become key, bits of the sample, and errors among the latter.
    leak_ec : float
        Bits disclosed by error correction, which the rule takes off what the sample grants.
    eps_sec : float
        Secrecy.

    Returns
    -------
    float
        Bits; negative where no rule may grant any.

    Raises
    ------
    ValueError
        When eps_sec is not a probability below 1e-7, beyond which the probabilities of the attack would exceed 0.1.

    Notes
    -----
    Theorem 5 of docs/proofs.md: an attack turns the phase of so many random pairs that the sample shows no more errors
    than were seen with probability :math:`\delta`. The rule is one that grants no less to fewer errors.

    >>> round(longest_length(n_key=1000, n_sample=1000, errors_sample=0, leak_ec=0.0, eps_sec=1e-9))
    817
    """
    check_range(np.finfo(float).tiny, 1e-7, "give the secrecy of a key", eps_sec=eps_sec)
    wrong = hypergeometric_key_errors(int(n_key), int(n_sample), int(errors_sample), eps_sec * _UNNOTICED)
    wrong = np.minimum(wrong, n_key // 2).astype(float)
    patterns = gammaln(n_key + 1.0) - gammaln(wrong + 1.0) - gammaln(n_key - wrong + 1.0)
    lengths = n_key - (patterns + np.log1p(-1.0 / _UNNOTICED)) / np.log(2.0) - leak_ec
    return float(lengths.min())
