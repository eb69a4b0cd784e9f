"""`tidectl device wear`: how long a board's flash bears its configuration."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import print_json, print_table, say
from tidectl.settings_file import by_rules, read_settings
from tidectl.simulated_board import outbox_partition
from tidectl.thing import SETTLED, ThingFolder
from tidectl.wear import BLOCK_BYTES, SOURCE, Plan, Source, Storage, Wear, wear
from tidenode import drivers

FILES_BYTES = 2 << 20  # what MicroPython has for files on a board of 4 MB
PARTITION_BYTES = 256 << 10
PROGRAM_BYTES = 1184 << 10  # two slots of the program, certificates: blocks that do not wear
_ALTERNATIVES = (  # age of a batch, batches and age of a sync
    (10_000, 1, 0),
    (10_000, 8, 15_000),
    (10_000, 64, 300_000),
    (60_000, 1, 0),
    (60_000, 8, 60_000),
    (60_000, 64, 600_000),
)


@click.command(
    epilog=examples(
        "tidectl device wear greenhouse-1",
        "tidectl device wear --config greenhouse.json --flash-bytes 6291456 --cycles 50000",
        "tidectl device wear greenhouse-1 --storage ring --json",
    )
)
@click.argument("thing", required=False)
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A configuration, for a thing not made yet.",
)
@click.option(
    "--storage",
    type=click.Choice(["segments", "ring"]),
    help="Files, or a partition of its own; else what the thing has here, or files.",
)
@click.option(
    "--flash-bytes",
    type=click.IntRange(min=16 * BLOCK_BYTES),
    help=f"Of the files (else {FILES_BYTES}) or of the ring's partition (else that of the thing "
    f"here, or {PARTITION_BYTES}).",
)
@click.option(
    "--cycles",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Erases that a block bears, by the flash's data sheet.",
)
@json_option
@pass_home
def command(
    home: Home,
    thing: str | None,
    config_path: Path | None,
    storage: Storage | None,
    flash_bytes: int | None,
    cycles: int,
    as_json: bool,
) -> None:
    """Expect how many years a board's flash bears, by its settings and by others.

    Counted for samples without gaps, so filters make it longer; the firmware's own writes
    (starts, updates, settings) are not in it.
    """
    if (thing is None) == (config_path is None):
        raise click.UsageError("give either THING or --config FILE")
    folder = None
    if config_path:
        document = read_settings(config_path)
    else:
        folder = ThingFolder(home.thing_folder(thing or ""))
        folder.facts()  # or there is no such thing
        document = folder.config()
    if storage is None:
        has_ring = folder is not None and outbox_partition(folder.image_path).exists()
        storage = "ring" if has_ring else "segments"
    plan = _plan(document, storage, str(folder.config_path if folder else config_path))
    sizes_bytes = {"segments": FILES_BYTES, "ring": _partition_bytes(folder)}
    if flash_bytes:
        sizes_bytes[storage] = flash_bytes
    found = _wear(plan, sizes_bytes[storage], cycles)
    others = [_wear(other, sizes_bytes[other.storage], cycles) for other in _others(plan)]
    if as_json:
        print_json(
            {
                **asdict(found),
                "cycles": cycles,
                "source": SOURCE,
                "alternatives": [asdict(other) for other in others],
            }
        )
        return
    name = thing or (config_path.name if config_path else "")
    print_table(
        ("", "outbox in", "batch s", "sync", "sync s", "a cut may cost s", "erases/h", "years"),
        [_row(name, found), *(_row("", other) for other in others)],
    )
    say(f"batches of {found.batch_bytes} bytes, {found.batches_per_hour:g} an hour; {SOURCE}")


def _plan(document: dict[str, Any], storage: Storage, where: str) -> Plan:
    own = {key: value for key, value in document.items() if key not in SETTLED}
    settings = by_rules(own, where)
    ring = storage == "ring"
    return Plan(
        sources=tuple(
            Source(one.period_ms, len(drivers.find(one.driver).FIELDS))
            for one in settings.measurements
        ),
        samples_max=settings.batch.samples_max,
        age_ms_max=settings.batch.age_ms_max,
        storage=storage,
        sync_batches=1 if ring else settings.outbox.sync_batches,
        sync_age_ms=0 if ring else settings.outbox.sync_age_ms,
    )


def _others(plan: Plan) -> Iterator[Plan]:
    for age_ms_max, sync_batches, sync_age_ms in _ALTERNATIVES:
        for storage in ("segments", "ring"):
            other = replace(
                plan,
                age_ms_max=age_ms_max,
                storage=storage,
                sync_batches=sync_batches,
                sync_age_ms=sync_age_ms,
            )
            if other != plan and (storage == "segments" or sync_batches == 1):
                yield other


def _partition_bytes(folder: ThingFolder | None) -> int:
    partition = outbox_partition(folder.image_path) if folder else None
    return partition.stat().st_size if partition and partition.exists() else PARTITION_BYTES


def _wear(plan: Plan, flash_bytes: int, cycles: int) -> Wear:
    free_bytes = flash_bytes
    if plan.storage == "segments":
        free_bytes = max(flash_bytes - PROGRAM_BYTES, BLOCK_BYTES)
    return wear(plan, blocks=free_bytes // BLOCK_BYTES, cycles=cycles)


def _row(name: str, one: Wear) -> tuple[str | float, ...]:
    return (
        name,
        "files" if one.storage == "segments" else "ring",
        one.batch_age_ms_max / 1_000,
        one.sync_batches,
        one.sync_age_ms / 1_000,
        one.lost_by_a_cut_ms / 1_000,
        one.erases_per_hour,
        one.years,
    )
