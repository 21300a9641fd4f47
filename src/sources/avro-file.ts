// Reads an Avro object container file. Emits: records in file order, including damaged ones, so that the next step can dead-letter them.
// Completes: at the end of the file. Fails: if the rest of the file is unreadable.
import { openContainer, type AlertSchema, type ContainerFailure, type ContainerRecord } from '../avro/index.ts'
import type { AlertStreamError, NodeContext, Source, SourceRecord } from '../pipeline/index.ts'

/** A record of the file, or the failure to read it. `data` is the record's Avro binary, or undefined if the record's end was not found. */
export type AvroFileItem =
  | { readonly index: number, readonly data: Buffer, readonly error?: undefined }
  | { readonly index: number, readonly data?: Buffer, readonly error: AlertStreamError, readonly lost: number }

export interface AvroFileSource extends Source<AvroFileItem> {
  /** Whether the source emitted every record of the file; false after a drain. */
  readonly atEnd: boolean
}

/** @param path path of the file, which is opened at the first pull */
export function avroFileSource (path: string): AvroFileSource {
  let atEnd = false
  return {
    kind: 'avro file',
    detail: path,
    get atEnd () { return atEnd },
    async * records (context: NodeContext): AsyncIterable<SourceRecord<AvroFileItem>> {
      const container = await openContainer(path, { decode: false })
      try {
        for await (const item of container.records(context.drain)) {
          const value = copied(item)
          yield { value, bytes: value.data?.length ?? 0, position: `${path}#${item.index}` }
        }
        atEnd = !context.drain.aborted
      } finally {
        await container.close()
      }
    }
  }
}

// Copies the datum, which is a view into its block. Otherwise one slow alert would keep the entire block in memory.
function copied ({ index, datum, ...rest }: ContainerRecord | ContainerFailure): AvroFileItem {
  const data = datum === undefined ? {} : { data: Buffer.from(datum) }
  if (rest.error === undefined) return { index, ...data } as AvroFileItem
  return { index, ...data, error: rest.error, lost: (rest as ContainerFailure).lost }
}

export interface FileScan {
  readonly schema: AlertSchema
  readonly records: number
  /** Number of unreadable records. */
  readonly damaged: number
  readonly bytes: number
  /** Size of the largest record, in bytes. */
  readonly largest: number
}

/**
 * Reads the file once without decoding, so that damage is found before anything is published.
 * Errors: AVRO_* if the file is unreadable. If `signal` aborts, resolves with the counts so far.
 */
export async function scanAvroFile (path: string, signal: AbortSignal): Promise<FileScan> {
  const container = await openContainer(path, { decode: false })
  const scan = { schema: container.schema, records: 0, damaged: 0, bytes: 0, largest: 0 }
  try {
    for await (const item of container.records(signal)) {
      if (item.error === undefined) {
        scan.records++
        scan.bytes += item.datum.length
      } else {
        scan.damaged += item.lost
      }
      scan.largest = Math.max(scan.largest, item.datum?.length ?? 0)
    }
  } finally {
    await container.close()
  }
  return scan
}
