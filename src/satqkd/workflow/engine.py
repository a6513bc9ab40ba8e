"""Give each notebook that papermill runs a kernel of its own: ``papermill --engine satqkd``."""

from tempfile import TemporaryDirectory

from papermill.engines import NBClientEngine
from traitlets.config import Config


class LocalEngine(NBClientEngine):
    """Papermill's own engine, whose kernels are reached through sockets in a folder of their own.

    By default five free ports are looked for, given back, and taken a second later by the kernel: of many notebooks at
    a time, some find one of theirs taken by another, and die.
    """

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **options):
        """Run a notebook in a kernel that nobody else can reach."""
        with TemporaryDirectory(prefix="satqkd") as folder:
            sockets = {"transport": "ipc", "connection_file": f"{folder}/kernel.json"}
            config = Config({"KernelManager": sockets})
            return super().execute_managed_notebook(nb_man, kernel_name, config=config, **options)
