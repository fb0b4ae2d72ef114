"""Every shipped template, on the schemas of the apps it is for: its lenses keep the laws whatever stands there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.fieldmap import FieldRule, Way
from syncd.core.lens import Misfit
from syncd.mapping import load_syncs
from syncd.mapping.types import TYPES, Options
from syncd.sdk.contract import Field, FieldType, Object
from syncd.settings import load
from tests.effort import effort
from tests.mapping.test_laws import CODECS, RAWS, broken
from tests.mapping.test_templates_on_twins import TEMPLATES, config_text, opened
from tests.mapping.test_value_laws import VALUES, hold


def raws_of(field: Field) -> st.SearchStrategy[Any]:
    """What may stand in an app's field: blank, or anything of its type, options that nobody offers among it."""
    if field.options and field.type is FieldType.CHOICE:
        return st.sampled_from([None, "", "stranger", *(option.value for option in field.options)])
    return st.none() | dict(CODECS.get(field.type, ())).get(field.codec, RAWS[field.type])


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_keeps_the_laws_whatever_stands_in_its_apps(
    template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, *connectors = template.split("-")
    subjects = {"hubspot": kind, "carddav": kind, "bottlecrm": {"companies": "accounts"}.get(kind, kind)}
    path = tmp_path / "syncd.toml"
    path.write_text(config_text(connectors, template, monkeypatch))
    with ExitStack() as stack:
        benches = {name: stack.enter_context(opened(name, subjects.get(name, "members"))) for name in connectors}
        schemas: Mapping[str, Sequence[Object]] = {f"{n}x": bench.connector.objects() for n, bench in benches.items()}
    sync = load_syncs(load(path), schemas)["it"]
    fields = {app: {f.name: f for o in objects if o.name == sync.apps[app] for f in o.fields.values()}
              for app, objects in schemas.items()}  # fmt: skip

    @given(data=st.data())
    @effort(20)
    def holds(data: st.DataObject) -> None:
        app = data.draw(st.sampled_from(list(sync.apps)))
        rule: FieldRule = data.draw(st.sampled_from(sync.mapped(app)))
        lens = rule.lenses[app]
        strategies = {name: raws_of(fields[app][name]) for name in lens.window if name in fields[app]}
        standing, edited = (data.draw(st.fixed_dictionaries(strategies)) for _ in range(2))
        if rule.ways[app] is Way.BOTH:
            assert broken(lens, rule.type, standing) == []
            value = TYPES[rule.type].clean(data.draw(st.none() | VALUES[rule.type]), Options())
            if not isinstance(value, Misfit):
                hold(lens, rule.name, value, standing, edited)
        else:
            lens.get(standing, {})

    holds()
