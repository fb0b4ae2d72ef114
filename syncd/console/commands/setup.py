"""Commands for setting syncd up: init, check, schema, mappings, sandbox."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from syncd.console.commands import COMMON, Common
from syncd.console.voice import progress, say_json, tables
from syncd.errors import ConfigError, ConnectorError

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["authorise", "check", "init", "mappings", "sandbox", "schema"]


def init(
    *,
    app: Annotated[Sequence[str], Parameter(negative="", show_default=False)] = (),
    set: Annotated[Sequence[str], Parameter(negative="", show_default=False)] = (),
    secret: Annotated[Sequence[str], Parameter(negative="", show_default=False)] = (),
    yes: Annotated[bool, Parameter(("--yes", "-y"), negative="")] = False,
    common: Common = COMMON,
) -> int:
    """Write a configuration: name the apps, say where their secrets are, and take a mapping that fits them.

    The apps are asked for their schemas; nothing is written to them.

    Parameters
    ----------
    app
        An account as NAME=CONNECTOR, such as crm=hubspot; again for each further one.
    set
        A setting of an app as NAME.KEY=VALUE, such as crm.base_url=https://crm.example.com.
    secret
        The environment variable of a secret as NAME.KEY=VARIABLE; else NAME_KEY in capitals.
    yes
        Ask nothing, and take what is proposed.
    """
    from syncd.console import show
    from syncd.console.init import Wanted, interview, write_config

    wanted = Wanted.of(app, set, secret)
    if not yes:
        if common.json or not sys.stdin.isatty():
            raise ConfigError("nobody is here to answer questions", hint="name the apps with --app, and say --yes")
        wanted = interview(wanted, ask=lambda question: input(f"{question} "))
    with progress("asking the apps", quiet=common.json):
        made = write_config(common.path, wanted)
    return common.answer(made, lambda: show.made_config(made))


def check(
    *, samples: int = 50, settings: Annotated[bool, Parameter(negative="")] = False, common: Common = COMMON
) -> int:
    """Try everything that can be tried without writing: secrets, access, schemas, and each field on real records.

    Parameters
    ----------
    samples
        Try each mapping on so many records of each app.
    settings
        Also show which keys each app's table may have; never their values.
    """
    from syncd.console import show
    from syncd.console.check import check as ask

    with progress("checking", quiet=common.json):
        found = ask(common.working(), samples=samples)

    def told() -> Iterable[RenderableType]:
        if settings:
            yield from show.settings(found)
        yield from show.checked(found)

    return common.answer(found, told, found.exit_code)


def authorise(app: str, /, *, port: int = 8421, common: Common = COMMON) -> int:
    """Have an account's owner let syncd in by OAuth, in a browser, and keep the refresh token where the settings say.

    Register http://localhost:PORT/granted with the vendor as where to send the browser back to. The browser must run on
    this machine, or its port must lead here: ssh -L 8421:127.0.0.1:8421.

    Parameters
    ----------
    app
        The app, by its name in the configuration; its refresh_token names a file.
    port
        Where the browser comes back to on this machine.
    """
    from syncd import toml
    from syncd.console import show
    from syncd.console.authorise import PATIENCE, asked
    from syncd.console.authorise import authorise as ask
    from syncd.console.console import speak_to_stderr
    from syncd.console.voice import clean, note

    speak_to_stderr()
    request = asked(toml.read(common.path), app)

    def tell(page: str) -> None:
        note(f"open this within {PATIENCE / 60:.0f} minutes, as somebody who may let syncd into {app}:")
        sys.stderr.write(f"{clean(page)}\n")  # in one line, however long: it is to be copied
        sys.stderr.flush()

    found = ask(request, tell, port=port)
    words = f"{app}: access is granted, and the refresh token is in {found.file}; next: syncd check"
    return common.answer(found, lambda: [show.words(words, "green")])


def schema(app: str, object: str = "", /, *, common: Common = COMMON) -> int:
    """Show which objects and fields an app has, as a mapping may name them.

    Parameters
    ----------
    app
        The app, by its name in the configuration.
    object
        Only this object.
    """
    from syncd.app import explained, known_app, placed
    from syncd.console import show
    from syncd.console.discover import connected
    from syncd.console.discover import schema as told
    from syncd.sdk.ties import objects_of
    from syncd.spelling import suggest

    config = common.whole()
    with connected(config, [known_app(config, app)]) as connectors:
        try:
            found = told(objects_of(connectors[app]))
        except ConfigError as error:
            raise placed(config.apps[app], error) from error
        except ConnectorError as error:
            raise explained(app, error) from error
    if object:
        chosen = tuple(one for one in found if one.name == object)
        if not chosen:
            raise ConfigError(f'{app} has no object "{object}"', hint=suggest(object, [one.name for one in found]))
        found = chosen
    return common.answer(found, lambda: show.schema(found))


def mappings(*, common: Common = COMMON) -> int:
    """List the ready mappings that a sync can include."""
    from syncd.console import show
    from syncd.console.templates import templates

    found = templates(common.path.parent)
    return common.answer(found, lambda: show.templates(found))


def sandbox(
    connector: str,
    /,
    *,
    port: int = 0,
    seed: int = 1,
    records: int = 25,
    start: int = 0,
    faults: str = "none",
    common: Common = COMMON,
) -> int:
    """Serve a simulated account on this machine until Ctrl-C, with the vendor's own addresses and odd ways.

    Parameters
    ----------
    connector
        Whose app to simulate.
    port
        Where to listen; 0 takes a free one.
    seed
        Which population lives there; the same seed is the same people.
    records
        How many of them.
    start
        The number of the first; two apps share the people whose numbers overlap.
    faults
        How it misbehaves: none, rough, lossy or busy.
    """
    from syncd.console import show
    from syncd.console.sandbox import build, keep_open

    made = build(connector, seed=seed, records=records, start=start, faults=faults)

    def ready(url: str) -> None:
        if common.json:
            say_json({"connector": connector, "url": url, "credentials": made.twin.credentials})
        else:
            tables(*show.sandbox(connector, url, made.settings(url)))

    keep_open(made, port, ready)
    return 0
