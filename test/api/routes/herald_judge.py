"""Judges Herald's routes as a client of Herald, with fastavro, astropy and pyvo.

Usage: herald_judge.py BASE_URL < [{"id", "schema", "datum" (base64)}, ...]      prints [fault, ...]
"""
import base64
import io
import json
import math
import sys

import fastavro
import numpy as np
import pyvo
import requests
from astropy.io import fits

HDUS = {"cutoutDifference": "DIFFIM", "cutoutScience": "SCIENCE", "cutoutTemplate": "TEMPLATE"}
base = sys.argv[1]
faults = []


def get(path, **parameters):
    response = requests.get(f"{base}{path}", params=parameters, timeout=60)
    response.raise_for_status()
    return response


def bare(text):
    """The schema without logical types, which fastavro would read as dates."""
    def strip(node):
        node.pop("logicalType", None)
        return node
    return fastavro.parse_schema(json.loads(text, object_hook=strip))


def encode(schema, record):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    return out.getvalue()


def friendly(value):
    """The JSON that Herald makes of a record."""
    if isinstance(value, dict):
        return {name: friendly(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [friendly(inner) for inner in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def check_cutouts(expect, record, content):
    with fits.open(io.BytesIO(content)) as hdus:
        names = [hdu.name for hdu in hdus]
        expect(names[0] == "PRIMARY" and hdus[0].data is None, f"primary HDU of {names}")
        present = [field for field in HDUS if record.get(field) is not None]
        expect([name for name in names if name in HDUS.values()] == [HDUS[field] for field in present], f"HDUs {names}")
        for field in present:
            with fits.open(io.BytesIO(record[field])) as stamp:
                found = hdus[HDUS[field]]
                expect(np.array_equal(found.data, stamp[0].data, equal_nan=True), f"pixels of {field}")


def check_links(expect, alert_id):
    links = pyvo.dal.adhoc.DatalinkResults.from_result_url(f"{base}/api/alerts/links?ID=LSST-AP-DS-{alert_id}")
    expect({row["ID"] for row in links} == {alert_id}, "ID of links")
    expect(links.to_table()["content_length"].mask.all(), "the content length is null")
    found = sorted((row.semantics, row.content_type) for row in links)
    expect(found == sorted([
        ("#this", "application/x-avro-ocf"), ("#this", "application/fits"), ("#cutout", "application/fits"),
        ("#detached-header", "application/json"),
    ]), f"links {found}")
    for row in links:
        expect(row.access_url.startswith(f"{base}/api/alerts"), f"address {row.access_url}")
        expect(row.error_message == "", "error message")
        response = requests.get(row.access_url, timeout=60)
        expect(response.status_code == 200, f"{response.status_code} from {row.access_url}")
        expect(response.headers["content-type"] == row.content_type, f"media type of {row.access_url}")
    # With narrower terms, pyvo would download the vocabulary.
    expect(len(list(links.bysemantics("#cutout", include_narrower=False))) == 1, "bysemantics")


def check(case):
    def expect(holds, what):
        if not holds:
            faults.append(f"{case['id']}: {what}")

    alert_id = case["id"]
    schema = bare(case["schema"])
    datum = base64.b64decode(case["datum"])
    record = fastavro.schemaless_reader(io.BytesIO(datum), schema)

    response = get("/api/alerts", ID=alert_id)
    reader = fastavro.reader(io.BytesIO(response.content))
    [found] = reader
    expect(encode(fastavro.parse_schema(json.loads(reader.metadata["avro.schema"])), found) == datum, "container file")
    expect(response.headers["content-disposition"] == f'attachment; filename="alert-{alert_id}.avro"', "file name")

    for name in ("json", "application/json"):
        expect(get("/api/alerts", ID=alert_id, RESPONSEFORMAT=name).json() == friendly(record), "JSON")

    for name in ("fits", "application/fits"):
        content = get("/api/alerts", ID=alert_id, RESPONSEFORMAT=name).content
        check_cutouts(expect, record, content)
        with fits.open(io.BytesIO(content)) as hdus:
            for table in ("ALERT", "DIASOURCE", "FORCEDPHOT", "SSSOURCE"):
                expect(table in hdus, table)
            rows = hdus["DIASOURCE"].data
            expect(list(rows["trigger"]) == [True] + [False] * len(record["prvDiaSources"] or []), "trigger")
            expect(rows["iau_id"][0].strip() == f"LSST-AP-DS-{alert_id}", "iau_id")

    for path in ("/api/alerts/cutouts", "/api/cutouts"):
        check_cutouts(expect, record, get(path, ID=alert_id).content)
    for path in ("/api/alerts/schema", "/api/schema"):
        expect(get(path, ID=alert_id).json() == json.loads(case["schema"]), "schema")
    check_links(expect, alert_id)


for case in json.load(sys.stdin):
    check(case)
print(json.dumps(faults))
