"""The long texts of a module become slices of one, and say what they said."""

from typing import Any

from tidectl.bundle.one_text import with_one_text

SOURCE = '''"""A pump."""

LABEL = "a pump of the garden"


def told(what: "a text of some length", count=1, mood="as it is today"):
    """Say what a pump has to say, at length."""
    if what == "short":
        return "short"
    if what == "not ASCII":
        return "la température est élevée"
    if what == "a tuple":
        return ("one that is long enough", "another that is long enough")
    if what == "an f-string":
        return f"the pump turned {count} times"

    def inner():
        return "the pump can't be turned: %s"

    return [inner() % what, "can't be turned: %s", ("the pump turned "
        "too often: %d" % count), {"the pump's own key": what}, mood]


def last():
    return __import__("sys")._getframe().f_lineno
'''


TABLE = '''"""Settings."""

from collections import namedtuple

TYPE_CHECKING = False
if 0:
    Spec = "tuple"
KEYS: "Spec" = (("litres", int, 5), ("mood", str, "good"), ("steps", int, 3))
BOTH = ("litres", "mood")
Pump = namedtuple("Pump", "litres")


def told(what):
    steps = {"litres": 1}
    return steps.get(what, "none"), BOTH, KEYS, Pump(what)
'''


def run(source: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(source, "pump", "exec"), namespace)  # noqa: S102  # the source above
    return namespace


def test_what_is_said_stays_what_it_was() -> None:
    before, after = run(SOURCE), run(with_one_text(SOURCE))
    for what in ("short", "not ASCII", "a tuple", "an f-string", "other"):
        assert after["told"](what, 2) == before["told"](what, 2)
    assert after["LABEL"] == before["LABEL"]


def test_lines_stay_where_they_are() -> None:
    made = with_one_text(SOURCE)
    assert made.count("\n") == SOURCE.count("\n")
    assert run(made)["last"]() == run(SOURCE)["last"]()


def test_each_text_is_there_once() -> None:
    made = with_one_text(SOURCE)
    assert made.count("can't be turned: %s") == 1, "one is a part of the other"
    assert made.count("too often: %d") == 1
    assert '"short"' in made, "it costs no object"


def test_a_module_of_few_texts_stays_as_it_is() -> None:
    source = '"""A pump."""\n\n\ndef told():\n    return "a text of some length"\n'
    assert with_one_text(source) == source


def test_short_texts_of_a_module_that_comes_and_goes_become_no_names() -> None:
    made = with_one_text(TABLE, frozenset({"mood"}))
    assert run(made)["told"]("litres") == run(TABLE)["told"]("litres")
    assert '"good"' not in made
    assert '"none"' not in made
    assert made.count('"litres"') == 2, "of a constant tuple and of what makes a name anyway"
    assert '"mood", str' in made, "it is a name already"
    assert '"steps"' in made, "likewise, of a local"
    assert made.count("\n") == TABLE.count("\n")


def test_one_short_text_alone_becomes_no_name() -> None:
    made = with_one_text('"""A pump."""\nMOOD = "good"\n', frozenset())
    assert run(made)["MOOD"] == "good"
    assert "'good'" not in made
