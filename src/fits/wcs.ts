// World coordinates of an image: the tangent-plane (gnomonic) projection, TAN (Calabretta & Greisen 2002, "Representations of celestial
// coordinates in FITS", section 5.1.3). Pixel coordinates count from 1, as in FITS. Angles are in degrees.
import { fitsErrors } from './errors.ts'
import type { Hdu } from './reader.ts'

export interface Wcs {
  /** Side of a pixel in degrees: the square root of its area. */
  readonly pixelScale: number
  /** Right ascension and declination of a pixel position. */
  toSky (x: number, y: number): readonly [number, number]
  /** Pixel position of a direction. Undefined if it is 90 degrees or more from the reference position. */
  toPixel (ra: number, dec: number): readonly [number, number] | undefined
}

const degree = Math.PI / 180

/**
 * The coordinates of an image. Without CTYPE they are RA---TAN, DEC--TAN, and without CUNIT in degrees, as in Rubin's cutouts.
 * Throws FITS_NO_WCS if keywords are missing, or if they describe another projection.
 */
export function readWcs ({ value }: Pick<Hdu, 'value'>, where: string): Wcs {
  const unusable = (what: string): Error => fitsErrors.FITS_NO_WCS(what, { where })
  for (const [keyword, expected] of [['CTYPE1', 'RA---TAN'], ['CTYPE2', 'DEC--TAN'], ['CUNIT1', 'deg'], ['CUNIT2', 'deg']] as const) {
    const found = value(keyword) ?? expected
    if (found !== expected && found !== '') throw unusable(`${keyword} is ${JSON.stringify(found)}, not ${expected}`)
  }
  if ((value('LONPOLE') ?? 180) !== 180) throw unusable(`LONPOLE is ${String(value('LONPOLE'))}, not 180`)
  const number = (keyword: string, absent?: number): number => {
    const found = value(keyword) ?? absent
    if (typeof found !== 'number') throw unusable(`${keyword} is missing`)
    return found
  }
  const matrix = matrixOf(value, number)
  const [a, b, c, d] = matrix
  const determinant = a * d - b * c
  if (!Number.isFinite(determinant) || determinant === 0) throw unusable('the CD matrix cannot be inverted')
  return tangentPlane([number('CRPIX1'), number('CRPIX2')], [number('CRVAL1'), number('CRVAL2')], matrix)
}

type Pair = readonly [number, number]
type Matrix = readonly [number, number, number, number]

/** The image as seen with north up and east to the left, with square pixels of `pixelScale` degrees around a sky position. */
export function northUp (reference: Pair, sky: Pair, pixelScale: number): Wcs {
  return tangentPlane(reference, sky, [-pixelScale, 0, 0, pixelScale])
}

function matrixOf (value: Hdu['value'], number: (keyword: string, absent?: number) => number): Matrix {
  if (['CD1_1', 'CD1_2', 'CD2_1', 'CD2_2'].some(keyword => value(keyword) !== undefined)) {
    return [number('CD1_1', 0), number('CD1_2', 0), number('CD2_1', 0), number('CD2_2', 0)]
  }
  const [dx, dy] = [number('CDELT1'), number('CDELT2')]
  return [dx * number('PC1_1', 1), dx * number('PC1_2', 0), dy * number('PC2_1', 0), dy * number('PC2_2', 1)]
}

function tangentPlane (reference: Pair, [ra0, dec0]: Pair, [a, b, c, d]: Matrix): Wcs {
  const determinant = a * d - b * c
  const [sin0, cos0] = [Math.sin(dec0 * degree), Math.cos(dec0 * degree)]
  return {
    pixelScale: Math.sqrt(Math.abs(determinant)),
    toSky (x, y) {
      const [dx, dy] = [x - reference[0], y - reference[1]]
      const [xi, eta] = [(a * dx + b * dy) * degree, (c * dx + d * dy) * degree]
      const below = cos0 - eta * sin0
      const ra = ra0 + Math.atan2(xi, below) / degree
      return [((ra % 360) + 360) % 360, Math.atan2(sin0 + eta * cos0, Math.hypot(xi, below)) / degree]
    },
    toPixel (ra, dec) {
      const [sin, cos] = [Math.sin(dec * degree), Math.cos(dec * degree)]
      const [sinRa, cosRa] = [Math.sin((ra - ra0) * degree), Math.cos((ra - ra0) * degree)]
      const distance = sin * sin0 + cos * cos0 * cosRa
      if (distance <= 0) return undefined
      const xi = cos * sinRa / distance / degree
      const eta = (sin * cos0 - cos * sin0 * cosRa) / distance / degree
      return [reference[0] + (d * xi - b * eta) / determinant, reference[1] + (a * eta - c * xi) / determinant]
    }
  }
}
