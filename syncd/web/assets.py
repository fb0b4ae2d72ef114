"""The files that pages refer to. Each is asked for by what is in it, so a browser that has it need not ask again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

__all__ = ["Assets", "asset"]

_FOLDER: Final = Path(__file__).parent / "static"
_DIGESTS: Final = {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in _FOLDER.iterdir()}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


def asset(name: str) -> str:
    """The address of a file of ours, another one whenever the file is another."""
    return f"/static/{name}?v={_DIGESTS[name]}"


class Assets(StaticFiles):
    """Serves them. What is asked for by another content than it has is kept by no cache."""

    def __init__(self) -> None:
        super().__init__(directory=_FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        response = await super().get_response(path, scope)
        if path in _DIGESTS and scope["query_string"] == f"v={_DIGESTS[path]}".encode():
            response.headers["cache-control"] = _FOR_GOOD
        return response
