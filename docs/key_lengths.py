"""Tables and figure of docs/key-lengths.md, from the published counts: ``python docs/key_lengths.py`` rewrites both."""

import re
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from satqkd.key.figures import published_length_figure
from satqkd.key.optimise.afterwards import optimal_blocks
from satqkd.key.optimise.downlink import DecoyDownlink, window_acceptance
from satqkd.key.optimise.optimum import optimal_decoy
from satqkd.key.proofs.bbm92 import bbm92_key_length, log_patterns, sampled_key_length
from satqkd.key.proofs.converse import longest_length
from satqkd.key.proofs.decoy import DecoyCounts, decoy_key_length, pool_bases
from satqkd.key.proofs.decoy_bounds import key_errors_limit, sampling_deviation
from satqkd.key.proofs.entropy import binary_entropy, leak_ec_bits
from satqkd.key.proofs.sampling import hypergeometric_key_errors
from satqkd.plot import save_svg
from satqkd.scenario.reading import read_yaml

DOCS = Path(__file__).parent
REFERENCE = DOCS.parent / "data" / "reference"

PAIR_BOUNDS = ("asymptotic", "yin2020", "tomamichel2012", "lim2021", "hypergeometric", "projected")
DECOY_BOUNDS = (
    "asymptotic",
    "multinomial",
    "multinomial_two_way",
    "gaussian",
    "zhang2017",
    "chernoff",
    "lim2014",
    "rusca2018",
    "tiangong2",
)
# Yin et al., Nature 582, 501 (2020): the only integer split of 140 errors in 3100 bits that gives the printed errors.
YIN2020 = {"n_z": 1685, "n_x": 1415, "errors_z": 78, "errors_x": 62}
YIN2020_PROOF = {"f_ec": 1.19, "efficiency_mismatch": 0.0147}
PRINTED = {"yin2020": 372, "liao2017": 300_939, "tiangong2": 13_119}
SAMPLES = np.arange(100, 3001, 10)
SHARES = np.linspace(0.02, 0.98, 49)[:, np.newaxis]


def yin2020(bound, eps, **changed):
    """Key of both bases, eps_sec = eps_cor = eps for each."""
    return bbm92_key_length(**YIN2020, **(YIN2020_PROOF | changed), bound=bound, eps_sec=eps, eps_cor=eps)


def yin2020_sampled(bound, eps):
    """Key of one block with the best sample and the best division of eps_sec."""
    found = sampled_key_length(
        n_sifted=3100, errors=140, n_sample=SAMPLES, estimate_share=SHARES, eps_sec=eps, eps_cor=eps, bound=bound,
        **YIN2020_PROOF,
    )  # fmt: skip
    return float(found.length.max())


def yin2020_divided(bound, eps):
    """Key of both bases with the best division of eps_sec."""
    return float(yin2020(bound, eps, estimate_share=SHARES[:, 0]).length.max())


YIN2020_COLUMNS = {
    **{bound: lambda eps, bound=bound: float(yin2020(bound, eps).length) for bound in PAIR_BOUNDS},
    "hypergeometric, divided": lambda eps: yin2020_divided("hypergeometric", eps),
    "lim2021, one block": lambda eps: yin2020_sampled("lim2021", eps),
    "hypergeometric, one block": lambda eps: yin2020_sampled("hypergeometric", eps),
}


