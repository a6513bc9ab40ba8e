"""The running of the workflow: its checks, its notebooks and kernels, and the source files of each rule."""
