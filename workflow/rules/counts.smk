"""From a table of counts to error rates, S and key."""

COUNTS_FOLDER = "results/{scenario}/counts"


rule counts:
    """Error rates, visibilities, S and key of each row of a count table."""
    input:
        notebook="notebooks/counts.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        table=count_table,
    output:
        data=f"{COUNTS_FOLDER}/counts.nc",
        table=f"{COUNTS_FOLDER}/counts.csv",
        fit=f"{COUNTS_FOLDER}/fit.csv",
        observables=f"{COUNTS_FOLDER}/counts.observables.json",
        figures=figures(
            "counts",
            "acquisitions",
            "error_rate",
            "row_key",
            "row_bell",
            "fit",
            folder=COUNTS_FOLDER,
        ),
        notebook=f"{COUNTS_FOLDER}/notebooks/counts.ipynb",
    log:
        f"{COUNTS_FOLDER}/logs/counts.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=digest_of("notebooks/counts.ipynb"),
        folder=COUNTS_FOLDER,
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p scenario {input.scenario}"
        "    -p output {params.folder}"
