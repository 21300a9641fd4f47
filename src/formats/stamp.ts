// A cutout as a picture: pixel values stretched to grey levels, as stored or with north up and east to the left.
import { readImage, type Hdu, type Image } from '../fits/reader.ts'
import { northUp, readWcs } from '../fits/wcs.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import { damagedIfUnreadable, readCutout, type CutoutKind } from './cutouts.ts'
import { formatErrors } from './errors.ts'
import type { GreyImage } from './png.ts'

export const stretches = ['linear', 'sqrt', 'log', 'asinh'] as const
export type Stretch = typeof stretches[number]
export const orientations = ['detector', 'north'] as const
export type Orientation = typeof orientations[number]

/** Longest side of a picture, in pixels. */
export const maxPictureSide = 512
/** Longest side of a cutout that is drawn, in pixels. Rubin's cutouts have at most about 100. */
const maxCutoutSide = 1024
/** Part of the pixels at each end of the values that is drawn black or white. */
const clipped = 0.0025

export interface StampOptions {
  readonly stretch: Stretch
  readonly orientation: Orientation
  /** Longest side of the picture in pixels, at most `maxPictureSide`. Default: that of the cutout, up to the same limit. */
  readonly size?: number | undefined
}

/** Stretches of values from 0 to 1, with the parameters of astropy.visualization. */
const curves: Readonly<Record<Stretch, (value: number) => number>> = {
  linear: value => value,
  sqrt: Math.sqrt,
  log: value => Math.log1p(1000 * value) / Math.log1p(1000),
  asinh: value => Math.asinh(value / 0.1) / Math.asinh(10)
}

/** A pixel position, from 1 as in FITS. */
type Position = readonly [number, number]

/**
 * Errors: CUTOUT_DAMAGED if the bytes are not a FITS file with an image of at most 1024 x 1024 pixels; CUTOUT_NO_WCS if the image has no
 * coordinates by which it can be turned north.
 */
export function drawStamp (bytes: Buffer, kind: CutoutKind, { stretch, orientation, size }: StampOptions): GreyImage {
  const hdu = imageHdu(readCutout(bytes, kind))
  const image = damagedIfUnreadable(kind, () => readImage(hdu, maxCutoutSide, kind))
  const { width, height } = image
  const side = Math.max(width, height)
  const zoom = (size ?? Math.min(side, maxPictureSide)) / side
  const picture = { width: Math.max(1, Math.round(width * zoom)), height: Math.max(1, Math.round(height * zoom)) }
  const sample = orientation === 'north' ? interpolated(image, northOf(hdu, image, kind)) : nearest(image)
  const grey = greyScale(image.pixels, curves[stretch])
  const levels = new Int16Array(picture.width * picture.height)
  let at = 0
  // FITS rows start at the bottom, rows of pictures at the top.
  for (let row = picture.height - 1; row >= 0; row--) {
    for (let column = 0; column < picture.width; column++) {
      levels[at++] = grey(sample((column + 0.5) * width / picture.width + 0.5, (row + 0.5) * height / picture.height + 0.5))
    }
  }
  return { ...picture, levels }
}

/** The primary HDU, unless only an extension has an image. */
function imageHdu (hdus: readonly Hdu[]): Hdu {
  return hdus.find(({ axes }) => axes.length > 0) ?? hdus[0]!
}

/** Maps a position in the picture with north up, at the scale of the cutout, to a position in the cutout. Both have the same centre. */
function northOf (hdu: Hdu, { width, height }: Image, kind: CutoutKind): (x: number, y: number) => Position | undefined {
  const centre: Position = [(width + 1) / 2, (height + 1) / 2]
  try {
    const wcs = readWcs(hdu, kind)
    const north = northUp(centre, wcs.toSky(...centre), wcs.pixelScale)
    return (x, y) => wcs.toPixel(...north.toSky(x, y))
  } catch (error) {
    if (!(error instanceof AlertStreamError) || error.code !== 'FITS_NO_WCS') throw error
    throw formatErrors.CUTOUT_NO_WCS(`north is unknown in the ${kind} cutout: ${error.message}`, { cause: error })
  }
}

/** The value of the pixel that contains a position. */
function nearest ({ width, height, pixels }: Image) {
  return (x: number, y: number): number => {
    const column = Math.min(width, Math.max(1, Math.round(x)))
    const row = Math.min(height, Math.max(1, Math.round(y)))
    return pixels[(row - 1) * width + column - 1]!
  }
}

/** Bilinear interpolation between the centres of pixels. NaN outside the cutout and beside pixels without a value. */
function interpolated ({ width, height, pixels }: Image, positionOf: (x: number, y: number) => Position | undefined) {
  return (x: number, y: number): number => {
    const position = positionOf(x, y)
    if (position === undefined) return NaN
    const [column, row] = [position[0] - 1, position[1] - 1]
    if (!(column >= -0.5 && row >= -0.5 && column <= width - 0.5 && row <= height - 0.5)) return NaN
    const [left, right, across] = between(column, width)
    const [below, above, up] = between(row, height)
    const at = (pixelRow: number): number => {
      const first = pixels[pixelRow * width + left]!
      return across === 0 ? first : first * (1 - across) + pixels[pixelRow * width + right]! * across
    }
    return up === 0 ? at(below) : at(below) * (1 - up) + at(above) * up
  }
}

/** The two indices next to a position, and the weight of the second. */
function between (position: number, length: number): readonly [number, number, number] {
  const inside = Math.min(length - 1, Math.max(0, position))
  const first = Math.min(Math.floor(inside), Math.max(0, length - 2))
  return [first, Math.min(first + 1, length - 1), inside - first]
}

/** Maps values to levels from 0 to 255, and NaN to -1. */
function greyScale (pixels: Float64Array, curve: (value: number) => number): (value: number) => number {
  const sorted = pixels.filter(Number.isFinite).sort()
  if (sorted.length === 0) return () => -1
  const last = sorted.length - 1
  const low = sorted[Math.floor(clipped * last)]!
  const high = sorted[Math.ceil((1 - clipped) * last)]!
  const range = high > low ? high - low : 1
  return value => Number.isNaN(value) ? -1 : Math.round(255 * curve(Math.min(1, Math.max(0, (value - low) / range))))
}
