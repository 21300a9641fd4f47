"""Reference server for bench/forms.ts: makes the forms of an alert with fastavro, astropy and Pillow.

Usage: ``python bench/fastapi_forms.py ROOT PORT``. The endpoints are coroutines that work in the event loop, because FastAPI's thread pool
would cost more CPU time per request. Schemas are parsed once.
"""

import base64
import csv
import gzip
import io
import json
import math
import sys
from pathlib import Path

import fastavro
import numpy as np
import uvicorn
from astropy.io import fits
from astropy.wcs import WCS
from fastapi import FastAPI, Response
from PIL import Image

root = Path(sys.argv[1])
app = FastAPI()
schemas = {}
CUTOUTS = {"cutoutDifference": "DIFFIM", "cutoutScience": "SCIENCE", "cutoutTemplate": "TEMPLATE"}
MERGED = ("diaObject", "mpc_orbits")
FORMATS = {"float": ("E", np.float32), "double": ("D", np.float64), "int": ("J", np.int32), "long": ("K", np.int64),
           "boolean": ("B", np.uint8)}
NULLS = {"float": math.nan, "double": math.nan, "int": -2**31, "long": -2**63, "boolean": 255}
COLUMNS = ("midpointMjdTai", "band", "psfFlux", "psfFluxErr", "scienceFlux", "scienceFluxErr", "templateFlux", "templateFluxErr", "snr",
           "reliability", "ra", "dec", "visit", "detector", "diaSourceId", "diaForcedSourceId")


def records(node, found):
    for inner in node if isinstance(node, list) else [node]:
        if isinstance(inner, dict):
            if inner.get("type") == "record":
                found[inner["name"]] = inner["fields"]
                for field in inner["fields"]:
                    records(field["type"], found)
            else:
                records(inner.get("items"), found)
    return found


def read(alert_id):
    """The parsed schema, the JSON of the schema, its records, and the alert."""
    frame = gzip.decompress((root / "v2" / "alerts" / str(alert_id)[:6] / f"{alert_id}.avro.gz").read_bytes())
    schema_id = int.from_bytes(frame[1:5], "big")
    if schema_id not in schemas:
        document = json.loads((root / "v2" / "schemas" / f"{schema_id}.json").read_text())
        parsed = fastavro.parse_schema(document)
        schemas[schema_id] = parsed, records(parsed, {})
    parsed, found = schemas[schema_id]
    return parsed, found, fastavro.schemaless_reader(io.BytesIO(frame[5:]), parsed)


def friendly(value):
    if isinstance(value, dict):
        return {name: friendly(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [friendly(inner) for inner in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def fields_of(kind, found):
    for branch in kind if isinstance(kind, list) else [kind]:
        name = branch.get("name", branch.get("items")) if isinstance(branch, dict) else branch
        name = name["name"] if isinstance(name, dict) else name
        if name in found:
            return found[name]
    return None


def columns_of(fields, rows):
    columns = []
    for field in fields:
        kind = field["type"]
        nullable = isinstance(kind, list)
        kind = next(each for each in kind if each != "null") if nullable else kind
        kind = kind["type"] if isinstance(kind, dict) and isinstance(kind.get("type"), str) else kind
        values = [row[field["name"]] for row in rows]
        if kind == "string":
            texts = [value or "" for value in values]
            columns.append(fits.Column(field["name"], f"{max(map(len, texts), default=1) or 1}A", array=np.array(texts)))
        elif isinstance(kind, str) and kind in FORMATS:
            code, dtype = FORMATS[kind]
            null = NULLS[kind] if nullable and kind not in ("float", "double") else None
            if hasattr(next((value for value in values if value is not None), None), "timestamp"):
                values = [None if value is None else int(value.timestamp() * 1000) for value in values]
            array = np.array([NULLS[kind] if value is None else value for value in values], dtype=dtype)
            columns.append(fits.Column(field["name"], code, array=array, null=null))
    return columns


def as_fits(parsed, found, alert):
    columns = columns_of(parsed["fields"], [alert])
    tables = []
    for field in parsed["fields"]:
        name, fields = field["name"], fields_of(field["type"], found)
        value = alert[name]
        rows = value if isinstance(value, list) else [] if value is None else [value]
        if fields is None or name == "prvDiaSources":
            continue
        if name in MERGED:
            columns += columns_of(fields, rows) if rows else []
        elif name == "diaSource":
            tables.append(fits.BinTableHDU.from_columns(columns_of(fields, rows + (alert["prvDiaSources"] or [])), name="DIASOURCE"))
        else:
            tables.append(fits.BinTableHDU.from_columns(columns_of(fields, rows), name=name.upper()))
    images = []
    for name, extension in CUTOUTS.items():
        if alert[name] is not None:
            with fits.open(io.BytesIO(alert[name])) as cutout:
                images.append(fits.ImageHDU(cutout[0].data, cutout[0].header, name=extension))
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="ALERT"), *images, *tables]).writeto(out)
    return out.getvalue()


