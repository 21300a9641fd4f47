"""Judges pictures of cutouts with Pillow, astropy.visualization and astropy.wcs.

Cases on stdin: [{"path" (PNG), "fits" (base64), "stretch", "orientation", "size", "ra", "dec"}]. Prints {"faults", "modes", "worst"}.
`ra`, `dec`: a source, whose position in the picture is compared; null: none.
"""
import base64
import io
import json
import sys

import numpy as np
from astropy.io import fits
from astropy.visualization import AsinhStretch, LinearStretch, LogStretch, SqrtStretch
from astropy.wcs import WCS
from PIL import Image

STRETCHES = {"linear": LinearStretch(), "sqrt": SqrtStretch(), "log": LogStretch(1000), "asinh": AsinhStretch(0.1)}
faults, modes, worst = [], set(), 0.0


def wcs_of(header):
    header = header.copy()
    for name, value in (("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CUNIT1", "deg"), ("CUNIT2", "deg")):
        header.setdefault(name, value)
    return WCS(header)


def interpolate(image, x, y):
    """Bilinear, NaN outside the pixels of the image."""
    height, width = image.shape
    outside = (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, below = np.minimum(np.floor(x).astype(int), width - 2), np.minimum(np.floor(y).astype(int), height - 2)
    fx, fy = x - left, y - below
    rows = [image[below + up, left] * (1 - fx) + image[below + up, left + 1] * fx for up in (0, 1)]
    return np.where(outside, np.nan, rows[0] * (1 - fy) + rows[1] * fy)


def expected(image, header, case, shape):
    """Values of the picture, from the bottom row, and its coordinates."""
    height, width = image.shape
    rows, columns = np.indices(shape)
    x = (columns + 0.5) * width / shape[1] - 0.5
    y = (rows + 0.5) * height / shape[0] - 0.5
    if case["orientation"] == "detector":
        # The pixel that contains the position.
        return image[np.floor(y + 0.5).astype(int).clip(0, height - 1), np.floor(x + 0.5).astype(int).clip(0, width - 1)], None
    source = wcs_of(header)
    north = WCS(naxis=2)
    north.wcs.ctype = "RA---TAN", "DEC--TAN"
    north.wcs.crpix = (width + 1) / 2, (height + 1) / 2
    north.wcs.crval = source.all_pix2world([[(width - 1) / 2, (height - 1) / 2]], 0)[0]
    scale = np.sqrt(abs(np.linalg.det(source.pixel_scale_matrix)))
    north.wcs.cd = [[-scale, 0], [0, scale]]
    sky = north.all_pix2world(np.stack([x.ravel(), y.ravel()], axis=1), 0)
    pixels = source.all_world2pix(sky, 0)
    return interpolate(image, pixels[:, 0].reshape(shape), pixels[:, 1].reshape(shape)), north


def levels_of(values, image, stretch):
    finite = np.sort(image[np.isfinite(image)])
    last = len(finite) - 1
    low, high = finite[int(np.floor(0.0025 * last))], finite[int(np.ceil(0.9975 * last))]
    return 255 * STRETCHES[stretch](np.clip((values - low) / (high - low), 0, 1), clip=True)


for number, case in enumerate(json.load(sys.stdin)):
    where = f"{number} {case['orientation']} {case['stretch']}"
    picture = Image.open(case["path"])
    picture.verify()
    picture = Image.open(case["path"])
    modes.add(picture.mode)
    with fits.open(io.BytesIO(base64.b64decode(case["fits"]))) as hdus:
        image, header = hdus[0].data.astype("f8"), hdus[0].header
    if max(picture.size) != (case.get("size") or max(image.shape)):
        faults.append(f"{where}: {picture.size}")
    found = np.flipud(np.array(picture.convert("LA"))).astype("f8")
    values, north = expected(image, header, case, found.shape[:2])
    blank = np.isnan(values)
    # Positions at the very edge may fall on either side by rounding.
    if np.mean(blank != (found[..., 1] == 0)) > 0.002:
        faults.append(f"{where}: {np.sum(blank != (found[..., 1] == 0))} pixels are transparent in one picture only")
    both = ~blank & (found[..., 1] > 0)
    off = np.abs(levels_of(values[both], image, case["stretch"]) - found[..., 0][both])
    worst = max(worst, float(off.max()))
    if off.max() > 1:
        faults.append(f"{where}: levels differ by {off.max()}")
    if case["ra"] is not None:
        coordinates, zoom = (north, found.shape[0] / image.shape[0]) if north else (wcs_of(header), found.shape[0] / image.shape[0])
        x, y = (np.array(coordinates.all_world2pix([[case["ra"], case["dec"]]], 0)[0]) + 0.5) * zoom - 0.5
        weights = np.clip(found[..., 0] - np.median(found[..., 0][both]) - 60, 0, None) * (found[..., 1] > 0)
        rows, columns = np.indices(weights.shape)
        distance = np.hypot((weights * columns).sum() / weights.sum() - x, (weights * rows).sum() / weights.sum() - y) / zoom
        centre = np.hypot(x - (found.shape[1] - 1) / 2, y - (found.shape[0] - 1) / 2) / zoom
        if not (distance < 1 and centre < 1.5):
            faults.append(f"{where}: the source is {distance} pixels off, and {centre} pixels from the centre")
print(json.dumps({"faults": faults[:20], "modes": sorted(modes), "worst": worst}))
