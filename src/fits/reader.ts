// Reads the HDUs of a FITS file in memory (FITS standard 4.0). Every size that a header claims is compared with the length of the file
// before anything is allocated, so time and memory are bounded by the length of the file.
import { blockBytes, cardLength, padToBlock } from './cards.ts'
import { fitsErrors } from './errors.ts'

type Value = string | number | boolean

export interface Hdu {
  /** The cards of the header without END, each of 80 characters. */
  readonly cards: readonly string[]
  /** Lengths of the axes of the data, fastest first. Empty without data. */
  readonly axes: readonly number[]
  readonly bitpix: number
  /** The data without padding. A view into the file. */
  readonly data: Buffer
  /** The value of a keyword. Undefined if the header has no such keyword, or if it has no value. */
  value (keyword: string): Value | undefined
}

export interface Image {
  readonly width: number
  readonly height: number
  /** Physical values, x fastest, the bottom row first. NaN for blank pixels. */
  readonly pixels: Float64Array
}

const maxHdus = 64
/** Header blocks of an HDU. An image of the survey has one or two. */
const maxHeaderBlocks = 256
const maxAxes = 9

/** The HDUs of a file, at least one. Throws FITS_UNREADABLE. `where` names the file in errors. */
export function readFits (file: Buffer, where: string): Hdu[] {
  const hdus: Hdu[] = []
  let at = 0
  while (at < file.length && hdus.length < maxHdus) {
    // Other data may follow the last HDU.
    if (hdus.length > 0 && file.toString('latin1', at, at + 9) !== 'XTENSION=') break
    const { hdu, end } = readHdu(file, at, hdus.length === 0, `${where}, HDU ${hdus.length}`)
    hdus.push(hdu)
    at = end
  }
  if (hdus.length === 0) throw fitsErrors.FITS_UNREADABLE('the file is empty', { where })
  return hdus
}

function readHdu (file: Buffer, start: number, primary: boolean, where: string): { readonly hdu: Hdu, readonly end: number } {
  const invalid = (what: string): Error => fitsErrors.FITS_UNREADABLE(what, { where })
  if (primary && file.toString('latin1', start, start + 9) !== 'SIMPLE  =') throw invalid('the data do not begin with SIMPLE')
  const { cards, end: dataStart } = readHeader(file, start, invalid)
  const values = new Map<string, string>()
  for (const card of cards) {
    const keyword = card.slice(0, 8).trimEnd()
    if (card.slice(8, 10) === '= ' && !values.has(keyword)) values.set(keyword, card.slice(10))
  }
  const value = (keyword: string): Value | undefined => parseValue(values.get(keyword))
  const integer = (keyword: string, least: number, most: number, absent?: number): number => {
    const number = values.has(keyword) ? value(keyword) : absent
    if (Number.isInteger(number) && (number as number) >= least && (number as number) <= most) return number as number
    throw invalid(`${keyword} is ${number === undefined ? 'missing' : JSON.stringify(number)}`)
  }
  const bitpix = integer('BITPIX', -64, 64)
  if (![8, 16, 32, 64, -32, -64].includes(bitpix)) throw invalid(`BITPIX is ${bitpix}`)
  const axes = Array.from({ length: integer('NAXIS', 0, maxAxes) }, (_, axis) => integer(`NAXIS${axis + 1}`, 0, Number.MAX_SAFE_INTEGER))
  const elements = axes.length === 0 ? 0 : axes.reduce((product, length) => product * length, 1)
  const groups = integer('GCOUNT', 0, Number.MAX_SAFE_INTEGER, 1)
  const bytes = Math.abs(bitpix) / 8 * groups * (integer('PCOUNT', 0, Number.MAX_SAFE_INTEGER, 0) + elements)
  if (!(dataStart + bytes <= file.length)) {
    throw invalid(`the header states ${bytes} bytes of data, but ${Math.max(0, file.length - dataStart)} follow it`)
  }
  const hdu = { cards, axes, bitpix, data: file.subarray(dataStart, dataStart + bytes), value }
  return { hdu, end: dataStart + padToBlock(bytes) }
}

function readHeader (file: Buffer, start: number, invalid: (what: string) => Error): { readonly cards: string[], readonly end: number } {
  const cards: string[] = []
  for (let block = 0; block < maxHeaderBlocks; block++) {
    const from = start + block * blockBytes
    if (from + blockBytes > file.length) throw invalid('the file ends inside a header')
    for (let at = from; at < from + blockBytes; at += cardLength) {
      const card = file.toString('latin1', at, at + cardLength)
      if (!/^[\x20-\x7e]*$/.test(card)) throw invalid('the header has characters other than printable ASCII')
      if (card.trimEnd() === 'END') return { cards, end: from + blockBytes }
      cards.push(card)
    }
  }
  throw invalid(`the header has more than ${maxHeaderBlocks} blocks`)
}

/** The value of a card from its 11th character. */
function parseValue (text: string | undefined): Value | undefined {
  if (text === undefined) return undefined
  const string = /^ *'((?:[^']|'')*)'/.exec(text)
  if (string !== null) return string[1]!.replaceAll('\'\'', '\'').trimEnd()
  const word = text.split('/')[0]!.trim()
  if (word === 'T' || word === 'F') return word === 'T'
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([ED][+-]?\d+)?$/.test(word)) return undefined
  return Number(word.replace('D', 'E'))
}

/** The image of an HDU. Throws FITS_UNREADABLE if the HDU is no image of two axes, or if a side is longer than `maxSide` pixels. */
export function readImage ({ axes, bitpix, data, value }: Hdu, maxSide: number, where: string): Image {
  const [width = 0, height = 0] = axes
  if (axes.length !== 2 || width === 0 || height === 0) {
    throw fitsErrors.FITS_UNREADABLE(`the HDU has ${axes.join(' x ') || 'no'} pixels, so it is not an image`, { where })
  }
  if (width > maxSide || height > maxSide) {
    throw fitsErrors.FITS_UNREADABLE(`the image has ${width} x ${height} pixels, but at most ${maxSide} x ${maxSide} are read`, { where })
  }
  const number = (keyword: string, absent: number): number => {
    const found = value(keyword)
    return typeof found === 'number' ? found : absent
  }
  const [scale, zero, blank] = [number('BSCALE', 1), number('BZERO', 0), bitpix > 0 ? value('BLANK') : undefined]
  const read = pixelReader(data, bitpix)
  const pixels = new Float64Array(width * height)
  for (let i = 0; i < pixels.length; i++) {
    const stored = read(i)
    pixels[i] = stored === blank ? NaN : stored * scale + zero
  }
  return { width, height, pixels }
}

function pixelReader (data: Buffer, bitpix: number): (index: number) => number {
  switch (bitpix) {
    case 8: return index => data[index]!
    case 16: return index => data.readInt16BE(index * 2)
    case 32: return index => data.readInt32BE(index * 4)
    case 64: return index => Number(data.readBigInt64BE(index * 8))
    case -32: return index => data.readFloatBE(index * 4)
    default: return index => data.readDoubleBE(index * 8)
  }
}
