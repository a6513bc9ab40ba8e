"""Key files that only their owner can open, and bits that no print shows."""

import logging
import os
import pickle
import stat
import traceback

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satqkd.key.custody import keyfile
from satqkd.key.custody.keyfile import SecretBits, random_secret_bits, read_key, write_key

BITS = st.lists(st.integers(0, 1), max_size=80)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BITS)
def test_key_comes_back_from_its_file(tmp_path, bits):
    write_key(tmp_path / "a.key", SecretBits(bits))
    key = read_key(tmp_path / "a.key")
    assert key == SecretBits(bits)
    np.testing.assert_array_equal(key.reveal(), bits)


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_file_is_its_owners_alone_from_the_first_byte_on(tmp_path, monkeypatch, umask):
    modes = []
    real_open, real_chmod = os.open, os.fchmod

    def spied_open(path, flags, mode=0o777, **rest):
        descriptor = real_open(path, flags, mode, **rest)
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    def spied_chmod(descriptor, mode):
        real_chmod(descriptor, mode)
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(keyfile.os, "open", spied_open)
    monkeypatch.setattr(keyfile.os, "fchmod", spied_chmod)
    before = os.umask(umask)
    try:
        write_key(tmp_path / "a.key", SecretBits([1, 0, 1]))
    finally:
        os.umask(before)
    assert len(modes) == 2 and not any(mode & 0o077 for mode in modes)
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["a.key"]


def test_a_key_that_was_open_to_others_is_replaced_not_filled(tmp_path):
    path = tmp_path / "a.key"
    path.write_bytes(b"")
    path.chmod(0o644)
    with path.open("rb") as somebody:
        write_key(path, SecretBits([1] * 100))
        assert somebody.read() == b""
    assert read_key(path) == SecretBits([1] * 100)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o602, 0o601, 0o666])
def test_a_file_that_is_open_to_others_is_refused(tmp_path, mode):
    path = tmp_path / "a.key"
    write_key(path, SecretBits([1, 0, 1]))
    path.chmod(mode)
    with pytest.raises(PermissionError, match=f"a.key has mode {mode:04o} where 0600 is the widest"):
        read_key(path)


def test_a_link_is_not_followed(tmp_path):
    write_key(tmp_path / "a.key", SecretBits([1]))
    (tmp_path / "b.key").symlink_to(tmp_path / "a.key")
    with pytest.raises(OSError):
        read_key(tmp_path / "b.key")


def test_a_failed_write_leaves_nothing_and_the_old_key(tmp_path, monkeypatch):
    write_key(tmp_path / "a.key", SecretBits([1, 1]))

    def full(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(keyfile.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_key(tmp_path / "a.key", SecretBits([0, 0]))
    assert read_key(tmp_path / "a.key") == SecretBits([1, 1])
    assert [file.name for file in tmp_path.iterdir()] == ["a.key"]


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c + b"\0", lambda c: b"x" + c[1:], lambda c: c[:5]])
def test_what_is_no_whole_key_is_refused(tmp_path, damage):
    path = tmp_path / "a.key"
    write_key(path, SecretBits([1, 0] * 30))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="a.key with its .* bytes is not a complete key"):
        read_key(path)


def test_nothing_that_shows_an_object_shows_the_bits(caplog):
    pattern = [1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1]
    key = SecretBits(pattern)
    with caplog.at_level(logging.INFO):
        logging.info("%s %r", key, key)
    try:
        raise RuntimeError(key)
    except RuntimeError as error:
        shown = "".join(traceback.format_exception(error))
    for text in (repr(key), str(key), f"{key}", f"{[key]}", caplog.text, shown):
        assert "<16 secret bits>" in text
        assert "1, 1" not in text and "1 1" not in text and "1101" not in text
    assert not hasattr(key, "__dict__")


def test_secret_bits_are_neither_pickled_nor_hashed_nor_changed():
    key = SecretBits([1, 0])
    with pytest.raises(TypeError, match="use write_key"):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        hash(key)
    with pytest.raises(ValueError):
        key.reveal()[0] = 0


def test_secret_bits_are_equal_bit_by_bit():
    assert SecretBits([1, 0]) == SecretBits(np.array([True, False]))
    assert SecretBits([1, 0]) != SecretBits([1, 0, 0])
    assert SecretBits([1, 0]) != SecretBits([1, 1])
    assert SecretBits([1, 0]) != [1, 0]


@pytest.mark.parametrize("bits", [[0, 2], [[0, 1]], [0.5], [-1], [float("nan")]])
def test_what_is_no_bits_is_refused_without_showing_it(bits):
    with pytest.raises(ValueError, match=r"bits of shape \(.*\) are not all 0 or 1"):
        SecretBits(bits)


def test_plain_bits_are_not_written(tmp_path):
    with pytest.raises(TypeError, match="key is of type list: wrap the bits in SecretBits"):
        write_key(tmp_path / "a.key", [1, 0, 1])


def test_random_bits_come_from_the_operating_system(monkeypatch):
    monkeypatch.setattr(keyfile.os, "urandom", lambda count: bytes(range(1, count + 1)))
    np.testing.assert_array_equal(random_secret_bits(12).reveal(), [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0])


def test_random_bits_do_not_depend_on_any_seed():
    np.random.seed(1)  # noqa: NPY002
    first = random_secret_bits(256)
    np.random.seed(1)  # noqa: NPY002
    assert first != random_secret_bits(256)
