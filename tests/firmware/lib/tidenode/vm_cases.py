"""Run one case of a `vm_*.py` beside this on the VM: `vm_cases.py FILE CASE`."""

import asyncio
import json
import sys

folder = __file__.rsplit("/", 1)[0]
sys.path.insert(0, folder)
case = getattr(__import__(sys.argv[1]), sys.argv[2])
asyncio.run(asyncio.wait_for(case(), 20))
print(json.dumps("passed"))
