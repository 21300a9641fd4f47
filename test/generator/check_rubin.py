"""Checks alerts of the profile rubin-2026 independently: the Avro file with fastavro, the cutouts with astropy.

Usage: check_rubin.py FILE.avro. Prints one JSON object: {"records", "digests", "faults", "stats"}.
"""
import datetime
import hashlib
import io
import json
import math
import sys

import fastavro
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from fastavro.validation import validate

CUTOUTS = ("cutoutDifference", "cutoutScience", "cutoutTemplate")
WCS_VALUES = {"CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CD1_1", "CD1_2", "CD2_1", "CD2_2"}
faults = []
stats = {"moving": 0, "newObjects": 0, "numbers": 0, "nan": 0, "nanOfNew": 0, "worstWcs": 0.0, "cutouts": [], "detectors": set()}


def check(condition, record, what):
    if not condition:
        faults.append(f"{record['diaSource']['diaSourceId']}: {what}")


def number_fields(schema):
    """Names of the float and double fields of a record schema, nullable or not."""
    return [field["name"] for field in schema["fields"] if {"float", "double"} & set(np.atleast_1d(field["type"]))]


def check_id(record):
    """7 bits tag, 14 bits days since 2010-01-01, 15 bits sequence number, 8 bits detector, 19 bits counter."""
    source = record["diaSource"]
    bits = f"{record['diaSourceId']:063b}"
    tag, day, sequence, detector = (int(bits[a:b], 2) for a, b in ((0, 7), (7, 21), (21, 36), (36, 44)))
    night = datetime.date(2010, 1, 1) + datetime.timedelta(days=day)
    check(tag == 2, record, f"the id has the tag {tag}")
    check(f"{night:%Y%m%d}{sequence:05d}" == str(source["visit"]), record, f"the id is of {night} {sequence}, visit is {source['visit']}")
    check(detector == source["detector"], record, f"the id is of detector {detector}, not {source['detector']}")
    stats["detectors"].add(detector)


def check_numbers(record, names):
    values = [record[part][name] for part in ("diaSource", "diaObject") for name in names[part] if record[part] is not None]
    for part in ("prvDiaSources", "prvDiaForcedSources"):
        for item in record[part] or []:
            check(all(item[name] is not None for name in names[part]), record, f"{part} has a null number")
    check(None not in values, record, "diaSource or diaObject has a null number")
    if record["diaObject"] is None:
        return
    nan = sum(math.isnan(value) for value in values)
    stats["numbers"] += len(values)
    stats["nan"] += nan
    if record["prvDiaSources"] is None:
        stats["newObjects"] += 1
        stats["nanOfNew"] += nan


def check_kind(record):
    orbit = record["mpc_orbits"] if "mpc_orbits" in record else record["MPCORB"]
    moving = record["ssSource"] is not None
    stats["moving"] += moving
    check(moving == (record["diaObject"] is None), record, "an alert has either ssSource or diaObject")
    check(moving == (orbit is not None), record, "ssSource comes with an orbit")
    if moving:
        check(record["prvDiaSources"] is None and record["prvDiaForcedSources"] is None, record, "a solar-system object has a history")
        check(record["ssSource"]["ssObjectId"] == record["diaSource"]["ssObjectId"], record, "ssObjectId differs")


def check_cutouts(record):
    source = record["diaSource"]
    images = []
    for name in CUTOUTS:
        hdus = fits.open(io.BytesIO(record[name]), memmap=False)
        hdus.verify("exception")
        header = hdus[0].header
        found = {key for key in header if key.startswith(("C", "WCS", "RADE", "LONP", "LATP")) and key != "COMMENT"}
        check(len(hdus) == 1 and hdus[0].data.shape in ((30, 30), (60, 60)), record, f"{name} has HDUs {[hdu.shape for hdu in hdus]}")
        check(found == WCS_VALUES, record, f"{name} has the keywords {sorted(found)}")
        # Without CTYPE and CUNIT, a reader must assume the projection and the unit.
        header.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CUNIT1="deg", CUNIT2="deg")
        column, row = WCS(header).world_to_pixel_values(source["ra"], source["dec"])
        middle = hdus[0].data.shape[0] / 2
        off = max(abs(column + 1 - header["CRPIX1"]), abs(row + 1 - header["CRPIX2"]))
        stats["worstWcs"] = max(stats["worstWcs"], float(off))
        check(max(abs(column - middle), abs(row - middle)) < 1.01, record, f"the source is at {column}, {row} of {name}")
        images.append(hdus[0].data.astype("f8"))
    difference, science, template = images
    check(np.abs(difference - (science - template)).max() <= 1e-6 * np.abs(science).max() + 1e-3, record, "difference is not science - template")


def main(path):
    digests = []
    with open(path, "rb") as file:
        reader = fastavro.reader(file)
        schema = fastavro.parse_schema(reader.writer_schema)
        records = {field["name"]: field["type"] for field in reader.writer_schema["fields"]}
        named = {}

        def collect(node):
            if isinstance(node, list):
                for each in node:
                    collect(each)
            elif isinstance(node, dict):
                if node.get("type") == "record":
                    named[node["name"].split(".")[-1]] = node
                for key in ("fields", "type", "items"):
                    collect(node.get(key))

        collect(list(records.values()))
        names = {part: number_fields(named[record]) for part, record in (
            ("diaSource", "diaSource"), ("prvDiaSources", "diaSource"), ("prvDiaForcedSources", "diaForcedSource"), ("diaObject", "diaObject"))}
        for record in reader:
            # Validation in Python is slow for long light curves.
            if len(digests) % 20 == 0:
                validate(record, schema, strict=True)
            datum = io.BytesIO()
            fastavro.schemaless_writer(datum, schema, record)
            digests.append(hashlib.sha256(datum.getvalue()).hexdigest())
            check_id(record)
            check_numbers(record, names)
            check_kind(record)
            stats["cutouts"].append(sum(len(record[name]) for name in CUTOUTS))
            # Every third alert: large cutouts are among them, as one alert in eight has them.
            if len(digests) % 3 == 0:
                check_cutouts(record)
    stats.update(cutouts=float(np.mean(stats["cutouts"])), detectors=len(stats["detectors"]))
    stats["numbersOfAlert"] = len(names["diaSource"]) + len(names["diaObject"])
    json.dump({"records": len(digests), "digests": digests, "faults": faults[:20], "stats": stats}, sys.stdout)


main(sys.argv[1])
