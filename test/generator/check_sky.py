"""Checks the geometry of the camera with astropy.

Reads JSON from stdin: [{"pointing": {"ra", "dec"}, "here": {"ra", "dec", "cd"}, "there": {"ra", "dec"}, "dx", "dy"}].
Angles are in degrees. `there` is (dx, dy) pixels away from `here` on the same detector. Prints {"worstPixels", "widestDegrees"}.
"""
import json
import sys

from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

worst = 0.0
widest = 0.0
for case in json.load(sys.stdin):
    here, there = case["here"], case["there"]
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [here["ra"], here["dec"]]
    wcs.wcs.crpix = [1, 1]
    wcs.wcs.cd = [here["cd"][:2], here["cd"][2:]]
    column, row = wcs.world_to_pixel_values(there["ra"], there["dec"])
    worst = max(worst, abs(float(column) - case["dx"]), abs(float(row) - case["dy"]))
    centre = SkyCoord(case["pointing"]["ra"], case["pointing"]["dec"], unit="deg")
    widest = max(widest, centre.separation(SkyCoord(here["ra"], here["dec"], unit="deg")).deg)
json.dump({"worstPixels": worst, "widestDegrees": widest}, sys.stdout)
