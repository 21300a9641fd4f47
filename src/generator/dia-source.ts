// One detection on a difference image: position, time, fluxes and noise. All fields and cutouts of an alert are derived from it, so they
// agree: psfFlux with apFlux, science with template + difference, pixel position with sky position, flux errors with image noise.
import { PIXEL_SCALE } from './focal-plane.ts'
import { effectivePixels } from './psf.ts'
import { type Random } from './random.ts'
import { midpointAt, type Visit } from './visits.ts'

/** Determines the shape of the light curve and the content of the template. */
export type Kind = 'variable' | 'transient' | 'agn' | 'moving' | 'artefact'

/** The object of a detection and its light curve. */
export interface Target {
  readonly kind: Kind
  /** Degrees. */
  readonly ra: number
  readonly dec: number
  /** Point-source flux in the template per band (ugrizy), nJy. */
  readonly templateFluxes: readonly number[]
  readonly host: Host | null
  readonly objectId: bigint | null
  readonly ssObjectId: bigint | null
}

/** Host galaxy: offset from the target and FWHM beyond the PSF in pixels, flux in nJy. */
export interface Host {
  readonly dx: number
  readonly dy: number
  readonly fwhm: number
  /** Sets the ellipticity; 1 is round. */
  readonly axisRatio: number
  readonly flux: number
}

export interface DiaSource {
  readonly id: bigint
  readonly visit: Visit
  readonly detector: number
  /** Exposure midpoint, MJD TAI. */
  readonly midpoint: number
  readonly target: Target
  /** Degrees. */
  readonly ra: number
  readonly dec: number
  /** 1-sigma position error, degrees. */
  readonly positionError: number
  /** Detector pixels; the centre of the first pixel is 0. */
  readonly x: number
  readonly y: number
  /** PSF flux on the difference image; all fluxes and errors are in nJy. */
  readonly flux: number
  readonly fluxError: number
  readonly apFlux: number
  readonly apFluxError: number
  readonly templateFlux: number
  readonly templateFluxError: number
  readonly scienceFlux: number
  readonly scienceFluxError: number
  /** FWHM of the PSF, pixels. */
  readonly fwhm: number
  /** Standard deviation of the background per pixel of the science image, nJy. */
  readonly pixelNoise: number
  /** Whether the trail model was fitted. */
  readonly trailed: boolean
  /** Whether the dipole model was fitted. */
  readonly dipole: boolean
}

/** nJy per detected electron, for shot noise: zero point 31.9 mag for 30 s. */
export const FLUX_PER_ELECTRON = 0.6
/** Calibration error relative to the flux. */
const CALIBRATION_ERROR = 0.001
const APERTURE_PIXELS = 12 * 12 * Math.PI
/** Noise of the template relative to the science image. It is low because the template is a coadd of many visits. */
export const TEMPLATE_NOISE = 0.35

/** Adds errors and derived fluxes to a detection. */
export function measure (
  random: Random,
  { id, visit, detector, target, x, y, flux }: Pick<DiaSource, 'id' | 'visit' | 'detector' | 'target' | 'x' | 'y' | 'flux'>
): DiaSource {
  const fwhm = visit.seeing / (PIXEL_SCALE * 3600)
  const templateFlux = target.templateFluxes[visit.band]!
  const shotNoise = FLUX_PER_ELECTRON * (templateFlux + Math.abs(flux))
  const calibration = CALIBRATION_ERROR * flux
  const fluxError = Math.sqrt(visit.fluxError * visit.fluxError + shotNoise + calibration * calibration) * random.between(0.95, 1.05)
  const pixelNoise = visit.fluxError / Math.sqrt(effectivePixels(fwhm) * (1 + TEMPLATE_NOISE * TEMPLATE_NOISE))
  const apFluxError = pixelNoise * Math.sqrt(APERTURE_PIXELS)
  const snr = Math.abs(flux) / fluxError
  const positionError = 0.67 * fwhm * PIXEL_SCALE / snr + 3e-6
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
    fwhm,
    pixelNoise,
    trailed: target.kind === 'moving' ? random.chance(0.6) : random.chance(0.75),
    dipole: random.chance(0.25)
  }
}
