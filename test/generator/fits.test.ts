import t from 'tap'
import type { Card } from '../../src/fits/cards.ts'
import { writeFits } from '../../src/generator/fits.ts'

const image = { bitpix: -32, width: 3, height: 2, pixels: [1, -2.5, 0, 1e9, 3.4e38, 0.1] } as const

function splitCards (header: string): string[] {
  return header.match(/.{80}/g)!
}

/** Writes a card into a primary header and returns the text of the card. */
function writeCard (card: Card): string {
  const header = writeFits([{ ...image, cards: [card] }]).toString('latin1', 0, 2880)
  return splitCards(header)[6]!
}

await t.test('a FITS file has blocks of 2,880 bytes, headers padded with blanks and big-endian pixels padded with zeros', async t => {
  const file = writeFits([image, { ...image, name: 'SECOND', bitpix: -64 }])
  t.equal(file.length, 4 * 2880)
  const header = file.toString('latin1', 0, 2880)
  t.same(splitCards(header).slice(0, 7).map(card => card.slice(0, 30)), [
    'SIMPLE  =                    T',
    'BITPIX  =                  -32',
    'NAXIS   =                    2',
    'NAXIS1  =                    3',
    'NAXIS2  =                    2',
    'EXTEND  =                    T',
    'END'.padEnd(30)
  ])
  t.match(header.slice(7 * 80), /^ *$/)
  t.same([0, 1, 2, 3, 4, 5].map(i => file.readFloatBE(2880 + 4 * i)), Array.from(image.pixels, Math.fround))
  t.ok(file.subarray(2880 + 24, 5760).every(byte => byte === 0))
  const extension = splitCards(file.toString('latin1', 5760, 8640))
  t.match(extension[0], /^XTENSION= 'IMAGE {3}'/)
  t.same(
    extension.slice(5, 8).map(card => card.slice(0, 30).replace(/ +/g, ' ').trim()),
    ['PCOUNT = 0', 'GCOUNT = 1', 'EXTNAME = \'SECOND \'']
  )
  t.same([0, 1, 2, 3, 4, 5].map(i => file.readDoubleBE(8640 + 8 * i)), image.pixels)
})

await t.test('a real value reads back as the same double, and an integer has no decimal point', async t => {
  const values = [
    0, 15, -0.5, 1 / 3, 5.555555555555556e-5, -1e-300, 1.7976931348623157e308, 123456789012345680, 6.02e23, 359.99999999999994
  ]
  for (const value of values) {
    const text = writeCard({ keyword: 'VALUE', value, comment: 'a comment' })
    const written = text.slice(10).split('/')[0]!.trim()
    t.match(written, /^-?\d+\.\d+(E[+-]\d+)?$/, written)
    t.equal(Number(written), value)
  }
  t.equal(writeCard({ keyword: 'COUNT', value: 9007199254740993n }).slice(10, 30).trim(), '9007199254740993')
  t.equal(writeCard({ keyword: 'TEXT', value: 'it\'s' }).slice(0, 30).trim(), 'TEXT    = \'it\'\'s   \'')
})

await t.test('input that FITS cannot represent throws FITS_INVALID', async t => {
  const invalidCards: Card[] = [
    { keyword: 'TOO_LONG_A', value: 1 },
    { keyword: 'lower', value: 1 },
    { keyword: 'NAN', value: Number.NaN },
    { keyword: 'TEXT', value: 'x'.repeat(80) },
    { keyword: 'TEXT', value: 'µJy' }
  ]
  for (const card of invalidCards) t.throws(() => writeCard(card), { code: 'FITS_INVALID' }, card.keyword)
  t.throws(() => writeFits([{ ...image, width: 4 }]), { code: 'FITS_INVALID' }, 'the number of pixels is not width x height')
})
