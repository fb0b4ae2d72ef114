"""Expressions: what they see, what they refuse when the mapping loads, and that nothing they do is a crash."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.lens import Misfit
from syncd.core.record import Fields, Value
from syncd.mapping.expressions import (
    Computation,
    Condition,
    Names,
    compile_expression,
    condition,
)
from syncd.mapping.mistakes import Mistake
from syncd.mapping.types import TYPES, Options
from tests.effort import effort

NAMES = Names(
    {
        "email": "email",
        "first": "text",
        "last": "text",
        "stage": "choice",
        "age": "integer",
        "value": "decimal",
        "since": "date",
        "tags": "choices",
        "out": "consent",
    }
)


def passes(source: str, **fields: Value) -> bool:
    return condition(source, NAMES)(fields)


def computed(source: str, kind: str = "text", **fields: Value) -> Value | Misfit:
    return Computation(compile_expression(source, NAMES), TYPES[kind], Options())(fields)


def refused(source: str) -> str:
    with pytest.raises(Mistake) as caught:
        condition(source, NAMES)
    return f"{caught.value} ({caught.value.hint})" if caught.value.hint else str(caught.value)


@pytest.mark.parametrize(
    ("source", "fields", "answer"),
    [
        ('stage == "customer" && email != ""', {"stage": "customer", "email": "a@example.com"}, True),
        ('stage == "customer" && email != ""', {"stage": "customer"}, False),
        ('email == ""', {}, True),
        ('first + last == ""', {}, True),
        ("out", {"out": True}, True),
        ("!out", {}, True),
        ("age > 17", {"age": 18}, True),
        ("age != null && age > 17", {}, False),
        ("value > 1.5", {"value": "2.25"}, True),
        ('since >= "2024-01-01"', {"since": "2024-02-29"}, True),
        ('"vip" in tags', {"tags": ("vip", "x")}, True),
        ("size(tags) == 0", {}, True),
        ('tags.exists(tag, tag.startsWith("v"))', {"tags": ("vip",)}, True),
        ('domain(email) == "example.com"', {"email": "a@Example.com"}, True),
        ('lower(first) == "ada" && upper(first) == "ADA" && trim(" x ") == "x"', {"first": "Ada"}, True),
        ('first.contains("d") && first.matches("^A")', {"first": "Ada"}, True),
    ],
)
def test_a_filter_sees_canonical_values_and_blanks_as_empty(source: str, fields: Fields, answer: bool) -> None:
    assert condition(source, NAMES)(fields) is answer


@pytest.mark.parametrize(
    ("source", "kind", "fields", "value"),
    [
        ('first + " " + last', "text", {"first": "Ada", "last": "Lovelace"}, "Ada Lovelace"),
        ('first + " " + last', "text", {}, None),
        ("age + 1", "integer", {"age": 1}, 2),
        ("value * 2.0", "decimal", {"value": "1.25"}, "2.5"),
        ("tags.filter(tag, tag != 'x')", "choices", {"tags": ("x", "b", "a")}, ("a", "b")),
        ('first == "" ? "Hello" : "Dear " + first', "text", {}, "Hello"),
        ("out", "boolean", {"out": True}, True),
    ],
)
def test_a_computed_value_is_cleaned_as_its_type_asks(source: str, kind: str, fields: Fields, value: Value) -> None:
    assert computed(source, kind, **fields) == value


def test_a_filter_that_cannot_be_evaluated_does_not_pass_and_says_why() -> None:
    old_enough = condition("age > 17", NAMES)
    assert old_enough({"age": None}) is False
    fault = old_enough.fault({"age": None})
    assert fault is not None
    assert fault.reason.startswith("the filter fails: ")
    assert old_enough.fault({"age": 3}) is None


def test_a_filter_that_answers_with_something_else_than_yes_or_no_does_not_pass_and_says_so() -> None:
    odd = condition("age == null ? true : age", NAMES)
    assert odd({}) is True
    assert odd({"age": 1}) is False
    assert odd.fault({"age": 1}) == Misfit("the filter gives no yes or no", "age == null ? true : age")


def test_a_computation_that_fails_is_a_misfit() -> None:
    failed = computed("age / 0", "integer", age=1)
    assert failed == Misfit("the expression fails: division by zero in CEL expression", "age / 0")
    assert computed("{'a': 1}") == Misfit("the expression gives no text", "{'a': 1}")
    assert computed("'x' + '" + "y" * 500 + "'", age=1) == "x" + "y" * 500


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "is empty"),
        ("stage ==", "does not parse at column 9: mismatched input '<EOF>'"),
        ("stage == '\ud83d'", "is no expression"),
        ("emial != ''", 'there is no field "emial" at column 1 (did you mean "email"?)'),
        ("email != '' && stagee == 'x'", 'there is no field "stagee" at column 16 (did you mean "stage"?)'),
        ("'emial' != emial", 'there is no field "emial" at column 12 (did you mean "email"?)'),
        (".emial == ''", 'there is no field ".emial" at column 2 (did you mean "email"?)'),
        ("lowercase(email) == ''", 'there is no function "lowercase" at column 1 (did you mean "lower"?)'),
        ("email", 'gives no yes or no (compare: stage == "customer")'),
        ("stage = 'x'", "does not parse at column 7: token recognition error at: '= ' (== compares)"),
        (
            "stage == 'x' and age > 3",
            "does not parse at column 14: mismatched input 'and' (&&, || and ! stand for and, or and not)",
        ),
        ("email != null", 'compares email with null at column 1, and a blank email is "" (compare it with "")'),
        ("null == tags", "compares tags with null at column 9, and a blank choices is [] (compare it with [])"),
        ("'x' == '" + "y" * 1000 + "'", "has 1009 characters, at most 1000 are allowed"),
        (
            "tags.exists(a, tags.exists(b, tags.exists(c, c == a)))",
            "has 3 comprehensions, at most 2 are allowed",
        ),
        ("__import__('os').system('true') == 0", 'there is no function "system" at column 18'),
    ],
)
def test_what_cannot_work_is_refused_when_the_mapping_loads(source: str, message: str) -> None:
    assert refused(source) == message


def test_a_name_in_a_text_is_no_field() -> None:
    assert passes("'nobody .map(x, y)' != email", email="x")


def test_a_hostile_expression_costs_little() -> None:
    inner = "[" + ",".join("1" * 150) + "]"
    began = time.perf_counter()
    passes(f"{inner}.all(a, {inner}.all(b, a == b))")
    passes("first.matches('^(a+)+$')", first="a" * 5000 + "b")
    assert time.perf_counter() - began < 5


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "email": st.none() | st.text(max_size=10),
        "first": st.none() | st.text(max_size=10),
        "age": st.none() | st.integers(-(2**63), 2**63 - 1),
        "value": st.none() | st.integers().map(str),
        "tags": st.none() | st.lists(st.text(max_size=3)).map(tuple),
        "out": st.none() | st.booleans(),
    },
)
WORDS = (
    "email first age value tags out unknown lower trim size ( ) [ ] { } + - * / % < > == != && || ! ? : . , in "
    "'a' \"b\" 1 2.5 true null .map( .exists( x matches \\ 9223372036854775807 int double string"
).split()


@given(words=st.lists(st.sampled_from(WORDS), max_size=12), fields=FIELDS)
@effort(400)
def test_any_row_of_words_is_refused_or_evaluated(words: list[str], fields: Fields) -> None:
    try:
        compiled = compile_expression(" ".join(words), NAMES)
    except Mistake:
        return
    assert Condition(compiled)(fields) in {True, False}
    for kind in ("text", "integer", "boolean", "date", "choices"):
        Computation(compiled, TYPES[kind], Options())(fields)


@given(source=st.text(max_size=60) | st.text("()[]{}!-?:'\"", max_size=900))
@effort(150)
def test_any_text_is_refused_or_compiled(source: str) -> None:
    said = ""
    try:
        compile_expression(source, NAMES)
    except Mistake as error:
        said = str(error)
    assert "\n" not in said
