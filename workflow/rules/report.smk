"""Pages of the results: the origin of every parameter, the verdicts, and the first page."""

from satqkd.report import write_first_page


# After every run with any target: the page shows all existing results, including plans and sweeps.
onsuccess:
    if workflow.is_main_process:
        write_first_page("results")


rule parameters:
    """A scenario's parameters with their provenance."""
    input:
        scenario="data/scenarios/{scenario}.yaml",
        shared=shared_scenarios,
    output:
        report(
            "results/{scenario}/parameters.html",
            caption="../report/parameters.rst",
            category="{scenario}",
            subcategory="parameters",
            labels={"page": "parameters"},
        ),
    log:
        "results/{scenario}/logs/parameters.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=700,
        runtime=5,
    params:
        code=digest_of("satqkd.report"),
    shell:
        "python -m satqkd.report parameters {input.scenario} {output} > {log} 2>&1"


rule verdicts:
    """The validation table as a page."""
    input:
        table="results/validation.csv",
    output:
        report(
            "results/validation.html",
            caption="../report/verdicts.rst",
            category="validation",
        ),
    log:
        "results/logs/verdicts.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=700,
        runtime=5,
    params:
        code=digest_of("satqkd.report"),
    shell:
        "python -m satqkd.report validation {input.table} {output} > {log} 2>&1"
