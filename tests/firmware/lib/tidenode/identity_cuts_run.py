"""Cut the power at every operation of the flash below a new identity: `identity_cuts_run.py WHICH`.

For MicroPython, whose LittleFS this is. An errand runs once, uncut, while every program and
erase is written down. Then, for each operation and each way to tear it, the board boots on what
the cut leaves: it must have an identity or a claim, and end as the thing it is to be, with a
key that is its certificate's. Prints how many cuts there were.

WHICH is `claim`, `rotation`, `refused` (the new certificate never connects), or `hasty` for a
board that changes its key before its certificate: a harness that lets that pass is worth nothing.
"""

import asyncio
import binascii
import gc
import json
import os
import sys
from collections import namedtuple

import vfs
from ram_flash import BLOCK, RamFlash

from tidenode import csr, der, ecdsa, identity
from tidenode.claim import Claim
from tidenode.enrolment import Enrolment
from tidenode.errors import NodeError
from tidenode.rotation import Rotation

PLACE = "/cut"
BLOCKS = 24
THING, SITE, SERIAL = "pump-7", "north", "A0017"
Limits = namedtuple("Limits", ("retry_delay_ms_min", "retry_delay_ms_max"))
which = sys.argv[1]


class Session:
    """A cloud that signs everything; a certificate holds what matters here: the public key."""

    async def ask(self, topic, payload):
        question = json.loads(payload)
        if "certificateSigningRequest" not in question:
            answer = {"thingName": THING, "deviceConfiguration": {"site": SITE}}
            return topic + "/accepted", json.dumps(answer).encode()
        text = "".join(question["certificateSigningRequest"].split("\n")[1:-2])
        certificate = binascii.b2a_base64(der.sequence(binascii.a2b_base64(text))).decode()
        pem = "-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n" % certificate
        answer = {"certificateId": "c", "certificatePem": pem, "certificateOwnershipToken": "t"}
        return topic + "/accepted", json.dumps(answer).encode()

    async def publish(self, topic, payload):
        pass

    def close(self):
        pass


class Timekeeper:
    async def run(self):
        pass


class Around:
    timekeeper = Timekeeper()

    def warn(self, message):
        pass

    def delay_ms(self, _ceiling_ms):
        return 0

    async def dial(self, _client_id, certificate, key, filters):
        assert identity.is_pair(certificate, key), "dials with a key that is not its certificate's"
        if which == "refused" and not filters:
            raise OSError(32)
        return Session()


def hasty_become(certificate):
    os.rename(PLACE + identity.NEW_KEY, PLACE + identity.KEY)
    identity.write(identity.CERTIFICATE, certificate)
    identity.settle()


def boot():
    """Start until there is no errand; return how often an errand was begun."""
    for errands in range(12):
        errand = identity.errand(lambda *_: "")
        if not errand:
            return errands
        if errand == "rotation" and not identity.count_try():
            identity.abandon("no")
        elif not identity.has_request():
            identity.make_request(os.urandom, SERIAL)
        else:
            enrolment = Enrolment(template="t", parameters={}, now_ms=lambda: 10**12)
            limits = Limits(1, 1)
            if errand == "claim":
                document = json.loads(identity.read("/config.json"))
                work = Claim(Around(), limits, enrolment, document, SERIAL)
            else:
                work = Rotation(Around(), limits, enrolment, THING)
            asyncio.run(work.run())
    raise AssertionError("no end of errands")


def prepare():
    identity.write(identity.AUTHORITY, der.sequence(b"root"))
    if which == "claim":
        identity.write("/config.json", b'{"broker": {"host": "h"}}')
        for path in (identity.CLAIM_CERTIFICATE, identity.CLAIM_KEY, identity.CLAIM_FACTS):
            identity.write(path, der.sequence(b"claim"))
        return
    key = csr.key_of(ecdsa.new_private(os.urandom))
    identity.write(identity.KEY, key)
    identity.write(identity.CERTIFICATE, der.sequence(key[-70:]))
    identity.write("/config.json", json.dumps({"thing": THING, "site": SITE}).encode())
    identity.want_rotation()


def failure_of(cells):
    """Return what is wrong with the flash after a cut; None for nothing."""
    try:
        vfs.mount(vfs.VfsLfs2(RamFlash(cells)), PLACE)
    except OSError as error:
        return "does not mount: %r" % error
    try:
        boot()
        return wrong_end()
    except (OSError, NodeError, AssertionError) as error:
        return "%r" % error
    finally:
        vfs.umount(PLACE)


def wrong_end():
    if not identity.is_pair(identity.read(identity.CERTIFICATE), identity.read(identity.KEY)):
        return "the key is not the certificate's"
    config = json.loads(identity.read("/config.json"))
    if (config["thing"], config["site"]) != (THING, SITE):
        return "configured as %r" % config
    left = set(os.listdir(PLACE)) - {"cert.der", "key.der", "root.der", "config.json"}
    # Harmless: they go with the next rotation.
    left -= {"provision.json", "new_request.pem", "rotate_why"}
    return "left %r" % left if left else None


def torn(cells, operation):
    """Yield the flash as each way to tear `operation` leaves it."""
    at, data = operation
    size = BLOCK if data is None else len(data)
    for done in (0, size // 2):
        left = bytearray(cells)
        left[at : at + done] = b"\xff" * done if data is None else data[:done]
        yield left


def main():
    identity.ROOT = PLACE
    if which == "hasty":
        identity.become = hasty_become
    flash = RamFlash(bytearray(b"\xff" * (BLOCK * BLOCKS)))
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), PLACE)
    prepare()
    cells, flash.journal = bytearray(flash.cells), []
    boot()
    wrong = wrong_end()
    vfs.umount(PLACE)
    cuts, failures = 0, [wrong] if wrong else []
    for number, (at, data) in enumerate(flash.journal):
        for left in torn(cells, (at, data)):
            cuts += 1
            failure = failure_of(left)
            if failure:
                failures.append("operation %d: %s" % (number, failure))
            gc.collect()
        done = b"\xff" * BLOCK if data is None else data
        cells[at : at + len(done)] = done
    assert cells == flash.cells
    print(
        json.dumps(
            {
                "operations": len(flash.journal),
                "cuts": cuts,
                "failures": len(failures),
                "first": failures[:5],
            }
        )
    )


main()
