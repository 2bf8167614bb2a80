"""One process of the gateway: ingest, API and scheduled settlement, started and ended together.

What ends one of them ends all. Exit status 0: stopped as asked. 1: something failed, and a
supervisor should start it again. No rule of payments or of the API lives here.
"""

import os
import secrets
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
import uvicorn
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from gateway import logs, witness
from gateway.api.app import create_app
from gateway.api.services import Services
from gateway.api.stream import Stream
from gateway.config import (
    Config,
    ConfigError,
    address_of,
    check_key_file,
    is_loopback,
    read_password,
)
from gateway.folder_lock import locked
from gateway.ingest.context import LEASE
from gateway.ingest.mqtt import Broker
from gateway.ingest.spans import NOBODY, Spans
from gateway.ingest.worker import Worker
from gateway.metrics import Metrics
from gateway.operations import (
    backing,
    chain,
    people,
    plans,
    principal,
    retention,
    schedules,
    settlement,
)
from gateway.operations.in_turn import in_turn
from gateway.operations.office import Office, opened
from gateway.settlement.rails import RailError
from gateway.store.errors import StoreError
from gateway.store.tables import Base
from gateway.webhooks.deliver import Deliverer

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 10.0
_SETTLE_AGAIN_SECONDS = 60.0
_FORGET_SECONDS = 600.0
_DELIVER_SECONDS = 1.0
_CHAIN_SECONDS = 10.0
_CHAIN_MOVES_SECONDS = 2.0
"""Between two looks at the chain: each costs a dozen questions to each node. The shorter while a
deposit or a transaction waits for blocks."""

lease = Base.metadata.tables["lease"]


def serve(config: Config, ready_file: Path | None = None) -> int:
    """Run the gateway until SIGTERM or SIGINT, and return the process's exit status.

    `ready_file` is written, and a line `ready URL` printed, once the broker is connected and the
    API listens. Raises ConfigError, KeyFileError or StoreError if it can't begin.
    """
    logs.to_stderr()
    if not is_loopback(config.api_host) and config.api_certificate_file is None:
        log.warning("the API is open to other machines without TLS", api_host=config.api_host)
    if not is_loopback(config.broker_host) and config.broker_ca_file is None:
        log.warning("plain MQTT to another machine", broker_host=config.broker_host)
    if not config.payout_cooling:
        log.warning("accounts are paid elsewhere as soon as that is approved", payout_cooling="off")
    with opened(config) as office, locked(config.data, alone=config.sqlite_path is not None):
        return _Process(office, ready_file).run()


