"""Stage 5: how many secret bits?"""


rule key:
    """Error rates, key lengths, and the key itself, once for each side."""
    input:
        notebook="notebooks/05_key.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
        shared=shared_scenarios,
        published=displayed_values,
        coincidence="results/{scenario}/run{run}/coincidence.nc",
    output:
        data="results/{scenario}/run{run}/key.nc",
        observables="results/{scenario}/run{run}/key.observables.json",
        alice="results/{scenario}/run{run}/alice.key",
        bob="results/{scenario}/run{run}/bob.key",
        notebook="results/{scenario}/run{run}/notebooks/05_key.ipynb",
    log:
        "results/{scenario}/run{run}/logs/05_key.log",
    wildcard_constraints:
        run=OTHERS,
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1200,
        runtime=5,
    params:
        code=digest_of("notebooks/05_key.ipynb"),
        figures="",
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p scenario {input.scenario}"
        "    -p references data/reference"
        "    -p coincidence_data {input.coincidence}"
        "    -p output {output.data}"
        "    -p figures '{params.figures}'"


use rule key as key_shown with:
    output:
        data="results/{scenario}/run{run}/key.nc",
        figures=figures("5 key", "qber", "length", "exchange", folder=RUN_FOLDER),
        observables="results/{scenario}/run{run}/key.observables.json",
        alice="results/{scenario}/run{run}/alice.key",
        bob="results/{scenario}/run{run}/bob.key",
        notebook="results/{scenario}/run{run}/notebooks/05_key.ipynb",
    wildcard_constraints:
        run=SHOWN,
    params:
        code=digest_of("notebooks/05_key.ipynb"),
        figures=f"{RUN_FOLDER}/figures",
