"""Reference server for bench/serve.ts: reads the gzip of an alert from a file archive and sends it as it is, or decompressed.

Usage: ``python bench/fastapi_server.py ROOT PORT``. The endpoint is a coroutine that reads the file in the event loop, because FastAPI's
thread pool would cost more CPU time per request.
"""

import gzip
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response

root = Path(sys.argv[1]) / "v2" / "alerts"
app = FastAPI()


@app.get("/v1/alerts/{alert_id}")
async def get_alert(alert_id: int, request: Request) -> Response:
    """Send an alert, as gzip if the client accepts gzip."""
    stored = (root / str(alert_id)[:6] / f"{alert_id}.avro.gz").read_bytes()
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(stored, media_type="application/octet-stream", headers={"content-encoding": "gzip"})
    return Response(gzip.decompress(stored), media_type="application/octet-stream")


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False, log_level="error")
