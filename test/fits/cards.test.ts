// Long texts in headers, judged by astropy.
import { execFileSync } from 'node:child_process'
import t from 'tap'
import { formatCard, formatHeader, formatLongText } from '../../src/fits/cards.ts'
import { usePython } from '../support/stack.ts'

const texts = [
  'short', '', 'x'.repeat(67), 'x'.repeat(68), 'x'.repeat(69), 'x'.repeat(500), '\''.repeat(200), `${'x'.repeat(66)}'${'y'.repeat(70)}`,
  `${'x'.repeat(65)}''${'y'.repeat(70)}`, 'words & words '.repeat(12).trimEnd()
]

await t.test('a text of any length is read by astropy as it was written', async t => {
  const cards = texts.map((text, index) => formatLongText(`TCOMM${index + 1}`, text)).join('')
  t.equal(cards.length % 80, 0)
  const mandatory = [
    { keyword: 'SIMPLE', value: true }, { keyword: 'BITPIX', value: 8n }, { keyword: 'NAXIS', value: 0n }
  ].map(formatCard).join('')
  const program = 'import io, json, sys; from astropy.io import fits; ' +
    'h = fits.open(io.BytesIO(sys.stdin.buffer.read())); h.verify("exception"); ' +
    `print(json.dumps([h[0].header[f"TCOMM{i + 1}"] for i in range(${texts.length})]))`
  const input = formatHeader(mandatory + cards)
  const printed = execFileSync(await usePython(t), ['-W', 'error', '-c', program], { input, encoding: 'utf8' })
  t.strictSame(JSON.parse(printed), texts)
})

await t.test('a text that is not printable ASCII throws FITS_INVALID, in any part', async t => {
  for (const text of ['µ', `${'x'.repeat(100)}µ`]) t.throws(() => formatLongText('TEXT', text), { code: 'FITS_INVALID' })
})
