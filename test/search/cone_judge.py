"""Selects the positions of cones with astropy. stdin: JSON {"positions": [[id, ra, dec]], "cones": [[ra, dec, radius]]} in degrees.
stdout: JSON, one list of ids for each cone. The positions at the edge of a cone, within 1e-11 degrees, are listed apart."""
import json
import sys

import numpy as np
from astropy.coordinates import SkyCoord
from astropy import units as u

request = json.load(sys.stdin)
ids = [position[0] for position in request["positions"]]
positions = SkyCoord([p[1] for p in request["positions"]] * u.deg, [p[2] for p in request["positions"]] * u.deg)
answers = []
for ra, dec, radius in request["cones"]:
    distances = positions.separation(SkyCoord(ra * u.deg, dec * u.deg)).deg
    edge = np.abs(distances - radius) < 1e-11
    inside = (distances <= radius) & ~edge
    answers.append({"inside": [ids[i] for i in np.flatnonzero(inside)], "edge": [ids[i] for i in np.flatnonzero(edge)]})
json.dump(answers, sys.stdout)
