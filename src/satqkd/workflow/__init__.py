"""Run the workflow: its notebooks and kernels, one run at a time, and what each rule depends on."""
