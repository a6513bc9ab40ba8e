"""Test every bound on populations with known numbers: ``make soundness`` writes docs/soundness.md.

It ends with an error when a bound that is called a proof fails, or a formula that is not a proof does not fail.
"""

import sys
from pathlib import Path

import numpy as np

from satqkd.files import finished
from soundness import leakage, photons, sampling, tails
from soundness.findings import Finding
from soundness.page import page

PAGE = Path("docs/soundness.md")
EPS = (1e-1, 1e-2, 1e-3)
SEED = 20140210
DRAWS, WEIGHED_DRAWS, SAMPLE_DRAWS, BOX_POINTS = 40_000, 4000, 1_000_000, 200_000
PROOFS = (
    *sampling.PAIR_PROOFS, sampling.SERFLING, *photons.SOUND, *photons.WEIGHED, leakage.SOUND, sampling.SOUND,
    tails.HOEFFDING,
)  # fmt: skip
NO_PROOFS = (*sampling.PAIR_FORMULAS, *photons.UNSOUND, sampling.PRINTED, *leakage.UNSOUND)


def findings() -> list[Finding]:
    """Compute all findings, and print a line after each part."""
    rng, found = np.random.default_rng(SEED), []
    for eps in EPS:
        for part in (
            sampling.enumerate_blocks(eps),
            sampling.enumerate_many_errors(eps),
            sampling.drawn_blocks(eps, rng, SAMPLE_DRAWS),
            tails.enumerate_counts(eps),
            tails.enumerate_empty_pulses(eps),
            photons.enumerate_photons(eps),
        ):
            found += part
        print(f"eps = {eps:g}: {len(found)} cells", flush=True)
    made = [*photons.populations(), *photons.uncertain_populations()]
    for number, population in enumerate(made):
        found += photons.drawn_population(population, EPS, rng, DRAWS)
        found += photons.drawn_population(population, EPS, rng, WEIGHED_DRAWS, photons.WEIGHED)
        if number % 20 == 19:
            print(f"{number + 1} of {len(made)} populations: {len(found)} cells", flush=True)
    # Its own generator, so that rows of other bounds do not depend on it.
    return found + list(leakage.everything(EPS, np.random.default_rng(SEED), WEIGHED_DRAWS))


def misjudged(found: list[Finding]) -> list[str]:
    """Return a sentence for each proof that failed, and for each formula that did not fail."""
    wrong = [
        f"{one.bound}, {one.estimate}: fails {one.ratio:.3g} times as often as paid for at eps={one.eps:g}, {one.where}"
        for one in found
        if one.bound in PROOFS and one.unsound
    ]
    failed = {one.bound for one in found if one.unsound}
    return wrong + [f"{name} is not a proof, and was not seen to fail" for name in NO_PROOFS if name not in failed]


def main() -> None:
    """Write the page, then report wrong bounds."""
    found = findings()
    rng = np.random.default_rng(SEED)
    box = {}
    for bound in (*photons.SOUND, *photons.UNSOUND):
        longer = photons.inside_the_box(rng, BOX_POINTS, bound)
        a_bit = 1e-3
        box[bound] = (int((longer > a_bit).sum()), BOX_POINTS)
    draws = {"draws": DRAWS, "weighed_draws": WEIGHED_DRAWS, "sample_draws": SAMPLE_DRAWS}
    with finished(PAGE) as draft:
        draft.write_text(page(found, EPS, draws=draws, proofs=PROOFS, box=box))
    sys.exit("\n".join(misjudged(found)) or None)


if __name__ == "__main__":
    main()
