"""Verify on the VM what stands in a file, a line each: `p256_run.py FILE KEYS`.

A line is public key, signature and digest in hex, and what is expected. Prints how many were
right, how long the last one that was good took, and what the module takes of the heap.
"""

import gc
import json
import sys
import time

gc.collect()
before = gc.mem_alloc()
from tidenode import p256  # noqa: E402  # it is measured

gc.collect()
heap_bytes = gc.mem_alloc() - before
right, wrong, took_us = 0, [], 0
with open(sys.argv[1]) as file:
    for line in file:
        public, signature, digest, expected = json.loads(line)
        began = time.ticks_us()
        said = p256.verify(*[bytes.fromhex(part) for part in (public, signature, digest)])
        if expected:
            took_us = time.ticks_diff(time.ticks_us(), began)
        if said is expected:
            right += 1
        else:
            wrong.append(line)
print(
    json.dumps({"right": right, "wrong": wrong[:3], "took_us": took_us, "heap_bytes": heap_bytes})
)
