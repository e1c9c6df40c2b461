"""The routes of the view, each authorised through Airflow's auth manager: a mounted application has no other guard."""

# No postponed annotations: FastAPI reads those of the routes, which use names that are imported in a function.
import asyncio
import time
from pathlib import Path
from typing import Any

from airflow_provider_milvus import rest
from airflow_provider_milvus.rest.errors import MilvusError
from airflow_provider_milvus.ui import api_server
from airflow_provider_milvus.ui.audience import Audience
from airflow_provider_milvus.ui.board import Board, Entry
from airflow_provider_milvus.ui.job import Key, as_json
from airflow_provider_milvus.ui.milvus_server import REFRESH_SECONDS
from airflow_provider_milvus.ui.page import Filter, page

STATIC = Path(__file__).parent / "static"
MAX_PAGE = 200
ACTIONS = {"commit": rest.import_jobs.commit, "abort": rest.import_jobs.abort}


def create_application() -> Any:
    """The application that Airflow's api-server mounts."""
    from fastapi import Body, Depends, FastAPI, HTTPException, Query, Request
    from fastapi.responses import JSONResponse
    from starlette.staticfiles import StaticFiles

    board = Board()
    application = FastAPI(title="Milvus imports", docs_url=None, redoc_url=None, openapi_url=None)
    get_user, readable = api_server.user_dependency(), Depends(api_server.xcom_access())

    @application.exception_handler(RuntimeError)
    async def not_available(request: Request, error: RuntimeError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503)

    @application.get("/api/jobs", dependencies=[readable])
    async def list_jobs(
        request: Request,
        user: Any = Depends(get_user),  # noqa: B008
        offset: int = Query(0, ge=0, le=1_000_000),
        limit: int = Query(50, ge=1, le=MAX_PAGE),
        map_index: int = Query(-1, ge=-1),
    ) -> JSONResponse:
        audience = await Audience.of(request, user)
        wanted = Filter.of(request.query_params, map_index)
        found = await page(board, audience, wanted, offset, limit)
        return JSONResponse({**found, "refresh_seconds": REFRESH_SECONDS}, headers={"Cache-Control": "no-store"})

    @application.get("/api/job", dependencies=[readable])
    async def show_job(
        request: Request,
        conn_id: str,
        job_id: str,
        database: str | None = None,
        user: Any = Depends(get_user),  # noqa: B008
    ) -> JSONResponse:
        audience = await Audience.of(request, user)
        entry = await visible(audience, Key(conn_id, database or None, job_id))
        live = await asyncio.to_thread(audience.may_see_live, entry)
        if live:
            await board.describe([entry])
        job = entry.best(live=live)
        if job is None:
            raise HTTPException(404, "There is no such import job")
        body = {**as_json(job, time.time()), "files": job.files, **await audience.rights(entry, job)}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    @application.post("/api/{action}", dependencies=[readable])
    async def act(
        request: Request,
        action: str,
        conn_id: str = Body(),
        job_id: str = Body(),
        database: str | None = Body(None),
        user: Any = Depends(get_user),  # noqa: B008
    ) -> JSONResponse:
        # A form of another site cannot send this type, and a script of it may not.
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise HTTPException(415, "The body must be application/json")
        if action not in ACTIONS:
            raise HTTPException(404, "There is no such action")
        audience = await Audience.of(request, user)
        entry = await visible(audience, Key(conn_id, database or None, job_id))
        if not await audience.may_act(entry):
            raise HTTPException(403, "Forbidden")
        await send(action, entry, user)
        return JSONResponse({"action": action, "job_id": job_id})

    async def visible(audience: Audience, key: Key) -> Entry:
        entry = (await board.get()).get(key)
        if entry is None or not await asyncio.to_thread(audience.may_see, entry):
            raise HTTPException(404, "There is no such import job")
        return entry

    async def send(action: str, entry: Entry, user: Any) -> None:
        server, task = board.servers.get((entry.key.conn_id, entry.key.database)), entry.tasks[0]
        if server is None:
            raise HTTPException(503, "The view reads too many servers to reach this one; use the command line")
        extra = {"conn_id": entry.key.conn_id, "job_id": entry.key.job_id}
        # Before it is sent: without a response it may have been carried out all the same.
        await asyncio.to_thread(api_server.log_action, f"milvus_import_{action}", user, task._asdict(), extra)
        try:
            await server.call(ACTIONS[action](entry.key.job_id))
        except MilvusError as error:
            raise HTTPException(502, str(error)) from error
        except TimeoutError as error:
            raise HTTPException(504, "Milvus has not responded in time; the job shows whether it was done") from error
        finally:
            server.forget(entry.key.job_id)
            board.entries.expire()

    application.mount("/static", StaticFiles(directory=STATIC), name="static")
    return application
