"""The limit: a bare loop that lists one app and writes others in batches, with the same client, and no state."""

from __future__ import annotations

import sys

import orjson

from syncd.sdk.http import open_client

__all__ = ["copy"]

_BATCH = 1000


def copy(source: str, *targets: str) -> int:
    """Write what one app has to the others, which have nothing; how many records that were."""
    client, after = open_client(), 0
    copied = 0
    while True:
        page = orjson.loads(client.get(f"{source}/people", params={"after": after, "limit": _BATCH}).content)
        writes = [
            {
                "key": row["id"],
                "op": "create",
                "fields": {n: v for n, v in row.items() if n not in ("id", "made", "serial")},
            }
            for row in page["people"]
        ]
        body = orjson.dumps({"writes": writes})
        for target in targets:
            answer = client.post(f"{target}/people/write", content=body)
            copied += len([one for one in orjson.loads(answer.content)["results"] if one["status"] == "stored"])
        if page["next"] is None:
            return copied
        after = page["next"]


if __name__ == "__main__":
    print(copy(*sys.argv[1:]))
