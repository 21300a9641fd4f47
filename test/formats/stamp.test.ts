// Pictures of cutouts, judged by Pillow and astropy: grey levels, orientation and position of the source.
import t from 'tap'
import { writePng } from '../../src/formats/png.ts'
import { drawStamp, orientations, stretches, type StampOptions } from '../../src/formats/stamp.ts'
import { cutoutBytes } from '../../src/formats/cutouts.ts'
import type { Card } from '../../src/fits/cards.ts'
import { writeFits } from '../../src/generator/fits.ts'
import { alertsOf, judge } from './support.ts'

interface Verdict { readonly faults: readonly string[], readonly modes: readonly string[], readonly worst: number }
interface Source { readonly ra: number | null, readonly dec: number | null }

async function caseOf (fits: Buffer, options: StampOptions, { ra, dec }: Source = { ra: null, dec: null }) {
  const body = await writePng(drawStamp(fits, 'science', options))
  return { body, fits: fits.toString('base64'), size: null, ...options, ra, dec }
}

await t.test('a known source is at the centre, as stored and with north up, for 9.0, 10.0 and 11.1, without CTYPE', async t => {
  const cases = []
  for (const version of ['9.0', '10.0', '11.1']) {
    const alerts = await alertsOf(version, 60)
    const source = (alert: typeof alerts[0]) => alert.value['diaSource'] as { snr: number, ra: number, dec: number, psfFlux: number }
    const bright = alerts.filter(alert => source(alert).psfFlux > 0).sort((a, b) => source(b).snr - source(a).snr).slice(0, 2)
    for (const alert of bright) {
      const fits = cutoutBytes({ schema: alert.schema, datum: alert.schema.encode(alert.value) }, 'difference')
      t.notMatch(fits.toString('latin1', 0, 2880), /CTYPE|CUNIT/)
      for (const orientation of orientations) {
        for (const size of [undefined, 120, 17]) cases.push(await caseOf(fits, { stretch: 'linear', orientation, size }, source(alert)))
      }
    }
  }
  const { faults, modes, worst } = await judge<Verdict>(t, 'stamp_judge.py', cases)
  t.strictSame(faults, [])
  t.strictSame(modes, ['L', 'LA'])
  t.comment(`largest difference of a grey level: ${worst}`)
})

/** An image without symmetry: a ramp, a bright corner, and a pixel without a value. */
function asymmetric (cards: readonly Card[], [width, height]: readonly [number, number]): Buffer {
  const pixels = Float32Array.from({ length: width * height }, (_, i) => (i % width) ** 1.3 + 3 * Math.floor(i / width))
  pixels[width + 2] = 500
  pixels[5] = NaN
  return writeFits([{ bitpix: -32, width, height, pixels, cards }])
}

const card = (keyword: string, value: Card['value']): Card => ({ keyword, value })
const scale = 0.2 / 3600

function matrix (angle: number, parity: 1 | -1, stretch = 1): Card[] {
  const [sin, cos] = [Math.sin(angle * Math.PI / 180), Math.cos(angle * Math.PI / 180)]
  return [
    card('CD1_1', parity * scale * cos), card('CD1_2', -scale * sin * stretch),
    card('CD2_1', parity * scale * sin), card('CD2_2', scale * cos * stretch)
  ]
}
const reference = (x: number, y: number, ra: number, dec: number): Card[] =>
  [card('CRPIX1', x), card('CRPIX2', y), card('CRVAL1', ra), card('CRVAL2', dec)]
const tan: readonly Card[] = [card('CTYPE1', 'RA---TAN'), card('CTYPE2', 'DEC--TAN'), card('CUNIT1', 'deg'), card('CUNIT2', 'deg')]

await t.test('any stretch, rotation, parity, shape and reference point gives the picture of astropy', async t => {
  const square = [24, 24] as const
  const images = [
    asymmetric([...reference(12, 12, 10, -30), ...matrix(0, -1)], square),
    asymmetric([...reference(12, 12, 10, -30), ...matrix(33, -1), ...tan], square),
    asymmetric([...reference(3, 20, 359.9999, 89.9), ...matrix(200, 1)], square),
    asymmetric([...reference(500, -300, 180, -89.99), ...matrix(-75, -1), ...tan], [31, 17]),
    asymmetric([...reference(8, 9, 0.00001, 0), ...matrix(120, 1, 1.4)], [12, 40]),
    asymmetric([
      ...reference(8, 9, 50, 60), card('CDELT1', -scale), card('CDELT2', scale), card('PC1_1', 0.6), card('PC1_2', -0.8),
      card('PC2_1', 0.8), card('PC2_2', 0.6)
    ], square)
  ]
  const cases = []
  for (const image of images) {
    for (const stretch of stretches) {
      for (const orientation of orientations) cases.push(await caseOf(image, { stretch, orientation, size: 77 }))
    }
  }
  const { faults, worst } = await judge<Verdict>(t, 'stamp_judge.py', cases)
  t.strictSame(faults, [])
  t.comment(`largest difference of a grey level: ${worst}`)
})

