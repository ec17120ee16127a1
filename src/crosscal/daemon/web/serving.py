"""HTTP server of a daemon, in a thread of its own."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from crosscal.core.errors import BoardConnectionError, wanted
from crosscal.daemon.settings import Http
from crosscal.daemon.status import StatusBoard
from crosscal.daemon.web.application import application

logger = logging.getLogger(__name__)

_MOST_CLIENTS = 64  # at once; the page asks with one connection, a scraper with another
_KEEP_ALIVE_S = 5  # the page asks again sooner
_HEADER_BYTES = 16_384  # of a request, which has no need of more; the usual limit is as large
_ENDING_S = 2.0  # for requests that are being answered


class HttpServer:
    """Serves status, metrics and page until it is closed; a context manager.

    Args:
        settings: where to listen.
        status: what to show.
        store: folder of the history.
        monotonic: the board thread's clock [s].

    Raises:
        BoardConnectionError: the port cannot be had.
    """

    def __init__(
        self, settings: Http, status: StatusBoard, store: Path, *, monotonic: Callable[[], float]
    ) -> None:
        try:
            family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
            self._listener = socket.create_server((settings.host, settings.port), family=family)
        except OSError as error:
            raise BoardConnectionError(
                wanted(
                    got=f"http.listen = {settings.listen} ({error})",
                    allowed="an address of this machine and a port that no program holds",
                    remedy="choose another port, or 0 for any free one",
                )
            ) from error
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{settings.host}:{self.port}/"
        if not settings.is_loopback:
            logger.warning("%s is open to the network: whoever reaches it may look", settings.listen)
        self._server = uvicorn.Server(
            uvicorn.Config(
                application(status, store, monotonic),
                log_config=None,
                access_log=False,
                lifespan="off",
                limit_concurrency=_MOST_CLIENTS,
                timeout_keep_alive=_KEEP_ALIVE_S,
                h11_max_incomplete_event_size=_HEADER_BYTES,
                http="h11",
                ws="none",
            )
        )
        self._thread = threading.Thread(target=self._run, name="crosscal-http", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        logger.info("status, metrics and the page are at %s", self.url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._server.force_exit = True
        if self._thread.is_alive():
            self._thread.join(_ENDING_S)
        self._listener.close()

    def _run(self) -> None:
        # Signals are the main thread's, and uvicorn takes them in no other.
        self._server.run(sockets=[self._listener])
