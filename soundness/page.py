"""Write docs/soundness.md from the findings."""

from soundness.findings import Finding, worst

HEAD = """# Soundness: how often a bound fails, against what it paid

`make soundness` writes this page. For every bound of `satqkd.key` and every estimate inside it, a true number of single
photons, empty pulses and phase errors is put into a population. What would be seen is enumerated or drawn, and the
frequency with which the truth lies beyond the bound is divided by the failure probability that the proof pays for this
estimate. A proof stays at or below 1 everywhere. A small part runs with the tests (`tests/soundness/`); the code is in
`soundness/`.

How to read the tables. A number is the worst ratio of failures to payment over all populations that were tried at that
secrecy ε; *where* is the population of the worst number in the row. *Every outcome*: each outcome was weighed with its
exact probability. *Drawn*: {draws:,} draws of each population ({weighed_draws:,} for `multinomial`),
{sample_draws:,} of a sample and the rest; brackets hold Clopper and Pearson's 95 % interval. The largest of many drawn
ratios may exceed 1 by chance. What counts as a failure is a lower limit above 1 that chance would give once in a
million; it is in **bold**. An estimate that rests on several tail bounds pays for each of them, and the secret bits,
which rest on all, pay ε. A phase error rate of one half promises nothing and cannot fail.
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
        f"The worst enumerated ratio of what is called a proof is {ratio_text(most)}",
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
        "An uncertain intensity makes the key the shortest over the four corners of the box that it allows. Whether a\n"
        "key inside the box is shorter still was looked for in random passes, each with one random place in its box;\n"
        f"there is no proof that none is. Keys shorter than at all corners: {exceptions}.\n",
    ]
    return "\n".join(parts)
