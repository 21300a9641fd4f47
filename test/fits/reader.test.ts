// The FITS reader on files that astropy writes: integer pixels with scale and blank value, extensions, and data after the last HDU.
import { readFile, writeFile } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { readFits, readImage } from '../../src/fits/reader.ts'
import { tempDir, usePython } from '../support/stack.ts'

const program = `
import sys
import numpy as np
from astropy.io import fits

folder = sys.argv[1]
numbers = np.arange(6).reshape(2, 3)
for name in ("uint8", "int16", "uint16", "int32", "int64", "float32", "float64"):
    fits.PrimaryHDU(numbers.astype(name)).writeto(f"{folder}/{name}.fits")
scaled = fits.PrimaryHDU(numbers.astype("f8") / 2 - 1)
scaled.scale("int16", bscale=0.5, bzero=-1)
scaled.header["BLANK"] = 5
scaled.writeto(f"{folder}/scaled.fits")
header = fits.Header()
header["NAME"] = ("it's a name / with a slash", "a comment")
header["LONG"] = "x" * 200
header["ANSWER"] = 42
header["SMALL"] = -1.5e-7
header["YES"] = True
header["NOTHING"] = None
table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])], name="TABLE")
hdus = fits.HDUList([fits.PrimaryHDU(header=header), table, fits.ImageHDU(numbers.astype("f4"), name="SECOND")])
hdus.writeto(f"{folder}/several.fits")
with open(f"{folder}/several.fits", "ab") as file:
    file.write(b"more" * 100)
`

const folder = await tempDir(t)
await writeFile(join(folder, 'write.py'), program)
execFileSync(await usePython(t), [join(folder, 'write.py'), folder])
const read = async (name: string) => readFits(await readFile(join(folder, `${name}.fits`)), name)

await t.test('pixels of every type', async t => {
  for (const name of ['uint8', 'int16', 'uint16', 'int32', 'int64', 'float32', 'float64']) {
    const [hdu] = await read(name)
    t.strictSame(readImage(hdu!, 10, name), { width: 3, height: 2, pixels: Float64Array.of(0, 1, 2, 3, 4, 5) }, name)
  }
  const [scaled] = await read('scaled')
  t.strictSame(readImage(scaled!, 10, 'scaled').pixels, Float64Array.of(-1, -0.5, 0, 0.5, 1, NaN))
})

await t.test('the values of a header, all HDUs, and none of the data after them', async t => {
  const hdus = await read('several')
  t.strictSame(hdus.map(({ value, axes }) => [value('EXTNAME'), axes]), [[undefined, []], ['TABLE', [4, 2]], ['SECOND', [3, 2]]])
  const { value } = hdus[0]!
  const names = ['NAME', 'ANSWER', 'SMALL', 'YES', 'NOTHING', 'ABSENT', 'BITPIX']
  t.strictSame(names.map(value), ['it\'s a name / with a slash', 42, -1.5e-7, true, undefined, undefined, 8])
  t.throws(() => readImage(hdus[0]!, 10, 'several'), { code: 'FITS_UNREADABLE', message: /has no pixels/ })
})

await t.test('a file with very many HDUs is read up to a limit', async t => {
  const block = (cards: readonly string[]) => Buffer.from([...cards, 'END'].map(card => card.padEnd(80)).join('').padEnd(2880))
  const cards = ['BITPIX  =                    8', 'NAXIS   =                    0']
  const extension = block(['XTENSION= \'IMAGE   \'', ...cards, 'PCOUNT  =                    0', 'GCOUNT  =                    1'])
  const file = Buffer.concat([block(['SIMPLE  =                    T', ...cards]), ...Array.from({ length: 1000 }, () => extension)])
  t.equal(readFits(file, 'many').length, 64)
})
