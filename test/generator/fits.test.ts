import t from 'tap'
import { AlertStreamError } from '../../src/pipeline/errors.ts'
import { type ImageHdu, card, writeFits } from '../../src/generator/fits.ts'

const image: ImageHdu = { bitpix: -32, width: 3, height: 2, pixels: [1, -2.5, 0, 1e9, 3.4e38, 0.1] }

await t.test('a file is whole blocks of 2,880 bytes, header padded with blanks, pixels big-endian and padded with zeros', async t => {
  const file = writeFits([image, { ...image, name: 'SECOND', bitpix: -64 }])
  t.equal(file.length, 4 * 2880)
  const header = file.toString('latin1', 0, 2880)
  t.same(header.match(/.{80}/g)!.slice(0, 7).map(text => text.slice(0, 30)), [
    'SIMPLE  =                    T', 'BITPIX  =                  -32', 'NAXIS   =                    2', 'NAXIS1  =                    3', 'NAXIS2  =                    2',
    'EXTEND  =                    T', 'END'.padEnd(30)
  ])
  t.match(header.slice(7 * 80), /^ *$/)
  t.same([0, 1, 2, 3, 4, 5].map(i => file.readFloatBE(2880 + 4 * i)), Array.from(image.pixels, Math.fround))
  t.ok(file.subarray(2880 + 24, 5760).every(byte => byte === 0))
  const extension = file.toString('latin1', 5760, 8640).match(/.{80}/g)!
  t.match(extension[0], /^XTENSION= 'IMAGE {3}'/)
  t.same(extension.slice(5, 8).map(text => text.slice(0, 30).replace(/ +/g, ' ').trim()), ['PCOUNT = 0', 'GCOUNT = 1', 'EXTNAME = \'SECOND \''])
  t.same([0, 1, 2, 3, 4, 5].map(i => file.readDoubleBE(8640 + 8 * i)), image.pixels)
})

await t.test('a real reads back as the same double, an integer stays one', async t => {
  for (const value of [0, 15, -0.5, 1 / 3, 5.555555555555556e-5, -1e-300, 1.7976931348623157e308, 123456789012345680, 6.02e23, 359.99999999999994]) {
    const text = card({ keyword: 'VALUE', value, comment: 'a comment' })
    t.equal(text.length, 80)
    const written = text.slice(10).split('/')[0]!.trim()
    t.match(written, /^-?\d+\.\d+(E[+-]\d+)?$/, written)
    t.equal(Number(written), value)
  }
  t.equal(card({ keyword: 'COUNT', value: 9007199254740993n }).slice(10, 30).trim(), '9007199254740993')
  t.equal(card({ keyword: 'TEXT', value: 'it\'s' }).slice(0, 30).trim(), 'TEXT    = \'it\'\'s   \'')
})

await t.test('what FITS cannot hold is refused with a code', async t => {
  const refused = (run: () => unknown): void => {
    try {
      run()
      t.fail('nothing was thrown')
    } catch (error) {
      t.ok(error instanceof AlertStreamError && error.code === 'FITS_INVALID', String(error))
    }
  }
  refused(() => card({ keyword: 'TOO_LONG_A', value: 1 }))
  refused(() => card({ keyword: 'lower', value: 1 }))
  refused(() => card({ keyword: 'NAN', value: Number.NaN }))
  refused(() => card({ keyword: 'TEXT', value: 'x'.repeat(80) }))
  refused(() => card({ keyword: 'TEXT', value: 'µJy' }))
  refused(() => writeFits([{ ...image, width: 4 }]))
})