class _Process:
    """The parts of one running gateway; `failure` is what ended it, if anything did."""

    def __init__(self, office: Office, ready_file: Path | None) -> None:
        config = office.config
        self._office = office
        self._ready_file = ready_file
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._ending = threading.Event()
        self._failure: BaseException | None = None
        metrics = Metrics()
        broker = Broker(
            config.broker_host,
            config.broker_port,
            config.broker_username,
            read_password(config),
            config.broker_ca_file,
            config.broker_certificate_file,
            config.broker_key_file,
        )
        check_key_file("broker_key_file", config.broker_key_file)
        api_tls = _api_tls(config)
        spans, self._end_tracing = _traced(config)
        self._listening = _listen(config)
        try:
            self._worker = Worker(
                office.store,
                office.keys,
                metrics,
                broker,
                self._holder,
                self._failed,
                config.device_rate,
                config.device_burst,
                config.hub_fee_bp,
                config.device_silence,
                spans,
            )
        except OSError as error:
            raise ConfigError(
                f"broker_ca_file, broker_certificate_file or broker_key_file: {error}"
            ) from None
        services = Services(
            store=office.store,
            keys=office.keys,
            rails=office.rails,
            credentials=office.credentials,
            payout_cooling=office.config.payout_cooling,
            people_key=office.people_key,
            webhooks_key=office.webhooks_key,
            metrics=metrics,
            not_ready=self._not_ready,
            device_broker=config.broker_of_devices,
            folders=config.folders,
        )
        app = create_app(services)
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_graceful_shutdown=5,
                **api_tls,
            ),
            app.state.stream,
        )

    def run(self) -> int:
        """Serve until told to stop, then stop everything in order."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_stop)
        threads = [
            threading.Thread(target=self._announce, name="announce", daemon=True),
            threading.Thread(target=self._bear_witness, name="witness", daemon=True),
            threading.Thread(target=self._settle, name="settle", daemon=True),
            threading.Thread(target=self._watch_chain, name="chain", daemon=True),
            threading.Thread(target=self._forget, name="forget", daemon=True),
            threading.Thread(target=self._deliver, name="webhooks", daemon=True),
        ]
        self._worker.start()
        for thread in threads:
            thread.start()
        try:
            self._server.run(sockets=[self._listening])
        finally:
            self._ending.set()
            self._worker.stop()
            self._end_tracing()
            for thread in threads:
                thread.join(timeout=30)
            self._listening.close()
            if self._ready_file is not None:
                self._ready_file.unlink(missing_ok=True)
        log.info("stopped", failure=None if self._failure is None else repr(self._failure))
        return 0 if self._failure is None else 1

    def _asked_to_stop(self, number: int, _frame: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        self._server.should_exit = True

    def _failed(self, error: BaseException) -> None:
        self._failure = error
        self._server.should_exit = True

    def _announce(self) -> None:
        while not (self._server.started and self._worker.link.connected.wait(0.05)):
            if self._ending.wait(0.05):
                return
        host, port = self._listening.getsockname()[:2]
        scheme = "http" if self._office.config.api_certificate_file is None else "https"
        url = address_of(scheme, host, port)
        if self._ready_file is not None:
            draft = self._ready_file.with_name(self._ready_file.name + ".tmp")
            draft.write_text(url + "\n")
            draft.replace(self._ready_file)
        sys.stdout.write(f"ready {url}\n")
        sys.stdout.flush()
        log.info("ready", api=url)
        self._welcome(url)

    def _welcome(self, url: str) -> None:
        """Print the link for the first person, where there is nobody yet."""
        try:
            store = self._office.store
            link = people.first(store, principal.of_shell(store, {}))
        except SQLAlchemyError as error:
            log.warning("nobody could be invited", error=repr(error))
            return
        if link is not None:
            # Not into the log: whoever has it comes in.
            sys.stdout.write(f"welcome {url}{link.path}\n")
            sys.stdout.flush()

    def _not_ready(self) -> list[str]:
        lacking = []
        try:
            with self._office.store.read() as conn:
                query = select(lease.c.holder).where(lease.c.name == LEASE)
                holder = conn.execute(query).scalar_one_or_none()
        except SQLAlchemyError as error:
            lacking.append(f"database: {type(error).__name__}")
        else:
            if holder != self._holder:
                lacking.append(f"lease: held by {holder}")
        if not self._worker.link.connected.is_set():
            lacking.append("broker: not connected")
        if self._failure is not None:
            lacking.append("ingest: has ended")
        return lacking

    def _bear_witness(self) -> None:
        """Note how far the database has come: at the start, now and then, and at the end."""
        ending = False
        while True:
            try:
                with self._office.store.write() as conn:
                    seen = witness.raise_beat(conn)
                witness.note(self._office.config.data, seen)
            except (SQLAlchemyError, OSError) as error:
                # An older note only sees less; whether payments can be kept is the ingest's affair.
                log.warning("the witness could not be written", error=repr(error))
            if ending:
                return
            ending = self._ending.wait(witness.BEAT_SECONDS)

    def _deliver(self) -> None:
        """Send events to webhooks."""
        deliverer = Deliverer(self._office.store, self._office.webhooks_key)
        more = False
        while not self._ending.wait(0.0 if more else _DELIVER_SECONDS):
            try:
                more = deliverer.step()
            except SQLAlchemyError as error:
                # Nothing is lost: what was not sent still waits.
                log.warning("events could not be sent to webhooks", error=repr(error))
                more = False

    def _forget(self) -> None:
        """Delete what was kept for long enough."""
        office = self._office
        while not self._ending.wait(_FORGET_SECONDS):
            try:
                retention.forget(office.store, office.config)
            except SQLAlchemyError as error:
                # It is only kept longer.
                log.warning("what is old could not be deleted", error=repr(error))

    def _watch_chain(self) -> None:
        """Look at the chain, so that whoever asks for it waits for no node; and at what is locked
        there as soon as a deposit may be final."""
        office = self._office
        failed = ""
        moved = True
        while not self._ending.wait(_CHAIN_MOVES_SECONDS if moved else _CHAIN_SECONDS):
            try:
                before, moved = moved, chain.look(office.store, office.rails)
                if before or moved:
                    backing.look_at_all(office.store, office.rails)
                failed = ""
            except (SQLAlchemyError, StoreError, RailError, OSError) as error:
                # What is shown is older, and says so.
                moved = False
                if failed != (failed := repr(error)):
                    log.warning("the chain can't be looked at", error=failed)

    def _settle(self) -> None:
        """Let prices change at their times, settle what falls due by its schedule, and hand over
        what could not be before."""
        office = self._office
        wait = 0.0
        while not self._ending.wait(wait):
            wait = _LOOK_SECONDS
            try:
                followed = plans.follow_due(office.store)
                if followed:
                    log.info("prices change", tariffs=followed)
                ended = plans.end_due(office.store)
                if ended:
                    log.info("a price has ended", channels=ended)
                results = schedules.settle_due(office.store, office.keys, office.rails)
                if results:
                    log.info("settled", runs=[each.run for each in results])
                steps = {
                    "looking at what is locked": partial(
                        backing.look_at_all, office.store, office.rails
                    ),
                    "handing over": partial(settlement.hand_over, office.store, office.rails),
                }
                in_turn(steps)
            except (SQLAlchemyError, StoreError, RailError, OSError) as error:
                # Nothing is lost: what was not settled is still due.
                log.error("settlement failed, to be tried again", error=repr(error))
                wait = _SETTLE_AGAIN_SECONDS
            except BaseException as error:
                self._failed(error)
                raise


def _traced(config: Config) -> tuple[Spans, Callable[[], None]]:
    """Who follows the hot path, and what ends that. Raises ConfigError."""
    if not config.tracing:
        return NOBODY, lambda: None
    try:
        # Heavy, and an extra: nobody pays for it who does not ask for it.
        from gateway import tracing
    except ImportError as error:
        raise ConfigError(
            f"tracing: needs the extra: pip install 'tallystick[tracing]' ({error})"
        ) from None
    begun = tracing.begin(config.tracing_endpoint)
    return begun, begun.close


def _api_tls(config: Config) -> dict[str, Any]:
    """How the API is to speak TLS, for uvicorn; nothing if it is not to. Raises ConfigError."""
    certificate, key = config.api_certificate_file, config.api_key_file
    if certificate is None:
        return {}
    check_key_file("api_key_file", key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:
        raise ConfigError(f"api_certificate_file, api_key_file: {error}") from None
    return {"ssl_certfile": certificate, "ssl_keyfile": key}


def _listen(config: Config) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in config.api_host else socket.AF_INET
        return socket.create_server((config.api_host, config.api_port), family=family)
    except OSError as error:
        raise ConfigError(
            f"api_port: can't listen on {config.api_host} port {config.api_port} "
            f"({error.strerror}); set another, or 0 for any"
        ) from None


class _Server(uvicorn.Server):
    """Uvicorn, save that signals are ours: it would end the process before the worker ends. Streams
    of events end with it, and are not waited for."""

    capture_signals: Callable[..., nullcontext[None]] = staticmethod(nullcontext)  # type: ignore[assignment]

    def __init__(self, settings: uvicorn.Config, stream: Stream) -> None:
        super().__init__(settings)
        self._stream = stream

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is being served, and all connections."""
        self._stream.close()
        await super().shutdown(sockets)
