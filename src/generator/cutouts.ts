// The three postage stamps of an alert, each a FITS file as the survey sends them: PRIMARY 30 x 30 float32 in nJy with a
// TAN WCS, UNCERT (1-sigma) and PSFIMAGE (float64). Science shows host + star + today's difference on noise, template the
// same without the difference (matched to the science image's seeing), and difference is science minus template, pixel
// by pixel. The sizes of PSFIMAGE are a mix that gives the stream's design figures (see CUTOUT_MIX).
import { type Card, writeFits } from './fits.ts'
import { type Profile, addProfile, profileOf } from './psf.ts'
import { Random } from './random.ts'
import { type SkyPosition } from './sky.ts'
import { type Source, FLUX_PER_ELECTRON, TEMPLATE_NOISE } from './source.ts'

export const STAMP_SIDE = 30
const PIXELS = STAMP_SIDE * STAMP_SIDE

/** Sides of PSFIMAGE in the three cutouts; a cutout is 23,040 bytes at 17, 25,920 at 25, 34,560 at 41, 69,120 at 77. */
export interface StampSizes {
  readonly difference: number
  readonly science: number
  readonly template: number
}

/**
 * Eleven alerts of twelve carry small PSF images, one of twelve those of the alerts of 2025 (139 KB): with the light
 * curves, the mean Avro datum is ~82 KB, the survey's design figure, with a tail beyond 200 KB.
 */
export const CUTOUT_MIX = {
  period: 12,
  usual: { difference: 17, science: 25, template: 25 },
  large: { difference: 41, science: 41, template: 77 }
} as const satisfies { period: number, usual: StampSizes, large: StampSizes }

/** Wider PSF images (of a coadd) hold widened float32 values, whose low bits are zero: without them large alerts would hardly compress. */
const WIDEST_DOUBLE = 41

export interface Cutouts {
  readonly difference: Buffer
  readonly science: Buffer
  readonly template: Buffer
}

/** A renderer with its own scratch images; the cutouts it returns are fresh buffers. */
export function createCutoutRenderer (seed: number): (random: Random, source: Source, sky: SkyPosition, sizes: StampSizes) => Cutouts {
  const model = new Float64Array(PIXELS)
  const star = new Float64Array(PIXELS)
  const science = new Float32Array(PIXELS)
  const template = new Float32Array(PIXELS)
  const difference = new Float32Array(PIXELS)
  const scienceError = new Float32Array(PIXELS)
  const templateError = new Float32Array(PIXELS)
  const differenceError = new Float32Array(PIXELS)

  return (random, source, sky, sizes) => {
    const minX = Math.round(source.x) - STAMP_SIDE / 2
    const minY = Math.round(source.y) - STAMP_SIDE / 2
    const x = source.x - minX
    const y = source.y - minY
    const optics = new Random(seed, 'optics', source.visit.index, source.detector)
    const e1 = 0.06 * optics.gaussian()
    const e2 = 0.06 * optics.gaussian()
    const profile = profileOf(source.width, e1, e2)

    model.fill(0)
    const { host } = source.target
    if (host !== null) addProfile(model, STAMP_SIDE, profileOf(host.width + source.width, 1 - host.stretch, 0.3 * (1 - host.stretch)), x + host.dx, y + host.dy, host.flux)
    const steady = source.target.template[source.visit.band]!
    if (steady !== 0) addProfile(model, STAMP_SIDE, profile, x, y, steady)
    star.fill(0)
    addProfile(star, STAMP_SIDE, profile, x, y, source.flux)

    const background = source.pixelNoise * source.pixelNoise
    const coadd = background * TEMPLATE_NOISE * TEMPLATE_NOISE
    for (let i = 0; i < PIXELS; i++) {
      const before = model[i]!
      const now = before + star[i]!
      const nowNoise = Math.sqrt(background + Math.max(0, now) * FLUX_PER_ELECTRON)
      const beforeNoise = Math.sqrt(coadd + Math.max(0, before) * FLUX_PER_ELECTRON * TEMPLATE_NOISE * TEMPLATE_NOISE)
      const seen = science[i] = now + nowNoise * random.gaussian()
      const known = template[i] = before + beforeNoise * random.gaussian()
      difference[i] = science[i]! - template[i]!
      // As in the survey, variances are estimated from the counts themselves, sky and noise included.
      const nowVariance = Math.max(background * 0.5, background + seen * FLUX_PER_ELECTRON)
      const beforeVariance = Math.max(coadd * 0.5, coadd + known * FLUX_PER_ELECTRON * TEMPLATE_NOISE * TEMPLATE_NOISE)
      scienceError[i] = Math.sqrt(nowVariance)
      templateError[i] = Math.sqrt(beforeVariance)
      differenceError[i] = Math.sqrt(nowVariance + beforeVariance)
    }

    const cards = worldCoordinates(sky, minX, minY, x, y)
    return {
      // Decorrelating the difference narrows its point spread function by about a per cent.
      difference: stamp(cards, difference, differenceError, profileOf(source.width * 0.99, e1, e2), sizes.difference, source),
      science: stamp(cards, science, scienceError, profile, sizes.science, source),
      template: stamp(cards, template, templateError, profileOf(source.width * 1.005, e1 * 0.9, e2 * 0.9), sizes.template, source)
    }
  }
}

