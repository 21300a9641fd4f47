// Writes Avro object container files (Avro spec, "Object Container Files"). Data goes to a temporary file in the same folder. close() syncs
// and renames the temporary file, so no reader sees an incomplete file. With a sync marker seed, the output depends only on the input.
import { createHash, randomBytes } from 'node:crypto'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { codecByName, type CodecName } from './codecs.ts'
import { CONTAINER_MAGIC, SYNC_LENGTH } from './container-reader.ts'
import { containerErrors } from './errors.ts'
import type { AlertSchema, AlertValue } from './schema.ts'
import { encodeLong } from './varint.ts'

export interface ContainerWriterOptions {
  /** Default: `null` (no compression). */
  readonly codec?: CodecName | undefined
  /** Seed of the sync marker. Default: each file gets a random sync marker. */
  readonly syncMarker?: string | undefined
  /** Uncompressed size in bytes at which a block is written. Default: 1 MiB. */
  readonly blockBytes?: number | undefined
}

export interface ContainerWriter {
  /** Number of appended records. */
  readonly count: number
  /**
   * Appends a value and resolves when the writer is ready for another value. Must not be called concurrently.
   * Errors: VALUE_INVALID (nothing is appended), AVRO_UNWRITABLE.
   */
  append (value: AlertValue): Promise<void>
  /** Writes the last block, syncs and renames the file. If this fails (AVRO_UNWRITABLE), removes the temporary file. */
  close (): Promise<void>
  /** Removes the temporary file. Does nothing after close(). */
  abort (): Promise<void>
}

/** Creates the temporary file and writes the header. Errors: AVRO_UNWRITABLE, AVRO_UNKNOWN_CODEC. */
export async function createContainerWriter (
  path: string, schema: AlertSchema, options: ContainerWriterOptions = {}
): Promise<ContainerWriter> {
  const codec = codecByName(options.codec ?? 'null')
  const sync = syncMarker(options.syncMarker)
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`)
  const unwritable = (cause: unknown): Error => containerErrors.AVRO_UNWRITABLE('cannot write the Avro file', { where: path, cause })
  let handle: FileHandle
  try {
    handle = await open(temporary, 'wx')
  } catch (error) {
    throw unwritable(error)
  }
  const blockBytes = options.blockBytes ?? 1024 * 1024
  let pending: Buffer[] = []
  let pendingBytes = 0
  let count = 0
  let closed = false

  async function write (...pieces: Buffer[]): Promise<void> {
    try {
      let rest = Buffer.concat(pieces)
      while (rest.length > 0) rest = rest.subarray((await handle.write(rest)).bytesWritten)
    } catch (error) {
      await abort()
      throw unwritable(error)
    }
  }

  async function flush (): Promise<void> {
    if (pending.length === 0) return
    const records = pending.length
    const data = Buffer.concat(pending, pendingBytes)
    pending = []
    pendingBytes = 0
    const packed = await codec.compress(data)
    await write(encodeLong(records), encodeLong(packed.length), packed, sync)
  }

  async function append (value: AlertValue): Promise<void> {
    const datum = schema.encode(value)
    if (closed) throw unwritable(new Error('the writer is closed'))
    pending.push(datum)
    pendingBytes += datum.length
    count++
    if (pendingBytes >= blockBytes) await flush()
  }

  async function abort (): Promise<void> {
    if (closed) return
    closed = true
    await handle.close().catch(() => {})
    await rm(temporary, { force: true })
  }

  async function close (): Promise<void> {
    if (closed) throw unwritable(new Error('the writer is closed'))
    await flush()
    try {
      await handle.sync()
      await handle.close()
      await rename(temporary, path)
      await syncFolder(dirname(path))
      closed = true
    } catch (error) {
      await abort()
      throw unwritable(error)
    }
  }

  await write(containerHeader(schema.text, codec.name, sync))
  return { get count () { return count }, append, close, abort }
}

/** The bytes before the first block. */
export function containerHeader (schemaText: string, codec: string, sync: Buffer): Buffer {
  const entries = [['avro.codec', codec], ['avro.schema', schemaText]]
  const text = (value: string): Buffer => Buffer.concat([encodeLong(Buffer.byteLength(value)), Buffer.from(value)])
  return Buffer.concat([CONTAINER_MAGIC, encodeLong(entries.length), ...entries.flat().map(text), encodeLong(0), sync])
}

export function syncMarker (seed?: string): Buffer {
  if (seed === undefined) return randomBytes(SYNC_LENGTH)
  return createHash('sha256').update(seed).digest().subarray(0, SYNC_LENGTH)
}

async function syncFolder (folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
