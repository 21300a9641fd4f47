// Encodes alerts of an Avro file for the static topic: re-encodes and frames each alert, and adds the key (alert id) and a time offset.
import { frameHeaderLength, resolver, surveyFillIns, writeFrameHeader, type AlertSchema, type ResolutionOptions } from '../avro/index.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import { partitionFor } from '../kafka/murmur2.ts'
import { textHeader, type OutgoingRecord } from '../kafka/record.ts'
import { AlertStreamError } from '../pipeline/index.ts'
import type { AvroFileItem } from '../sources/avro-file.ts'
import { maxMarkerBytes } from './completion-marker.ts'

interface AlertEncoderOptions {
  /** Schema of the file. */
  readonly writer: AlertSchema
  /** Schema to encode with. */
  readonly schema: AlertSchema
  readonly schemaId: number
  /** Fills in required fields that the file's schema does not have (see `surveyFillIns`). */
  readonly fillIn: boolean
  readonly topic: string
  readonly partitions: number
  readonly maxMessageBytes: number
}

const SECONDS_PER_DAY = 86_400
/** Upper bound of the total size of key, time offset header, record overhead and batch overhead. */
const RECORD_OVERHEAD_BYTES = 256

function resolutionOptions (fillIn: boolean): ResolutionOptions {
  return fillIn ? { fillIns: surveyFillIns } : {}
}

/** Whether alerts written with the schema `writer` can be encoded with `schema`. If not, `encode` rejects every alert. */
export function isResolvable (writer: AlertSchema, schema: AlertSchema, fillIn: boolean): boolean {
  try {
    resolver(writer, schema, resolutionOptions(fillIn))
    return true
  } catch (error) {
    if (error instanceof AlertStreamError && error.code === 'RESOLUTION_IMPOSSIBLE') return false
    throw error
  }
}

export class AlertEncoder {
  readonly #options: AlertEncoderOptions
  readonly #resolution: ResolutionOptions
  #firstMidpoint: number | undefined
  /** The first error that `encode` threw. */
  firstError: unknown

  constructor (options: AlertEncoderOptions) {
    this.#options = options
    this.#resolution = resolutionOptions(options.fillIn)
  }

  /** Errors: `item.error`, RESOLUTION_IMPOSSIBLE, DATUM_INVALID, KAFKA_MESSAGE_TOO_LARGE. */
  encode (item: AvroFileItem): OutgoingRecord {
    try {
      if (item.error !== undefined) throw item.error
      return this.#encode(item.data)
    } catch (error) {
      this.firstError ??= error
      throw error
    }
  }

  #encode (data: Buffer): OutgoingRecord {
    const { schema, schemaId, writer, topic, partitions, maxMessageBytes } = this.#options
    const frame = resolver(writer, schema, this.#resolution)(data, frameHeaderLength)
    writeFrameHeader(frame, schemaId)
    const datum = frame.subarray(frameHeaderLength)
    const id = schema.readAlertId(datum)
    const midpointMjdTai = schema.readMidpoint(datum)
    const first = this.#firstMidpoint ??= midpointMjdTai
    const seconds = midpointMjdTai === undefined || first === undefined ? 0 : (midpointMjdTai - first) * SECONDS_PER_DAY
    const key = Buffer.from(id.toString())
    // Do not leave the size check to the broker, because the completion marker must count only alerts that the topic accepts.
    if (frame.length + RECORD_OVERHEAD_BYTES + maxMarkerBytes(partitions) > maxMessageBytes) {
      const what = `alert ${id} is too large: ${frame.length} bytes plus headers, but max.message.bytes of the topic is ${maxMessageBytes}`
      throw kafkaErrors.KAFKA_MESSAGE_TOO_LARGE(what, { where: topic })
    }
    const headers = [textHeader('alertsim-time-offset', seconds.toFixed(6))]
    return { key, value: frame, headers, partition: partitionFor(key, partitions) }
  }
}
