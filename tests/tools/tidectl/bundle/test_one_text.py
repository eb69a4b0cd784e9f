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
