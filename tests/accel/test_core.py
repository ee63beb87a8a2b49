"""The cores without Python, under AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import regsim.accel
from regsim.regf import new_hive

NATIVE = Path(regsim.accel.__file__).parent / "native"
DRIVER = Path(__file__).with_name("core_driver.c")
REGF_DRIVER = Path(__file__).with_name("regf_driver.c")
SEARCH_DRIVER = Path(__file__).with_name("search_driver.c")
CSV_DRIVER = Path(__file__).with_name("csv_driver.c")
PML_DRIVER = Path(__file__).with_name("pml_driver.c")
PARQUET_DRIVER = Path(__file__).with_name("parquet_driver.c")
PLAIN = ("-DREGSIM_PLAIN", str(NATIVE / "core_csv.c"))
"""No other core looks at that word."""
CC = os.environ.get("CC", "cc").split()
FLAGS = ["-std=c11", "-g", "-O0", "-Wall", "-Wextra", "-DREGSIM_SMALL", "-pthread", f"-I{NATIVE}"]
SANITIZERS = ["-DREGSIM_FAULTS", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
MODELS = {"ci": "12", "nightly": "60"}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), "3")
SEEDS = {"ci": "400", "nightly": "4000"}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), "20")


def objects(folder: Path) -> list[Path]:
    """Return the cores, compiled with sanitizers once for all drivers."""
    if not NATIVE.is_dir():
        pytest.skip("the C sources are not part of this installation")
    if shutil.which(CC[0]) is None:
        pytest.skip("a C compiler is not installed")
    sources = sorted(NATIVE.glob("core_*.c"))
    _compile(folder, "-c", *map(str, sources))
    return [folder / f"{source.stem}.o" for source in sources]


def _compile(folder: Path, *words: str) -> None:
    command = [*CC, *FLAGS, *SANITIZERS, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode and "asan" in done.stderr:
        pytest.skip("a C compiler with sanitizers is not installed")
    assert done.returncode == 0, done.stderr
    assert "core_" not in done.stderr, done.stderr


@pytest.fixture(scope="session")
def cores(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return what links a driver with the cores; one that is named is compiled anew."""
    kept: list[Path] = []

    def compiled(folder: Path, driver: Path, *words: str) -> Path:
        if not kept:
            kept.extend(objects(tmp_path_factory.mktemp("cores")))
        anew = {Path(word).stem for word in words}
        others = [str(core) for core in kept if core.stem not in anew]
        program = folder / "driver"
        _compile(folder, *words, str(driver), *others, "-o", str(program))
        return program

    return compiled


@pytest.mark.parametrize(
    ("driver", "number", "words"),
    [
        (DRIVER, SEEDS, ()),
        (SEARCH_DRIVER, MODELS, ()),
        (CSV_DRIVER, SEEDS, ()),
        (CSV_DRIVER, SEEDS, PLAIN),
        (PML_DRIVER, SEEDS, ()),
    ],
    ids=["random", "search", "csv", "csv-plain", "pml"],
)
def test_sanitizers_find_nothing(
    tmp_path: Path,
    cores: Callable[..., Path],
    driver: Path,
    number: str,
    words: tuple[str, ...],
) -> None:
    """Random calls, each allocation failing in turn, break no invariant, overrun and leak nothing.

    The drivers hold counts, shards, copies, scans and whole searches against each other.
    """
    program = cores(tmp_path, driver, *words)
    environ = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    done = subprocess.run(
        [program, number], env=environ, capture_output=True, text=True, check=False
    )
    if "LeakSanitizer has encountered a fatal error" in done.stderr:
        environ["ASAN_OPTIONS"] = "detect_leaks=0"  # under ptrace leaks cannot be looked for
        done = _run(program, number, environ)

    assert done.returncode == 0, done.stderr
    summary = re.fullmatch(r"(\d+) (?:seeds|models), (\d+) failed allocations\n", done.stdout)
    assert summary is not None
    assert int(summary[2]) > 100


