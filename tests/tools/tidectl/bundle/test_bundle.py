"""A program of several modules does the same as one module with short names."""

import re
from collections.abc import Mapping

import pytest

from tests.tools.tidectl.bundle.program import Program
from tidectl.bundle import RESIDENT, Bundle, BundleError, bundled

APP = "tidenode.app"
PACKAGES = frozenset({"tidenode", "tidewire"})


def bundle(app: str, **modules: str) -> Bundle:
    """Bundle `modules` of the package tidenode, which `app` starts."""
    texts = {f"tidenode.{name}": text for name, text in modules.items()}
    return bundled({"tidenode": "", APP: app, **texts}, PACKAGES)


def results(app: str, modules: Mapping[str, str]) -> list[object]:
    """Return what `app`'s function `result` returns, of the sources and of the bundle."""
    made = bundle(app, **modules)
    return [
        Program(texts).load(APP).result()
        for texts in (made.sources, made.texts)
    ]  # fmt: skip


def test_what_the_start_imports_is_one_module() -> None:
    made = bundle(
        "from tidenode.pump import Pump\n", pump="from tidenode import tank\n", tank="", idle=""
    )
    assert set(made.texts) == {"tidenode", APP, "tidenode.idle", RESIDENT}
    assert [name for _, _, name in made.lines] == ["tidenode.tank", "tidenode.pump"]


def test_what_the_start_forgets_stays_a_module_of_its_own() -> None:
    made = bundle(
        "from tidenode import config, pump\n\ndef end() -> None:\n    forget('config')\n",
        config="from tidenode.errors import ConfigError\n",
        errors="class ConfigError(Exception):\n    pass\n",
        pump="",
    )
    assert made.texts["tidenode.config"] == f"from {RESIDENT} import ConfigError\n"
    assert made.texts["tidenode.errors"] == f"from {RESIDENT} import ConfigError\n"


def test_what_every_start_needs_is_laid_into_it_and_stays_where_others_need_it() -> None:
    app = (
        "from tidenode import greeting\nfrom tidenode.boots import count\n\n_left = 7\n\n"
        "def result():\n    from tidenode.sleep import wake\n"
        "    return count(1), greeting.text(), wake(), _left\n"
    )
    modules = {
        "boots": "def count(x):\n    return x + _more()\n\ndef _more():\n    return 1\n",
        "greeting": "from tidenode.pump import of\n\ndef text():\n    return of('hello')\n",
        "pump": "def of(text):\n    return text * 2\n",
        "sleep": "from tidenode.boots import count\n\ndef wake():\n    return count(10)\n",
    }
    assert results(app, modules) == [(2, "hellohello", 11, 7)] * 2
    made = bundle(app, **modules)
    assert set(made.texts) == {"tidenode", APP, "tidenode.boots", "tidenode.sleep", RESIDENT}
    assert [name for home, _, name in made.lines if home == APP] == [
        "tidenode.boots", "tidenode.greeting", APP,
    ]  # fmt: skip


def test_modules_of_the_wire_that_nobody_imports_are_left_out() -> None:
    made = bundled(
        {
            "tidenode": "",
            "tidewire": "",
            "tidewire.encoder": "",
            "tidewire.decoder": "",
            "tidewire.topic": "",
            APP: "from tidewire.encoder import encode\n\n"
            "def late() -> None:\n    from tidewire.topic import parse\n",
        },
        PACKAGES,
    )
    assert set(made.texts) == {"tidenode", APP, RESIDENT, "tidewire.topic"}


def test_lines_stay_where_they_are_within_their_module() -> None:
    sources = {
        "errors": '"""Errors."""\n\n\nclass PumpError(Exception):\n    pass\n',
        "pump": "from tidenode.errors import (\n    PumpError,\n)\n\n\ndef _idle():\n    pass\n\n\n"
        "def run():\n    raise PumpError\n",
    }
    made = bundle("from tidenode.pump import run\n\ndef result():\n    run()\n", **sources)
    whole = made.texts[RESIDENT].splitlines()
    for _, first, name in made.lines:
        text = sources[name.removeprefix("tidenode.")]
        for at, line in enumerate(text.splitlines()):
            if "class" in line or "raise" in line:
                assert whole[first - 1 + at].split()[0] == line.split()[0]


