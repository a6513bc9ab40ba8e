"""Key bits stand in files of their owner's and nowhere else, and nothing that is called secret comes from a seed."""

import ast
import base64
import functools
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import xarray as xr
import yaml
import zarr

from satqkd.dataset import load, save
from satqkd.key import distill, read_key
from satqkd.key.custody.keyfile import SecretBits, write_key
from satqkd.scenario import load_scenario

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
WINDOW = 64  # bits in a row that a file has by chance once in 1e12 tests


class Search:
    """Looks for any 64 bits of a key in a row, however they are spelled."""

    def __init__(self, *keys):
        self._words, self._begins = {}, {}
        for order in ("big", "little"):
            words = np.unique(np.concatenate([self._windows(key, order) for key in keys]))
            begins = np.zeros(1 << 16, bool)
            begins[(words >> np.uint64(48)).astype(np.intp)] = True
            self._words[order], self._begins[order] = words, begins

    def _known(self, words, order):
        """Whether one of the words is of a key; most are ruled out by their first 16 bits."""
        words = words[self._begins[order][(words >> np.uint64(48)).astype(np.intp)]]
        return bool(np.isin(words, self._words[order]).any())

    @staticmethod
    def _windows(bits, order):
        bits = np.asarray(bits, np.uint8)
        if bits.size < WINDOW:
            return np.empty(0, np.uint64)
        rows = np.packbits(np.lib.stride_tricks.sliding_window_view(bits, WINDOW), axis=1, bitorder=order)
        return rows.view(">u8").ravel().astype(np.uint64)

    def in_digits(self, digits):
        """Whether a row of zeros and ones has bits of a key."""
        return self._known(self._windows(digits, "big"), "big")

    def in_bytes(self, content):
        """Whether packed bits of a key stand in bytes, whatever bit of the key a byte begins with."""
        octets = np.frombuffer(content, np.uint8)
        if octets.size < WINDOW // 8:
            return False
        words = np.zeros(octets.size - 7, np.uint64)
        for i in range(8):
            words = words << np.uint64(8) | octets[i : i + words.size]
        return any(self._known(words, order) for order in self._words)

    def in_values(self, values):
        """Whether an array holds them, a bit an element or packed in its numbers."""
        values = np.ascontiguousarray(values)
        if values.dtype.kind in "biuf":
            flat = values.ravel()
            bits = (flat == 0) | (flat == 1)
            edges = np.flatnonzero(np.diff(np.concatenate([[False], bits, [False]])))
            runs = zip(edges[::2], edges[1::2], strict=True)
            if any(self.in_digits(flat[a:b]) for a, b in runs if b - a >= WINDOW):
                return True
        return values.dtype.kind != "O" and self.in_bytes(values.tobytes())

    def in_text(self, text):
        """Whether they are printed: as digits, truth values, hexadecimal or base64."""
        bare = re.sub(r"True", "1", re.sub(r"False", "0", text))
        bare = re.sub(r"\\n|\b0b|\b0x|\\x|[^0-9A-Za-z+/_=-]", "", bare)
        if any(self.in_digits(np.array(list(run), np.uint8)) for run in re.findall(rf"[01]{{{WINDOW},}}", bare)):
            return True
        packed, decoded = [], []
        for i in range(2):
            packed += [bytes.fromhex(run[i : len(run) - (len(run) - i) % 2]) for run in _runs(r"[0-9a-fA-F]", bare)]
        for i in range(4):
            letters = (run[i:].replace("-", "+").replace("_", "/") for run in _runs(r"[A-Za-z0-9+/_-]", bare))
            decoded += [base64.b64decode(run[: len(run) // 4 * 4]) for run in letters]
        return self.in_bytes(b"".join(packed)) or self.in_bytes(b"".join(decoded))

    def in_file(self, path):
        """Whether a file holds them, data sets decompressed."""
        content = path.read_bytes()
        found = self.in_bytes(content) or self.in_values(np.frombuffer(content, np.uint8))
        if path.suffix != ".nc":
            return found or self.in_text(content.decode("latin1"))
        data = load(path)
        described = repr(data.attrs) + "".join(repr(variable.attrs) for variable in data.variables.values())
        return found or self.in_text(described) or any(self.in_values(v.values) for v in data.variables.values())


def _runs(letters, text):
    return re.findall(rf"{letters}{{{WINDOW // 8},}}", text)


def in_store(search, path):
    """Of a Zarr the arrays, decompressed."""
    store = zarr.open_group(path, mode="r")
    return any(search.in_values(member[:]) for _, member in store.members(None) if isinstance(member, zarr.Array))


@pytest.fixture(scope="module")
def results(bright, tmp_path_factory):
    """A folder of results after the key stage has run as its rule runs it, with its figures, log and pages."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "scenarios").mkdir()
    scenario = folder / "scenarios/yin2020.yaml"
    scenario.write_text(yaml.safe_dump(bright.scenario.model_dump(mode="json", exclude_none=True)))
    (folder / "orbits").symlink_to(ROOT / "data/orbits")
    out = folder / "results/run1"
    (out / "notebooks").mkdir(parents=True)
    for name in ("orbit", "channel", "truth", "coincidence"):
        save(getattr(bright, name), out / f"{name}.nc")
    shutil.copytree(bright.tags, out / "detection.zarr")
    notebook = [str(ROOT / "notebooks/05_key.ipynb"), str(out / "notebooks/05_key.ipynb")]
    values = {"scenario": scenario, "coincidence_data": out / "coincidence.nc", "output": out / "key.nc"}
    values |= {"references": ROOT / "data/reference", "figures": out / "figures"}
    given = [word for name, value in values.items() for word in ("-p", name, str(value))]
    log = out / "logs/05_key.log"
    command = [sys.executable, ROOT / "workflow/scripts/notebook.py", *notebook, "--log", log, *given]
    subprocess.run(command, env=os.environ | {"SATQKD_NOTEBOOKS": ""}, check=True)
    page = [sys.executable, "-m", "satqkd.report", "parameters", str(scenario), str(out / "parameters.html")]
    subprocess.run(page, check=True)
    return out


@pytest.fixture(scope="module")
def keys(results):
    found = [read_key(results / f"{side}.key").reveal() for side in ("alice", "bob")]
    assert min(key.size for key in found) > 1000
    return found


@pytest.mark.slow
def test_no_other_file_has_bits_of_the_key(results, keys):
    search = Search(*keys)
    store = results / "detection.zarr"
    files = [
        path for path in results.rglob("*") if path.is_file() and path.suffix != ".key" and store not in path.parents
    ]
    kinds = {path.suffix for path in files}
    assert {".nc", ".json", ".ipynb", ".log", ".html", ".svg"} <= kinds
    assert {"key.observables.json", "key.nc.provenance.json"} <= {path.name for path in files}
    leaks = [path.name for path in files if search.in_file(path)]
    assert not leaks and not in_store(search, store)


def test_no_file_of_a_whole_run_has_bits_of_its_keys(whole_run):
    """Every log, notebook, page, provenance and data set that the workflow writes, and its report."""
    files = [path for path in (whole_run.folder / "results").rglob("*") if path.is_file()]
    found = [read_key(path).reveal() for path in files if path.suffix == ".key"]
    assert len(found) == 4 and min(key.size for key in found) > 10_000
    search, stores = Search(*found), [path for path in whole_run.folder.rglob("*.zarr") if path.is_dir()]
    looked_at = [path for path in files if path.suffix != ".key" and not set(path.parents) & set(stores)]
    pages = {"report.html", "report-snakemake.html"}
    assert pages | {"05_key.log", "05_key.ipynb", "key.nc.provenance.json"} <= {path.name for path in looked_at}
    assert [path.name for path in looked_at if search.in_file(path)] == []
    assert [path.parent.name for path in stores if in_store(search, path)] == []


def spellings(bits):
    little, big = (np.packbits(bits, bitorder=order).tobytes() for order in ("little", "big"))
    yield from (little, big, little.hex().encode(), big.hex().upper().encode(), base64.b64encode(little))
    yield from (base64.urlsafe_b64encode(big), " ".join(f"{octet:02x}" for octet in big).encode())
    yield from (repr(little).encode(), "".join(map(str, bits)).encode(), repr(bits.tolist()).encode())
    yield from (np.array2string(bits, threshold=10**6).encode(), repr((bits == 1).tolist()).encode())
    yield from (bits.astype(np.uint8).tobytes(), json.dumps({"cells": [str(bits.tolist())]}, indent=1).encode())
    yield "\n".join(map(str, bits)).encode()


@pytest.fixture(scope="module")
def bits():
    """Bits as a key has them, of both sides."""
    return np.random.default_rng(4).integers(0, 2, (2, 1500), np.uint8)


@pytest.mark.parametrize("first", [0, 3, 517])
@pytest.mark.parametrize("which", range(15))
def test_the_search_finds_what_it_is_for(which, first, bits, tmp_path):
    """A part of the key in each spelling, in the middle of something else; no bits of another key."""
    spelled = list(spellings(bits[0][first : first + 2 * WINDOW]))
    assert len(spelled) == 15
    if which == 7:  # escapes and letters mixed: what is printed of bytes is read back
        spelled[which] = b" ".join(b"\\x%02x" % octet for octet in ast.literal_eval(spelled[which].decode()))
    path = tmp_path / "a.log"
    path.write_bytes(b"the key is \xff\n" + spelled[which] + b"\n and no more")
    assert Search(*bits).in_file(path)
    other = np.random.default_rng(5).integers(0, 2, 1000)
    assert not Search(other).in_file(path)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32"])
def test_the_search_looks_into_data_sets(dtype, bits, tmp_path):
    values = np.concatenate([np.full(5000, 7), bits[1][200:400], np.full(5000, 7)]).astype(dtype)
    save(xr.Dataset({"harmless": ("tag", values)}), tmp_path / "a.nc")
    assert Search(*bits).in_file(tmp_path / "a.nc")
    group = zarr.open_group(tmp_path / "a.zarr", mode="w").create_group("alice")
    group.create_array("time", data=values)
    assert in_store(Search(*bits), tmp_path / "a.zarr")


@pytest.mark.slow
def test_key_files_are_their_owners_alone(results):
    for side in ("alice", "bob"):
        assert stat.S_IMODE((results / f"{side}.key").stat().st_mode) == 0o600
    assert not list(results.rglob("*.draft"))


def test_a_key_is_never_open_to_others_while_it_is_written(tmp_path):
    """The kernel is asked for mode 0600 with the name itself: there is no moment between open and chmod."""
    seen = []

    def audit(event, args):
        if event == "open" and ".key" in str(args[0]) and str(tmp_path) in str(args[0]):
            seen.append(args)

    sys.addaudithook(audit)
    before = os.umask(0)
    try:
        write_key(tmp_path / "a.key", SecretBits(np.ones(800, np.uint8)))
    finally:
        os.umask(before)
    (created,) = [flags for _, _, flags in seen if flags & os.O_CREAT]
    assert created & os.O_EXCL and created & os.O_NOFOLLOW
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_simulated_key_is_no_secret(results, keys):
    """docs/design.md says so: who has the sifted bits, or the seed that makes them, has the key as well."""
    coincidence = load(results / "coincidence.nc")
    assert {"alice_bit", "bob_bit"} <= set(coincidence) and "seed" in coincidence.attrs
    again = results.parent / "again"
    distill(load_scenario(results.parents[1] / "scenarios/yin2020.yaml"), coincidence, folder=again)
    assert read_key(again / "alice.key") == SecretBits(keys[0])
    shutil.rmtree(again)


@pytest.mark.slow
def test_what_the_key_stage_publishes_holds_no_bits_at_all(results):
    """Lengths, rates and parities' numbers: no variable of key.nc has as many values as there are bits."""
    data = load(results / "key.nc")
    assert max(variable.size for variable in data.variables.values()) < WINDOW * 2
    cells = nbformat.read(results / "notebooks/05_key.ipynb", as_version=4).cells
    assert any(cell.get("outputs") for cell in cells)


@functools.cache
def called_in(path):
    """What a file of Python or a notebook imports or uses; each is read once."""
    return list(called(ast.parse(code_of(path))))


def called(tree):
    """Dotted names of all that a file imports or uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{alias.name}", None) for alias in node.names)
        elif isinstance(node, ast.Call):
            yield ast.unparse(node.func), node
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node), None


def code_of(path):
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("%", "!")))
    return path.read_text()


ALL_CODE = [*SOURCES, *sorted((ROOT / "notebooks").glob("*.ipynb"))]
SYSTEM = re.compile(r"(os\.)?(urandom|getrandom)|secrets(\..*)?|(random\.)?SystemRandom|uuid(\..*)?")
# What NumPy has that takes a seed, or is one.
SEEDED = {"Generator", "SFC64", "PCG64", "Philox", "RandomState", "SeedSequence", "default_rng"}


def test_the_systems_randomness_is_asked_for_in_one_place():
    places = {
        path.relative_to(ROOT / "src/satqkd").as_posix()
        for path in SOURCES
        for name, _ in called_in(path)
        if SYSTEM.fullmatch(name)
    }
    assert places == {"key/custody/keyfile.py"}


@pytest.mark.parametrize(
    "name", ["custody/keyfile", "custody/ledger", "postprocessing/authentication", "custody/relay"]
)
def test_what_handles_secrets_knows_no_seed(name):
    names = {name for name, _ in called_in(ROOT / f"src/satqkd/key/{name}.py")}
    assert not [n for n in names if re.search(r"random\.|default_rng|streams\.stream|\bstream$|record_key", n)]


@pytest.mark.parametrize("path", ALL_CODE, ids=lambda path: path.stem)
def test_nothing_is_drawn_without_a_seed(path):
    for name, call in called_in(path):
        assert name != "random" and not name.startswith("random."), name
        if (match := re.fullmatch(r"(?:np|numpy)\.random\.(\w+)(?:\..*)?", name)) and match[1] not in SEEDED:
            pytest.fail(f"{name} draws from a state that nobody seeded")
        if call is not None and name.rpartition(".")[2] in SEEDED - {"Generator"}:
            assert call.args and not (isinstance(call.args[0], ast.Constant) and call.args[0].value is None), name


@pytest.mark.parametrize(
    "text",
    [
        "rng = np.random.default_rng()",
        "rng = np.random.default_rng(None)",
        "x = np.random.rand(3)",
        "np.random.seed(1)",
        "import random",
        "from random import shuffle",
        "x = np.random.Generator(np.random.PCG64())",
    ],
)
def test_the_rule_on_seeds_sees_what_it_forbids(text, tmp_path):
    (tmp_path / "a.py").write_text(text)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_nothing_is_drawn_without_a_seed(tmp_path / "a.py")


def test_streams_are_opened_by_name_from_the_one_seed():
    """Who draws for a simulation has it from `streams.stream`; constants are for what is not simulated."""
    constant = {"workflow/warm.py"}  # bits to compile with
    users = {
        path.relative_to(ROOT / "src/satqkd").as_posix()
        for path in SOURCES
        for name, call in called_in(path)
        if call is not None and re.fullmatch(r"(np|numpy)\.random\.(default_rng|Generator|SFC64|SeedSequence)", name)
    }
    assert users == {"streams.py"} | constant


def test_what_is_printed_of_a_key_is_its_length():
    out = io.StringIO()
    print(SecretBits([1] * 100), file=out)
    assert out.getvalue() == "<100 secret bits>\n"
