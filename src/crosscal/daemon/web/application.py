"""HTTP application: `/status`, `/metrics`, `/healthz`, the page and its data; it answers GET alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from crosscal.daemon.states import State
from crosscal.daemon.status import Snapshot, StatusBoard
from crosscal.daemon.web.metrics import CONTENT_TYPE, metrics_text
from crosscal.daemon.web.series import series

_UNWELL = (str(State.FAULT), str(State.DISCONNECTED))
# The page loads nothing from elsewhere and cannot be framed.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def application(status: StatusBoard, store: Path, monotonic: Callable[[], float]) -> Starlette:
    """Make the application over what the board thread shows.

    Args:
        status: where it leaves its snapshots.
        store: folder of the history.
        monotonic: the board thread's clock [s].
    """
    page = files("crosscal.daemon.web").joinpath("page.html").read_text(encoding="utf-8")

    def show_page(request: Request) -> Response:
        del request
        return HTMLResponse(page, headers=_HEADERS)

    def show_status(request: Request) -> Response:
        del request
        snapshot = status.snapshot
        return JSONResponse(None if snapshot is None else dict(snapshot.document), headers=_HEADERS)

    def show_metrics(request: Request) -> Response:
        del request
        snapshot = status.snapshot
        text = b"" if snapshot is None else metrics_text(snapshot)
        return Response(text, headers={**_HEADERS, "Content-Type": CONTENT_TYPE})

    def show_health(request: Request) -> Response:
        del request
        snapshot = status.snapshot
        if snapshot is None or not status.alive(monotonic()):
            return JSONResponse({"healthy": False, "reason": "the board thread is silent"}, 503, _HEADERS)
        state = snapshot.document["state"]
        well = state not in _UNWELL
        return JSONResponse({"healthy": well, "reason": state}, 200 if well else 503, _HEADERS)

    def show_series(request: Request) -> Response:
        del request
        snapshot = status.snapshot
        return JSONResponse({**series(store), **_arrays(snapshot)}, headers=_HEADERS)

    return Starlette(
        routes=[
            Route("/", show_page),
            Route("/status", show_status),
            Route("/metrics", show_metrics),
            Route("/healthz", show_health),
            Route("/series", show_series),
        ]
    )


def _arrays(snapshot: Snapshot | None) -> dict[str, Any]:
    if snapshot is None:
        return {"drift_map": [], "cell_map": [], "last_read_a": []}
    return {
        "drift_map": _numbers(snapshot.drift_map),
        "cell_map": _numbers(snapshot.cell_map),
        "last_read_a": _numbers(snapshot.last_read_a),
    }


def _numbers(values: np.ndarray | None) -> Any:
    """Plain numbers; None where there is none, which JSON has no number for."""
    if values is None:
        return []
    return [[_number(each) for each in row] if np.ndim(row) else _number(row) for row in np.asarray(values)]


def _number(value: float) -> float | None:
    # 9.91E37 is SCPI's "not a number".
    return float(value) if math.isfinite(value) and abs(value) < 1e30 else None
