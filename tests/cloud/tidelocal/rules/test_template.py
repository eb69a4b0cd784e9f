"""Text with `${expression}` parts."""

import pytest

from tests.cloud.tidelocal.rules.messages import message
from tidelocal.rules.errors import RuleRefusedError
from tidelocal.rules.template import compile_template


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain $ and { and }", "plain $ and { and }"),
        ("", ""),
        ("${topic(3)}", "thing"),
        ("a/${topic(2)}/${n + 1}/z", "a/site/8/z"),
        ("${n}${n}", "77"),
        ("[${missing}|${nothing}]", "[|]"),
        ("${o}", '{"a":1}'),
        ("${yes}", "true"),
        ("${concat('}', \"{\")}", "}{"),
        ("${ 'it''s' }", "it's"),
        ("$${n}", "$7"),
    ],
)
def test_a_template_is_written_from_the_original_message(text: str, written: str) -> None:
    payload = {"n": 7, "nothing": None, "o": {"a": 1}, "yes": True}
    assert compile_template(text)(message(payload)) == written


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a ${topic(3)", r"\$\{ without its \}"),
        ("${'}", r"\$\{ without its \}"),
        ("${}", "ends too early"),
        ("${a b}", "unexpected 'b'"),
        ("${substring(a, 1)}", "does not run in this local cloud yet"),
        ("${CASE a WHEN 1 THEN 2 END}", "CASE is not in this local cloud's IoT SQL"),
    ],
)
def test_a_template_that_could_not_be_written_is_refused(text: str, told: str) -> None:
    with pytest.raises(RuleRefusedError, match=told):
        compile_template(text)
