"""Kernels of the workflow's notebooks meet nobody else's."""

import json
from pathlib import Path

import nbformat
import papermill
import pytest

ASK = "import json\nfrom ipykernel import get_connection_file, get_connection_info\n"
ASK += "print(json.dumps(get_connection_info(unpack=True) | {'file': get_connection_file()}, default=str))"


@pytest.mark.slow
def test_a_kernel_has_sockets_of_its_own_and_leaves_none_behind(tmp_path, monkeypatch):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ASK)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "ask.ipynb")
    monkeypatch.chdir(tmp_path)
    places = []
    for output in ("one.ipynb", "two.ipynb"):
        done = papermill.execute_notebook("ask.ipynb", output, engine_name="satqkd", progress_bar=False)
        connection = json.loads(done.cells[-1].outputs[0].text)
        assert connection["transport"] == "ipc"
        place = Path(connection["ip"]).parent
        assert place == Path(connection["file"]).parent != tmp_path and not place.exists()
        places.append(place)
    assert places[0] != places[1]
    assert {path.name for path in tmp_path.iterdir()} == {"ask.ipynb", "one.ipynb", "two.ipynb"}
