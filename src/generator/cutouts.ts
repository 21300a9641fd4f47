// Renders the three cutouts of an alert as FITS files with the survey's layout: a float32 image in nJy with a TAN WCS and, depending on
// the profile, its 1-sigma uncertainty (UNCERT) and the PSF (PSFIMAGE, float64). The template image shows host galaxy and star. The science
// image also shows the current change of the flux. The difference image is science - template, pixel by pixel.
import type { Card } from '../fits/cards.ts'
import { FLUX_PER_ELECTRON, TEMPLATE_NOISE, type DiaSource } from './dia-source.ts'
import { writeFits } from './fits.ts'
import type { SkyPosition } from './focal-plane.ts'
import { addProfile, moffatProfile, type MoffatProfile } from './psf.ts'
import { Random } from './random.ts'

/** Side of PSFIMAGE in each cutout, pixels. A side of 17, 25, 41 or 77 gives a cutout of 23,040, 25,920, 34,560 or 69,120 bytes. */
interface PsfSizes {
  readonly difference: number
  readonly science: number
  readonly template: number
}

interface StampSizes {
  /** Side of the images, pixels. */
  readonly side: number
  /** Undefined: the cutouts consist of the image alone, without UNCERT and PSFIMAGE. */
  readonly psf?: PsfSizes
}

/** Of `period` alerts, one has large stamps. */
export interface CutoutLayout {
  readonly period: number
  readonly typical: StampSizes
  readonly large: StampSizes
  /** Which WCS keywords the images have. `values`: only CRPIX, CRVAL and CD, as in Rubin's alerts; readers must assume TAN and degrees. */
  readonly wcs: 'complete' | 'values'
}

/** PSF images with a larger side have values rounded to float32, like PSFs of coadds. Otherwise large alerts would hardly compress. */
const MAX_DOUBLE_SIDE = 41

export interface Cutouts {
  readonly difference: Buffer
  readonly science: Buffer
  readonly template: Buffer
}

/** Exactly one alert in each group of `period` has large stamps, so the mean alert size is right even for a few alerts. */
export function drawStampSizes ({ period, typical, large }: CutoutLayout, seed: number, visit: number, index: number): StampSizes {
  const largest = new Random(seed, 'stamps', visit, Math.floor(index / period)).below(period)
  return index % period === largest ? large : typical
}

/** Images of one side, reused for all alerts. */
function createImages (side: number) {
  const pixels = side * side
  return {
    model: new Float64Array(pixels),
    change: new Float64Array(pixels),
    science: new Float32Array(pixels),
    template: new Float32Array(pixels),
    difference: new Float32Array(pixels),
    scienceError: new Float32Array(pixels),
    templateError: new Float32Array(pixels),
    differenceError: new Float32Array(pixels)
  }
}

/** The renderer reuses internal images between calls; the buffers it returns are new. */
export function createCutoutRenderer (
  seed: number, wcs: CutoutLayout['wcs']
): (random: Random, source: DiaSource, sky: SkyPosition, sizes: StampSizes) => Cutouts {
  const imagesOfSide = new Map<number, ReturnType<typeof createImages>>()

  return (random, source, sky, sizes) => {
    const { side } = sizes
    let images = imagesOfSide.get(side)
    if (images === undefined) imagesOfSide.set(side, images = createImages(side))
    const { model, change, science, template, difference, scienceError, templateError, differenceError } = images
    const { fwhm } = source
    const minX = Math.round(source.x) - side / 2
    const minY = Math.round(source.y) - side / 2
    const x = source.x - minX
    const y = source.y - minY
    const optics = new Random(seed, 'optics', source.visit.index, source.detector)
    const e1 = 0.06 * optics.gaussian()
    const e2 = 0.06 * optics.gaussian()
    const psf = moffatProfile(fwhm, e1, e2)

    model.fill(0)
    const { host } = source.target
    if (host !== null) {
      const hostProfile = moffatProfile(host.fwhm + fwhm, 1 - host.axisRatio, 0.3 * (1 - host.axisRatio))
      addProfile(model, side, hostProfile, x + host.dx, y + host.dy, host.flux)
    }
    const templateFlux = source.target.templateFluxes[source.visit.band]!
    if (templateFlux !== 0) addProfile(model, side, psf, x, y, templateFlux)
    change.fill(0)
    addProfile(change, side, psf, x, y, source.flux)

    const scienceBackground = source.pixelNoise * source.pixelNoise
    const templateBackground = scienceBackground * TEMPLATE_NOISE * TEMPLATE_NOISE
    for (let i = 0; i < side * side; i++) {
      const templateModel = model[i]!
      const scienceModel = templateModel + change[i]!
      const scienceNoise = Math.sqrt(scienceBackground + Math.max(0, scienceModel) * FLUX_PER_ELECTRON)
      const templateNoise = Math.sqrt(templateBackground + Math.max(0, templateModel) * FLUX_PER_ELECTRON * TEMPLATE_NOISE * TEMPLATE_NOISE)
      const scienceValue = science[i] = scienceModel + scienceNoise * random.gaussian()
      const templateValue = template[i] = templateModel + templateNoise * random.gaussian()
      difference[i] = science[i]! - template[i]!
      // As in the survey, variances are estimated from the noisy pixel values.
      const scienceVariance = Math.max(scienceBackground * 0.5, scienceBackground + scienceValue * FLUX_PER_ELECTRON)
      const templateVariance = Math.max(
        templateBackground * 0.5, templateBackground + templateValue * FLUX_PER_ELECTRON * TEMPLATE_NOISE * TEMPLATE_NOISE
      )
      scienceError[i] = Math.sqrt(scienceVariance)
      templateError[i] = Math.sqrt(templateVariance)
      differenceError[i] = Math.sqrt(scienceVariance + templateVariance)
    }

    const cards = wcs === 'complete' ? wcsCards(sky, minX, minY, x, y) : [unit, ...wcsValues(sky, x, y)]
    const { psf: psfSizes } = sizes
    // Decorrelation of the difference image makes its PSF about one per cent narrower.
    const differencePsf = moffatProfile(fwhm * 0.99, e1, e2)
    const templatePsf = moffatProfile(fwhm * 1.005, e1 * 0.9, e2 * 0.9)
    const psfOf = (profile: MoffatProfile, name: keyof PsfSizes) => psfSizes && psfImage(profile, psfSizes[name], source)
    return {
      difference: writeCutout(cards, difference, differenceError, psfOf(differencePsf, 'difference')),
      science: writeCutout(cards, science, scienceError, psfOf(psf, 'science')),
      template: writeCutout(cards, template, templateError, psfOf(templatePsf, 'template'))
    }
  }
}

