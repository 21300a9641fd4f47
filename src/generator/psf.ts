// The point spread function (PSF): an elliptical Moffat profile with beta = 2.5, whose wings are like those of real seeing.
// (1 + q)^-2.5 is computed as 1 / (p * p * sqrt(p)), so pixel values are the same on every machine.

const BETA = 2.5
// FWHM = 2 alpha sqrt(2^(1 / beta) - 1)
const ALPHA_PER_FWHM = 1 / (2 * Math.sqrt(0.3195079107728942))

export interface MoffatProfile {
  /** Coefficients of q = a dx^2 + 2 b dx dy + c dy^2, pixels^-2. */
  readonly a: number
  readonly b: number
  readonly c: number
  /** Central value of a source with a total flux of 1. */
  readonly peak: number
}

/** `fwhm`: full width at half maximum, pixels. `e1`, `e2`: ellipticity components. */
export function moffatProfile (fwhm: number, e1 = 0, e2 = 0): MoffatProfile {
  const alpha = fwhm * ALPHA_PER_FWHM
  const unit = 1 / (alpha * alpha)
  const a = unit * (1 - e1)
  const c = unit * (1 + e1)
  const b = -unit * e2
  return { a, b, c, peak: (BETA - 1) / Math.PI * Math.sqrt(a * c - b * b) }
}

/** Effective number of pixels of PSF photometry: 1 / sum(psf^2). `fwhm` is in pixels. */
export function effectivePixels (fwhm: number): number {
  const alpha = fwhm * ALPHA_PER_FWHM
  return Math.PI * alpha * alpha * (2 * BETA - 1) / ((BETA - 1) * (BETA - 1))
}

/** Adds a source of the given flux at (x, y) to a square image. The centre of the first pixel is (0, 0). */
export function addProfile (image: Float64Array, side: number, profile: MoffatProfile, x: number, y: number, flux: number): void {
  const { a, b, c } = profile
  const scale = flux * profile.peak
  for (let row = 0, i = 0; row < side; row++) {
    const dy = row - y
    for (let column = 0; column < side; column++, i++) {
      const dx = column - x
      const p = 1 + (a * dx + 2 * b * dy) * dx + c * dy * dy
      image[i]! += scale / (p * p * Math.sqrt(p))
    }
  }
}
