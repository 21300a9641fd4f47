// The shape of a star's image: an elliptical Moffat profile with beta = 2.5, whose wings are those of real seeing and
// which needs no power function ((1 + q)^-2.5 is 1 / (p * p * sqrt(p))), so its values are the same on every machine.

const BETA = 2.5
// FWHM = 2 alpha sqrt(2^(1 / beta) - 1)
const WIDTH_TO_ALPHA = 1 / (2 * Math.sqrt(0.3195079107728942))

export interface Profile {
  /** Coefficients of q = a dx^2 + 2 b dx dy + c dy^2, pixels^-2. */
  readonly a: number
  readonly b: number
  readonly c: number
  /** Value at the centre for a total flux of 1. */
  readonly peak: number
}

/** A profile of the given full width at half maximum (pixels) and ellipticity components. */
export function profileOf (width: number, e1 = 0, e2 = 0): Profile {
  const alpha = width * WIDTH_TO_ALPHA
  const unit = 1 / (alpha * alpha)
  const a = unit * (1 - e1)
  const c = unit * (1 + e1)
  const b = -unit * e2
  return { a, b, c, peak: (BETA - 1) / Math.PI * Math.sqrt(a * c - b * b) }
}

/** Over how many pixels an optimal photometer of a point source sums the noise: 1 / sum(psf^2). */
export function noiseArea (width: number): number {
  const alpha = width * WIDTH_TO_ALPHA
  return Math.PI * alpha * alpha * (2 * BETA - 1) / ((BETA - 1) * (BETA - 1))
}

/** Adds `flux` of the profile, centred at (x, y) counted from the first pixel's centre, to a square image. */
export function addProfile (image: Float64Array, side: number, profile: Profile, x: number, y: number, flux: number): void {
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
