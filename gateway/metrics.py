"""What the gateway counts, in one place, so that docs and code agree (Prometheus; no label ever
holds an id, so their number stays bounded)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The counters of one gateway process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter(
            "tallystick_messages_total",
            "Messages received, by kind.",
            ["kind"],
            registry=self.registry,
        )
        self.ious_accepted = Counter(
            "tallystick_ious_accepted_total",
            "IOUs that raised a mark and are on disk.",
            registry=self.registry,
        )
        self.ious_coalesced = Counter(
            "tallystick_ious_coalesced_total",
            "IOUs superseded by a newer one of the same channel before they were checked.",
            registry=self.registry,
        )
        self.ious_stale = Counter(
            "tallystick_ious_stale_total",
            "IOUs at or below the mark, answered with the current ack.",
            registry=self.registry,
        )
        self.ticks_accepted = Counter(
            "tallystick_ticks_accepted_total",
            "Ticks that raised a mark and are on disk.",
            registry=self.registry,
        )
        self.refused = Counter(
            "tallystick_refused_total",
            "Messages refused, by kind and reason.",
            ["kind", "reason"],
            registry=self.registry,
        )
        self.silent = Counter(
            "tallystick_ignored_total",
            "Messages that get no answer because their sender is not known, by why.",
            ["why"],
            registry=self.registry,
        )
        self.dropped = Counter(
            "tallystick_dropped_total",
            "Messages dropped because a device said too much, or had too many waiting.",
            registry=self.registry,
        )
        self.alerts = Counter(
            "tallystick_alerts_total",
            "What an operator should look at, by kind; the log says which device.",
            ["kind"],
            registry=self.registry,
        )
        self.broker_connections = Counter(
            "tallystick_broker_connections_total",
            "How often the gateway has connected to the broker.",
            registry=self.registry,
        )
        self.unsent = Counter(
            "tallystick_unsent_total",
            "Acks that were not sent because the broker does not read; the next says the same.",
            registry=self.registry,
        )
        self.tokens_refused = Counter(
            "tallystick_tokens_refused_total",
            "Access tokens, log-ins and claim codes refused by the API, by why: invalid (a token or"
            " a session), login (a password, code or link), claim (a device's code), or limited"
            " after too many.",
            ["why"],
            registry=self.registry,
        )
        self.batch_size = Histogram(
            "tallystick_batch_messages",
            "Messages in one batch.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
            registry=self.registry,
        )
        self.commit_seconds = Histogram(
            "tallystick_commit_seconds",
            "Time to write and commit one batch of marks.",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
            registry=self.registry,
        )
        self.broker_connected = Gauge(
            "tallystick_broker_connected",
            "1 while the gateway is connected to the broker.",
            registry=self.registry,
        )
        self.inbox = Gauge(
            "tallystick_inbox_messages",
            "Messages received and not yet taken into a batch.",
            registry=self.registry,
        )
