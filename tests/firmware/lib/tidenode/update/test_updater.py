"""An update is brought, resumed, refused; the version in force is never touched."""

from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.update.bundles import BLOCK_BYTES, MPY, NEW, OLD, Slots
from tidectl.update_bundle import Facts, bundle
from tidectl.update_key import P256, RSA_2048, RSA_3072
from tidenode.update.errors import UpdateError, UpdateRefusedError
from tidenode.update.head import PREFIX_BYTES, sizes


@pytest.fixture
def board(tmp_path: Path) -> Slots:
    return Slots(tmp_path)


def assert_untouched(board: Slots) -> None:
    assert board.state() == ("a", 0, "good")
    assert {path: data for path, data in board.files("a").items() if path != "manifest"} == OLD
    assert not board.module.whole("b")


@pytest.mark.parametrize("kind", [P256, RSA_2048, RSA_3072])
def test_a_bundle_that_a_key_on_the_board_has_signed_is_put_on_trial(
    board: Slots, kind: str
) -> None:
    assert board.bring(board.bundle(board.key(kind=kind)))
    assert board.state() == ("b", 0, "trial")
    found = board.files("b")
    del found["manifest"]
    assert found == NEW
    assert [report["step"] for report in board.reports[:1] + board.reports[-1:]] == [
        "manifest",
        "restart",
    ]
    assert board.reports[-1] == {"step": "restart", "version": "1.1.0", "from": "1.0.0"}
    percents = [int(one["percent"]) for one in board.reports if one["step"] == "files"]
    assert percents == sorted(set(percents))
    assert percents[-1] >= 90


def test_it_proves_itself_and_the_same_job_then_has_nothing_to_do(board: Slots) -> None:
    data = board.bundle(board.key())
    assert board.bring(data)
    assert board.module.choose().endswith("app_b")
    assert board.state() == ("b", 1, "trial")
    board.module.settle()
    assert not board.bring(data)
    assert board.state() == ("b", 0, "good")


def test_the_next_update_goes_into_the_slot_of_the_old_version(board: Slots) -> None:
    key = board.key()
    assert board.bring(board.bundle(key))
    board.module.settle()
    assert board.bring(board.bundle(key, OLD, version="2.0.0"))
    assert board.state() == ("a", 0, "trial")
    assert board.module.whole("a")
    assert board.module.whole("b")


def test_a_version_that_was_started_in_vain_is_given_up_and_its_job_hears_why(
    board: Slots,
) -> None:
    data = board.bundle(board.key())
    assert board.bring(data)
    for tries in range(1, 4):
        assert board.module.choose().endswith("app_b")
        assert board.state() == ("b", tries, "trial")
    assert board.module.choose().endswith("app_a")
    assert board.state() == ("a", 0, "back")
    with pytest.raises(UpdateError, match="rolled back: it was started 3 times and did not"):
        board.bring(data)
    assert board.reports[-1]["step"] == "rolled back"
    assert board.state() == ("a", 0, "good")
    assert board.bring(data), "a new job may try it again"


def test_a_version_that_can_not_be_imported_is_given_up_at_once(board: Slots) -> None:
    data = board.bundle(board.key())
    assert board.bring(data)
    board.module.choose()
    assert board.module.fall_back("ImportError('no module')")
    assert board.state() == ("a", 0, "back")
    assert not board.module.fall_back("again"), "there is nothing better to fall back on"
    with pytest.raises(UpdateError, match="rolled back: ImportError"):
        board.bring(data)


def test_a_good_version_that_can_no_longer_be_imported_gives_way_to_the_one_before(
    board: Slots,
) -> None:
    assert not board.module.fall_back("there is no other")
    assert board.bring(board.bundle(board.key()))
    board.module.settle()
    assert board.module.fall_back("OSError(5)")
    assert board.state() == ("a", 0, "back")


