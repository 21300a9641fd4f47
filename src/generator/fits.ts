// Writes FITS image files (FITS standard 4.0): a primary HDU and IMAGE extensions with float32 or float64 pixels. Mandatory keywords are in
// the standard's order. The file length is a multiple of 2,880 bytes.
import { formatCard, formatHeader, padToBlock, type Card } from '../fits/cards.ts'
import { fitsErrors } from '../fits/errors.ts'

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

/** Writes a FITS file whose primary HDU is the first of `hdus`. Throws FITS_INVALID if FITS cannot represent the input. */
export function writeFits (hdus: readonly ImageHdu[]): Buffer {
  const headers = hdus.map((hdu, i) => headerOf(hdu, i === 0))
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
    throw fitsErrors.FITS_INVALID(`the image has ${pixels.length} pixels, not ${width} x ${height}`, { where: hdu.name ?? 'PRIMARY' })
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
  return formatHeader(text)
}
