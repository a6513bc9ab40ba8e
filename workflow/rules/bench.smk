"""All stages of a bench: arms of known loss in place of an orbit."""

BENCH_FOLDER = "results/{scenario}/bench"


rule bench:
    """From the source to the key and the Bell test, step by step."""
    input:
        notebook="notebooks/bench.ipynb",
        scenario="data/scenarios/{scenario}.yaml",
    output:
        tags=directory(f"{BENCH_FOLDER}/detection.zarr"),
        coincidence=f"{BENCH_FOLDER}/coincidence.nc",
        data=expand(
            f"{BENCH_FOLDER}/{{name}}.nc",
            name=("orbit", "channel", "truth", "key"),
            allow_missing=True,
        ),
        observables=expand(
            f"{BENCH_FOLDER}/{{stage}}.observables.json",
            stage=("coincidence", "key"),
            allow_missing=True,
        ),
        figures=figures(
            "bench",
            "delay",
            "rate",
            "qber",
            "length",
            folder=BENCH_FOLDER,
        ),
        notebook=f"{BENCH_FOLDER}/notebooks/bench.ipynb",
    log:
        f"{BENCH_FOLDER}/logs/bench.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=digest_of("notebooks/bench.ipynb"),
        folder=BENCH_FOLDER,
        seed=SEED,
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p scenario {input.scenario}"
        "    -p output {params.folder}"
        "    -p seed {params.seed}"
