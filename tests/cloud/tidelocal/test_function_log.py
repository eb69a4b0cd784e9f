"""What functions write: every line whole, from any thread, in a bounded number of bytes."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tidelocal.function_log import BYTES_MAX, FunctionLog


def test_lines_carry_their_time_and_function(tmp_path: Path) -> None:
    log = FunctionLog(tmp_path / "functions.log")
    log.write("ingest", "stored 3 %s {} rows")
    log.close()
    line = (tmp_path / "functions.log").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d [\d:,]+ ingest stored 3 %s \{\} rows\n", line)


def test_lines_of_many_threads_stay_whole(tmp_path: Path) -> None:
    log = FunctionLog(tmp_path / "functions.log")
    with ThreadPoolExecutor(8) as pool:
        for number in range(400):
            pool.submit(log.write, f"f{number % 8}", f"line {number} " + "x" * 200)
    log.close()
    lines = (tmp_path / "functions.log").read_text().splitlines()
    numbers = sorted(int(re.search(r" f\d line (\d+) x{200}$", line)[1]) for line in lines)  # type: ignore[index]  # no match fails the test
    assert numbers == list(range(400))


def test_the_file_is_turned_over_and_bounded(tmp_path: Path) -> None:
    log = FunctionLog(tmp_path / "functions.log")
    for _ in range(30):
        log.write("ingest", "x" * (BYTES_MAX // 8))
    log.close()
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= BYTES_MAX


def test_a_later_run_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for run in ("first", "second"):
        log = FunctionLog(tmp_path / "functions.log")
        log.write("ingest", run)
        log.close()
    text = (tmp_path / "functions.log").read_text()
    assert text.index("first") < text.index("second")
