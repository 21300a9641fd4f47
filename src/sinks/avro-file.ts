// An Avro object container file as a sink: values in order of arrival, so use it with concurrency 1. The file appears under its name only
// when the graph has written all of it; otherwise nothing is left behind. A single record is therefore durable only with the whole file.
import { createContainerWriter, type AlertSchema, type AlertValue, type ContainerWriter, type ContainerWriterOptions } from '../avro/index.ts'
import { asError, type Sink } from '../pipeline/index.ts'

export interface AvroFileSink extends Sink<AlertValue> {
  /** Whether the file stands complete under its name. */
  readonly complete: boolean
  /** Why it does not, where the end of writing it failed. */
  readonly failure: Error | undefined
}

/** @param whole asked at the end, with the number of values written: only if it says so the file is put under its name */
export function avroFileSink (
  path: string, schema: () => AlertSchema, options: ContainerWriterOptions, whole: (written: number) => boolean
): AvroFileSink {
  let writer: ContainerWriter | undefined
  let complete = false
  let failure: Error | undefined
  return {
    kind: 'avro file',
    detail: path,
    get complete () { return complete },
    get failure () { return failure },
    async open () { writer = await createContainerWriter(path, schema(), options) },
    async write (value) { await writer?.append(value) },
    async close () {
      if (writer === undefined) return
      if (!whole(writer.count)) return await writer.abort()
      try {
        await writer.close()
        complete = true
      } catch (error) {
        failure = asError(error)
        throw error
      }
    }
  }
}
