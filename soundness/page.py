"""Write docs/soundness.md from the findings."""

from soundness.findings import Finding, worst

HEAD = """# Soundness: how often a bound fails, compared with what it paid

`make soundness` writes this page. For every bound of `satqkd.key` and every estimate inside it, populations with known
numbers of single photons, empty pulses and phase errors are made. The counts that would be observed are enumerated or
drawn. The frequency with which the truth lies beyond the bound is divided by the failure probability that the proof
pays for this estimate. For a proof this ratio is at most 1 everywhere. A small part runs with the tests
(`tests/soundness/`); the code is in `soundness/`.

How to read the tables: a number is the largest ratio of failures to payment over all populations that were tried at
that secrecy ε; *where* is the population of the largest number in the row. *Every outcome* means that each outcome was
weighted with its exact probability. *Drawn* means {draws:,} draws of each population ({weighed_draws:,} for
`multinomial`), and {sample_draws:,} of a sample and the rest; brackets contain Clopper and Pearson's 95 % interval. The
largest of many drawn ratios may exceed 1 by chance. A ratio counts as a failure if its lower limit, at a confidence
that chance breaks once in a million, is above 1; it is in **bold**. An estimate that rests on several tail bounds pays
for each of them, and the secret bits, which rest on all, pay ε. A phase error rate of one half promises nothing and
cannot fail.
"""
COLUMNS = ("bound", "estimate", "how")


def ratio_text(one: Finding) -> str:
    """Return a ratio in two digits, with its interval where it was drawn; bold where the estimate is unsound."""
    text = f"{one.ratio:,.0f}" if one.ratio >= 10.0 else f"{one.ratio:.2g}"
    if 0.99 <= one.ratio < 1.0:
        text = f"{one.ratio:.4f}"
    if one.draws:
        low, high = (limit / one.paid for limit in one.interval())
        text = f"{text} [{low:.2g}, {high:.2g}]" if one.ratio < 10.0 else f"{text} [{low:,.0f}, {high:,.0f}]"
    return f"**{text}**" if one.unsound else text


def table(findings: list[Finding], eps_values) -> str:
    """Return a table with one row for each estimate of each bound, in the order of the findings."""
    lines = [[*COLUMNS, *(f"ε = {eps:.0e}".replace("e-0", "e-") for eps in eps_values), "where"]]
    lines.append(["---"] * len(lines[0]))
    rows: dict[tuple, list[Finding]] = {}
    for one in findings:
        rows.setdefault((one.bound, one.estimate, "drawn" if one.draws else "every outcome"), []).append(one)
    for name in sorted(rows, key=lambda row: row[0]):
        by_eps = [[one for one in rows[name] if one.eps == eps] for eps in eps_values]
        cells = [ratio_text(worst(some)) if some else "–" for some in by_eps]
        most = worst(rows[name])
        where = f"{most.where}; ε = {most.eps:g}" if most.failures else "no failure anywhere"
        lines.append([*name, *cells, where])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def verdict(findings: list[Finding], proofs) -> str:
    """Return sentences about the bounds that were seen to fail, and the worst ratio of the others."""
    failed = sorted({one.bound for one in findings if one.unsound})
    held = [one for one in findings if one.bound in proofs]
    most = worst([one for one in held if not one.draws])
    sentences = [
        f"{len(findings):,} cells. Seen to fail: {', '.join(f'`{name}`' for name in failed) or 'none'}.",
        f"The largest enumerated ratio of the bounds that are called proofs is {ratio_text(most)}",
        f"(`{most.bound}`, {most.estimate}).",
    ]
    return " ".join(sentences)


def page(findings: list[Finding], eps_values, *, draws: dict[str, int], proofs, box: dict[str, tuple[int, int]]) -> str:
    """Return the whole page; `draws` has the numbers for the head, `box` by bound how many of how many points were
    shorter.
    """
    parts = [HEAD.format(**draws), "## Result\n", verdict(findings, proofs) + "\n"]
    for family, title in (("pairs", "Pairs"), ("decoy", "Decoy states")):
        parts += [f"## {title}\n", table([one for one in findings if one.family == family], eps_values) + "\n"]
    exceptions = ", ".join(f"`{bound}` {found} of {points:,}" for bound, (found, points) in box.items())
    parts += [
        "## Intensities inside the box\n",
        "For an uncertain intensity the key is the shortest over the four corners of the box that the uncertainty\n"
        "allows. Random passes, each with one random place in its box, were searched for a key inside the box that is\n"
        f"shorter still; there is no proof that none exists. Keys shorter than at all corners: {exceptions}.\n",
    ]
    return "\n".join(parts)
