"""Checks generated alerts independently: the Avro file with fastavro, the cutouts with astropy.

Usage: check_alerts.py FILE.avro. Prints one JSON object: {"records", "digests", "faults", "stats"}.
"""
import hashlib
import io
import json
import sys

import fastavro
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from fastavro.validation import validate

CUTOUTS = ("cutoutDifference", "cutoutScience", "cutoutTemplate")
# Side of PSFIMAGE by the size of the cutout in bytes.
PSF_SIDES = {23040: 17, 25920: 25, 34560: 41, 69120: 77}
faults = []
stats = {"worstWcs": 0.0, "peaks": 0, "pulls": [], "ratios": []}


def check(condition, record, what):
    if not condition:
        faults.append(f"{record['diaSource']['diaSourceId']}: {what}")


def open_cutout(record, name):
    data = record[name]
    hdus = fits.open(io.BytesIO(data), memmap=False)
    hdus.verify("exception")
    side = PSF_SIDES.get(len(data))
    shapes = [hdu.data.shape for hdu in hdus]
    types = [hdu.data.dtype.newbyteorder("=") for hdu in hdus]
    check([hdu.name for hdu in hdus] == ["PRIMARY", "UNCERT", "PSFIMAGE"], record, f"{name} has unexpected HDUs")
    check(shapes == [(30, 30), (30, 30), (side, side)], record, f"{name} ({len(data)} bytes) has HDUs of shapes {shapes}")
    check(types == [np.float32, np.float32, np.float64], record, f"{name} has HDUs of types {types}")
    check(hdus[0].header["BUNIT"] == "nJy" and hdus[1].header["BUNIT"] == "nJy", record, f"{name} is not in nJy")
    check(all(np.isfinite(hdu.data).all() for hdu in hdus), record, f"{name} has pixels that are not finite")
    check((hdus[1].data > 0).all(), record, f"{name} has an uncertainty that is not positive")
    check(abs(hdus[2].data.sum() - 1) < 1e-5, record, f"the PSF of {name} has the sum {hdus[2].data.sum()}")
    return hdus


def check_wcs(record, name, hdus):
    source = record["diaSource"]
    header = hdus[0].header
    wcs = WCS(header)
    column, row = wcs.world_to_pixel_values(source["ra"], source["dec"])
    off = max(abs(column - (source["x"] - header["CUTMINX"])), abs(row - (source["y"] - header["CUTMINY"])))
    stats["worstWcs"] = max(stats["worstWcs"], float(off))
    check(off < 0.1, record, f"the WCS of {name} is off by {off} pixels")
    scales = np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600
    check(abs(scales - 0.2) < 1e-6, record, f"the WCS of {name} has {scales} arcsec per pixel")


def peak_distance(image):
    row, column = np.unravel_index(np.argmax(image), image.shape)
    return max(abs(row - 15), abs(column - 15))


def check_images(record, cutouts):
    source = record["diaSource"]
    difference, science, template = (cutouts[name][0].data.astype("f8") for name in CUTOUTS)
    residual = np.abs(difference - (science - template)).max()
    check(residual <= 1e-6 * np.abs(science).max() + 1e-3, record, f"difference differs from science - template by {residual} nJy")
    snr = abs(source["psfFlux"]) / source["psfFluxErr"]
    frame = np.ones((30, 30), bool)
    frame[8:22, 8:22] = False
    scatter = (difference / cutouts["cutoutDifference"][1].data)[frame].std()
    check(0.85 < scatter < 1.15 or snr > 30, record, f"the noise divided by UNCERT is {scatter}")
    if snr > 20:
        check(peak_distance(difference * np.sign(source["psfFlux"])) <= 2, record, "the difference does not peak at the source")
    bright = (source.get("templateFlux") or 0) > 40 * source["psfFluxErr"] and source["psfFlux"] > 0
    if bright:
        stats["peaks"] += 1
        check(peak_distance(science) <= 2, record, "the science image does not peak at the source")
    # PSF photometry with the alert's PSF and UNCERT must yield psfFlux, within the error plus the flux in the cut-off PSF wings.
    psf = cutouts["cutoutDifference"][2].data
    half = min(psf.shape[0] // 2, 14)
    middle = psf.shape[0] // 2
    stamp = psf[middle - half:middle + half + 1, middle - half:middle + half + 1]
    window = slice(15 - half, 15 + half + 1)
    uncertainty = cutouts["cutoutDifference"][1].data[window, window].astype("f8")
    measured = (stamp * difference[window, window]).sum() / (stamp ** 2).sum()
    error = np.sqrt((stamp ** 2 * uncertainty ** 2).sum()) / (stamp ** 2).sum()
    stats["ratios"].append(error / source["psfFluxErr"])
    if snr < 30:
        # PSF images have a sum of 1, although the fraction `wings` of a source's flux lies outside their edges.
        wings = 0.045 if half == 8 else 0.025 if half == 12 else 0.015
        stats["pulls"].append((measured - source["psfFlux"] * (1 - wings)) / error)
    tolerance = 5.5 * error + 0.06 * abs(source["psfFlux"])
    check(abs(measured - source["psfFlux"]) < tolerance, record, f"photometry gives {measured} +- {error}, psfFlux is {source['psfFlux']}")


def main(path):
    digests = []
    with open(path, "rb") as file:
        reader = fastavro.reader(file)
        schema = fastavro.parse_schema(reader.writer_schema)
        for record in reader:
            validate(record, schema, strict=True)
            datum = io.BytesIO()
            fastavro.schemaless_writer(datum, schema, record)
            digests.append(hashlib.sha256(datum.getvalue()).hexdigest())
            cutouts = {name: open_cutout(record, name) for name in CUTOUTS}
            for name in CUTOUTS:
                check_wcs(record, name, cutouts[name])
            check_images(record, cutouts)
    pulls = np.array(stats.pop("pulls"))
    stats.update(pullMean=float(pulls.mean()), pullDeviation=float(pulls.std()), errorRatio=float(np.median(stats.pop("ratios"))))
    json.dump({"records": len(digests), "digests": digests, "faults": faults, "stats": stats}, sys.stdout)


main(sys.argv[1])
