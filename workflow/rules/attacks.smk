"""The attack laboratory: `snakemake attacks`."""

ATTACK_FOLDER = "results/attacks"


rule attacks:
    """The matrix of attacks and countermeasures, and each attack against its strength."""
    input:
        notebook="notebooks/attacks.ipynb",
        table=f"{ATTACK_FOLDER}/attacks.csv",
    output:
        matrix=report(
            f"{ATTACK_FOLDER}/matrix.svg",
            caption="../report/attacks.rst",
            category="attacks",
            labels={"figure": "matrix"},
        ),
        png=f"{ATTACK_FOLDER}/matrix.png",
        figures=directory(f"{ATTACK_FOLDER}/figures"),
        notebook=f"{ATTACK_FOLDER}/notebooks/attacks.ipynb",
    log:
        f"{ATTACK_FOLDER}/logs/attacks.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=digest_of("notebooks/attacks.ipynb"),
        seed=SEED,
    shell:
        "python workflow/scripts/notebook.py {input.notebook} {output.notebook} --log {log}"
        "    -p table {input.table}"
        "    -p matrix {output.matrix}"
        "    -p figures {output.figures}"
        "    -p seed {params.seed}"


rule attack_table:
    """Every attack at every strength, without and with each countermeasure."""
    output:
        f"{ATTACK_FOLDER}/attacks.csv",
    log:
        f"{ATTACK_FOLDER}/logs/attack_table.log",
    benchmark:
        f"{ATTACK_FOLDER}/benchmarks/attack_table.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        code=digest_of("satqkd.laboratory.matrix"),
        seed=SEED,
    shell:
        "python -m satqkd.laboratory.matrix --seed {params.seed} --processes {threads} --output {output} > {log} 2>&1"