const unit: Card = { keyword: 'BUNIT', value: 'nJy', comment: 'unit of the pixels' }
const uncertaintyCards: readonly Card[] = [unit, { keyword: 'UTYPE', value: 'StdDevUncertainty', comment: 'one standard deviation' }]

function writeCutout (cards: readonly Card[], pixels: Float32Array, errors: Float32Array, psf: Float64Array | undefined): Buffer {
  const side = Math.sqrt(pixels.length)
  const image = { bitpix: -32, width: side, height: side, pixels, cards } as const
  if (psf === undefined) return writeFits([image])
  const psfSide = Math.sqrt(psf.length)
  return writeFits([
    image,
    { name: 'UNCERT', bitpix: -32, width: side, height: side, pixels: errors, cards: uncertaintyCards },
    { name: 'PSFIMAGE', bitpix: -64, width: psfSide, height: psfSide, pixels: psf }
  ])
}

// Renders the PSF with the same subpixel offset as the source. The pixels sum to 1.
function psfImage (profile: MoffatProfile, side: number, source: DiaSource): Float64Array {
  const image = new Float64Array(side * side)
  const middle = (side - 1) / 2
  addProfile(image, side, profile, middle + source.x - Math.round(source.x), middle + source.y - Math.round(source.y), 1)
  let sum = 0
  for (let i = 0; i < image.length; i++) sum += image[i]!
  for (let i = 0; i < image.length; i++) image[i] = side <= MAX_DOUBLE_SIDE ? image[i]! / sum : Math.fround(image[i]! / sum)
  return image
}

function wcsCards (sky: SkyPosition, minX: number, minY: number, x: number, y: number): Card[] {
  return [
    unit,
    { keyword: 'CUTMINX', value: BigInt(minX), comment: 'first column on the detector, from 0' },
    { keyword: 'CUTMINY', value: BigInt(minY), comment: 'first row on the detector, from 0' },
    { keyword: 'WCSAXES', value: 2n, comment: 'Number of coordinate axes' },
    { keyword: 'CTYPE1', value: 'RA---TAN', comment: 'Right ascension, gnomonic' },
    { keyword: 'CTYPE2', value: 'DEC--TAN', comment: 'Declination, gnomonic' },
    { keyword: 'CUNIT1', value: 'deg' },
    { keyword: 'CUNIT2', value: 'deg' },
    ...wcsValues(sky, x, y),
    { keyword: 'LONPOLE', value: 180 },
    { keyword: 'LATPOLE', value: sky.dec },
    { keyword: 'RADESYS', value: 'ICRS' }
  ]
}

function wcsValues (sky: SkyPosition, x: number, y: number): Card[] {
  return [
    { keyword: 'CRPIX1', value: x + 1, comment: 'the source, from 1' },
    { keyword: 'CRPIX2', value: y + 1, comment: 'the source, from 1' },
    { keyword: 'CRVAL1', value: sky.ra },
    { keyword: 'CRVAL2', value: sky.dec },
    { keyword: 'CD1_1', value: sky.cd[0] },
    { keyword: 'CD1_2', value: sky.cd[1] },
    { keyword: 'CD2_1', value: sky.cd[2] },
    { keyword: 'CD2_2', value: sky.cd[3] }
  ]
}