const unit: Card = { keyword: 'BUNIT', value: 'nJy', comment: 'unit of the pixels' }
const uncertaintyCards: readonly Card[] = [unit, { keyword: 'UTYPE', value: 'StdDevUncertainty', comment: 'one standard deviation' }]

function stamp (cards: readonly Card[], pixels: Float32Array, errors: Float32Array, profile: Profile, side: number, source: Source): Buffer {
  return writeFits([
    { bitpix: -32, width: STAMP_SIDE, height: STAMP_SIDE, pixels, cards },
    { name: 'UNCERT', bitpix: -32, width: STAMP_SIDE, height: STAMP_SIDE, pixels: errors, cards: uncertaintyCards },
    { name: 'PSFIMAGE', bitpix: -64, width: side, height: side, pixels: psfImage(profile, side, source) }
  ])
}

// Centred as the source is within its pixel, with a sum of 1.
function psfImage (profile: Profile, side: number, source: Source): Float64Array {
  const image = new Float64Array(side * side)
  const middle = (side - 1) / 2
  addProfile(image, side, profile, middle + source.x - Math.round(source.x), middle + source.y - Math.round(source.y), 1)
  let sum = 0
  for (let i = 0; i < image.length; i++) sum += image[i]!
  for (let i = 0; i < image.length; i++) image[i] = side <= WIDEST_DOUBLE ? image[i]! / sum : Math.fround(image[i]! / sum)
  return image
}

function worldCoordinates (sky: SkyPosition, minX: number, minY: number, x: number, y: number): Card[] {
  return [
    unit,
    { keyword: 'CUTMINX', value: BigInt(minX), comment: 'first column on the detector, from 0' },
    { keyword: 'CUTMINY', value: BigInt(minY), comment: 'first row on the detector, from 0' },
    { keyword: 'WCSAXES', value: 2n, comment: 'Number of coordinate axes' },
    { keyword: 'CTYPE1', value: 'RA---TAN', comment: 'Right ascension, gnomonic' },
    { keyword: 'CTYPE2', value: 'DEC--TAN', comment: 'Declination, gnomonic' },
    { keyword: 'CUNIT1', value: 'deg' },
    { keyword: 'CUNIT2', value: 'deg' },
    { keyword: 'CRPIX1', value: x + 1, comment: 'the source, from 1' },
    { keyword: 'CRPIX2', value: y + 1, comment: 'the source, from 1' },
    { keyword: 'CRVAL1', value: sky.ra },
    { keyword: 'CRVAL2', value: sky.dec },
    { keyword: 'CD1_1', value: sky.cd[0] },
    { keyword: 'CD1_2', value: sky.cd[1] },
    { keyword: 'CD2_1', value: sky.cd[2] },
    { keyword: 'CD2_2', value: sky.cd[3] },
    { keyword: 'LONPOLE', value: 180 },
    { keyword: 'LATPOLE', value: sky.dec },
    { keyword: 'RADESYS', value: 'ICRS' }
  ]
}
