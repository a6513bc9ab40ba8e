"""The planner: `snakemake plan --config plan=example`, and start=2018-09-20 days=7 for other days."""

PLAN = f"data/plans/{config.get('plan', 'example')}.yaml"
PLAN_FOLDER = f"results/plan/{config.get('plan', 'example')}"
PLAN_DAYS = {
    key: str(config[key]) for key in ("start", "days") if config.get(key) is not None
}
# A plan that is given is checked before any work starts, like the scenarios.
PLAN_FILES = plan_files(PLAN, **PLAN_DAYS) if "plan" in config else None


rule plan:
    """Passes of the coming days, and their expected yield."""
    input:
        files=lambda wildcards: PLAN_FILES or plan_files(PLAN, **PLAN_DAYS),
    output:
        passes=f"{PLAN_FOLDER}/passes.csv",
        links=f"{PLAN_FOLDER}/links.csv",
        shares=f"{PLAN_FOLDER}/shares.csv",
        events=f"{PLAN_FOLDER}/plan.ics",
        czml=f"{PLAN_FOLDER}/plan.czml",
        svg=f"{PLAN_FOLDER}/calendar.svg",
        png=f"{PLAN_FOLDER}/calendar.png",
    log:
        f"{PLAN_FOLDER}/logs/plan.log",
    benchmark:
        f"{PLAN_FOLDER}/benchmarks/plan.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        code=digest_of("satqkd.planner"),
        plan=PLAN,
        folder=lambda wildcards, output: Path(output.passes).parent,
        days=" ".join(f"--{key}={value}" for key, value in PLAN_DAYS.items()),
    shell:
        "python -m satqkd.planner {params.plan} {params.folder} {params.days} 2>&1 | tee {log}"