def table(head, rows):
    """A table in Markdown; numbers become whole bits."""
    cells = [[cell if isinstance(cell, str) else f"{round(cell):,}" for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def yin2020_by_eps():
    """Key against the failure probability."""
    rows = [[f"1e-{n}", *(length(10.0**-n) for length in YIN2020_COLUMNS.values())] for n in range(2, 13)]
    return table(["ε", *YIN2020_COLUMNS], rows)


def strictest_eps(length, bits):
    """Least failure probability at which there are so many bits, as text; the length never falls with it."""
    least, enough = -16.0, -1.0
    if length(10.0**least) >= bits:
        return "any"
    if length(10.0**enough) < bits:
        return "none"
    while enough - least > 1e-3:
        middle = 0.5 * (least + enough)
        least, enough = (least, middle) if length(10.0**middle) >= bits else (middle, enough)
    return f"{10.0**enough:.1e}"


def yin2020_levels():
    """At which failure probability each proof gives the printed key, and any key at all."""
    names = [name for name in YIN2020_COLUMNS if "one block" not in name]
    rows = [[name, *(strictest_eps(YIN2020_COLUMNS[name], bits) for bits in (PRINTED["yin2020"], 1))] for name in names]
    return table(["proof", "372 bits", "one bit"], rows)


def liao2017_link(noise_rate_hz):
    """A pass of the printed length and detections: range, air mass of the calibrated extinction, printed QBER."""
    range_km = np.hypot(645.0, 7.43 * (np.arange(273) - 136))
    shape = (645.0 / range_km) ** 2 * 10 ** (-0.3573 * range_km / 500.0)
    window_s, mu, p = 2e-9, np.array([0.8, 0.1, 0.0]), np.array([0.5, 0.25, 0.25])

    def link(scale, misalignment):
        return DecoyDownlink(scale * shape, noise_rate_hz, 100e6, misalignment)

    def clicks(scale, misalignment=0.0):
        return link(scale, misalignment).clicks(mean_photon_numbers=mu, window_s=window_s, seconds=273.0)

    scale = brentq(lambda x: 100e6 * p @ clicks(x)[0] - 3_551_136, 1e-6, 0.5)
    misalignment = brentq(lambda e: clicks(scale, e)[1][0] / clicks(scale)[0][0] - 0.011, 0.0, 0.1)
    return link(scale, misalignment)


TIANGONG2 = {"mean_photon_numbers": [0.6, 0.35, 0.0], "intensity_probabilities": [0.5, 0.25, 0.25]}
LIAO2017 = {"mean_photon_numbers": [0.8, 0.1, 0.0], "intensity_probabilities": [0.5, 0.25, 0.25]}


def liao2017(bound, *, pooled, f_ec, fluctuation, noise_rate_hz=100.0):
    """Key of the printed session, background assumed."""
    counts = liao2017_link(noise_rate_hz).counts(**LIAO2017, basis_x=0.5, window_s=2e-9, seconds=273.0)
    return decoy_key_length(
        counts=pool_bases(counts) if pooled else counts,
        **LIAO2017,
        eps_sec=1e-9,
        eps_cor=1e-9,
        f_ec=f_ec,
        bound=bound,
        key_basis="x" if pooled else "both",
        key_intensities="signal",
        intensity_fluctuation=fluctuation,
    ).length


def liao2017_spread():
    """Key under every bound and convention; rows of two lengths are for noise of 100 and of 800 clicks a second."""
    conventions = [(False, 1.16, 0.0), (True, 1.16, 0.0), (True, 1.16, 0.05), (True, 1.5, 0.05)]
    rows = []
    for bound in DECOY_BOUNDS:
        pairs = [
            [liao2017(bound, pooled=pooled, f_ec=f, fluctuation=x, noise_rate_hz=hz) / 1e3 for hz in (100.0, 800.0)]
            for pooled, f, x in conventions
        ]
        rows.append([bound, *(f"{quiet:.0f}, {loud:.0f}" for quiet, loud in pairs)])
    head = ["bound", "f = 1.16, each basis", "f = 1.16, pooled", "the same, 5 %", "f = 1.5, pooled, 5 %"]
    return table(head, rows)


def tiangong2_counts(vacuum_share):
    """Sifted counts from the printed gains, half of them in each basis."""
    pulses = np.array([3.575e9, 1.7875e9, 1.7875e9])
    detections = np.array([3.13e-5, 1.88e-5, vacuum_share * 8.33e-7]) * pulses / 2.0
    errors = detections * np.array([0.0184, 0.0214, 0.5])
    return DecoyCounts(detections, detections, errors, errors, pulses)


def tiangong2_spread():
    """Key under every bound, with the vacuum counts as printed and halved."""

    def length(bound, pooled, eps, share):
        counts = tiangong2_counts(share)
        return decoy_key_length(
            counts=pool_bases(counts) if pooled else counts,
            **TIANGONG2,
            eps_sec=eps,
            eps_cor=eps,
            f_ec=1.13,
            bound=bound,
            key_basis="x" if pooled else "both",
            key_intensities="signal",
        ).length

    columns = [(False, 1e-5), (True, 1e-5), (False, 1e-9), (True, 1e-9)]
    rows = [
        [bound, *(", ".join(f"{length(bound, *column, share):,.0f}" for share in (1.0, 0.5)) for column in columns)]
        for bound in DECOY_BOUNDS
    ]
    return table(["bound", "1e-5, each basis", "1e-5, pooled", "1e-9, each basis", "1e-9, pooled"], rows)


CLEAN = DecoyCounts(*[[10_000, 700, 10]] * 2, *[[0, 0, 0]] * 2)


def signal_key(counts, bound, *, source, f_ec):
    """Key of the signal in both bases, both failure probabilities 1e-9."""
    return decoy_key_length(
        counts=counts, **source, eps_sec=1e-9, eps_cor=1e-9, f_ec=f_ec, bound=bound, key_basis="both",
        key_intensities="signal",
    )  # fmt: skip


def clean_pass():
    """A short pass without an error: phase errors that the printed term, the sound one and the exact tail allow."""
    rows = []
    for bound in ("chernoff", "zhang2017"):
        found = signal_key(CLEAN, bound, source=LIAO2017, f_ec=1.16)
        n_key, n_sample = (int(np.floor(getattr(found.x, f"single_photons{of}"))) for of in ("", "_sample"))
        exact = int(hypergeometric_key_errors(n_key, n_sample, 0, found.split.estimate))
        printed = sum(key.vacuum_events + key.single_photons - key.leak_ec - key.security for key in (found.x, found.z))
        sound = found.x.phase_error * found.x.single_photons
        rows.append([bound, n_key, n_sample, "0", f"{sound:.1f}", exact, printed, float(found.length)])
    head = ["bound", "single photons of the key", "of the sample", "phase errors, printed", "sound", "exact tail"]
    return table([*head, "key, printed", "key"], rows)


def squared_length(found):
    """Length of a key if the sampling of phase errors had to fail with the square of its share."""
    length, beta = 0.0, -2.0 * np.log(float(found.split.estimate))
    for key in (found.x, found.z):
        sample = (float(key.single_photon_errors_sample), float(key.single_photons_sample))
        errors = key_errors_limit(*sample, float(key.single_photons), beta)
        rate = min(max(errors / key.single_photons, key.phase_error), 0.5)
        more = key.single_photons * binary_entropy(rate) - key.privacy
        length += max(float(key.unfloored - more), 0.0)
    return length


def smoothing():
    """What is left if the sampling estimate has to fail with the square of what the papers pay for it."""
    session = liao2017_link(100.0).counts(**LIAO2017, basis_x=0.5, window_s=2e-9, seconds=273.0)
    passes = {
        "clean pass": (CLEAN, LIAO2017, 1.16),
        "liao2017, f = 1.16, each basis": (session, LIAO2017, 1.16),
        "tiangong2, each basis": (tiangong2_counts(1.0), TIANGONG2, 1.13),
    }
    rows = []
    for name, (counts, source, f_ec) in passes.items():
        for bound in ("chernoff", "zhang2017"):
            found = signal_key(counts, bound, source=source, f_ec=f_ec)
            rows.append([name, bound, float(found.length), squared_length(found)])
    return table(["counts", "bound", "key", "with the square"], rows)


def errors_of_agreement():
    """From how many errors on the printed term covers the exact tail, and is the one that counts."""
    n_key, few, many, rows = 10**7, np.arange(301), np.geomspace(300, 1e9, 2001), []
    for eps in (1e-2, 1e-5, 1e-9, 1e-12):
        for share in (0.25, 1.0, 4.0):
            n_sample, tail = int(share * n_key), eps / 21

            def printed(seen, n_sample, n_key=n_key, eps=eps):
                rate = seen / n_sample
                return (rate + sampling_deviation(rate, float(n_sample), float(n_key), eps, 21)) * n_key

            exact = hypergeometric_key_errors(n_key, n_sample, few, tail)
            limit = [key_errors_limit(float(seen), float(n_sample), float(n_key), -np.log(tail)) for seen in few]
            ours = np.array([printed(seen, n_sample) for seen in few])
            covers, counts = (1 + np.flatnonzero(ours < other).max() for other in (exact, limit))
            # A million times as long, so that a thousand million errors are few.
            long, beta = (1e6 * n_sample, 1e6 * n_key), -np.log(tail)
            ends = [seen for seen in many if printed(seen, long[0], long[1]) < key_errors_limit(seen, *long, beta)]
            until = f"about {ends[0]:.0e}".replace("e+0", "e") if ends else "more than 1e9"
            rows.append([f"{eps:.0e}".replace("e-0", "e-"), f"{share:g}", int(covers), int(counts), until])
    return table(["ε", "sample over key", "covers the exact tail from", "counts from", "to"], rows)


def conventions():
    """What two open programs give for one pass, and what we give for the same counts."""
    given = read_yaml(REFERENCE / "decoy_counts.yaml", "counts")
    bounds = {"chernoff": "chernoff", "hoeffding": "lim2014"}
    rows = []
    for row in given["key_length_bits"]:
        ours = decoy_key_length(
            counts=DecoyCounts(given["detections_x"], given["detections_z"], given["errors_x"], given[row["errors"]]),
            mean_photon_numbers=given["mean_photon_numbers"],
            intensity_probabilities=given["intensity_probabilities"],
            **{name: given[name] for name in ("eps_sec", "eps_cor", "f_ec")},
            bound=bounds[row["bound"]],
        )
        errors = "one rate" if row["errors"].endswith("shared") else "by intensity"
        rows.append([row["program"], row["bound"], errors, f"{row['value']:,.1f}", f"{ours.length:,.1f}"])
    return table(["program", "tail", "errors", "its length", "ours"], rows)


def after_the_fact():
    """What the published data of yin2020 gain at 1e-10 from choices that cost nothing on the satellite."""
    eps = 1e-10
    rows = [
        ["tail of tomamichel2012, f = 1.19", float(yin2020("tomamichel2012", eps).length)],
        ["exact tail", float(yin2020("hypergeometric", eps).length)],
        ["and the best division of ε_sec", yin2020_divided("hypergeometric", eps)],
        ["and f = 1.05", float(yin2020("hypergeometric", eps, estimate_share=SHARES[:, 0], f_ec=1.05).length.max())],
        ["one block with a sample instead, f = 1.19", yin2020_sampled("hypergeometric", eps)],
    ]
    return table(["choice", "bits"], rows)


def yin2020_best_bases(bound, eps):
    """Key of the 6208 printed coincidences when both stations choose X with the best probability, and that probability.

    Error rates as printed, equal detectors, the best division of eps_sec.
    """
    basis_x = np.linspace(0.05, 0.5, 91)[:, np.newaxis]
    n_z, n_x = np.floor(6208 * (1.0 - basis_x) ** 2), np.floor(6208 * basis_x**2)
    found = bbm92_key_length(
        n_z=n_z, n_x=n_x, errors_z=np.ceil(n_z * 78 / 1685), errors_x=np.ceil(n_x * 62 / 1415), f_ec=1.19, bound=bound,
        eps_sec=eps, eps_cor=eps, estimate_share=SHARES[:, 0],
    ).length  # fmt: skip
    best = np.unravel_index(np.argmax(found), found.shape)
    return float(found[best]), float(basis_x[best[0], 0])


def yin2020_limits(eps):
    """The most that proofs could give the published counts: of the square root of an estimate's failure, and of any."""
    pairs = ((1685, 1415, 78, 62), (1415, 1685, 62, 78))
    leaks = [float(leak_ec_bits(n, wrong / n, f_ec=1.19)) for n, _, wrong, _ in pairs]
    rooted, any_proof = 0.0, 0.0
    for (n, k, _, seen), leak in zip(pairs, leaks, strict=True):
        rooted += n - float(log_patterns(n, hypergeometric_key_errors(n, k, seen, eps**2))) - leak - np.log2(2.0 / eps)
        any_proof += longest_length(n_key=n, n_sample=k, errors_sample=seen, leak_ec=leak, eps_sec=eps)
    return rooted, any_proof


def yin2020_certified():
    """The best certified key of yin2020 at 1e-10, and what no proof can pass."""
    eps = 1e-10
    equal = {"efficiency_mismatch": 0.0, "estimate_share": SHARES[:, 0]}
    biased, basis_x = yin2020_best_bases("projected", eps)
    rooted, any_proof = yin2020_limits(eps)
    rows = [
        ["hypergeometric, best division", float(yin2020("hypergeometric", eps, **equal).length.max())],
        ["projected, one half to the estimate", float(yin2020("projected", eps, efficiency_mismatch=0.0).length)],
        ["projected, best division", float(yin2020("projected", eps, **equal).length.max())],
        ["and f = 1.05", float(yin2020("projected", eps, f_ec=1.05, **equal).length.max())],
        [f"f = 1.19, 6208 coincidences, best bases, P(X) = {basis_x:.2f}", biased],
        ["projected, best division, detectors that differ by 1.47 % within the bound",
         float(yin2020("projected", eps, estimate_share=SHARES[:, 0]).length.max())],
        ["limit of proofs that pay for the estimate with the square root of its failure", rooted],
        ["limit of any proof that takes the leak off (an attack)", any_proof],
    ]  # fmt: skip
    return table(["proof, equal detectors unless it says otherwise", "bits"], rows)


def before_the_pass():
    """Key of the session of liao2017 with other settings, Chernoff's bound, f = 1.16, no intensity error."""
    link = liao2017_link(100.0)
    proof = {"eps_sec": 1e-9, "eps_cor": 1e-9, "f_ec": 1.16, "bound": "chernoff"}
    printed = {"signal": 0.8, "decoy": 0.1, "share_signal": 0.5, "share_decoy": 0.25, "basis_x": 0.5}
    fixed = {"window_s": 2e-9, "seconds": 273.0}
    passive = {"key_basis": "both", "key_intensities": "signal"}
    cases = {
        "as printed": (printed | fixed, passive),
        "best shares of the intensities": (
            fixed | {name: printed[name] for name in ("signal", "decoy", "basis_x")}, passive,
        ),
        "best intensities, too": (fixed | {"basis_x": 0.5}, passive),
        "best bases, too (all intensities give key)": (fixed, {}),
    }  # fmt: skip
    rows = []
    for name, (limits, convention) in cases.items():
        best = optimal_decoy(link, **proof, **convention, limits=limits, rng=np.random.default_rng(1))
        mu, p = (
            (best.settings[key] for key in ("signal", "decoy")),
            (best.settings[f"share_{key}"] for key in ("signal", "decoy")),
        )
        chosen = [" / ".join(f"{value:.2f}" for value in values) for values in (mu, p)]
        rows.append([name, *chosen, f"{best.settings['basis_x']:.2f}", f"{best.length / 1e3:.0f} kbit"])
    return table(["settings", "photons", "shares", "P(X)", "key"], rows)


def window_and_elevation():
    """Window and seconds of the session of liao2017 under more and more noise, everything else as printed."""
    proof = {"eps_sec": 1e-9, "eps_cor": 1e-9, "f_ec": 1.16, "bound": "chernoff"}
    printed = {"signal": 0.8, "decoy": 0.1, "share_signal": 0.5, "share_decoy": 0.25, "basis_x": 0.5}
    jitter_s, rows = 0.5e-9, []
    for noise_rate_hz in (100.0, 3e3, 1e4):
        quiet = liao2017_link(100.0)
        light = quiet.transmittance / window_acceptance(2e-9, jitter_s)
        link = DecoyDownlink(light, noise_rate_hz, 100e6, quiet.misalignment, jitter_s)
        row = [f"{noise_rate_hz:,.0f}"]
        for limits in ({"window_s": 2e-9, "seconds": 273.0}, {"seconds": 273.0}, {}):
            try:
                best = optimal_decoy(
                    link, **proof, key_basis="both", key_intensities="signal", limits=printed | limits,
                    rng=np.random.default_rng(1),
                )  # fmt: skip
            except ValueError:
                row.append("none")
                continue
            window, seconds = best.settings["window_s"] * 1e9, best.settings["seconds"]
            row.append(f"{best.length / 1e3:.0f} kbit in {window:.1f} ns and {seconds:.0f} s")
        rows.append(row)
    return table(["noise (1/s)", "as printed", "best window", "best window and seconds"], rows)


def best_blocks():
    """Keys from parts of the session of liao2017 under more and more noise: 20 bins of seconds, the best ones first."""
    settings = {name: np.array(values) for name, values in LIAO2017.items()}
    quiet, rows = liao2017_link(100.0), []
    seconds = np.array_split(np.sort(quiet.transmittance)[::-1], 20)
    for noise_rate_hz in (100.0, 1e3, 3e3):
        bins = [
            DecoyDownlink(light, noise_rate_hz, 100e6, quiet.misalignment).counts(
                **settings, basis_x=0.5, window_s=2e-9, seconds=len(light)
            )
            for light in seconds
        ]
        names = ("detections_x", "detections_z", "errors_x", "errors_z")
        sums = [np.cumsum([np.zeros(3)] + [getattr(one, name) for one in bins], axis=0) for name in names]

        def length(first, last, blocks, sums=sums):
            return decoy_key_length(
                counts=DecoyCounts(*(each[last] - each[first] for each in sums)), **settings, eps_sec=1e-9 / blocks,
                eps_cor=1e-9 / blocks, f_ec=1.16, bound="chernoff", key_basis="both", key_intensities="signal",
            ).length  # fmt: skip

        best = optimal_blocks(length, bins=20)
        whole = length(np.array([0]), np.array([20]), 1)[0]
        edges = ", ".join(f"{first + 1} to {last}" for first, last in best.edges)
        rows.append([f"{noise_rate_hz:,.0f}", f"{whole / 1e3:.0f} kbit", f"{best.length / 1e3:.0f} kbit", edges])
    return table(["noise (1/s)", "whole pass", "best blocks", "which bins, best first"], rows)


TABLES = {
    "yin2020 by eps": yin2020_by_eps,
    "yin2020 levels": yin2020_levels,
    "liao2017": liao2017_spread,
    "tiangong2": tiangong2_spread,
    "clean": clean_pass,
    "agreement": errors_of_agreement,
    "smoothing": smoothing,
    "conventions": conventions,
    "after": after_the_fact,
    "certified": yin2020_certified,
    "blocks": best_blocks,
    "before": before_the_pass,
    "window": window_and_elevation,
}


def with_tables(text):
    """The page with every table as the functions give it now."""
    for name, made in TABLES.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not place.search(text):
            raise ValueError(
                f"the page has no place for the table {name!r}: put <!-- {name} --> and <!-- end --> there"
            )
        rows = made()
        text = place.sub(lambda found, rows=rows: f"{found[1]}{rows}\n{found[2]}", text)
    return text


def published_lengths():
    """Key of the published data of yin2020 by proof and failure probability, for the figure."""
    eps = 10.0 ** -np.arange(2.0, 13.5, 0.5)
    names = [name for name in YIN2020_COLUMNS if name not in ("hypergeometric, divided", "hypergeometric, one block")]
    lengths = [[YIN2020_COLUMNS[name](e) for e in eps] for name in names]
    return xr.DataArray(lengths, coords={"bound": names, "eps": eps}, dims=("bound", "eps"))


if __name__ == "__main__":
    page = DOCS / "key-lengths.md"
    page.write_text(with_tables(page.read_text()))
    figure = published_length_figure(published_lengths(), printed=(1e-10, PRINTED["yin2020"]))
    save_svg(figure, DOCS / "key-lengths.svg")
