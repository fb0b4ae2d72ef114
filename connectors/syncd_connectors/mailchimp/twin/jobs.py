"""Asynchronous batches: operations handed in, worked off later, results in an archive."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from starlette.routing import Match

from syncd.testing.twin import Call, Setup, answer, route
from syncd_connectors.mailchimp.twin.app import problem
from syncd_connectors.mailchimp.twin.routes import Routes
from syncd_connectors.mailchimp.twin.store import stamp

__all__ = ["MailchimpTwin"]

_PENDING: Final = 500
"""The most batches that may wait at once (Mailchimp docs, batch-operations)."""
_STEPS: Final = ("pending", "preprocessing", "started", "finalizing", "finished")


@dataclass(slots=True)
class _Job:
    id: str
    operations: Sequence[Mapping[str, Any]]
    origin: str
    submitted: float
    step: int = 0
    errored: int = 0
    completed: str = ""
    archive: bytes = b""

    def wire(self) -> dict[str, Any]:
        done = _STEPS[self.step] == "finished"
        return {
            "id": self.id,
            "status": _STEPS[self.step],
            "total_operations": len(self.operations),
            "finished_operations": len(self.operations) if done else 0,
            "errored_operations": self.errored,
            "submitted_at": stamp(self.submitted),
            "completed_at": self.completed,
            "response_body_url": f"{self.origin}/_results/{self.id}.tar.gz" if done else "",
        }


class MailchimpTwin(Routes):
    """The whole twin. A batch goes one step further each time somebody asks after it."""

    def __init__(self, setup: Setup, *, double_optin: bool = False) -> None:
        super().__init__(setup, double_optin=double_optin)
        self.jobs: dict[str, _Job] = {}

    @route("POST", "/3.0/batches")
    def submit(self, call: Call) -> httpx.Response:
        """Take a batch; nothing is done yet."""
        operations = call.json().get("operations", [])
        if not all("method" in operation and "path" in operation for operation in operations):
            return problem("Invalid Resource", "Every operation needs a method and a path.", 400)
        if sum(_STEPS[job.step] != "finished" for job in self.jobs.values()) >= _PENDING:
            return problem("Too Many Batches", f"You have more than {_PENDING} pending batches.", 429)
        url = httpx.URL(call.url)
        origin = str(url.copy_with(raw_path=b"/")).rstrip("/")
        job = _Job(f"{self.random.getrandbits(40):010x}", operations, origin, self.clock.now())
        self.jobs[job.id] = job
        return answer(200, job.wire())

    @route("GET", "/3.0/batches/{batch_id}")
    def batch(self, call: Call, batch_id: str) -> httpx.Response:
        """How far a batch is."""
        job = self.jobs.get(batch_id)
        if job is None:
            return self.not_found(call)
        if _STEPS[job.step] != "finished":
            job.step += 1
            if _STEPS[job.step] == "finished":
                self._work_off(job)
        return answer(200, job.wire())

    @route("DELETE", "/3.0/batches/{batch_id}")
    def stop(self, call: Call, batch_id: str) -> httpx.Response:
        """Stop a batch; what has been done stays done."""
        return self.not_found(call) if self.jobs.pop(batch_id, None) is None else answer(204)

    @route("GET", "/_results/{name}")
    def results(self, call: Call, name: str) -> httpx.Response:
        """The archive of results, at a signed address that needs no key."""
        job = self.jobs.get(name.removesuffix(".tar.gz"))
        if job is None or not job.archive:
            return self.not_found(call)
        return answer(200, job.archive, {"content-type": "application/x-gzip"})

    def _work_off(self, job: _Job) -> None:
        results = []
        for operation in reversed(job.operations):  # in no promised order
            response = self._operate(operation)
            job.errored += response.status_code >= 400
            results.append(
                {
                    "status_code": response.status_code,
                    "operation_id": operation.get("operation_id"),
                    "response": response.text,
                }
            )
        job.completed = stamp(self.clock.now())
        job.archive = _archive(job.id, results)

    def _operate(self, operation: Mapping[str, Any]) -> httpx.Response:
        path = "/3.0/" + str(operation["path"]).lstrip("/")
        query = {name: str(value) for name, value in operation.get("params", {}).items()}
        call = Call(
            method=operation["method"],
            path=path,
            query=query,
            queries={name: [value] for name, value in query.items()},
            headers={},
            body=str(operation.get("body", "")).encode(),
            url=f"{path}?{urlencode(query)}",
        )
        scope = {"type": "http", "path": path, "method": call.method, "root_path": "", "headers": []}
        for known, endpoint, _ in self._routes:
            match, child = known.matches(scope)
            if match is Match.FULL:
                return endpoint(call, **child["path_params"])
        return self.not_found(call)


def _archive(id: str, results: Sequence[Mapping[str, Any]]) -> bytes:
    plain, packed = io.BytesIO(), json.dumps(results).encode()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        entry = tarfile.TarInfo(f"{id}/results.json")
        entry.size = len(packed)
        tar.addfile(entry, io.BytesIO(packed))
    return gzip.compress(plain.getvalue(), mtime=0)
