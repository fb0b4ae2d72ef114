"""Well-typed expressions mean what the same means in Python; any others are refused, or fail in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from hypothesis import example, given
from hypothesis import strategies as st

from syncd.core.lens import Misfit
from syncd.core.record import Fields
from syncd.mapping.expressions import MAX_CHARS, MAX_COMPREHENSIONS, Computation, Condition, compile_expression
from syncd.mapping.mistakes import Mistake
from syncd.mapping.types import TYPES, Options
from tests.effort import effort
from tests.mapping.test_expressions import NAMES

Meaning: TypeAlias = Callable[[Fields], Any]


@dataclass(frozen=True)
class Expression:
    """A source, and what it means."""

    source: str
    means: Meaning

    def __repr__(self) -> str:
        return self.source


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _tags(fields: Fields) -> tuple[str, ...]:
    tags = fields.get("tags")
    return tags if isinstance(tags, tuple) else ()


def _both(form: str, a: Expression, b: Expression, means: Callable[[Any, Any], Any]) -> Expression:
    return Expression(f"({form.format(a.source, b.source)})", lambda f: means(a.means(f), b.means(f)))


def _one(form: str, a: Expression, means: Callable[[Any], Any]) -> Expression:
    return Expression(form.format(a.source), lambda f: means(a.means(f)))


WORDS = st.sampled_from(["", "a", "A", "ada", "x@example.com", 'say "x"', "back\\slash", "é", "日本", "👩\u200d👧"])
FIELDS = st.fixed_dictionaries(
    {"age": st.integers(-3, 3)},
    optional={
        "email": st.none() | WORDS,
        "first": st.none() | WORDS,
        "tags": st.none() | st.lists(WORDS, max_size=3).map(tuple),
        "out": st.none() | st.booleans(),
    },
)


def texts(depth: int) -> st.SearchStrategy[Expression]:
    """Expressions that give a text."""
    leaf = st.sampled_from(["first", "email"]).map(lambda n: Expression(n, lambda f: f.get(n) or "")) | WORDS.map(
        lambda w: Expression(_quoted(w), lambda _: w)
    )
    if not depth:
        return leaf
    inner = texts(depth - 1)
    return st.one_of(
        leaf,
        st.builds(lambda a, b: _both("{} + {}", a, b, lambda x, y: x + y), inner, inner),
        st.builds(lambda a: _one("lower({})", a, str.lower), inner),
        st.builds(lambda a: _one("trim({})", a, str.strip), inner),
        st.builds(lambda a: _one("domain({})", a, lambda x: x.rpartition("@")[2].lower()), inner),
        st.builds(_chosen, truths(depth - 1), inner, inner),
    )


def numbers(depth: int) -> st.SearchStrategy[Expression]:
    """Expressions that give a whole number; small ones, which no arithmetic overflows."""
    leaf = st.just(Expression("age", lambda f: f["age"])) | st.integers(0, 9).map(
        lambda n: Expression(str(n), lambda _: n)
    )
    if not depth:
        return leaf
    inner = numbers(depth - 1)
    return st.one_of(
        leaf,
        st.builds(lambda a, b: _both("{} + {}", a, b, lambda x, y: x + y), inner, inner),
        st.builds(lambda a, b: _both("{} - {}", a, b, lambda x, y: x - y), inner, inner),
        st.just(Expression("size(tags)", lambda f: len(_tags(f)))),
    )


def truths(depth: int) -> st.SearchStrategy[Expression]:
    """Expressions that give yes or no."""
    leaf = st.sampled_from([Expression("out", lambda f: bool(f.get("out"))), Expression("true", lambda _: True)])
    if not depth:
        return leaf
    inner, words, counts = truths(depth - 1), texts(depth - 1), numbers(depth - 1)
    return st.one_of(
        leaf,
        st.builds(lambda a: _one("!({})", a, lambda x: not x), inner),
        st.builds(lambda a, b: _both("{} && {}", a, b, lambda x, y: x and y), inner, inner),
        st.builds(lambda a, b: _both("{} || {}", a, b, lambda x, y: x or y), inner, inner),
        st.builds(lambda a, b: _both("{} == {}", a, b, lambda x, y: x == y), words, words),
        st.builds(lambda a, b: _both("{} < {}", a, b, lambda x, y: x < y), counts, counts),
        st.builds(lambda a, b: _both("{}.contains({})", a, b, lambda x, y: y in x), words, words),
        st.builds(lambda a, b: _both("{}.startsWith({})", a, b, str.startswith), words, words),
        words.map(lambda a: Expression(f"({a.source} in tags)", lambda f: a.means(f) in _tags(f))),
        words.map(_some_tag),
    )


def _chosen(test: Expression, yes: Expression, no: Expression) -> Expression:
    source = f"({test.source} ? {yes.source} : {no.source})"
    return Expression(source, lambda f: yes.means(f) if test.means(f) else no.means(f))


def _some_tag(start: Expression) -> Expression:
    return Expression(
        f"tags.exists(t, t.startsWith({start.source}))",
        lambda f: any(tag.startswith(start.means(f)) for tag in _tags(f)),
    )


@given(expression=truths(3), fields=FIELDS)
@effort(100)
def test_a_filter_means_what_it_says(expression: Expression, fields: Fields) -> None:
    if len(expression.source) > MAX_CHARS or expression.source.count("exists(") > MAX_COMPREHENSIONS:
        return
    compiled = compile_expression(expression.source, NAMES)
    assert Condition(compiled).fault(fields) is None
    assert Condition(compiled)(fields) is expression.means(fields)


@given(expression=texts(3), fields=FIELDS)
@effort(80)
def test_a_computed_text_is_what_it_says(expression: Expression, fields: Fields) -> None:
    if len(expression.source) > MAX_CHARS or expression.source.count("exists(") > MAX_COMPREHENSIONS:
        return
    given_ = Computation(compile_expression(expression.source, NAMES), TYPES["text"], Options())(fields)
    assert given_ == TYPES["text"].clean(expression.means(fields), Options())


TOKENS = (
    "email first age value tags since out stage unknown _ __class__ __globals__ lower trim domain size matches int "
    "double string uint bool type has max min dyn exec eval open map filter exists all ( ) [ ] { } + - * / % < > <= "
    "== != && || ! ? : . , in null true 'a' \"b\" r'c' b'd' '''e''' 0 1 -1 2.5 1e400 0x7f 1u 9223372036854775807 "
    "9223372036854775808 '\\u0000' '\\ud800' '\\xff' '(' '(a+)+$' // \n"
).split(" ")


@given(words=st.lists(st.sampled_from(TOKENS), max_size=16), fields=FIELDS, glue=st.sampled_from(["", " "]))
@example(words=["(-9223372036854775807", "-", "1)", "/", "-1"], fields={"age": 1}, glue=" ")
@example(words=["first.matches('a{1000}{1000}')"], fields={"age": 1}, glue="")
@example(words=["("] * 490 + ["1"] + [")"] * 490, fields={"age": 1}, glue="")
@example(words=["!"] * 990 + ["out"], fields={"age": 1}, glue="")
@example(words=["().__class__.__bases__[0].__subclasses__()"], fields={"age": 1}, glue="")
@effort(150)
def test_any_row_of_tokens_is_refused_with_its_place_or_evaluated_or_fails_in_words(
    words: list[str], fields: Fields, glue: str
) -> None:
    source = glue.join(words)
    try:
        compiled = compile_expression(source, NAMES)
    except Mistake as refused:
        said = str(refused)
        assert "\n" not in said
        # Where it does not parse, or names what is not there, the column is told.
        placeless = ("is empty", "characters, at most", "comprehensions, at most", "is no expression")
        assert re.search(r"column \d+", said) or any(words in said for words in placeless), said
        return
    assert Condition(compiled)(fields) in {True, False}
    fault = Condition(compiled).fault(fields)
    assert fault is None or "\n" not in fault.reason
    for kind in TYPES:
        answer = Computation(compiled, TYPES[kind], Options())(fields)
        assert isinstance(answer, Misfit | str | int | tuple | None)
