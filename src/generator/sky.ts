// The camera on the sky: 189 detectors in 21 rafts (a 5 x 5 square without its corners), 0.2 arcsec per pixel, a field
// of 3.5 degrees. Turns a pixel of a detector into right ascension and declination (a TAN projection about the
// pointing) and gives the local CD matrix there.
import { DEGREE, atan2, cos, sin } from './exact.ts'
import { type Pointing, wrap } from './visits.ts'

export const DETECTOR_WIDTH = 4072
export const DETECTOR_HEIGHT = 4000
/** Degrees per pixel. */
export const PIXEL_SCALE = 0.2 / 3600
/** Distance of neighbouring detectors' centres, pixels (gaps included). */
const PITCH = 4225

/** A position on the sky in degrees, with the matrix of FITS's CDi_j cards at that place, degrees per pixel. */
export interface SkyPosition {
  readonly ra: number
  readonly dec: number
  readonly cd: readonly [number, number, number, number]
}

// Rows of 3, 5, 5, 5 and 3 rafts, each of 3 x 3 detectors: centres in units of the pitch.
const centres: readonly (readonly [number, number])[] = [1, 2, 3, ...Array.from({ length: 15 }, (_, i) => 5 + i), 21, 22, 23]
  .flatMap(raft => Array.from({ length: 9 }, (_, ccd) => [3 * (raft % 5) + ccd % 3 - 7, 3 * Math.floor(raft / 5) + Math.floor(ccd / 3) - 7] as const))

/** Where pixel (x, y) of a detector looks. */
export function skyOf (pointing: Pointing, detector: number, x: number, y: number): SkyPosition {
  const [column, row] = centres[detector]!
  const u = (column * PITCH + x - DETECTOR_WIDTH / 2) * PIXEL_SCALE * DEGREE
  const v = (row * PITCH + y - DETECTOR_HEIGHT / 2) * PIXEL_SCALE * DEGREE
  const c = cos(pointing.rotation)
  const s = sin(pointing.rotation)
  // East is to the left of the image, so xi runs against u.
  const xi = -(c * u - s * v)
  const eta = s * u + c * v
  const sin0 = sin(pointing.dec * DEGREE)
  const cos0 = cos(pointing.dec * DEGREE)
  const depth = cos0 - eta * sin0
  const turn = atan2(xi, depth)
  const dec = atan2(sin0 + eta * cos0, Math.sqrt(xi * xi + depth * depth))
  // Meridians converge towards the pole: north turns by this much between the pointing and here.
  const north = pointing.rotation + turn * sin(dec)
  const cn = cos(north) * PIXEL_SCALE
  const sn = sin(north) * PIXEL_SCALE
  return { ra: wrap(pointing.ra + turn / DEGREE), dec: dec / DEGREE, cd: [-cn, sn, sn, cn] }
}