def test_threads_of_a_search_do_not_race(tmp_path: Path) -> None:
    """Threads that search together touch nothing that another writes, and find what one finds."""
    if not NATIVE.is_dir() or shutil.which(CC[0]) is None:
        pytest.skip("the C sources or a compiler are not installed")
    cores = [*NATIVE.glob("core_search*.c"), NATIVE / "core_memory.c"]
    command = [*CC, *FLAGS, "-fsanitize=thread", *map(str, cores), str(SEARCH_DRIVER)]
    built = subprocess.run(
        [*command, "-o", "driver"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if built.returncode and "tsan" in built.stderr:
        pytest.skip("a C compiler with ThreadSanitizer is not installed")
    assert built.returncode == 0, built.stderr
    done = _run(tmp_path / "driver", "3", {"TSAN_OPTIONS": "halt_on_error=1"})
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer does not work with this kernel's memory layout")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "3 models, 0 failed allocations\n"


def test_sanitizers_find_nothing_in_hives(tmp_path: Path, cores: Callable[..., Path]) -> None:
    """The walk through a hive reads no byte outside it, whatever the bytes are, and leaks nothing.

    Each allocation fails in turn too.
    """
    files = []
    for minor in (3, 5):
        hive = new_hive(minor)
        for number in range(700):
            hive.root.ensure(rf"a{number % 5}\k{number}").set_value("v", 3, b"x" * number)
        files.append(str(tmp_path / f"{minor}.hive"))
        hive.save(files[-1])
    program = cores(tmp_path, REGF_DRIVER)
    environ = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
    done = _run(program, SEEDS, environ, *files)

    assert done.returncode == 0, done.stderr
    summary = re.fullmatch(r"\d+ seeds, (\d+) failed allocations\n", done.stdout)
    assert summary is not None
    assert int(summary[1]) >= 2 * 6


def test_sanitizers_find_nothing_in_parquet(tmp_path: Path, cores: Callable[..., Path]) -> None:
    """The reader of Parquet's pages reads no byte behind them, whatever they are; nothing leaks.

    It gives the same values in steps of any length, and each allocation fails in turn.
    """
    files = []
    for number, column in enumerate(_columns_of_parquet(tmp_path)):
        files.append(str(tmp_path / f"{number}.column"))
        Path(files[-1]).write_bytes(column)
    program = cores(tmp_path, PARQUET_DRIVER)
    environ = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
    done = _run(program, SEEDS, environ, *files)

    assert done.returncode == 0, done.stderr
    summary = re.fullmatch(r"\d+ seeds, (\d+) failed allocations\n", done.stdout)
    assert summary is not None
    assert int(summary[1]) > len(files)


def _columns_of_parquet(folder: Path) -> Iterator[bytes]:
    """Yield columns of numbers and of texts, packed or not, in pages of both kinds, as driven."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    numbers = [n * n % 777 if n % 90 > 30 else 5 for n in range(3_000)]
    table = pa.table({"n": pa.array(numbers), "t": pa.array([str(n % 300) for n in numbers])})
    for compression, version in itertools.product(("none", "snappy"), ("1.0", "2.0")):
        path = folder / "columns.parquet"
        pq.write_table(
            table,
            path,
            compression=compression,
            data_page_version=version,
            data_page_size=2_000,
            dictionary_pagesize_limit=5_000,
        )
        for at, width in ((0, 8), (1, 0)):
            column = pq.ParquetFile(path).metadata.row_group(0).column(at)
            head = bytes([width, 1, compression == "snappy"]) + struct.pack("<I", len(numbers))
            first, size = column.dictionary_page_offset, column.total_compressed_size
            yield head + path.read_bytes()[first : first + size]


def _run(
    program: Path, number: str, environ: dict[str, str], *files: str
) -> subprocess.CompletedProcess[str]:
    command = [str(program), number, *files]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_driver_would_notice(tmp_path: Path, cores: Callable[..., Path]) -> None:
    """The sanitizers are on: a driver that reads beyond a block is stopped."""
    program = cores(tmp_path, DRIVER, "-Dmain=driver_main", str(_overrun(tmp_path)))
    done = subprocess.run([program], capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


def _overrun(folder: Path) -> Path:
    """Return a source with a main of its own that writes one item too far."""
    source = folder / "overrun.c"
    source.write_text(
        "#undef main\n"
        '#include "core_memory.h"\n'
        "int main(void)\n"
        "{\n"
        "    volatile char *block = regsim_resize(NULL, 8);\n"
        "    block[8] = 1;\n"
        "    return 0;\n"
        "}\n",
        encoding="utf-8",
    )
    return source
