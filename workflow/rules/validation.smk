"""Stage 8: does it agree with what was published?"""

PUBLISHED = [name for name, mission in MISSIONS.items() if mission.reference]


rule validation_parameters:
    """Lists of files are handed to a notebook in a file."""
    output:
        temp("results/validation_parameters.yaml"),
    log:
        "results/logs/validation_parameters.log",
    conda:
        "../../environment.yml"
    params:
        text=lambda wildcards: "scenarios: [{}]".format(
            ", ".join(f"data/scenarios/{name}.yaml" for name in PUBLISHED)
        ),
    shell:
        "printf '%s\\n' {params.text:q} > {output} 2> {log}"


rule validation:
    """Every published value beside ours."""
    input:
        notebook="notebooks/08_validation.ipynb",
        scenarios=expand("data/scenarios/{scenario}.yaml", scenario=PUBLISHED),
        references=expand(
            "data/reference/{scenario}.yaml",
            scenario=[MISSIONS[name].reference for name in PUBLISHED],
        ),
        known="data/reference/known_deviations.yaml",
        parameters="results/validation_parameters.yaml",
        stages=expand(
            "results/{scenario}/{stage}.observables.json",
            scenario=PUBLISHED,
            stage=["orbit", "channel", "fiber", "overview"],
        ),
        runs=[run_results(name) for name in PUBLISHED],
        code=stage_code("validation"),
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
        summaries=expand("results/{scenario}/summary.json", scenario=PUBLISHED),
        notebook="results/notebooks/08_validation.ipynb",
    log:
        "results/logs/08_validation.log",
    benchmark:
        "results/benchmarks/08_validation.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    shell:
        "papermill {input.notebook} {output.notebook} --engine satqkd --log-output --no-progress-bar -f {input.parameters}"
        "    -p references data/reference -p results results"
        "    -p output {output.table} -p figures results/figures"
        "    > {log} 2>&1"
