// A detection on a difference image: position, time, fluxes and noise. Fields and cutouts of an alert are derived from the detection, so
// psfFlux agrees with apFlux, science with template + difference, pixel position with sky position, and flux errors with image noise.
import { PIXEL_SCALE } from './focal-plane.ts'
import { effectivePixels } from './psf.ts'
import type { Random } from './random.ts'
import { midpointAt, type Visit } from './visits.ts'

/** The kind of an object determines the shape of its light curve and the content of its template image. */
export type Kind = 'variable' | 'transient' | 'agn' | 'moving' | 'artefact'

/** The object to which a detection and a light curve belong. */
export interface Target {
  readonly kind: Kind
  /** Sky position, degrees. */
  readonly ra: number
  readonly dec: number
  /** Point-source flux in the template per band (ugrizy), nJy. */
  readonly templateFluxes: readonly number[]
  readonly host: Host | null
  readonly objectId: bigint | null
  readonly ssObjectId: bigint | null
}

/** Host galaxy. `dx`, `dy`: offset from the target, pixels. `fwhm`: excess over the FWHM of the PSF, pixels. `flux`: nJy. */
export interface Host {
  readonly dx: number
  readonly dy: number
  readonly fwhm: number
  /** The axis ratio of a round galaxy is 1. */
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
  /** Sky position, degrees. */
  readonly ra: number
  readonly dec: number
  /** 1-sigma position error, degrees. */
  readonly positionError: number
  /** Position on the detector, pixels. The centre of the first pixel is (0, 0). */
  readonly x: number
  readonly y: number
  /** PSF flux on the difference image. All fluxes and flux errors are in nJy. */
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

/** Flux per detected electron, nJy. Determines the shot noise. A source of 31.9 mag yields one electron in a 30 s exposure. */
export const FLUX_PER_ELECTRON = 0.6
/** Calibration error relative to the flux. */
const CALIBRATION_ERROR = 0.001
const APERTURE_PIXELS = 12 * 12 * Math.PI
/** Noise of the template relative to the science image. The template has less noise because it is a coadd of many visits. */
export const TEMPLATE_NOISE = 0.35

/** Fractions of sources to which a trail or a dipole was fitted. Moving objects have a fraction of their own for trails. */
export interface FitFractions {
  readonly trail: number
  readonly dipole: number
}

export function measure (
  random: Random,
  { id, visit, detector, target, x, y, flux }: Pick<DiaSource, 'id' | 'visit' | 'detector' | 'target' | 'x' | 'y' | 'flux'>,
  fits: FitFractions
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
    trailed: random.chance(target.kind === 'moving' ? 0.6 : fits.trail),
    dipole: random.chance(fits.dipole)
  }
}
