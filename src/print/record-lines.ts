// Formats the output lines of print-stream. An alert line has time, id, history and size; a dead-letter line has origin, node and reason.
// Every dead letter is printed, without an alert id if neither the frame nor the Kafka key yields the id.
import { schemaCache } from '../avro/schema-cache.ts'
import { alertSummary, createRegistryClient, parseFrame, parseSchema, type AlertSchema } from '../avro/index.ts'
import { deadLetterFromJson } from '../dead-letters/dead-letter-json.ts'
import { parseDeadLetter, redrivenCount, redrivenHeader, reportHeaders, type DeadLetterRecord } from '../dead-letters/dead-letter.ts'
import { formatTimestamp, headerText, position, type KafkaRecord } from '../kafka/record.ts'
import { assertComplete } from '../kafka/record-size.ts'
import { AlertStreamError, isRetryable, messageOf, type Logger } from '../pipeline/index.ts'
import type { StoredObjectRecord } from '../sources/object-store.ts'
import { parseAlertId } from '../ids/alert-id.ts'

export interface Line {
  /** Kafka timestamp of the record, ISO 8601, UTC. For a dead letter in a store, the timestamp of its original record. */
  readonly time: string
  /** `topic[partition]@offset`, or the object key of a dead letter in a store. */
  readonly position: string
  /** Size of the record value in bytes. */
  readonly size: number
  readonly id?: string | undefined
  readonly schemaId?: number
  readonly history?: number
  readonly midpointMjdTai?: number | undefined
  /** Why the record is neither an alert nor a dead letter. */
  readonly problem?: string
  readonly deadLetter?: DeadLetterRecord
}

export interface LineReader {
  /** Error: REGISTRY_UNAVAILABLE (retryable), only if the record is not a dead letter. */
  fromRecord (record: KafkaRecord): Promise<Line>
  fromObject (object: StoredObjectRecord): Promise<Line>
}

/** After a temporary registry failure, dead letters are printed without registry requests for this number of milliseconds. */
const REGISTRY_PAUSE_MS = 10_000

export function lineReader (registryUrl: string, log: Logger): LineReader {
  const schemaOf = schemasOf(createRegistryClient({ url: registryUrl, log }))
  // Dead letters are printed even if the registry is down, so each registry request has one attempt and a short timeout.
  const schemaForDeadLetter = schemasOf(createRegistryClient({ url: registryUrl, log, attempts: 1, timeoutMs: 2000 }))
  let pausedUntil = 0

  async function deadLetterId ({ key, value }: DeadLetterRecord): Promise<string | undefined> {
    try {
      const { schemaId, datum } = parseFrame(value ?? Buffer.alloc(0))
      if (performance.now() >= pausedUntil) return (await schemaForDeadLetter(schemaId)).readAlertId(datum).toString()
    } catch (error) {
      if (error instanceof AlertStreamError && error.retryable) pausedUntil = performance.now() + REGISTRY_PAUSE_MS
    }
    // If the frame did not yield the alert id, uses the Kafka key, which is the alert id in decimal.
    return key === null ? undefined : parseAlertId(key.toString('latin1'))
  }

  const deadLetterLine = async (deadLetter: DeadLetterRecord, common: Pick<Line, 'time' | 'position'>): Promise<Line> =>
    ({ ...common, size: deadLetter.omittedBytes ?? deadLetter.value?.length ?? 0, id: await deadLetterId(deadLetter), deadLetter })

  return {
    async fromRecord (record) {
      const common = { time: formatTimestamp(record.timestamp), position: position(record) }
      const deadLetter = parseDeadLetter(record)
      if (deadLetter !== undefined) return await deadLetterLine(deadLetter, common)
      const size = record.omitted?.bytes ?? record.value?.length ?? 0
      try {
        assertComplete(record)
        const { schemaId, datum } = parseFrame(record.value ?? Buffer.alloc(0))
        const { id, history, midpointMjdTai } = alertSummary((await schemaOf(schemaId)).decode(datum))
        return { ...common, size, id: id.toString(), schemaId, history, midpointMjdTai }
      } catch (error) {
        // If the registry is unavailable, the pipeline node retries. When the attempts are used up, the mode fails.
        if (isRetryable(error)) throw error
        return { ...common, size, problem: problemOf(error) }
      }
    },
    async fromObject ({ key, body }) {
      try {
        const deadLetter = deadLetterFromJson(body)
        const time = deadLetter.origin === undefined ? '-' : formatTimestamp(deadLetter.origin.timestamp)
        return await deadLetterLine(deadLetter, { time, position: key })
      } catch (error) {
        return { time: '-', position: key, size: body.length, problem: problemOf(error) }
      }
    }
  }
}

export function lineText (line: Line): string {
  const { time, position, size, id, problem, deadLetter } = line
  const bytes = `${size} bytes`
  if (deadLetter !== undefined) {
    const times = redrivenCount(deadLetter)
    const { position, node, reason, message, omittedBytes } = deadLetter
    return [
      time, position, node, `${reason}: ${message.replace(/\s*\n\s*/g, ' ')}`, `id ${id ?? 'unknown'}`,
      omittedBytes === undefined ? bytes : `${bytes}, omitted`, ...times > 0 ? [`redriven ${times}`] : []
    ].join('  ') + '\n'
  }
  if (problem !== undefined) return `${time}  ${position}  not an alert: ${problem}  ${bytes}\n`
  return `${time}  ${id}  history ${line.history}  ${bytes}\n`
}

/** Formats one JSON object as a line. For a dead letter, the object contains all report headers by name. */
export function lineJson ({ deadLetter, ...line }: Line): string {
  const report = deadLetter === undefined ? [] : reportHeaders(deadLetter)
  const headers = Object.fromEntries(report.map(([name, value]) => [name.toString(), value?.toString()]))
  const times = deadLetter === undefined ? undefined : headerText(deadLetter, redrivenHeader)
  return `${JSON.stringify({ ...line, ...headers, ...times === undefined ? {} : { [redrivenHeader]: times } })}\n`
}

function schemasOf (registry: ReturnType<typeof createRegistryClient>): (id: number) => AlertSchema | Promise<AlertSchema> {
  return schemaCache(async id => parseSchema(await registry.schemaById(id), `schema ${id}`))
}

function problemOf (error: unknown): string {
  return error instanceof AlertStreamError ? `${error.code}: ${error.message}` : messageOf(error)
}
