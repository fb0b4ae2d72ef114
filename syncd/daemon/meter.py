"""What is counted, for Prometheus: how much, how long, how often; by app, never by record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from syncd.engine.world import Tally, World
from syncd.errors import StoreError
from syncd.sdk.pace import Gate
from syncd.store.ports import Transaction

__all__ = ["Meter"]

_COUNTED: Final = {
    "read": ("syncd_rows_read", "Rows that an app has shown"),
    "changed": ("syncd_records_changed", "Records in which an app changed a field"),
    "created": ("syncd_records_created", "Records that syncd made in an app"),
    "updated": ("syncd_records_updated", "Records that syncd changed in an app"),
    "deleted": ("syncd_records_deleted", "Records that syncd removed from an app"),
    "refused": ("syncd_writes_refused", "Writes that an app refused"),
    "doubted": ("syncd_writes_doubted", "Writes whose outcome was unknown"),
    "parked": ("syncd_work_parked", "Work left to a person"),
}
_SECONDS: Final = (0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)


class Meter:
    """The daemon's own registry. Counters count from the start of the process; gauges are read when asked.

    `gates`: the limiter before each app, if there is one.
    """

    def __init__(self, gates: Mapping[str, Gate] | None = None) -> None:
        self._gates = gates or {}
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._counters = {
            field: Counter(name, told, ["app"], registry=self._registry) for field, (name, told) in _COUNTED.items()
        }
        self._seconds = Histogram(
            "syncd_stage_seconds", "How long a stage took", ["app", "stage"], buckets=_SECONDS, registry=self._registry
        )
        self._webhooks = Counter(
            "syncd_webhooks", "Webhook calls, by the status answered", ["app", "status"], registry=self._registry
        )
        self._broken = Counter(
            "syncd_promises_broken",
            "Promises that would have been broken, had the app not been paused",
            ["app", "promise"],
            registry=self._registry,
        )
        self._gap = Histogram(
            "syncd_gap_seconds",
            "From the read of a record to the answer to a write without a condition",
            ["app"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._suspected = Counter(
            "syncd_toctou_suspected",
            "Writes before which somebody else seems to have written, unseen",
            ["app"],
            registry=self._registry,
        )
        self._mirrored = Histogram(
            "syncd_mirrored_seconds",
            "From the moment an edit was seen in one app until another had taken it",
            ["app"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._told = Counter(
            "syncd_alerts", "Messages to a destination of alerts", ["to", "outcome"], registry=self._registry
        )
        self._owed = self._gauge("syncd_deliveries_owed", "Deliveries an app has to be told of")
        self._oldest = self._gauge("syncd_owed_seconds", "For how long the oldest delivery has been due")
        self._hints = self._gauge("syncd_hints_waiting", "Records to be read again")
        self._unknown = self._gauge("syncd_writes_unknown", "Writes whose outcome is not known now")
        self._paused = self._gauge("syncd_app_paused", "1 while an app is paused")
        self._failing = self._gauge("syncd_app_failing", "1 while an app does not answer")
        self._answered = self._gauge("syncd_answered_timestamp_seconds", "When an app last answered a poll")
        self._compared = self._gauge("syncd_compared_timestamp_seconds", "When everything of an app was last compared")
        self._budget = Gauge(
            "syncd_budget_used_ratio",
            "The share of a quota of the app that is used now",
            ["app", "bucket", "window"],
            registry=self._registry,
        )
        self._open = Gauge("syncd_parked_open", "Work that waits for a person", ["kind"], registry=self._registry)
        self._store = Gauge("syncd_store_up", "1 while the store can be used", registry=self._registry)

    def stage(self, app: str, stage: str, seconds: float, tally: Tally) -> None:
        """Note a stage that has ended."""
        self._seconds.labels(app, stage).observe(seconds)
        for field, counter in self._counters.items():
            counter.labels(app).inc(getattr(tally, field))

    def webhook(self, app: str, status: int) -> None:
        """Note a webhook call that has been answered."""
        self._webhooks.labels(app, str(status)).inc()

    def heard(self) -> Mapping[str, Mapping[str, int]]:
        """App to status answered to how many webhook calls, since the process began."""
        counts: dict[str, dict[str, int]] = {}
        for sample in (sample for family in self._webhooks.collect() for sample in family.samples):
            if sample.name.endswith("_total"):
                counts.setdefault(sample.labels["app"], {})[sample.labels["status"]] = int(sample.value)
        return counts

    def broken(self, app: str, promise: str) -> None:
        """Note a promise that would have been broken."""
        self._broken.labels(app, promise).inc()

    def gap(self, app: str, seconds: float) -> None:
        """Note how long after its read a record was written to."""
        self._gap.labels(app).observe(seconds)

    def suspected(self, app: str) -> None:
        """Note that somebody seems to have been in that gap."""
        self._suspected.labels(app).inc()

    def mirrored(self, app: str, seconds: float) -> None:
        """Note how long after an edit was seen in another app this one has taken it."""
        self._mirrored.labels(app).observe(seconds)

    def told(self, destination: str, outcome: str) -> None:
        """Note a message to a destination of alerts: `told` or `failed`."""
        self._told.labels(destination, outcome).inc()

    def expects(self, destination: str) -> None:
        """Count from nothing: of a count that begins at one, nobody could tell that it has grown."""
        for outcome in ("told", "failed"):
            self._told.labels(destination, outcome)

    def shown(self, world: World, trouble: str) -> bytes:
        """Everything, in Prometheus' text format. `trouble`: why the store cannot be used, or ""."""
        try:
            self._read(world)
            self._store.set(not trouble)
        except StoreError:
            self._store.set(0)
        return generate_latest(self._registry)

    def _gauge(self, name: str, told: str) -> Gauge:
        return Gauge(name, told, ["app"], registry=self._registry)

    def _read(self, world: World) -> None:
        with world.store.read() as tx:
            parked: Mapping[str, int] = tx.parked.counts()
            for app in world.apps:
                self._read_app(world, tx, app)
        self._open.clear()
        for kind, count in parked.items():
            self._open.labels(kind).set(count)
        for app, gate in self._gates.items():
            for spent in gate.spent():
                self._budget.labels(app, spent.bucket, f"{spent.seconds:g}s").set(spent.share)

    def _read_app(self, world: World, tx: Transaction, app: str) -> None:
        for counter in (*self._counters.values(), self._suspected):
            counter.labels(app)  # from nothing, as in `expects`
        state, soonest = tx.apps.get(app), tx.deliveries.next_due(app)
        self._owed.labels(app).set(tx.deliveries.count(app))
        self._oldest.labels(app).set(0.0 if soonest is None else max(0.0, tx.now - soonest))
        self._hints.labels(app).set(tx.hints.count(app))
        self._unknown.labels(app).set(len(tx.intents.open(app)))
        self._paused.labels(app).set(bool(state.paused))
        self._failing.labels(app).set(bool(state.failing))
        if state.answered_at is not None:
            self._answered.labels(app).set(state.answered_at)
        listed = [tx.cursors.get(sync.name, app).listed_at for sync in world.syncs.values() if app in sync.apps]
        whole = [at for at in listed if at is not None]
        if whole and len(whole) == len(listed):
            self._compared.labels(app).set(min(whole))
