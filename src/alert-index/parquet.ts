// Encodes packed columns as a Parquet file: zstd, row groups of at most 10,000 rows, statistics for the columns by which readers select.
import { zstdCompressSync } from 'node:zlib'
import type { SchemaElement } from 'hyparquet'
import { ByteWriter, parquetWrite } from 'hyparquet-writer'
import { columns, type Column, type PackedColumn } from './columns.ts'

const rowGroupRows = 10_000

/** @param metadata key-value metadata of the footer */
export function encodeParquet (packed: readonly PackedColumn[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const writer = new ByteWriter(1024 * 1024)
  void parquetWrite({
    writer,
    schema: [{ name: 'alerts', num_children: columns.length }, ...columns.map(elementOf)],
    columnData: columns.map((column, index) => ({
      name: column.name,
      data: unpack(column, packed[index]!) as never,
      statistics: column.random !== true,
      ...column.encoding === undefined ? column.random === true ? { encoding: 'PLAIN' as const } : {} : { encoding: column.encoding }
    })),
    codec: 'ZSTD',
    compressors: { ZSTD: bytes => zstdCompressSync(bytes) },
    rowGroupSize: rowGroupRows,
    kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    createdBy: 'alert-stream'
  })
  return writer.getBytes()
}

function elementOf ({ name, type, nullable, bytes }: Column): SchemaElement {
  const repetition = { name, repetition_type: nullable ? 'OPTIONAL' : 'REQUIRED' } as const
  switch (type) {
    case 'STRING': return { ...repetition, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } }
    case 'BYTES': return { ...repetition, type: 'BYTE_ARRAY' }
    case 'FIXED': return { ...repetition, type: 'FIXED_LEN_BYTE_ARRAY', type_length: bytes! }
    default: return { ...repetition, type }
  }
}

/** The values of a column as the writer takes them. */
function unpack ({ type, bytes }: Column, { values, nulls, texts, ends }: PackedColumn): ArrayLike<unknown> {
  const isNull = (row: number): boolean => nulls !== undefined && nulls[row] === 1
  switch (type) {
    case 'STRING': return Array.from(values as Int32Array, (index, row) => isNull(row) ? null : texts![index])
    case 'FIXED': return Array.from({ length: values.length / bytes! }, (_, row) =>
      isNull(row) ? null : (values as Uint8Array).subarray(row * bytes!, (row + 1) * bytes!))
    case 'BYTES': return Array.from(ends!, (end, row) =>
      isNull(row) ? null : (values as Uint8Array).subarray(row === 0 ? 0 : ends![row - 1], end))
    default: return nulls === undefined ? values : Array.from(values as Iterable<unknown>, (value, row) => isNull(row) ? null : value)
  }
}