def test_what_the_running_version_has_already_is_copied_and_not_fetched(board: Slots) -> None:
    files = dict(OLD) | {"tidewire/encoder.mpy": NEW["tidewire/encoder.mpy"]}
    data = board.bundle(board.key(), files)
    assert board.bring(data)
    assert len(board.fetched) < len(data) / BLOCK_BYTES - 1
    found = board.files("b")
    del found["manifest"]
    assert found == files


def test_a_download_goes_on_with_the_file_it_was_interrupted_in(board: Slots) -> None:
    data = board.bundle(board.key())
    whole_blocks = -(-len(data) // BLOCK_BYTES)

    class GoneError(OSError):
        pass

    class Unlucky(bytes):
        def __getitem__(self, item):  # type: ignore[no-untyped-def,override]  # as bytes has it
            if isinstance(item, slice) and item.start and item.start >= len(data) - BLOCK_BYTES:
                raise GoneError
            return super().__getitem__(item)

    with pytest.raises(GoneError):
        board.bring(Unlucky(data))
    before = len(board.fetched)
    assert before == whole_blocks
    board.fetched.clear()
    assert board.bring(data)
    head_blocks = -(-(PREFIX_BYTES + sum(sizes(data))) // BLOCK_BYTES)
    assert len(board.fetched) <= head_blocks + 2


def test_a_board_without_a_key_refuses_every_update(board: Slots) -> None:
    key = board.key()
    (board.folder / "update_keys" / "update.p256").unlink()
    with pytest.raises(UpdateRefusedError, match="no key on this board has signed it"):
        board.bring(board.bundle(key))
    (board.folder / "update_keys").rmdir()
    with pytest.raises(UpdateRefusedError, match="no key on this board has signed it"):
        board.bring(board.bundle(key))
    assert_untouched(board)


def test_one_of_several_keys_is_enough_and_another_key_is_not(board: Slots) -> None:
    board.key("one")
    second = board.key("two", RSA_2048)
    stranger = Slots(board.folder / "other").key()
    with pytest.raises(UpdateRefusedError, match="no key"):
        board.bring(board.bundle(stranger))
    assert_untouched(board)
    assert board.bring(board.bundle(second))


@pytest.mark.parametrize("kind", [P256, RSA_2048])
def test_a_change_in_any_region_is_refused_and_nothing_is_put_in_force(
    tmp_path: Path, kind: str
) -> None:
    board = Slots(tmp_path)
    data = board.bundle(board.key(kind=kind))
    manifest_bytes, signature_bytes = sizes(data)
    files_at = PREFIX_BYTES + signature_bytes + manifest_bytes
    head = {
        *range(PREFIX_BYTES),
        *range(PREFIX_BYTES, PREFIX_BYTES + signature_bytes, 11),
        *range(files_at - manifest_bytes, files_at, 37),
        files_at - 1,
    }
    body = set(range(files_at, len(data), 97)) | {len(data) - 1}
    copied = data.index(OLD["tidenode/drivers/chip.mpy"])
    for at in sorted(head | body):
        if copied <= at < copied + len(OLD["tidenode/drivers/chip.mpy"]):
            continue  # what the board has itself it never asks for
        bad = bytearray(data)
        bad[at] ^= 1 << at % 8
        with pytest.raises(UpdateError):
            board.bring(bytes(bad))
        assert_untouched(board)
        if at < files_at:
            assert not (board.folder / "app_b").exists(), "nothing is kept before the manifest"
    assert board.bring(data)


def test_every_shorter_or_longer_bundle_is_refused(board: Slots) -> None:
    data = board.bundle(board.key())
    for size in [*range(0, len(data), 127), len(data) - 1]:
        with pytest.raises(UpdateError):
            board.bring(data[:size])
        assert_untouched(board)
    with pytest.raises(UpdateRefusedError, match=r"files of \d+ bytes, not"):
        board.bring(data + b"\0")
    assert_untouched(board)


def test_files_of_another_bundle_behind_a_good_head_are_refused(board: Slots) -> None:
    key = board.key()
    good = board.bundle(key)
    other = board.bundle(key, {**NEW, "tidewire/encoder.mpy": b"M\x06wen"})
    size = sum(map(len, NEW.values()))
    with pytest.raises(UpdateRefusedError, match=r"tidewire/encoder\.mpy is not what was signed"):
        board.bring(good[:-size] + other[-size:])
    assert_untouched(board)


@pytest.mark.parametrize(
    ("version", "why"), [("0.9.9", "0.9.9 on 1.0.0"), ("1.0.0", "1.0.0 on 1.0.0")]
)
def test_a_downgrade_is_refused_and_so_is_another_bundle_of_the_same_version(
    board: Slots, version: str, why: str
) -> None:
    with pytest.raises(UpdateRefusedError, match=why):
        board.bring(board.bundle(board.key(), version=version))
    assert_untouched(board)


def test_a_downgrade_is_taken_from_the_versions_that_what_was_signed_names(tmp_path: Path) -> None:
    board = Slots(tmp_path, version="1.10.0")
    key = board.key()
    with pytest.raises(UpdateRefusedError, match=r"1\.9\.0 on 1\.10\.0"):
        board.bring(board.bundle(key, version="1.9.0", downgrade_from=("1.9.9",)))
    assert board.bring(board.bundle(key, version="1.9.0", downgrade_from=("1.9.9", "1.10.0")))


def test_versions_compare_as_numbers(tmp_path: Path) -> None:
    board = Slots(tmp_path, version="1.9.0")
    assert board.bring(board.bundle(board.key(), version="1.10.0"))


def test_what_is_not_for_this_board_is_refused(board: Slots) -> None:
    key = board.key()
    with pytest.raises(UpdateRefusedError, match="it is for esp32, this is linux"):
        board.bring(board.bundle(key, boards=("esp32",)))
    with pytest.raises(UpdateRefusedError, match=r"needs version 1\.0\.1, this has 1\.0\.0"):
        board.bring(board.bundle(key, minimum="1.0.1"))
    with pytest.raises(UpdateRefusedError, match="KB of flash, and 0 are free"):
        board.bring(board.bundle(key), reserve_bytes=1 << 50)
    assert_untouched(board)
    assert board.bring(board.bundle(key, boards=("esp32", "linux"), minimum="1.0.0"))


def test_bytecode_that_this_micropython_does_not_run_is_refused(
    board: Slots,
) -> None:
    key = board.key()
    data = board.bundle(key)
    text = data[PREFIX_BYTES + sizes(data)[1] :][: sizes(data)[0]]
    newer = text.replace(b'"mpy":%d' % MPY, b'"mpy":%d' % (MPY + 1))
    signature = key.sign(newer)
    head = data[:8] + len(newer).to_bytes(4, "big") + len(signature).to_bytes(2, "big")
    body = data[PREFIX_BYTES + sum(sizes(data)) :]
    with pytest.raises(UpdateRefusedError, match="bytecode 7, this runs 6"):
        board.bring(head + signature + newer + body)
    assert_untouched(board)


def test_a_flash_that_changed_a_file_is_found_before_the_switch(board: Slots) -> None:
    data = board.bundle(board.key())
    assert board.bring(data)
    board.module.end_trial("to begin with")
    board.module.settle()
    file = board.folder / "app_b" / "tidewire" / "encoder.mpy"
    file.write_bytes(b"M\x06NEW")  # of the size that it should have
    with pytest.raises(UpdateError, match=r"tidewire/encoder\.mpy is not on flash as it was sent"):
        board.bring(data)
    assert not board.module.whole("b")
    assert board.bring(data), "it is fetched again"


def test_a_bundle_of_many_files_fits_into_the_manifest() -> None:
    files = {f"tidenode/a_module_with_a_long_name_{n}.mpy": b"M\x06" for n in range(250)}
    assert bundle(Facts("1.0.0"), files).facts["files"] == 250
