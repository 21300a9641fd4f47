// Geometry of the camera: 189 detectors in 21 rafts (a 5 x 5 square without its corners), 0.2 arcsec per pixel, a field of view of 3.5
// degrees. Converts detector pixels to right ascension and declination with a TAN projection around the pointing.
import { DEGREE, atan2, cos, sin } from './portable-math.ts'
import { wrap, type Pointing } from './visits.ts'

export const DETECTOR_WIDTH = 4072
export const DETECTOR_HEIGHT = 4000
/** Degrees per pixel. */
export const PIXEL_SCALE = 0.2 / 3600
/** Distance between the centres of neighbouring detectors in pixels, gaps included. */
const PITCH = 4225

/** A position on the sky in degrees, with the local CD matrix (the FITS keywords CDi_j) in degrees per pixel. */
export interface SkyPosition {
  readonly ra: number
  readonly dec: number
  readonly cd: readonly [number, number, number, number]
}

// Raft numbers in the 5 x 5 square, without the corners 0, 4, 20 and 24.
const RAFTS = Array.from({ length: 25 }, (_, raft) => raft).filter(raft => ![0, 4, 20, 24].includes(raft))

// Detector centres relative to the camera centre, in units of PITCH. Each raft has 3 x 3 detectors.
const centres: readonly (readonly [number, number])[] = RAFTS.flatMap(raft => Array.from({ length: 9 }, (_, ccd) =>
  [3 * (raft % 5) + ccd % 3 - 7, 3 * Math.floor(raft / 5) + Math.floor(ccd / 3) - 7] as const))

export function pixelToSky (pointing: Pointing, detector: number, x: number, y: number): SkyPosition {
  const [column, row] = centres[detector]!
  const u = (column * PITCH + x - DETECTOR_WIDTH / 2) * PIXEL_SCALE * DEGREE
  const v = (row * PITCH + y - DETECTOR_HEIGHT / 2) * PIXEL_SCALE * DEGREE
  const c = cos(pointing.rotation)
  const s = sin(pointing.rotation)
  // East is left in the image: xi, which increases to the east, and u, which increases to the right, have opposite signs.
  const xi = -(c * u - s * v)
  const eta = s * u + c * v
  const sin0 = sin(pointing.dec * DEGREE)
  const cos0 = cos(pointing.dec * DEGREE)
  const depth = cos0 - eta * sin0
  const deltaRa = atan2(xi, depth)
  const dec = atan2(sin0 + eta * cos0, Math.sqrt(xi * xi + depth * depth))
  // Meridians converge towards the pole, so the direction of north changes with right ascension.
  const north = pointing.rotation + deltaRa * sin(dec)
  const cn = cos(north) * PIXEL_SCALE
  const sn = sin(north) * PIXEL_SCALE
  return { ra: wrap(pointing.ra + deltaRa / DEGREE), dec: dec / DEGREE, cd: [-cn, sn, sn, cn] }
}