def test_names_of_two_modules_do_not_meet() -> None:
    app = "from tidenode import pump, tank\n\ndef result():\n    return pump.of(1), tank.of(1)\n"
    modules = {
        "pump": "def of(x):\n    return _twice(x)\n\ndef _twice(x):\n    return 2 * x\n",
        "tank": "LEVEL = [7]\n\ndef of(x):\n    return _twice(x) + LEVEL[0]\n\n"
        "def _twice(x):\n    return 20 * x\n",
    }
    assert results(app, modules) == [(2, 27)] * 2


def test_integers_that_never_change_are_folded_everywhere() -> None:
    app = (
        "from tidenode import limits\nfrom tidenode.limits import LOW\n\n"
        "def result():\n    return LOW, limits.HIGH, limits.B\n"
    )
    modules = {"limits": "LOW = -(1 << 63)\nHIGH = (1 << 63) - 1\nA, B = range(2)\n"}
    assert results(app, modules) == [(-(1 << 63), (1 << 63) - 1, 1)] * 2
    assert "LOW" not in "".join(bundle(app, **modules).texts.values())


def test_texts_that_never_change_are_folded_but_for_those_told_by_identity() -> None:
    app = (
        "from tidenode.names import PREFIX, ENDS\n\n"
        "def result():\n    return PREFIX + 'x', PREFIX.join(ENDS)\n"
    )
    modules = {"names": "PREFIX = 'a_'\nENDS = ('b', PREFIX)\n"}
    assert results(app, modules) == [("a_x", "ba_a_")] * 2
    assert "PREFIX" not in "".join(bundle(app, **modules).texts.values())
    marked = bundle(
        "from tidenode.names import NONE\n\ndef result(x):\n    return x is NONE\n",
        names="NONE = 'none yet'\n",
    )
    assert "'none yet'" in marked.texts[RESIDENT]
    assert "none yet" not in marked.texts[APP]


def test_a_private_name_that_a_function_changes_is_shortened_everywhere() -> None:
    app = "from tidenode import pump\n\ndef result():\n    return pump.step(), pump.step()\n"
    modules = {
        "pump": "_turns = 0\n\ndef step():\n    global _turns\n    _turns += 1\n    return _turns\n"
    }
    assert results(app, modules) == [(1, 2)] * 2
    assert "_turns" not in bundle(app, **modules).texts[RESIDENT]


def test_what_changes_is_no_constant() -> None:
    app = "from tidenode import pump\n\ndef result():\n    return pump.step(), pump.step()\n"
    modules = {
        "pump": "turns = 0\n\ndef step():\n    global turns\n    turns += 1\n    return turns\n"
    }
    assert results(app, modules) == [(1, 2)] * 2


def test_what_nobody_uses_is_left_out_with_what_only_it_uses() -> None:
    made = bundle(
        "from tidenode.pump import run\n\ndef result():\n    return run()\n",
        pump="def run():\n    return 1\n\ndef idle():\n    return _left()\n\n"
        "def _left():\n    return 'left'\n",
    )
    assert "left" not in made.texts[RESIDENT]


def test_parameters_attributes_and_keywords_are_shortened_together() -> None:
    app = (
        "from tidenode.pump import Pump\n\ndef result():\n"
        "    pump = Pump(litres_max=5, names=['x'])\n    pump.fill(3, is_slow=True)\n"
        "    return pump.litres_now, [litres_max for litres_max in pump.names_known]\n"
    )
    modules = {
        "pump": "class Pump:\n    def __init__(self, *, litres_max, names):\n"
        "        self.litres_now = 0\n        self._litres_max = litres_max\n"
        "        self.names_known = names\n\n"
        "    def fill(self, litres, is_slow):\n"
        "        def add(litres, most=self._litres_max):\n"
        "            self.litres_now = min(most, self.litres_now + litres + is_slow)\n\n"
        "        add(litres)\n"
    }
    assert results(app, modules) == [(4, ["x"])] * 2
    text = bundle(app, **modules).texts[RESIDENT]
    assert not re.search(r"litres_max|litres_now|names", text)
    assert "is_slow" in text, "a keyword of a call that may run anything"


