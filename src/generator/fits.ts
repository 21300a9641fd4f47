// Writes FITS files of images (FITS standard 4.0): a primary HDU and IMAGE extensions of float32 or float64 pixels,
// 80-character cards in blocks of 2,880 bytes, big-endian pixels, zero padding. Guarantees: mandatory cards in the
// standard's order and fixed format, reals that read back as the same double, and a length that is whole blocks.
import { generatorErrors } from './errors.ts'

export const FITS_BLOCK = 2880
const CARD = 80

/** A header card: a bigint is written as a FITS integer, a number as a FITS real. */
export interface Card {
  readonly keyword: string
  readonly value: string | number | bigint | boolean
  readonly comment?: string
}

/** One image HDU; `pixels` run along x first, from the bottom row up. The first HDU is the primary one. */
export interface ImageHdu {
  /** EXTNAME, for extensions. */
  readonly name?: string
  readonly bitpix: -32 | -64
  readonly width: number
  readonly height: number
  readonly pixels: ArrayLike<number>
  readonly cards?: readonly Card[]
}

/** Bytes of a block-padded section. */
export function padded (bytes: number): number {
  return Math.ceil(bytes / FITS_BLOCK) * FITS_BLOCK
}

/** A whole FITS file. Throws FITS_INVALID for what the format cannot hold. */
export function writeFits (hdus: readonly ImageHdu[]): Buffer {
  const headers = hdus.map((hdu, i) => headerOf(hdu, i === 0))
  let length = 0
  hdus.forEach((hdu, i) => { length += headers[i]!.length + padded(dataBytes(hdu)) })
  const file = Buffer.alloc(length)
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  let at = 0
  hdus.forEach((hdu, i) => {
    at += file.write(headers[i]!, at, 'latin1')
    writePixels(view, at, hdu)
    at += padded(dataBytes(hdu))
  })
  return file
}

function dataBytes (hdu: ImageHdu): number {
  return hdu.width * hdu.height * (-hdu.bitpix / 8)
}

function writePixels (view: DataView, start: number, hdu: ImageHdu): void {
  const { pixels } = hdu
  if (pixels.length !== hdu.width * hdu.height) {
    throw generatorErrors.FITS_INVALID(`an image of ${hdu.width} x ${hdu.height} has ${pixels.length} pixels`, { where: hdu.name ?? 'PRIMARY' })
  }
  let at = start
  if (hdu.bitpix === -32) {
    for (let i = 0; i < pixels.length; i++, at += 4) view.setFloat32(at, pixels[i]!)
  } else {
    for (let i = 0; i < pixels.length; i++, at += 8) view.setFloat64(at, pixels[i]!)
  }
}

function headerOf (hdu: ImageHdu, primary: boolean): string {
  let text = primary
    ? card({ keyword: 'SIMPLE', value: true, comment: 'conforms to FITS standard' })
    : card({ keyword: 'XTENSION', value: 'IMAGE', comment: 'Image extension' })
  text += card({ keyword: 'BITPIX', value: BigInt(hdu.bitpix), comment: 'array data type' })
  text += card({ keyword: 'NAXIS', value: 2n, comment: 'number of array dimensions' })
  text += card({ keyword: 'NAXIS1', value: BigInt(hdu.width) })
  text += card({ keyword: 'NAXIS2', value: BigInt(hdu.height) })
  if (primary) {
    text += card({ keyword: 'EXTEND', value: true })
  } else {
    text += card({ keyword: 'PCOUNT', value: 0n, comment: 'number of parameters' })
    text += card({ keyword: 'GCOUNT', value: 1n, comment: 'number of groups' })
    if (hdu.name !== undefined) text += card({ keyword: 'EXTNAME', value: hdu.name, comment: 'extension name' })
  }
  for (const extra of hdu.cards ?? []) text += card(extra)
  text += 'END'.padEnd(CARD)
  return text.padEnd(padded(text.length))
}

/** One 80-character card. */
export function card (content: Card): string {
  const { keyword, value, comment } = content
  if (!/^[A-Z0-9_-]{1,8}$/.test(keyword)) throw generatorErrors.FITS_INVALID(`'${keyword}' is no FITS keyword`)
  let text = `${keyword.padEnd(8)}= ${formatValue(keyword, value)}`
  if (comment !== undefined && text.length + 3 + comment.length <= CARD) text += ` / ${comment}`
  if (text.length > CARD || !/^[\x20-\x7e]*$/.test(text)) throw generatorErrors.FITS_INVALID(`the card ${keyword} is not ${CARD} printable characters`)
  return text.padEnd(CARD)
}

function formatValue (keyword: string, value: Card['value']): string {
  if (typeof value === 'string') return `'${value.replaceAll('\'', '\'\'').padEnd(8)}'`.padEnd(20)
  if (typeof value === 'boolean') return (value ? 'T' : 'F').padStart(20)
  if (typeof value === 'bigint') return String(value).padStart(20)
  if (!Number.isFinite(value)) throw generatorErrors.FITS_INVALID(`the card ${keyword} would hold ${value}`)
  // The shortest text that reads back as the same double; FITS wants a point and an upper-case exponent.
  const size = Math.abs(value)
  const text = size !== 0 && (size < 1e-3 || size >= 1e15) ? value.toExponential() : String(value)
  const [mantissa, exponent] = text.split('e')
  return `${mantissa!.includes('.') ? mantissa! : `${mantissa!}.0`}${exponent === undefined ? '' : `E${exponent}`}`.padStart(20)
}
