"""Judges FITS files of alerts with astropy and fastavro.

Cases on stdin: [{"path", "schema", "docs" (the schema with docs), "datum" (base64)}]. Prints {"faults", "units", "seen"}.
"""
import base64
import io
import json
import sys
import warnings

import astropy.units as u
import fastavro
import numpy as np
from astropy.io import fits

warnings.simplefilter("error")
IMAGES = {"cutoutDifference": "DIFFIM", "cutoutScience": "SCIENCE", "cutoutTemplate": "TEMPLATE"}
TABLES = {"prvDiaForcedSources": "FORCEDPHOT", "ssSource": "SSSOURCE"}
MERGED = ("diaObject", "ssObject", "mpc_orbits")
faults, units, seen = [], {}, set()


def bare(node):
    node.pop("logicalType", None)
    return node


def records(node, found):
    """Records of a schema by name, without version."""
    if isinstance(node, list):
        for inner in node:
            records(inner, found)
    elif isinstance(node, dict):
        if node.get("type") == "record":
            found[node["name"].split(".")[-1]] = node
            for field in node["fields"]:
                records(field["type"], found)
        for key in ("type", "items"):
            records(node.get(key), found)
    return found


def record_of(node, found):
    """The record of a field that is a record or an array of records, with null or without."""
    for branch in node if isinstance(node, list) else [node]:
        name = branch
        if isinstance(branch, dict):
            name = branch.get("name") or branch.get("items")
        if isinstance(name, dict):
            name = name.get("name")
        name = str(name).split(".")[-1]
        if name in found:
            return found[name]
    return None


def compare(where, hdu, fields, rows, docs, prefix=""):
    table, columns = hdu.data, hdu.columns
    names = [column.name for column in columns]
    for field in fields:
        kinds = [kind for kind in (field["type"] if isinstance(field["type"], list) else [field["type"]]) if kind != "null"]
        if not isinstance(kinds[0], str) or kinds[0] not in ("boolean", "int", "long", "float", "double", "string"):
            continue
        name, kind = field["name"], kinds[0]
        if name not in names:
            faults.append(f"{where}: no column {name}")
            continue
        column = columns[name]
        if column.unit is not None:
            u.Unit(column.unit, format="fits")
            units.setdefault(f"{prefix}{name}", set()).add(column.unit)
        number = names.index(name) + 1
        doc = "".join(c if " " <= c <= "~" else "?" for c in docs.get(name, ""))
        if hdu.header.get(f"TCOMM{number}", "") != doc.rstrip():
            faults.append(f"{where}: the description of {name} is {hdu.header.get(f'TCOMM{number}')!r}, not {doc!r}")
        for row, record in enumerate(rows):
            cell, value = table[name][row], record[name]
            if kind in ("float", "double"):
                good = np.isnan(cell) if value is None else np.array_equal(cell, np.float64(value), equal_nan=True)
            elif kind == "string":
                good = cell == (value or "")
            elif value is None:
                good = column.null is not None and int(cell) == column.null
            else:
                good = int(cell) == int(value)
            if not good:
                faults.append(f"{where}: {name} of row {row} is {cell!r}, not {value!r}")
                break


def check_image(where, hdu, stored):
    with fits.open(io.BytesIO(stored)) as original:
        source = original[0]
        if hdu.data.dtype != source.data.dtype or not np.array_equal(hdu.data, source.data, equal_nan=True):
            faults.append(f"{where}: other pixels")
        for card in source.header.cards:
            if card.keyword not in ("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND") and hdu.header[card.keyword] != card.value:
                faults.append(f"{where}: {card.keyword} differs")
        return [(extension.name, np.array(extension.data)) for extension in original[1:]]


def check(number, case):
    schema = json.loads(case["schema"], object_hook=bare)
    found = records(schema, {})
    docs = {name: {field["name"]: field.get("doc", "") for field in record["fields"]}
            for name, record in records(json.loads(case["docs"]), {}).items()}
    alert = fastavro.schemaless_reader(io.BytesIO(base64.b64decode(case["datum"])), fastavro.parse_schema(schema))
    fields = {field["name"]: field for field in schema["fields"]}
    with fits.open(case["path"]) as hdus:
        hdus.verify("exception")
        names = [hdu.name for hdu in hdus]
        expected = ["PRIMARY", "ALERT", *[IMAGES[name] for name in IMAGES if alert.get(name) is not None], "DIASOURCE"]
        rest = [name for name, field in fields.items()
                if record_of(field["type"], found) and name not in (*MERGED, "diaSource", "prvDiaSources")]
        expected += [TABLES.get(name, name.upper()) for name in rest]
        if names[:len(expected)] != expected:
            faults.append(f"{number}: HDUs {names}, not {expected}")
        compare(f"{number} ALERT", hdus["ALERT"], schema["fields"], [alert], docs["alert"])
        for name in MERGED:
            if alert.get(name) is not None:
                seen.add(name)
                record = record_of(fields[name]["type"], found)
                compare(f"{number} {name}", hdus["ALERT"], record["fields"], [alert[name]], docs[record["name"].split(".")[-1]], f"{name}.")
        rows = [alert["diaSource"], *(alert["prvDiaSources"] or [])]
        source = record_of(fields["diaSource"]["type"], found)
        if len(hdus["DIASOURCE"].data) != len(rows):
            faults.append(f"{number}: {len(hdus['DIASOURCE'].data)} sources, not {len(rows)}")
        compare(f"{number} DIASOURCE", hdus["DIASOURCE"], source["fields"], rows, docs["diaSource"], "diaSource.")
        if list(hdus["DIASOURCE"].data["trigger"]) != [True] + [False] * (len(rows) - 1):
            faults.append(f"{number}: trigger")
        if list(hdus["DIASOURCE"].data["iau_id"]) != [f"LSST-AP-DS-{row['diaSourceId']}" for row in rows]:
            faults.append(f"{number}: iau_id")
        for name in rest:
            value = alert[name]
            rows = value if isinstance(value, list) else [] if value is None else [value]
            hdu = hdus[TABLES.get(name, name.upper())]
            if (0 if hdu.data is None else len(hdu.data)) != len(rows):
                faults.append(f"{number}: {name} has {len(hdu.data)} rows, not {len(rows)}")
            if rows:
                seen.add(name)
            record = record_of(fields[name]["type"], found)
            compare(f"{number} {name}", hdu, record["fields"], rows, docs[record["name"].split(".")[-1]], f"{name}.")
        further = []
        for name, extension in IMAGES.items():
            if alert.get(name) is None:
                seen.add(f"no {name}")
            else:
                further += [(f"{extension}_{inner}", data) for inner, data in check_image(f"{number} {name}", hdus[extension], alert[name])]
        if names[len(expected):] != [name for name, _ in further]:
            faults.append(f"{number}: further HDUs {names[len(expected):]}")
        for name, data in further:
            seen.add("further")
            if not np.array_equal(hdus[name].data, data):
                faults.append(f"{number}: {name} differs")


for number, case in enumerate(json.load(sys.stdin)):
    check(number, case)
print(json.dumps({"faults": faults[:20], "units": {name: sorted(all_) for name, all_ in units.items()}, "seen": sorted(seen)}))
