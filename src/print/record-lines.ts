// What print-stream says of a record: of an alert its time, id, history and size; of a dead letter where it came from, who gave up on it and
// why. A letter can always be printed: whether its alert's id can be had (registry, schema, frame) makes no difference to the rest.
import { schemaCache } from '../avro/schema-cache.ts'
import { alertFacts, createRegistryClient, parseFrame, parseSchema, type AlertSchema } from '../avro/index.ts'
import { decodeLetter } from '../dead-letters/dead-letter-json.ts'
import { readLetter, redrivenCount, redrivenHeader, reportHeaders, type Letter } from '../dead-letters/dead-letter.ts'
import { headerText, position, type KafkaRecord } from '../kafka/record.ts'
import { AlertStreamError, messageOf, type Logger } from '../pipeline/index.ts'
import type { StoredObjectRecord } from '../sources/object-store.ts'
import { parseAlertId } from '../stores/index.ts'

/** What is printed of one record. */
export interface Line {
  /** ISO 8601, UTC: Kafka's time of the record; of a letter in a store, that of the letter's record. */
  readonly time: string
  /** `topic[partition]@offset`, or the key in the store. */
  readonly position: string
  /** Bytes of the value. */
  readonly size: number
  readonly id?: string | undefined
  readonly schemaId?: number
  readonly history?: number
  readonly midpointMjdTai?: number | undefined
  /** Why it is no alert, where it is neither alert nor letter. */
  readonly problem?: string
  readonly letter?: Letter
}

/** Makes lines; records of a topic and objects of a store come out alike. */
export interface LineReader {
  /** Errors: REGISTRY_UNAVAILABLE (retryable), for an alert; never for a letter. */
  ofRecord (record: KafkaRecord): Promise<Line>
  ofObject (object: StoredObjectRecord): Promise<Line>
}

/** A registry that did not answer is not asked again for a letter's sake for so long. */
const REGISTRY_PAUSE_MS = 10_000

export function lineReader (registryUrl: string, log: Logger): LineReader {
  const schemaOf = schemasOf(createRegistryClient({ url: registryUrl, log }))
  // Letters are printed while the registry is down: it gets one short try.
  const schemaForLetter = schemasOf(createRegistryClient({ url: registryUrl, log, attempts: 1, timeoutMs: 2000 }))
  let pausedUntil = 0

  async function letterId ({ key, value }: Letter): Promise<string | undefined> {
    try {
      const { schemaId, datum } = parseFrame(value ?? Buffer.alloc(0))
      if (performance.now() >= pausedUntil) return (await schemaForLetter(schemaId)).readAlertId(datum).toString()
    } catch (error) {
      if (error instanceof AlertStreamError && error.retryable) pausedUntil = performance.now() + REGISTRY_PAUSE_MS
    }
    // Producers of alerts take the id for the key.
    return key === null ? undefined : parseAlertId(key.toString('latin1'))
  }

  const letterLine = async (letter: Letter, common: Pick<Line, 'time' | 'position'>): Promise<Line> =>
    ({ ...common, size: letter.omittedBytes ?? letter.value?.length ?? 0, id: await letterId(letter), letter })

  return {
    async ofRecord (record) {
      const common = { time: timeOf(record.timestamp), position: position(record) }
      const letter = readLetter(record)
      if (letter !== undefined) return await letterLine(letter, common)
      const size = record.value?.length ?? 0
      try {
        const { schemaId, datum } = parseFrame(record.value ?? Buffer.alloc(0))
        const { id, history, midpointMjdTai } = alertFacts((await schemaOf(schemaId)).decode(datum))
        return { ...common, size, id: id.toString(), schemaId, history, midpointMjdTai }
      } catch (error) {
        // A registry that is down is not the record's fault: the step tries again, and the mode fails in the end.
        if (error instanceof AlertStreamError && error.retryable) throw error
        return { ...common, size, problem: problemOf(error) }
      }
    },
    async ofObject ({ key, body }) {
      try {
        const letter = decodeLetter(body)
        return await letterLine(letter, { time: letter.origin === undefined ? '-' : timeOf(letter.origin.timestamp), position: key })
      } catch (error) {
        return { time: '-', position: key, size: body.length, problem: problemOf(error) }
      }
    }
  }
}

/** One line of text. */
export function lineText (line: Line): string {
  const { time, position, size, id, problem, letter } = line
  const bytes = `${size} bytes`
  if (letter !== undefined) {
    const times = redrivenCount(letter)
    return [
      time, letter.position, letter.node, `${letter.reason}: ${letter.message.replace(/\s*\n\s*/g, ' ')}`, `id ${id ?? 'unknown'}`,
      letter.omittedBytes === undefined ? bytes : `${bytes}, left out`, ...times > 0 ? [`redriven ${times}`] : []
    ].join('  ') + '\n'
  }
  if (problem !== undefined) return `${time}  ${position}  not an alert: ${problem}  ${bytes}\n`
  return `${time}  ${id}  history ${line.history}  ${bytes}\n`
}

/** The same as one JSON object; of a letter with all its headers, by name. */
export function lineJson ({ letter, ...line }: Line): string {
  const headers = letter === undefined ? {} : Object.fromEntries(reportHeaders(letter).map(([name, value]) => [name.toString(), value?.toString()]))
  const times = letter === undefined ? undefined : headerText(letter, redrivenHeader)
  return `${JSON.stringify({ ...line, ...headers, ...times === undefined ? {} : { [redrivenHeader]: times } })}\n`
}

function schemasOf (registry: ReturnType<typeof createRegistryClient>): (id: number) => AlertSchema | Promise<AlertSchema> {
  return schemaCache(async id => parseSchema(await registry.schemaById(id), `schema ${id}`))
}

function problemOf (error: unknown): string {
  return error instanceof AlertStreamError ? `${error.code}: ${error.message}` : messageOf(error)
}

// A producer may write any 64-bit number; JavaScript's dates end earlier.
function timeOf (timestamp: bigint): string {
  const date = new Date(Number(timestamp))
  return Number.isNaN(date.getTime()) ? `${timestamp} ms` : date.toISOString()
}
