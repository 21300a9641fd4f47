// The physics of one detection: where, when, how bright, against which background. Everything that fields and cutouts
// show is derived from this one record, so that they agree: psfFlux with apFlux, science with template + difference,
// x and y with ra and dec, errors with the noise of the image.
import { noiseArea } from './psf.ts'
import { type Random } from './random.ts'
import { PIXEL_SCALE } from './sky.ts'
import { type Visit, midpointAt } from './visits.ts'

/** What an alert is about; it decides the shape of the light curve and of the template. */
export type Kind = 'variable' | 'transient' | 'nucleus' | 'moving' | 'artefact'

/** The object behind a light curve. */
export interface Target {
  readonly kind: Kind
  /** Degrees. */
  readonly ra: number
  readonly dec: number
  /** What the template shows at this place in each band (ugrizy), nJy. */
  readonly template: readonly number[]
  /** Elongated host, in pixels: offset, width and brightness relative to the template's point source; null without host. */
  readonly host: Host | null
  readonly objectId: bigint | null
  readonly ssObjectId: bigint | null
}

export interface Host {
  readonly dx: number
  readonly dy: number
  readonly width: number
  readonly stretch: number
  readonly flux: number
}

/** One detection on the difference image. */
export interface Source {
  readonly id: bigint
  readonly visit: Visit
  readonly detector: number
  readonly midpoint: number
  readonly target: Target
  /** Degrees. */
  readonly ra: number
  readonly dec: number
  /** 1-sigma position error, degrees. */
  readonly positionError: number
  /** Detector pixels, the centre of the first pixel is 0. */
  readonly x: number
  readonly y: number
  /** Difference flux and its error, nJy. */
  readonly flux: number
  readonly fluxError: number
  readonly apFlux: number
  readonly apFluxError: number
  readonly templateFlux: number
  readonly templateFluxError: number
  readonly scienceFlux: number
  readonly scienceFluxError: number
  /** Width of the point spread function at half height, pixels. */
  readonly width: number
  /** Deviation of one pixel of the science image's background, nJy. */
  readonly pixelNoise: number
  readonly trailed: boolean
  readonly dipole: boolean
}

/** nJy of one detected electron: zero point 31.9 mag for 30 s. Shot noise follows from it. */
export const FLUX_PER_ELECTRON = 0.6
/** Calibration error relative to the flux. */
const CALIBRATION = 0.001
const APERTURE_PIXELS = 12 * 12 * Math.PI
/** The template's noise relative to the science image's: it is the coadd of many visits. */
export const TEMPLATE_NOISE = 0.35

export interface Measurement {
  readonly id: bigint
  readonly visit: Visit
  readonly detector: number
  readonly target: Target
  readonly x: number
  readonly y: number
  readonly flux: number
}

/** Completes a detection with its errors and derived fluxes. */
export function measure (random: Random, { id, visit, detector, target, x, y, flux }: Measurement): Source {
  const width = visit.seeing / (PIXEL_SCALE * 3600)
  const templateFlux = target.template[visit.band]!
  const electrons = FLUX_PER_ELECTRON * (templateFlux + Math.abs(flux))
  const calibration = CALIBRATION * flux
  const fluxError = Math.sqrt(visit.fluxError * visit.fluxError + electrons + calibration * calibration) * random.between(0.95, 1.05)
  const pixelNoise = visit.fluxError / Math.sqrt(noiseArea(width) * (1 + TEMPLATE_NOISE * TEMPLATE_NOISE))
  const apFluxError = pixelNoise * Math.sqrt(APERTURE_PIXELS)
  const snr = Math.abs(flux) / fluxError
  const positionError = 0.67 * width * PIXEL_SCALE / snr + 3e-6
  return {
    id,
    visit,
    detector,
    midpoint: midpointAt(visit, detector),
    target,
    ra: target.ra + positionError * 0.5 * random.gaussian(),
    dec: target.dec + positionError * 0.5 * random.gaussian(),
    positionError,
    x,
    y,
    flux,
    fluxError,
    apFlux: flux * random.between(0.98, 1.03) + apFluxError * 0.5 * random.gaussian(),
    apFluxError,
    templateFlux: templateFlux + visit.fluxError * 0.3 * random.gaussian(),
    templateFluxError: visit.fluxError * 0.3,
    scienceFlux: templateFlux + flux + visit.fluxError * 0.3 * random.gaussian(),
    scienceFluxError: fluxError * 0.9,
    width,
    pixelNoise,
    trailed: target.kind === 'moving' ? random.chance(0.6) : random.chance(0.75),
    dipole: random.chance(0.25)
  }
}