await t.test('integer pixels, a constant image, and an image without any value', async t => {
  const options = { stretch: 'linear', orientation: 'detector' } as const
  const constant = writeFits([{ bitpix: -32, width: 3, height: 2, pixels: [7, 7, 7, 7, 7, 7] }])
  t.strictSame([...drawStamp(constant, 'template', options).levels], [0, 0, 0, 0, 0, 0])
  const blank = writeFits([{ bitpix: -32, width: 2, height: 1, pixels: [NaN, NaN] }])
  t.strictSame([...drawStamp(blank, 'template', options).levels], [-1, -1])
  const one = writeFits([{ bitpix: -64, width: 1, height: 1, pixels: [5] }])
  t.strictSame(drawStamp(one, 'template', { ...options, size: 2 }), { width: 2, height: 2, levels: Int16Array.of(0, 0, 0, 0) })
})

await t.test('an image that cannot be turned north says why; as stored, it is drawn', async t => {
  const draw = (cards: readonly Card[], orientation: 'north' | 'detector') =>
    drawStamp(asymmetric(cards, [6, 5]), 'science', { stretch: 'log', orientation })
  const complete = [...reference(3, 3, 10, 20), ...matrix(0, -1)]
  const cases: ReadonlyArray<readonly [readonly Card[], RegExp]> = [
    [[], /CDELT1 is missing/], [complete.filter(({ keyword }) => keyword !== 'CRVAL2'), /CRVAL2 is missing/],
    [[...complete, card('CTYPE1', 'RA---SIN')], /CTYPE1 is "RA---SIN", not RA---TAN/],
    [[...complete, card('CUNIT2', 'arcsec')], /CUNIT2 is "arcsec", not deg/],
    [[...complete, card('LONPOLE', 0)], /LONPOLE is 0/],
    [[...reference(3, 3, 10, 20), card('CD1_1', 1)], /cannot be inverted/]
  ]
  for (const [cards, message] of cases) {
    const expected = { code: 'CUTOUT_NO_WCS', message: new RegExp(`north is unknown in the science cutout: .*${message.source}`) }
    t.throws(() => draw(cards, 'north'), expected)
    t.equal(draw(cards, 'detector').width, 6)
  }
  t.equal(draw(complete, 'north').width, 6)
})

await t.test('bytes that are no image of a permitted size are damaged', async t => {
  const draw = (bytes: Buffer) => drawStamp(bytes, 'difference', { stretch: 'log', orientation: 'detector' })
  const good = writeFits([{ bitpix: -32, width: 3, height: 2, pixels: [1, 2, 3, 4, 5, 6] }])
  const changed = (from: string, to: string) => Buffer.from(good.toString('latin1').replace(from, to.padEnd(from.length)), 'latin1')
  const axis = 'NAXIS1  =                    3'
  const cases: ReadonlyArray<readonly [Buffer, RegExp]> = [
    [Buffer.alloc(0), /the file is empty/],
    [Buffer.from('not FITS'), /do not begin with SIMPLE/],
    [good.subarray(0, 2000), /ends inside a header/],
    [good.subarray(0, 2890), /states 24 bytes of data, but 10 follow it/],
    [changed(axis, 'NAXIS1  =           4611686018'), /states .* bytes of data/],
    [changed(axis, 'NAXIS1  = 99999999999999999999'), /NAXIS1 is/],
    [changed(axis, 'NAXIS1  =                   -3'), /NAXIS1 is -3/],
    [changed(axis, 'NAXIS1  =                    0'), /is not an image/],
    [changed(axis, 'NAXIZ1  =                    3'), /NAXIS1 is missing/],
    [changed('NAXIS   =                    2', 'NAXIS   =                    1'), /3 pixels, so it is not an image/],
    [changed('BITPIX  =                  -32', 'BITPIX  =                    7'), /BITPIX is 7/],
    [changed(axis, 'NAXIS1  =                  \x01'), /printable ASCII/],
    [changed('END      ', 'ENX      '), /printable ASCII/],
    [writeFits([{ bitpix: -32, width: 1025, height: 1, pixels: new Float32Array(1025) }]), /1025 x 1 pixels, but at most 1024/]
  ]
  for (const [bytes, message] of cases) {
    t.throws(() => draw(bytes), { code: 'CUTOUT_DAMAGED', message: new RegExp(`the difference cutout is damaged: .*${message.source}`) })
  }
})
