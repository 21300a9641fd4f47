// The columns of the index, and the form in which the rows of a segment go to the thread that encodes them: typed arrays, which are
// transferred and not copied.
import type { IndexRow } from './row.ts'

type NumberType = 'INT32' | 'FLOAT' | 'DOUBLE'

export interface Column {
  readonly name: keyof IndexRow
  /** STRING: few distinct texts. FIXED: byte strings of one length. */
  readonly type: NumberType | 'INT64' | 'STRING' | 'FIXED' | 'BYTES'
  readonly nullable: boolean
  readonly bytes?: number
  /** Whether values repeat so seldom that neither a dictionary nor statistics help. */
  readonly random?: boolean
  readonly encoding?: 'DELTA_BINARY_PACKED' | 'BYTE_STREAM_SPLIT'
}

const required = { nullable: false } as const
const optional = { nullable: true } as const

export const columns: readonly Column[] = [
  { name: 'id', type: 'INT64', ...required, encoding: 'DELTA_BINARY_PACKED' },
  { name: 'night', type: 'INT32', ...optional },
  { name: 'visit', type: 'INT64', ...optional },
  { name: 'detector', type: 'INT32', ...optional },
  { name: 'diaObjectId', type: 'INT64', ...optional },
  { name: 'ssObjectId', type: 'INT64', ...optional },
  { name: 'midpointMjdTai', type: 'DOUBLE', ...optional },
  { name: 'ra', type: 'DOUBLE', ...optional, encoding: 'BYTE_STREAM_SPLIT' },
  { name: 'dec', type: 'DOUBLE', ...optional, encoding: 'BYTE_STREAM_SPLIT' },
  { name: 'healpix29', type: 'INT64', ...optional, encoding: 'DELTA_BINARY_PACKED' },
  { name: 'band', type: 'STRING', ...optional },
  { name: 'psfFlux', type: 'FLOAT', ...optional, encoding: 'BYTE_STREAM_SPLIT' },
  { name: 'psfFluxErr', type: 'FLOAT', ...optional, encoding: 'BYTE_STREAM_SPLIT' },
  { name: 'snr', type: 'FLOAT', ...optional, encoding: 'BYTE_STREAM_SPLIT' },
  { name: 'reliability', type: 'FLOAT', ...optional, encoding: 'BYTE_STREAM_SPLIT' },
  { name: 'schemaId', type: 'INT64', ...required },
  { name: 'frameBytes', type: 'INT32', ...required },
  { name: 'sha256', type: 'FIXED', ...required, bytes: 32, random: true },
  { name: 'topic', type: 'STRING', ...optional },
  { name: 'topicId', type: 'FIXED', ...optional, bytes: 16 },
  { name: 'partition', type: 'INT32', ...optional },
  { name: 'offset', type: 'INT64', ...optional, encoding: 'DELTA_BINARY_PACKED' },
  { name: 'timestamp', type: 'INT64', ...optional, encoding: 'DELTA_BINARY_PACKED' },
  { name: 'key', type: 'BYTES', ...optional }
]

/** The values of one column, in the order of the rows. */
export interface PackedColumn {
  /** Numbers. STRING: one index of `texts` for each row. FIXED and BYTES: the byte strings one after the other. */
  readonly values: Int32Array | BigInt64Array | Float32Array | Float64Array | Uint8Array
  /** 1 for each row that is null. undefined if no row is null. */
  readonly nulls: Uint8Array | undefined
  readonly texts?: readonly string[]
  /** BYTES: the end of each byte string. */
  readonly ends?: Uint32Array
}

export function packColumns (rows: readonly IndexRow[]): readonly PackedColumn[] {
  return columns.map(column => pack(column, rows))
}

/** The memory of packed columns, for the transfer to another thread. */
export function buffersOf (packed: readonly PackedColumn[]): ArrayBuffer[] {
  return packed.flatMap(({ values, nulls, ends }) => [values, nulls, ends])
    .flatMap(array => array === undefined ? [] : [array.buffer as ArrayBuffer])
}

const arrays = { INT32: Int32Array, FLOAT: Float32Array, DOUBLE: Float64Array } as const

function pack ({ name, type, bytes = 0 }: Column, rows: readonly IndexRow[]): PackedColumn {
  const count = rows.length
  let nulls: Uint8Array | undefined
  const each = (use: (value: unknown, row: number) => void): void => {
    for (let row = 0; row < count; row++) {
      const value = rows[row]![name]
      if (value === null) (nulls ??= new Uint8Array(count))[row] = 1
      else use(value, row)
    }
  }
  switch (type) {
    case 'INT64': {
      const values = new BigInt64Array(count)
      each((value, row) => { values[row] = value as bigint })
      return { values, nulls }
    }
    case 'STRING': {
      const values = new Int32Array(count)
      const indexes = new Map<string, number>()
      each((value, row) => {
        let index = indexes.get(value as string)
        if (index === undefined) indexes.set(value as string, index = indexes.size)
        values[row] = index
      })
      return { values, nulls, texts: [...indexes.keys()] }
    }
    case 'FIXED': {
      const values = new Uint8Array(count * bytes)
      each((value, row) => { values.set(value as Buffer, row * bytes) })
      return { values, nulls }
    }
    case 'BYTES': {
      const ends = new Uint32Array(count)
      let end = 0
      for (let row = 0; row < count; row++) ends[row] = end += (rows[row]![name] as Buffer | null)?.length ?? 0
      const values = new Uint8Array(end)
      each((value, row) => { values.set(value as Buffer, ends[row]! - (value as Buffer).length) })
      return { values, nulls, ends }
    }
    default: {
      const values = new arrays[type](count)
      each((value, row) => { values[row] = value as number })
      return { values, nulls }
    }
  }
}
