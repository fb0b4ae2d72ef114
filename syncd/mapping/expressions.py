"""Filters and computed fields: expressions in CEL (the Common Expression Language), compiled when the mapping loads.

An expression sees canonical fields by name and nothing else. Blank is never null there, so that no text operation
fails on it: a blank text, date, time, number-as-text or reference is `""`, blank choices are `[]`, a blank boolean or
consent is `false`. Only a blank integer or decimal is `null`, since every number means something: ask `age != null`.
Dates and instants are their ISO texts, which compare in the order of time; decimals are doubles.

Beside CEL's own functions there are `lower(s)`, `upper(s)`, `trim(s)` and `domain(address)`; they take any value and
give `""` for what is no text. A source has at most 1,000 characters and two comprehensions (`all`, `exists`,
`exists_one`, `filter`, `map`), which bounds what an evaluation can cost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from syncd.core.lens import Misfit
from syncd.core.record import Fields, Value
from syncd.mapping.mistakes import Mistake
from syncd.mapping.types import Kind, Options
from syncd.spelling import suggest

if TYPE_CHECKING:
    import cel

__all__ = ["Computation", "Condition", "Names", "compile_expression", "condition"]

MAX_CHARS: Final = 1000
MAX_COMPREHENSIONS: Final = 2
MAX_RESULT: Final = 65_536

_LITERAL = re.compile(r"""[rR]?("{3}.*?"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""", re.DOTALL)
_ASSIGNS = re.compile(r"(?<![=!<>])=(?!=)")
_WORDS = re.compile(r"\b(?:and|or|not)\b", re.IGNORECASE)
_NULL = re.compile(r"(?<![\w.])(\w+)\s*[=!]=\s*null\b|\bnull\s*[=!]=\s*(\w+)(?!\w|\s*[.(\[])")
_COMPREHENSION = re.compile(r"\.\s*(?:all|exists|exists_one|filter|map)\s*\(\s*(\w+)\s*,")
_OWN: Final = frozenset({"lower", "upper", "trim", "domain"})
_BUILT_IN: Final = frozenset(
    "contains startsWith endsWith matches size int uint double string bool type has max min".split()
)
_BLANKS: Final = {"integer": "", "decimal": "", "boolean": "false", "consent": "false", "choices": "[]"}
"""What a blank is, where it is not an empty text; nothing where it is null."""
_FAULTS: Final = (TypeError, ValueError, ArithmeticError, RuntimeError, LookupError)
"""What an evaluation may raise (the binding maps CEL's errors to these)."""


def _only_text(value: object) -> str:
    return value if isinstance(value, str) else ""


_FUNCTIONS: Final = {
    "lower": lambda value: _only_text(value).lower(),
    "upper": lambda value: _only_text(value).upper(),
    "trim": lambda value: _only_text(value).strip(),
    "domain": lambda value: _only_text(value).rpartition("@")[2].lower(),
}


@dataclass(frozen=True, slots=True)
class Names:
    """What an expression may use: canonical fields and their types."""

    types: Mapping[str, str]

    def variables(self, uses: Iterable[str], fields: Fields) -> dict[str, Any]:
        """The values for one evaluation."""
        return {name: _seen(self.types[name], fields.get(name)) for name in uses}


def _seen(kind: str, value: Value) -> Any:
    match kind:
        case "integer":
            return value
        case "decimal":
            return None if value is None else float(str(value))
        case "boolean" | "consent":
            return bool(value)
        case "choices":
            return list(value) if isinstance(value, tuple) else []
        case _:
            return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class _Compiled:
    program: cel.Program
    uses: tuple[str, ...]
    names: Names

    def run(self, fields: Fields) -> Any:
        """The result; raises one of `_FAULTS`."""
        import cel

        context = cel.Context(variables=self.names.variables(self.uses, fields), functions=dict(_FUNCTIONS))
        return self.program.execute(context)


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter. What cannot be evaluated does not pass: a record stays out rather than slipping in."""

    compiled: _Compiled

    def __call__(self, fields: Fields) -> bool:
        """Whether the record belongs in the app."""
        try:
            return self.compiled.run(fields) is True
        except _FAULTS:
            return False

    def fault(self, fields: Fields) -> Misfit | None:
        """Why the filter has no answer for these values, for the issue that a person reads."""
        try:
            answer = self.compiled.run(fields)
        except _FAULTS as error:
            return Misfit(f"the filter fails: {_first_line(error)}", self.compiled.program.source)
        if isinstance(answer, bool):
            return None
        return Misfit("the filter gives no yes or no", self.compiled.program.source)


@dataclass(frozen=True, slots=True)
class Computation:
    """A computed field, cleaned as its type asks."""

    compiled: _Compiled
    kind: Kind
    options: Options

    def __call__(self, fields: Fields) -> Value | Misfit:
        """The value, or why there is none."""
        try:
            answer = self.compiled.run(fields)
        except _FAULTS as error:
            return Misfit(f"the expression fails: {_first_line(error)}", self.compiled.program.source)
        match answer:
            case None | bool() | int():
                value: Value = answer
            case str() if len(answer) <= MAX_RESULT:
                value = answer
            case float():
                value = repr(answer)
            case list() if all(isinstance(item, str) for item in answer):
                value = tuple(answer)
            case _:
                return Misfit(f"the expression gives no {self.kind.name}", self.compiled.program.source)
        return self.kind.clean(value, self.options)


def condition(source: str, names: Names) -> Condition:
    """A filter. Raises Mistake, also for what gives no yes or no."""
    made = Condition(compile_expression(source, names))
    try:
        answer = made.compiled.run({})
    except _FAULTS:
        return made  # what fails on blanks alone (null < 3) may well do on values
    if not isinstance(answer, bool):
        raise Mistake("gives no yes or no", 'compare: stage == "customer"')
    return made


def compile_expression(source: str, names: Names) -> _Compiled:
    """Compile and check an expression. Raises Mistake."""
    if len(source) > MAX_CHARS:
        raise Mistake(f"has {len(source)} characters, at most {MAX_CHARS} are allowed")
    if not source.strip():
        raise Mistake("is empty")
    bare = _LITERAL.sub(lambda literal: "'" + " " * (len(literal[0]) - 2) + "'", source)
    bound = _COMPREHENSION.findall(bare)
    if len(bound) > MAX_COMPREHENSIONS:
        raise Mistake(f"has {len(bound)} comprehensions, at most {MAX_COMPREHENSIONS} are allowed")
    import cel  # takes longer to read than all else of a mapping, and most have no expression

    try:
        program = cel.compile(source)
        references = program.references()
    except ValueError as error:
        raise Mistake(_syntax(error), _meant(bare)) from error
    for function in references["functions"]:
        if re.fullmatch(r"[A-Za-z]\w*", function) and function not in _OWN | _BUILT_IN:
            column = _column(bare, function)
            raise Mistake(f'there is no function "{function}"{column}', suggest(function, _OWN | _BUILT_IN))
    free = [name for name in references["variables"] if name not in bound]
    for name in free:
        if name not in names.types:
            column = _column(bare, name)
            raise Mistake(f'there is no field "{name}"{column}', suggest(name, names.types))
    _refuse_null(bare, {name: names.types[name] for name in free})
    return _Compiled(program, tuple(free), names)


def _refuse_null(bare: str, types: Mapping[str, str]) -> None:
    """A blank is null in numbers alone: for anything else the answer would be the same for every record."""
    for found in _NULL.finditer(bare):
        name = found[1] or found[2]
        blank = _BLANKS.get(types.get(name, "integer"), '""')
        if blank:
            what = f"compares {name} with null{_column(bare, name)}, and a blank {types[name]} is {blank}"
            raise Mistake(what, f"compare it with {blank}")


def _column(bare: str, word: str) -> str:
    """Where the word stands outside of text literals, which `bare` has as blanks."""
    found = re.search(rf"(?<!\w){re.escape(word.lstrip('.'))}(?!\w)", bare)
    return f" at column {found.start() + 1}" if found else ""


def _syntax(error: ValueError) -> str:
    said = str(error)
    found = re.search(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)", said)
    if found is None:
        return "is no expression"
    line = f"line {found[1]}, " if found[1] != "1" else ""
    what = re.sub(r" expecting \{.*", "", found[3])
    return f"does not parse at {line}column {found[2]}: {what}"


def _meant(bare: str) -> str:
    """What is written in CEL for what people write from habit."""
    if _ASSIGNS.search(bare):
        return "== compares"
    return "&&, || and ! stand for and, or and not" if _WORDS.search(bare) else ""


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". ")[0]
