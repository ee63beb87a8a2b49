"""Saving: whole or not at all, and nothing left behind."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from regsim.regf import new_hive, open_hive, parse_hive
from regsim.writing import write_file

if TYPE_CHECKING:
    from pathlib import Path


def test_save_replaces_the_file_in_one_step(tmp_path: Path, make: Any, items: Any) -> None:
    """The new state is there, and no temporary file beside it."""
    path = tmp_path / "NTUSER.DAT"
    make.rich(3).save(path)
    with open_hive(path) as hive:
        hive.root.create_subkey("more")
        hive.save(path)

        assert items(path) == items(hive)
    assert [each.name for each in tmp_path.iterdir()] == ["NTUSER.DAT"]


def test_a_mapped_hive_can_be_saved_over_itself_and_read_on(tmp_path: Path, make: Any) -> None:
    """Saving an unedited, mapped hive to its own path keeps the object usable."""
    path = tmp_path / "hive"
    make.rich(3).save(path)
    before = path.read_bytes()
    with open_hive(path) as hive:
        hive.save(path)

        assert path.read_bytes() == before
        assert hive.find("Software") is not None


def test_every_save_of_an_edit_raises_both_sequence_numbers_once(tmp_path: Path) -> None:
    """Looking at the bytes changes nothing; saving an edit does, saving again does not."""
    hive = new_hive(3, last_written=5)
    hive.root.create_subkey("x")
    first, second = hive.to_bytes(), hive.to_bytes()

    assert first == second
    assert parse_hive(first).sequence == (2, 2)
    assert hive.sequence == (1, 1)
    for _ in range(2):
        hive.save(tmp_path / "hive")
        assert (tmp_path / "hive").read_bytes() == first
    hive.root.create_subkey("y")
    hive.save(tmp_path / "hive")
    assert parse_hive((tmp_path / "hive").read_bytes()).sequence == (3, 3)
    assert hive.sequence == (3, 3)


def test_a_failed_save_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error the edits are still there, still unsaved, and the next save has them."""
    hive = new_hive(3)
    hive.save(tmp_path / "hive")
    hive.root.create_subkey("x")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        hive.save(tmp_path / "hive")
    monkeypatch.undo()

    assert hive.modified
    hive.save(tmp_path / "hive")
    assert not hive.modified
    assert parse_hive((tmp_path / "hive").read_bytes()).find("x") is not None


def test_looking_at_the_bytes_does_not_hinder_a_flush(tmp_path: Path) -> None:
    """to_bytes between edits and flush leaves the file on the disk the one that was read."""
    path = tmp_path / "hive"
    hive = new_hive(3)
    hive.save(path)
    hive.root.create_subkey("x")
    hive.to_bytes()
    hive.flush(path, log=tmp_path / "log")

    assert path.read_bytes() == hive.to_bytes()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_alone(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Whichever step fails, the old file is whole and the temporary one is gone."""
    path = tmp_path / "hive"
    make.rich(3).save(path)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space"):
        write_file(path, b"new")
    monkeypatch.undo()

    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["hive"]


def test_fsync_comes_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data is on the disk before the name points to it."""
    order: list[str] = []
    real_sync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda n: (order.append("fsync"), real_sync(n))[1])
    monkeypatch.setattr(
        os, "replace", lambda a, b: (order.append("replace"), real_replace(a, b))[1]
    )
    write_file(tmp_path / "x", b"data")

    assert order[:2] == ["fsync", "replace"]


def test_a_directory_is_not_replaced(tmp_path: Path) -> None:
    """Saving onto a directory is an OSError, and the directory stays."""
    with pytest.raises(IsADirectoryError):
        write_file(tmp_path, b"data")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    """An existing file keeps its mode, and a link to it stays a link."""
    path, link = tmp_path / "real", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_file(link, b"new")

    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    """Every command makes the folders of the file it is told to write."""
    target = tmp_path / "no" / "such" / "file"
    write_file(target, b"data")

    assert target.read_bytes() == b"data"
