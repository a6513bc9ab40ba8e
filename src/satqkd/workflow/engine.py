"""Run each notebook in a kernel that no other notebook can reach: ``papermill --engine satqkd``."""

from tempfile import TemporaryDirectory
from typing import Any

from papermill.engines import NBClientEngine
from traitlets.config import Config


class LocalEngine(NBClientEngine):
    """Papermill's engine with kernels that are reached through sockets in a folder of their own.

    By default jupyter_client looks for five free ports, releases them, and the kernel takes them a second later: when
    many notebooks start together, some lose a port to another notebook, and fail.
    """

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        """Run a notebook in a kernel with its own sockets."""
        with TemporaryDirectory(prefix="satqkd") as folder:
            sockets = {"transport": "ipc", "connection_file": f"{folder}/kernel.json"}
            config = Config({"KernelManager": sockets})
            return super().execute_managed_notebook(nb_man, kernel_name, config=config, **options)
