"""Reads positions (ra, dec as doubles) from stdin, prints the numbers of astropy-healpix (nested) as little-endian int64, then the distance of
each position from the nearest border of its pixel, in pixels, as doubles. Usage: healpix_judge.py ORDER"""
import sys

import astropy.units as u
import astropy_healpix
import numpy

positions = numpy.frombuffer(sys.stdin.buffer.read(), dtype="<f8").reshape(-1, 2)
ra, dec = positions[:, 0] * u.deg, positions[:, 1] * u.deg
healpix = astropy_healpix.HEALPix(nside=2 ** int(sys.argv[1]), order="nested")
numbers, dx, dy = healpix.lonlat_to_healpix(ra, dec, return_offsets=True)
border = numpy.minimum(numpy.minimum(dx, 1 - dx), numpy.minimum(dy, 1 - dy))
sys.stdout.buffer.write(numbers.astype("<i8").tobytes() + border.astype("<f8").tobytes())