@app.get("/v1/alerts/{alert_id}")
async def get_form(alert_id: int, format: str) -> Response:
    """Send an alert in a form."""
    parsed, found, alert = read(alert_id)
    if format == "json":
        return Response(json.dumps(friendly(alert), default=lambda value: int(value.timestamp() * 1000)), media_type="application/json")
    if format == "fits":
        return Response(as_fits(parsed, found, alert), media_type="application/fits")
    if format == "json-lossless":
        text = io.StringIO()
        fastavro.json_writer(text, parsed, [alert])
        return Response(text.getvalue(), media_type="application/avro+json")
    out = io.BytesIO()
    fastavro.writer(out, parsed, [alert])
    return Response(out.getvalue(), media_type="application/avro")


@app.get("/v1/alerts/{alert_id}/cutouts/science")
async def get_cutout(alert_id: int, size: int, orientation: str = "detector") -> Response:
    """Send the science cutout as PNG."""
    with fits.open(io.BytesIO(read(alert_id)[2]["cutoutScience"])) as hdus:
        image, header = hdus[0].data, hdus[0].header
    height, width = image.shape
    rows, columns = np.indices((size, size))
    x, y = (columns + 0.5) * width / size - 0.5, (rows + 0.5) * height / size - 0.5
    if orientation == "north":
        header.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CUNIT1="deg", CUNIT2="deg")
        source, north = WCS(header), WCS(naxis=2)
        north.wcs.ctype = "RA---TAN", "DEC--TAN"
        north.wcs.crpix = (width + 1) / 2, (height + 1) / 2
        north.wcs.crval = source.wcs_pix2world([[(width + 1) / 2, (height + 1) / 2]], 1)[0]
        scale = np.sqrt(abs(np.linalg.det(source.pixel_scale_matrix)))
        north.wcs.cd = [[-scale, 0], [0, scale]]
        pixels = source.wcs_world2pix(north.wcs_pix2world(np.stack([x.ravel(), y.ravel()], axis=1), 0), 0)
        x, y = pixels[:, 0].reshape(x.shape), pixels[:, 1].reshape(y.shape)
        outside = (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)
        x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
        left, below = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
        fx, fy = x - left, y - below
        values = ((image[below, left] * (1 - fx) + image[below, left + 1] * fx) * (1 - fy)
                  + (image[below + 1, left] * (1 - fx) + image[below + 1, left + 1] * fx) * fy)
    else:
        outside = np.zeros(x.shape, dtype=bool)
        values = image[np.rint(y).astype(int).clip(0, height - 1), np.rint(x).astype(int).clip(0, width - 1)]
    low, high = np.percentile(image, (0.25, 99.75))
    levels = np.rint(255 * np.arcsinh(np.clip((values - low) / (high - low), 0, 1) / 0.1) / np.arcsinh(10)).astype(np.uint8)
    picture = np.stack([levels, np.where(outside, 0, 255).astype(np.uint8)], axis=-1)[::-1]
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(out, "PNG")
    return Response(out.getvalue(), media_type="image/png")


@app.get("/v1/alerts/{alert_id}/lightcurve")
async def get_light_curve(alert_id: int) -> Response:
    """Send the light curve as CSV."""
    alert = read(alert_id)[2]
    points = [(record, kind) for name, kind in (("prvDiaSources", "detection"), ("prvDiaForcedSources", "forced"))
              for record in alert[name] or []]
    points = sorted([*points, (alert["diaSource"], "detection")], key=lambda point: point[0]["midpointMjdTai"])
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("kind", *COLUMNS))
    for record, kind in points:
        cells = (record.get(name) for name in COLUMNS)
        writer.writerow((kind, *("" if isinstance(cell, float) and not math.isfinite(cell) else cell for cell in cells)))
    return Response(out.getvalue(), media_type="text/csv")


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False, log_level="error")
