// Writes FITS image files (FITS standard 4.0): a primary HDU and IMAGE extensions with float32 or float64 pixels. Mandatory keywords are in
// the standard's order and fixed format, and real values read back as the same double. The file length is a multiple of 2,880 bytes.
import { generatorErrors } from './errors.ts'

const BLOCK_BYTES = 2880
const CARD_LENGTH = 80

/** A header card. A bigint is written as a FITS integer, a number as a FITS real. */
export interface Card {
  readonly keyword: string
  readonly value: string | number | bigint | boolean
  readonly comment?: string
}

/** An image HDU. In `pixels`, x varies fastest and the bottom row comes first. */
interface ImageHdu {
  /** Value of EXTNAME. Ignored in the primary HDU. */
  readonly name?: string
  readonly bitpix: -32 | -64
  readonly width: number
  readonly height: number
  readonly pixels: ArrayLike<number>
  readonly cards?: readonly Card[]
}

function padToBlock (bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES
}

/** Writes a FITS file whose primary HDU is the first of `hdus`. Throws FITS_INVALID if FITS cannot represent the input. */
export function writeFits (hdus: readonly ImageHdu[]): Buffer {
  const headers = hdus.map((hdu, i) => formatHeader(hdu, i === 0))
  let length = 0
  hdus.forEach((hdu, i) => { length += headers[i]!.length + padToBlock(dataBytes(hdu)) })
  const file = Buffer.alloc(length)
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  let at = 0
  hdus.forEach((hdu, i) => {
    at += file.write(headers[i]!, at, 'latin1')
    writePixels(view, at, hdu)
    at += padToBlock(dataBytes(hdu))
  })
  return file
}

function dataBytes (hdu: ImageHdu): number {
  return hdu.width * hdu.height * (-hdu.bitpix / 8)
}

// FITS pixels are big-endian, the default of DataView.
function writePixels (view: DataView, start: number, hdu: ImageHdu): void {
  const { pixels, width, height } = hdu
  if (pixels.length !== width * height) {
    throw generatorErrors.FITS_INVALID(`the image has ${pixels.length} pixels, not ${width} x ${height}`, { where: hdu.name ?? 'PRIMARY' })
  }
  let at = start
  if (hdu.bitpix === -32) {
    for (let i = 0; i < pixels.length; i++, at += 4) view.setFloat32(at, pixels[i]!)
  } else {
    for (let i = 0; i < pixels.length; i++, at += 8) view.setFloat64(at, pixels[i]!)
  }
}

function formatHeader (hdu: ImageHdu, primary: boolean): string {
  let text = primary
    ? formatCard({ keyword: 'SIMPLE', value: true, comment: 'conforms to FITS standard' })
    : formatCard({ keyword: 'XTENSION', value: 'IMAGE', comment: 'Image extension' })
  text += formatCard({ keyword: 'BITPIX', value: BigInt(hdu.bitpix), comment: 'array data type' })
  text += formatCard({ keyword: 'NAXIS', value: 2n, comment: 'number of array dimensions' })
  text += formatCard({ keyword: 'NAXIS1', value: BigInt(hdu.width) })
  text += formatCard({ keyword: 'NAXIS2', value: BigInt(hdu.height) })
  if (primary) {
    text += formatCard({ keyword: 'EXTEND', value: true })
  } else {
    text += formatCard({ keyword: 'PCOUNT', value: 0n, comment: 'number of parameters' })
    text += formatCard({ keyword: 'GCOUNT', value: 1n, comment: 'number of groups' })
    if (hdu.name !== undefined) text += formatCard({ keyword: 'EXTNAME', value: hdu.name, comment: 'extension name' })
  }
  for (const card of hdu.cards ?? []) text += formatCard(card)
  text += 'END'.padEnd(CARD_LENGTH)
  return text.padEnd(padToBlock(text.length))
}

// Omits the comment if the card would be longer than 80 characters.
function formatCard ({ keyword, value, comment }: Card): string {
  if (!/^[A-Z0-9_-]{1,8}$/.test(keyword)) throw generatorErrors.FITS_INVALID(`'${keyword}' is not a valid FITS keyword`)
  let text = `${keyword.padEnd(8)}= ${formatValue(keyword, value)}`
  if (comment !== undefined && text.length + 3 + comment.length <= CARD_LENGTH) text += ` / ${comment}`
  if (text.length > CARD_LENGTH) throw generatorErrors.FITS_INVALID(`the card ${keyword} is longer than ${CARD_LENGTH} characters`)
  if (!/^[\x20-\x7e]*$/.test(text)) throw generatorErrors.FITS_INVALID(`the card ${keyword} has characters other than printable ASCII`)
  return text.padEnd(CARD_LENGTH)
}

function formatValue (keyword: string, value: Card['value']): string {
  if (typeof value === 'string') return `'${value.replaceAll('\'', '\'\'').padEnd(8)}'`.padEnd(20)
  if (typeof value === 'boolean') return (value ? 'T' : 'F').padStart(20)
  if (typeof value === 'bigint') return String(value).padStart(20)
  if (!Number.isFinite(value)) throw generatorErrors.FITS_INVALID(`the value of the card ${keyword} is not finite: ${value}`)
  // Returns the shortest text that reads back as the same double, with the decimal point and upper-case exponent that FITS expects.
  const size = Math.abs(value)
  const text = size !== 0 && (size < 1e-3 || size >= 1e15) ? value.toExponential() : String(value)
  const [mantissa, exponent] = text.split('e')
  return `${mantissa!.includes('.') ? mantissa! : `${mantissa!}.0`}${exponent === undefined ? '' : `E${exponent}`}`.padStart(20)
}
