// Header cards of FITS files (FITS standard 4.0): mandatory keywords in fixed format, and real values that read back as the same double.
import { fitsErrors } from './errors.ts'

export const blockBytes = 2880
export const cardLength = 80

/** Length of the text of a string in one card, with its quotes doubled. Longer ones are continued in the next card. */
const maxTextLength = 68

/** A header card. A bigint is written as a FITS integer, a number as a FITS real. */
export interface Card {
  readonly keyword: string
  readonly value: string | number | bigint | boolean
  readonly comment?: string
}

export function padToBlock (bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes
}

/** A complete header of formatted cards: with END, padded to blocks. */
export function formatHeader (cards: string): string {
  const text = cards + 'END'.padEnd(cardLength)
  return text.padEnd(padToBlock(text.length))
}

/** Omits the comment if the card would be longer than 80 characters. Throws FITS_INVALID if FITS cannot represent the card. */
export function formatCard ({ keyword, value, comment }: Card): string {
  if (!/^[A-Z0-9_-]{1,8}$/.test(keyword)) throw fitsErrors.FITS_INVALID(`'${keyword}' is not a valid FITS keyword`)
  let text = `${keyword.padEnd(8)}= ${formatValue(keyword, value)}`
  if (comment !== undefined && text.length + 3 + comment.length <= cardLength) text += ` / ${comment}`
  if (text.length > cardLength) throw fitsErrors.FITS_INVALID(`the card ${keyword} is longer than ${cardLength} characters`)
  if (!/^[\x20-\x7e]*$/.test(text)) throw fitsErrors.FITS_INVALID(`the card ${keyword} has characters other than printable ASCII`)
  return text.padEnd(cardLength)
}

/** A string of any length: in one card, or continued in others (FITS standard, 4.2.1.2). Throws FITS_INVALID like `formatCard`. */
export function formatLongText (keyword: string, text: string): string {
  const pieces: string[] = []
  let rest = text.replaceAll('\'', '\'\'')
  while (rest.length > maxTextLength) {
    // Leaves room for the ampersand, and never divides a doubled quote.
    let end = maxTextLength - 1
    if ((/'*$/.exec(rest.slice(0, end))![0].length) % 2 === 1) end--
    pieces.push(`${rest.slice(0, end)}&`)
    rest = rest.slice(end)
  }
  pieces.push(rest)
  return pieces.map((piece, index) => {
    if (index === 0) return formatCard({ keyword, value: piece.replaceAll('\'\'', '\'') })
    if (!/^[\x20-\x7e]*$/.test(piece)) throw fitsErrors.FITS_INVALID(`the card ${keyword} has characters other than printable ASCII`)
    return `CONTINUE  '${piece}'`.padEnd(cardLength)
  }).join('')
}

function formatValue (keyword: string, value: Card['value']): string {
  if (typeof value === 'string') return `'${value.replaceAll('\'', '\'\'').padEnd(8)}'`.padEnd(20)
  if (typeof value === 'boolean') return (value ? 'T' : 'F').padStart(20)
  if (typeof value === 'bigint') return String(value).padStart(20)
  if (!Number.isFinite(value)) throw fitsErrors.FITS_INVALID(`the value of the card ${keyword} is not finite: ${value}`)
  // Returns the shortest text that reads back as the same double, with the decimal point and upper-case exponent that FITS expects.
  const size = Math.abs(value)
  const text = size !== 0 && (size < 1e-3 || size >= 1e15) ? value.toExponential() : String(value)
  const [mantissa, exponent] = text.split('e')
  return `${mantissa!.includes('.') ? mantissa! : `${mantissa!}.0`}${exponent === undefined ? '' : `E${exponent}`}`.padStart(20)
}
