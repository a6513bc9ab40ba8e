"""Stage 5: how many secret bits?"""


rule key:
    """Error rates, key lengths, and the key itself, twice."""
    input:
        notebook="notebooks/05_key.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        coincidence="results/{scenario}/run{run}/coincidence.nc",
        code=stage_code("key"),
    output:
        data="results/{scenario}/run{run}/key.nc",
        observables="results/{scenario}/run{run}/key.observables.json",
        alice="results/{scenario}/run{run}/alice.key",
        bob="results/{scenario}/run{run}/bob.key",
        notebook="results/{scenario}/run{run}/notebooks/05_key.ipynb",
    log:
        "results/{scenario}/run{run}/logs/05_key.log",
    benchmark:
        "results/{scenario}/run{run}/benchmarks/05_key.tsv"
    wildcard_constraints:
        run=OTHERS,
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1200,
        runtime=5,
    params:
        figures="",
    shell:
        "papermill {input.notebook} {output.notebook} --engine satqkd --log-output --no-progress-bar"
        "    -p scenario {input.scenario}"
        "    -p coincidence_data {input.coincidence}"
        "    -p output {output.data}"
        "    -p figures '{params.figures}'"
        "    > {log} 2>&1"


use rule key as key_shown with:
    output:
        data="results/{scenario}/run{run}/key.nc",
        qber=figure("qber", "5 key", RUN_FOLDER),
        length=figure("length", "5 key", RUN_FOLDER),
        observables="results/{scenario}/run{run}/key.observables.json",
        alice="results/{scenario}/run{run}/alice.key",
        bob="results/{scenario}/run{run}/bob.key",
        notebook="results/{scenario}/run{run}/notebooks/05_key.ipynb",
    wildcard_constraints:
        run=SHOWN,
    params:
        figures=f"{RUN_FOLDER}/figures",
