// Collects the alerts of one group in files, which are in memory until they are written. When they reach the limit, the largest is written.
// The last file of a group is written last, when all its other files are durable.
import type { AlertSchema } from '../avro/schema.ts'

/** A file in memory. */
export interface GroupFile {
  /** Table of a Parquet file. */
  readonly table: string | undefined
  readonly bytes: number
  readonly rows: number
  /** Returns the complete file, and begins an empty one. */
  finish (): Promise<Buffer>
}

/** The files of the alerts of one schema. */
export interface SchemaFiles {
  /** The first file has a row for each alert. */
  readonly files: readonly GroupFile[]
  /** Error: DATUM_INVALID; nothing is added then. */
  add (id: bigint, datum: Buffer): Promise<void>
}

export interface FileWriter {
  readonly contentType: string
  open (schema: AlertSchema): Promise<SchemaFiles>
}

interface FileName {
  readonly table: string | undefined
  /** 1 for the first file of the table. */
  readonly number: number
  /** Whether all other files of the group are durable. */
  readonly isLast: boolean
}

/** Writes a file of the group. Rejects with a STORE_* error or ARCHIVE_CONFLICT. */
export type PutFile = (name: FileName, body: Buffer) => Promise<void>

export class GroupFiles {
  readonly #writer: FileWriter
  readonly #maxBytes: number
  readonly #put: PutFile
  /** In the order in which the schemas appear. */
  readonly #schemas = new Map<number, SchemaFiles>()
  /** Number of written files, by table. */
  readonly #written = new Map<string | undefined, number>()

  /** @param maxBytes memory of all files at which the largest is written */
  constructor (writer: FileWriter, maxBytes: number, put: PutFile) {
    this.#writer = writer
    this.#maxBytes = maxBytes
    this.#put = put
  }

  /** Adds an alert. Alerts must be added in the order of their ids, so that the files are the same in each export. */
  async add (id: bigint, schemaId: number, schema: AlertSchema, datum: Buffer): Promise<void> {
    await this.#makeRoom()
    let files = this.#schemas.get(schemaId)
    if (files === undefined) this.#schemas.set(schemaId, files = await this.#writer.open(schema))
    await files.add(id, datum)
  }

  /** Writes the files. The group is then complete. */
  async end (): Promise<void> {
    const schemas = [...this.#schemas.values()]
    const firsts = schemas.map(({ files: [first] }) => first!)
    const last = firsts.findLast(({ rows }) => rows > 0)
    for (const file of [...schemas.flatMap(({ files: [, ...others] }) => others), ...firsts]) {
      if (file !== last && file.rows > 0) await this.#write(file, false)
    }
    if (last !== undefined) await this.#write(last, true)
  }

  /** Called before an alert is added and not after it, so that a file is left for the end of the group. */
  async #makeRoom (): Promise<void> {
    const files = [...this.#schemas.values()].flatMap(({ files }) => files)
    if (files.reduce((sum, { bytes }) => sum + bytes, 0) < this.#maxBytes) return
    await this.#write(files.reduce((a, b) => b.bytes > a.bytes ? b : a), false)
  }

  async #write (file: GroupFile, isLast: boolean): Promise<void> {
    const number = (this.#written.get(file.table) ?? 0) + 1
    this.#written.set(file.table, number)
    await this.#put({ table: file.table, number, isLast }, await file.finish())
  }
}
