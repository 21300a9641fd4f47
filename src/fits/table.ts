// Binary tables of FITS files (FITS standard 4.0, section 7.3).
import { formatCard, formatHeader, formatLongText, padToBlock } from './cards.ts'

type ColumnType = 'boolean' | 'byte' | 'int' | 'long' | 'float' | 'double' | 'text'

export interface Column {
  readonly name: string
  readonly type: ColumnType
  /** Value that stands for null in a column of integers (TNULL). */
  readonly nullValue?: number | bigint
  /** Unit in the syntax of FITS (TUNIT). */
  readonly unit?: string | undefined
  /** Description (TCOMM). */
  readonly description?: string | undefined
  /** One for each row. Null only in columns with `nullValue`, and in columns of numbers with a fraction, where it is stored as NaN. */
  readonly values: readonly unknown[]
}

/** Columns of a table. */
export const maxColumns = 999

const codes: Readonly<Record<Exclude<ColumnType, 'text'>, readonly [string, number]>> = {
  boolean: ['L', 1], byte: ['B', 1], int: ['J', 4], long: ['K', 8], float: ['E', 4], double: ['D', 8]
}

interface Cell {
  readonly format: string
  readonly bytes: number
  readonly write: (table: Buffer, at: number, row: number) => void
}

/** A binary table extension with its header. Characters of texts that are not printable ASCII become question marks. */
export function binaryTable (name: string, rows: number, columns: readonly Column[]): Buffer {
  const cells = columns.map(cellOf)
  const rowBytes = cells.reduce((sum, { bytes }) => sum + bytes, 0)
  let cards = formatCard({ keyword: 'XTENSION', value: 'BINTABLE', comment: 'binary table extension' })
  const mandatory = { BITPIX: 8, NAXIS: 2, NAXIS1: rowBytes, NAXIS2: rows, PCOUNT: 0, GCOUNT: 1, TFIELDS: columns.length }
  for (const [keyword, value] of Object.entries(mandatory)) cards += formatCard({ keyword, value: BigInt(value) })
  cards += formatCard({ keyword: 'EXTNAME', value: name })
  columns.forEach((column, index) => { cards += columnCards(column, cells[index]!.format, index + 1) })
  const header = formatHeader(cards)
  const table = Buffer.alloc(header.length + padToBlock(rowBytes * rows))
  table.write(header, 'latin1')
  let at = header.length
  for (let row = 0; row < rows; row++) {
    for (const { bytes, write } of cells) {
      write(table, at, row)
      at += bytes
    }
  }
  return table
}

function columnCards ({ name, nullValue, unit, description }: Column, format: string, index: number): string {
  let cards = formatCard({ keyword: `TTYPE${index}`, value: name }) + formatCard({ keyword: `TFORM${index}`, value: format })
  if (nullValue !== undefined) cards += formatCard({ keyword: `TNULL${index}`, value: BigInt(nullValue) })
  if (unit !== undefined) cards += formatCard({ keyword: `TUNIT${index}`, value: unit })
  if (description !== undefined) cards += formatLongText(`TCOMM${index}`, printable(description))
  return cards
}

function cellOf (column: Column): Cell {
  const { type, values } = column
  if (type === 'text') {
    const texts = values.map(value => printable(String(value ?? '')))
    // A column without characters would have no bytes, which some readers do not accept.
    const bytes = Math.max(1, ...texts.map(({ length }) => length))
    return { format: `${bytes}A`, bytes, write: (table, at, row) => { table.write(texts[row]!, at, 'latin1') } }
  }
  const [format, bytes] = codes[type]
  return { format, bytes, write: writer(column) }
}

function writer ({ type, values, nullValue = 0 }: Column): Cell['write'] {
  switch (type) {
    case 'boolean': return (table, at, row) => { table[at] = values[row] === true ? 0x54 : 0x46 }
    case 'byte': return (table, at, row) => { table[at] = Number(values[row] ?? nullValue) }
    case 'int': return (table, at, row) => { table.writeInt32BE(Number(values[row] ?? nullValue), at) }
    case 'long': return (table, at, row) => { table.writeBigInt64BE(BigInt((values[row] ?? nullValue) as bigint), at) }
    case 'float': return (table, at, row) => { table.writeFloatBE(numberOf(values[row]), at) }
    case 'double': return (table, at, row) => { table.writeDoubleBE(numberOf(values[row]), at) }
    case 'text': throw new TypeError('texts have cells of their own')
  }
}

function numberOf (value: unknown): number {
  return value === null ? NaN : Number(value)
}

function printable (text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, '?')
}
