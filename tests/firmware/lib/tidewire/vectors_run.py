"""Run the vectors of one file on the VM that runs this: CPython or MicroPython.

`vectors_run.py VECTORS`, with tidewire on the path. Prints one JSON object: how many of each
sort were run, and what failed. One vector stands on one line, so that a board's heap holds it.
"""

import json
import sys

from tidewire import DECIMAL, Batch, Column, decode, encode


def main(path):
    ran, failures = {"valid": 0, "invalid": 0}, []
    with open(path) as lines:
        for line in lines:
            if line.startswith('{"name"'):
                vector = json.loads(line.rstrip().rstrip(","))
                sort = "invalid" if "error" in vector else "valid"
                ran[sort] += 1
                run = run_invalid if sort == "invalid" else run_valid
                failure = run(vector)
                if failure:
                    failures.append([vector["name"], failure])
    print(json.dumps({"ran": ran, "failures": failures}))


def run_valid(vector):
    data = bytes.fromhex(vector["hex"])
    batch = batch_of(vector["batch"])
    decoded = decode(data)
    if decoded != batch:
        return f"decoded as {decoded}"
    if vector.get("ours", True) and encode(batch) != data:
        return f"encoded as {encode(batch).hex()}"
    if encode(decoded) != encode(batch):
        return "what was decoded is encoded otherwise"
    return None


def run_invalid(vector):
    try:
        decode(bytes.fromhex(vector["hex"]))
    except Exception as error:
        name = type(error).__name__
        return None if name == vector["error"] else f"raised {name}: {error}"
    return "was taken"


def batch_of(items):
    columns = [
        Column(name, min(kind, DECIMAL), max(kind, 0), values) for name, kind, values in items[6]
    ]
    return Batch(*items[:6], columns)


main(sys.argv[1])
