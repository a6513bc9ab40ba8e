"""Pages beside the figures: where every parameter comes from, the verdicts, and the page on which results open."""

from satqkd.report import write_first_page


# After every run, whatever was asked for: the page shows what there is, a plan and a sweep as well.
onsuccess:
    if workflow.is_main_process:
        write_first_page("results")


rule parameters:
    """A scenario's parameters with their provenance."""
    input:
        scenario="data/scenarios/{scenario}.yaml",
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
    """The validation table for a reader."""
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
