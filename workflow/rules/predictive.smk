"""The predictive distribution of what a publication can be compared with."""


rule predictive:
    """Draws of what is not known through the analytic chain, with counting noise."""
    input:
        scenario="data/scenarios/{scenario}.yaml",
        shared=shared_scenarios,
        draws="data/calibration/draws.csv",
        elements=element_sets,  # for the passes of a survey
        orbit="results/{scenario}/orbit.nc",
        channel="results/{scenario}/channel.nc",
    output:
        "results/{scenario}/predictive.nc",
    log:
        "results/{scenario}/logs/predictive.log",
    benchmark:
        "results/{scenario}/benchmarks/predictive.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=digest_of("satqkd.analytic.predictive"),
        seed=SEED,
    shell:
        "python -m satqkd.analytic.predictive {input.scenario} --orbit {input.orbit}"
        "    --channel {input.channel} --output {output} --seed {params.seed} > {log} 2>&1"
