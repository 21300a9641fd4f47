// Writes values to an Avro object container file, in order of arrival (use concurrency 1). The file appears under its name only when it is
// complete; an incomplete file is deleted. A record is therefore durable only once the file is complete.
import {
  createContainerWriter, type AlertSchema, type AlertValue, type ContainerWriter, type ContainerWriterOptions
} from '../avro/index.ts'
import { asError, type Sink } from '../pipeline/index.ts'

export interface AvroFileSink extends Sink<AlertValue> {
  /** Whether the complete file exists under its name. */
  readonly complete: boolean
  /** The error if the file could not be completed. */
  readonly failure: Error | undefined
}

/** @param isComplete function that is called at close with the number of values written; if it returns false, the file is deleted */
export function avroFileSink (
  path: string, schema: () => AlertSchema, options: ContainerWriterOptions, isComplete: (written: number) => boolean
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
      if (!isComplete(writer.count)) return await writer.abort()
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
