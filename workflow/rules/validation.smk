"""Stage 8: does it agree with what was published?"""

PUBLISHED = [name for name, mission in MISSIONS.items() if mission.reference]


rule validation:
    """Every published value next to ours."""
    input:
        notebook="notebooks/08_validation.ipynb",
        scenarios=expand("data/scenarios/{scenario}.yaml", scenario=PUBLISHED),
        references=expand(
            "data/reference/{scenario}.yaml",
            scenario=[MISSIONS[name].reference for name in PUBLISHED],
        ),
        known="data/reference/known_deviations.yaml",
        stages=expand(
            "results/{scenario}/{stage}.observables.json",
            scenario=PUBLISHED,
            stage=["orbit", "channel", "fiber", "overview"],
        ),
        runs=[run_results(name) for name in PUBLISHED],
        predictive=expand("results/{scenario}/predictive.nc", scenario=PUBLISHED),
    output:
        table=report(
            "results/validation.csv",
            caption="../report/validation_table.rst",
            category="validation",
        ),
        figure=report(
            "results/figures/validation.svg",
            caption="../report/validation.rst",
            category="validation",
        ),
        z=report(
            "results/figures/z.svg",
            caption="../report/z.rst",
            category="validation",
        ),
        pngs=["results/figures/validation.png", "results/figures/z.png"],
        summaries=expand("results/{scenario}/summary.json", scenario=PUBLISHED),
        notebook="results/notebooks/08_validation.ipynb",
    log:
        "results/logs/08_validation.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=digest_of("notebooks/08_validation.ipynb"),
        scenarios=lambda wildcards, input: f"scenarios: [{', '.join(input.scenarios)}]",
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -y {params.scenarios:q}"
        "    -p references data/reference -p results results"
        "    -p output {output.table} -p figures results/figures"
