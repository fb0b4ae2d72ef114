"""The pages in `docs/reference`, made from the code: `python -m syncd.console.reference docs/reference`.

What an app has is what its twin shows: a real account has fields and options of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from syncd.console.reference.commands import commands_page
from syncd.console.reference.configuration import configuration_page
from syncd.console.reference.connectors import connector_page, opened, shipped
from syncd.console.reference.log import log_page

__all__ = ["opened", "pages", "write"]

_MADE: Final = "<!-- Made from the code by `make docs`. Changes here are lost. -->\n\n"


def pages() -> Mapping[str, str]:
    """Every page by its file name."""
    names = shipped()
    made = {f"{name}.md": connector_page(name) for name in names}
    made |= {"configuration.md": configuration_page(), "commands.md": commands_page(), "log.md": log_page()}
    titles = {f"{name}.md": f"the connector `{name}`: settings, objects, fields, what is known of it" for name in names}
    titles |= {
        "configuration.md": "every section and key of `config.toml`",
        "commands.md": "every command and its options",
        "log.md": "the words of the change log, of parked work, and of the daemon's own log",
    }
    index = "".join(f"- [{name.removesuffix('.md')}]({name}): {title}\n" for name, title in titles.items())
    made["README.md"] = f"# Reference\n\n{index}\nErrors and exit codes are in [errors.md](../errors.md).\n"
    return {name: _MADE + text for name, text in made.items()}


def write(folder: Path) -> None:
    """Write every page into a folder; pages of what is no more are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text)
