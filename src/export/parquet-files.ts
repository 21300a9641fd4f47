// The alerts of a group as Parquet files, one for each table. Row groups are encoded as they fill up, so that only one of each table is in
// memory as values. Encoding blocks the thread: no other work of this process waits for it.
import { zstdCompressSync } from 'node:zlib'
import type { SchemaElement } from 'hyparquet'
import type { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { AlertSchema, AlertValue } from '../avro/schema.ts'
import type { FileWriter, GroupFile, SchemaFiles } from './group-files.ts'
import { alertIdColumn, tablesOf, type TableColumn, type Tables } from './table-columns.ts'

interface Library {
  readonly ByteWriter: typeof ByteWriter
  readonly ParquetWriter: typeof ParquetWriter
}

const rowGroupRows = 10_000
/** Estimated memory of a value that is not encoded yet, in bytes. */
const valueBytes = 16

export function parquetWriter (): FileWriter {
  return {
    contentType: 'application/vnd.apache.parquet',
    open: async schema => new ParquetTables(await import('hyparquet-writer'), schema)
  }
}

class ParquetTables implements SchemaFiles {
  readonly files: readonly TableFile[]
  readonly #schema: AlertSchema
  readonly #tables: Tables

  constructor (library: Library, schema: AlertSchema) {
    this.#schema = schema
    const { source, alertColumns, others } = this.#tables = tablesOf(schema.root)
    this.files = [
      new TableFile(library, source.name, schema.name, [...source.columns, ...alertColumns]),
      ...others.map(({ name, columns }) => new TableFile(library, name, schema.name, columns))
    ]
  }

  async add (id: bigint, datum: Buffer): Promise<void> {
    const alert = this.#schema.decode(datum)
    const { source, alertColumns, others } = this.#tables
    const [first, ...rest] = this.files
    const fields = Object.fromEntries(alertColumns.map(({ name }) => [name, alert[name]]))
    first!.add(id, { ...fields, ...alert[source.field] as AlertValue | null })
    others.forEach(({ field, isList }, index) => {
      const value = alert[field] as AlertValue | readonly AlertValue[] | null
      if (value === null) return
      for (const row of isList ? value as readonly AlertValue[] : [value as AlertValue]) rest[index]!.add(id, row)
    })
  }
}

class TableFile implements GroupFile {
  readonly table: string
  readonly #library: Library
  readonly #schemaName: string
  readonly #columns: readonly TableColumn[]
  #bytes: ByteWriter | undefined
  #writer: ParquetWriter | undefined
  /** The values of the unfinished row group, by column. */
  #values: unknown[][]
  #pendingRows = 0
  #rows = 0

  constructor (library: Library, table: string, schemaName: string, columns: readonly TableColumn[]) {
    this.table = table
    this.#library = library
    this.#schemaName = schemaName
    this.#columns = [alertIdColumn, ...columns]
    this.#values = this.#columns.map(() => [])
  }

  get bytes (): number { return (this.#bytes?.offset ?? 0) + this.#pendingRows * this.#columns.length * valueBytes }

  get rows (): number { return this.#rows }

  add (id: bigint, row: AlertValue): void {
    this.#columns.forEach(({ name }, index) => { this.#values[index]!.push(index === 0 ? id : row[name] ?? null) })
    this.#rows++
    if (++this.#pendingRows === rowGroupRows) this.#endRowGroup()
  }

  async finish (): Promise<Buffer> {
    if (this.#pendingRows > 0) this.#endRowGroup()
    void this.#opened().finish()
    const file = Buffer.from(this.#bytes!.getBytes())
    this.#writer = undefined
    this.#bytes = undefined
    this.#rows = 0
    return file
  }

  #endRowGroup (): void {
    const columnData = this.#columns.map(({ name }, index) => ({ name, data: this.#values[index] as never }))
    void this.#opened().write({ columnData, rowGroupSize: rowGroupRows })
    this.#values = this.#columns.map(() => [])
    this.#pendingRows = 0
  }

  #opened (): ParquetWriter {
    if (this.#writer !== undefined) return this.#writer
    this.#bytes = new this.#library.ByteWriter()
    return this.#writer = new this.#library.ParquetWriter({
      writer: this.#bytes,
      schema: [{ name: this.table, num_children: this.#columns.length }, ...this.#columns.map(elementOf)],
      codec: 'ZSTD',
      compressors: { ZSTD: bytes => zstdCompressSync(bytes) },
      kvMetadata: [{ key: 'alert-stream.schema', value: this.#schemaName }],
      createdBy: 'alert-stream'
    })
  }
}

function elementOf ({ name, type, nullable }: TableColumn): SchemaElement {
  const repetition = { name, repetition_type: nullable ? 'OPTIONAL' : 'REQUIRED' } as const
  switch (type) {
    case 'STRING': return { ...repetition, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } }
    case 'BYTES': return { ...repetition, type: 'BYTE_ARRAY' }
    default: return { ...repetition, type }
  }
}
