"""What is known of a device: of the board at a port, or of a thing made on this machine."""

from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tidectl import esptool
from tidectl.board_state import board_state, still_image
from tidectl.boards import boards
from tidectl.counters import Counters, counters_of
from tidectl.firmware_image import FirmwareImageError, certificate_of, outbox_names
from tidectl.outbox_files import ring_counters
from tidectl.simulated_board import outbox_partition
from tidectl.thing import ON_BOARD, ThingFolder
from tidenode.errors import OutboxError


@dataclass(frozen=True, slots=True)
class ThingSummary:
    """A thing in one line."""

    thing: str
    site: str
    target: str
    board: str  # simulated here: runs, off; or none
    queued_batches: int | None
    valid_until: str | None


def port_facts(port: str) -> dict[str, Any]:
    """Return what esptool finds at `port`; raises `TidectlError`."""
    chip = esptool.detect(port)
    board = next((board for board in boards() if board.chip == chip.name), None)
    return {
        "port": port,
        "chip": chip.name,
        "description": chip.description,
        "features": chip.features,
        "mac": chip.mac,
        "flash_bytes": chip.flash_bytes,
        "board": board.name if board else None,
        "micropython": board.download_url if board else None,
    }


def thing_summary(folder: ThingFolder) -> ThingSummary:
    """Return the thing in `folder`; raises `TidectlError` where there is none."""
    facts = folder.facts()
    state = board_state(folder.image_path)
    return ThingSummary(
        thing=folder.thing,
        site=facts["site"],
        target=facts["target"],
        board="none" if state is None else "runs" if state.running else "off",
        queued_batches=state.queued_batches if state else None,
        valid_until=_certificate_dates(_certificate(folder))[1],
    )


def thing_facts(folder: ThingFolder) -> dict[str, Any]:
    """Return what is on this machine of the thing; never its key. Raises `TidectlError`."""
    facts = folder.facts()
    state = board_state(folder.image_path)
    counters = _counters(folder)
    certificate = _certificate(folder)
    valid_from, valid_until = _certificate_dates(certificate)
    measurements = folder.config().get("measurements", [])
    return {
        "thing": folder.thing,
        "site": facts["site"],
        "target": facts["target"],
        "broker": f"{facts['broker']['host']}:{facts['broker']['port']}",
        "identity": _identity(facts, certificate),
        "certificate_id": _id_of(certificate) if certificate else facts["certificate_id"],
        "valid_from": valid_from,
        "valid_until": valid_until,
        "measurements": ", ".join(f"{one['name']} ({one['driver']})" for one in measurements),
        "image_bytes": folder.image_path.stat().st_size if state else None,
        "running": state.running if state else None,
        "boot": counters.boot if counters else None,
        "next_sequence": counters.next_sequence if counters else None,
        "queued_batches": counters.queued_batches if counters else None,
        "queued_samples": counters.queued_samples if counters else None,
        "dropped_samples": counters.dropped_samples if counters else None,
        "folder": str(folder.path),
    }


def _identity(facts: dict[str, Any], certificate: x509.Certificate | None) -> str:
    """Return where the thing's key is, or how its board gets one."""
    if facts.get("identity") != ON_BOARD:
        return "its key is here"
    if "claim" in facts and certificate is None:
        return f"its board asks for one by the claim {facts['claim']}"
    return "its key is on its board alone"


def _counters(folder: ThingFolder) -> Counters | None:
    """Return where the board on the thing's image stands; None where that can't be read."""
    if not folder.image_path.exists():
        return None
    image = still_image(folder.image_path)
    partition = outbox_partition(folder.image_path)
    ring = still_image(partition) if partition.exists() else b""
    if image is None or ring is None:
        return None
    try:
        counters = counters_of(outbox_names(image))
        return ring_counters(ring, counters) if ring else counters
    except (FirmwareImageError, OutboxError):
        return None


def _certificate(folder: ThingFolder) -> x509.Certificate | None:
    """Return the thing's certificate; that of a board with its own key is on its flash alone."""
    try:
        if folder.identity_on_board and folder.image_path.exists():
            image = still_image(folder.image_path)
            found = certificate_of(image) if image else None
        else:
            found = folder.certificate_path.read_bytes()
        return x509.load_der_x509_certificate(found) if found else None
    except (OSError, ValueError, FirmwareImageError):
        return None


def _certificate_dates(certificate: x509.Certificate | None) -> tuple[str | None, str | None]:
    if certificate is None:
        return None, None
    return (
        f"{certificate.not_valid_before_utc:%Y-%m-%d}",
        f"{certificate.not_valid_after_utc:%Y-%m-%d}",
    )


def _id_of(certificate: x509.Certificate) -> str:
    """Return what AWS IoT calls a certificate."""
    return certificate.fingerprint(hashes.SHA256()).hex()
