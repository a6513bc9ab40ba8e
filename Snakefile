"""From scenario files to the validation table: `snakemake --cores N`."""

from snakemake.utils import min_version

min_version("9.0")


configfile: "workflow/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/running.smk"
include: "workflow/rules/orbit.smk"
include: "workflow/rules/channel.smk"
include: "workflow/rules/detection.smk"
include: "workflow/rules/coincidence.smk"
include: "workflow/rules/key.smk"
include: "workflow/rules/bell.smk"
include: "workflow/rules/fiber.smk"
include: "workflow/rules/recorded.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/predictive.smk"
include: "workflow/rules/calibrate.smk"
include: "workflow/rules/validation.smk"
include: "workflow/rules/overview.smk"
include: "workflow/rules/report.smk"


if "sweep" in config:

    include: "workflow/rules/sweep.smk"


localrules:
    all,
    quick,


rule all:
    input:
        ["results/validation.csv", "results/validation.html"] if PUBLISHED else [],
        expand("results/{scenario}/parameters.html", scenario=SCENARIOS),
        expand("results/{scenario}/fiber.nc", scenario=MISSIONS),
        [run_results(name) for name in MISSIONS],
        expand("results/{scenario}/recorded/key.nc", scenario=RECORDED),
        expand("results/{scenario}/figures/map.svg", scenario=MISSIONS),


rule quick:
    """One run of one experiment: snakemake quick --config quick=yin2020."""
    input:
        (
            [
                f"results/{QUICK}/parameters.html",
                f"results/{QUICK}/fiber.nc",
                run_results(QUICK, [SHOWN]),
            ]
            if QUICK
            else []
        ),