def test_what_stands_in_a_text_keeps_its_name() -> None:
    app = (
        "from tidenode.pump import Pump\n\ndef result():\n"
        "    return getattr(Pump(), 'turn_count'), Pump().shown('x')\n"
    )
    modules = {
        "pump": "_STEP = 3\n\nclass Pump:\n    def __init__(self):\n"
        "        self.turn_count = 1\n\n    def shown(self, what):\n"
        "        return f'{what}{_STEP}{self.turn_count}'\n"
    }
    assert results(app, modules) == [(1, "x31")] * 2


def test_errors_keep_the_names_that_a_log_tells() -> None:
    made = bundle(
        "from tidenode.errors import PumpError\n\ndef run():\n    raise PumpError\n",
        errors="class PumpError(Exception):\n    pass\n",
    )
    assert "class PumpError(Exception)" in made.texts[RESIDENT]


def test_attributes_that_others_know_keep_their_names() -> None:
    app = "from tidenode.pump import Pump\n\ndef result():\n    return Pump().turn_count\n"
    pump = "class Pump:\n    turns = 3\n    def turn_count(self):\n        return 1\n"
    texts = {"tidenode": "", APP: app, "tidenode.pump": pump}
    assert "turn_count" not in bundled(texts, PACKAGES).texts[RESIDENT]
    assert "turn_count" in bundled(texts, PACKAGES, frozenset({"turn_count"})).texts[RESIDENT]


def test_an_import_within_a_function_of_what_is_resident_is_none() -> None:
    app = "from tidenode import pump, tank\n\ndef result():\n    return pump.run()\n"
    modules = {
        "pump": "def run():\n    from tidenode.tank import level\n    return level()\n",
        "tank": "def level():\n    return 8\n",
    }
    assert results(app, modules) == [8] * 2
    assert "import" not in bundle(app, **modules).texts[RESIDENT]


def test_one_name_for_two_foreign_modules_is_told() -> None:
    with pytest.raises(BundleError, match="give one name two meanings"):
        bundle(
            "from tidenode import pump, tank\n",
            pump="import json as form\n",
            tank="import struct as form\n",
        )


def test_a_module_that_is_no_python_is_told() -> None:
    with pytest.raises(BundleError, match="line 1"):
        bundle("from tidenode import pump\n", pump="def (\n")


def test_a_text_that_nothing_is_looked_up_by_keeps_no_name() -> None:
    app = (
        "from tidenode.pump import Pump\n\ndef result():\n"
        "    return {'turn_count': Pump().turn_count}, Pump().__dict__['litres_now']\n"
    )
    modules = {
        "pump": "class Pump:\n    def __init__(self):\n"
        "        self.turn_count = 1\n        self.litres_now = 2\n"
    }
    assert results(app, modules) == [({"turn_count": 1}, 2)] * 2
    text = bundle(app, **modules).texts[RESIDENT]
    assert "turn_count" not in text
    assert "litres_now" in text


def test_fields_of_namedtuples_are_shortened_with_the_keywords_that_name_them() -> None:
    app = (
        "from tidenode.tank import Limits, filled\n\ndef result():\n"
        "    limits = Limits(litres_max=5, litres_min=1)\n"
        "    return limits.litres_max, tuple(limits), filled(limits, litres_max=3)\n"
    )
    modules = {
        "tank": "from collections import namedtuple\n\n"
        "Limits = namedtuple('Limits', ('litres_min', 'litres_max'))\n\n"
        "def filled(limits, litres_max):\n    return limits.litres_max - litres_max\n"
    }
    assert results(app, modules) == [(5, (1, 5), 2)] * 2
    made = bundle(app, **modules)
    assert "litres" not in made.texts[RESIDENT] + made.texts[APP]


def test_fields_that_only_run_time_knows_are_told() -> None:
    with pytest.raises(BundleError, match="line 3: the fields of a namedtuple"):
        bundle(
            "from tidenode import tank\n",
            tank="from collections import namedtuple\n\nLimits = namedtuple('L', list('ab'))\n",
        )


def test_an_attribute_that_a_class_somewhere_stores_by_name_stays() -> None:
    app = (
        "from tidenode import pump, tank\n\ndef result():\n"
        "    return pump.Pump().turn_count, tank.Tank().turn_count\n"
    )
    modules = {
        "pump": "class Pump:\n    turn_count = 3\n",
        "tank": "class Tank:\n    def __init__(self):\n        self.turn_count = 4\n",
    }
    assert results(app, modules) == [(3, 4)] * 2
