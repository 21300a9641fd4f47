// The smoke test's judgement: every alert of the simulated topic, read from Kafka, against its object in the archive and what the API serves.
// Whatever is wrong with one alert is counted and named; only Kafka out of reach ends it early.
import { createArchive, openStore, type Archive } from '../stores/index.ts'
import { parseFrame, parseSchema, type AlertSchema } from '../avro/index.ts'
import { createGraph, formatError, type Source } from '../pipeline/index.ts'
import { readTopic } from '../sources/kafka-topic.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { connectFromOutside } from './kafka-access.ts'
import type { DemoFile } from './state.ts'

export interface SmokeResult {
  readonly published: number
  readonly archived: number
  readonly served: number
  /** Alerts whose bytes in the archive or from the API are not those in Kafka, and ids that came twice. */
  readonly differ: number
  /** What was wrong, one line each, the first few. */
  readonly problems: readonly string[]
}

const MOST_PROBLEMS = 10

/** Compares all of a demo that runs. Errors: those of reading the topic. */
export async function compare (file: DemoFile): Promise<SmokeResult> {
  const connection = await connectFromOutside(file, 'alert-stream-smoke')
  const store = await openStore(file.archive.alerts, { access: 'read', emulatorHost: file.storageEmulator })
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  try {
    return await compareAll(readTopic({ connection, topic: file.topics.simulated }), archive, file.api)
  } finally {
    await archive.close()
  }
}

/** @param api base URL of the API, without /v1 */
export async function compareAll (published: Source<KafkaRecord>, archive: Pick<Archive, 'getAlert'>, api: string): Promise<SmokeResult> {
  const result = { published: 0, archived: 0, served: 0, differ: 0, problems: [] as string[] }
  const problem = (text: string): void => { if (result.problems.length < MOST_PROBLEMS) result.problems.push(text) }
  const schemas = new Map<number, Promise<AlertSchema>>()
  const ids = new Set<string>()

  const fetchSchema = async (id: number): Promise<AlertSchema> => {
    const answer = await fetch(`${api}/v1/schemas/${id}`)
    if (!answer.ok) throw new Error(`the API answers ${answer.status} for schema ${id}`)
    return parseSchema(await answer.text())
  }
  const schemaOf = (id: number): Promise<AlertSchema> => {
    let schema = schemas.get(id)
    if (schema === undefined) schemas.set(id, schema = fetchSchema(id))
    return schema
  }
  /** Whether the archive's copy differs. */
  const differsInArchive = async (id: string, frame: Buffer): Promise<boolean> => {
    try {
      const stored = await archive.getAlert(id)
      if (stored === undefined) problem(`alert ${id} is not in the archive`)
      else result.archived++
      return stored !== undefined && !stored.equals(frame)
    } catch (error) {
      problem(`alert ${id} in the archive: ${formatError(error)}`)
      return true
    }
  }
  const differsFromApi = async (id: string, frame: Buffer): Promise<boolean> => {
    try {
      const answer = await fetch(`${api}/v1/alerts/${id}`, { headers: { 'accept-encoding': 'identity' } })
      const body = Buffer.from(await answer.arrayBuffer())
      if (answer.ok) result.served++
      else problem(`alert ${id}: the API answers ${answer.status}`)
      return answer.ok && !body.equals(frame)
    } catch (error) {
      problem(`alert ${id}: the API does not answer: ${String(error)}`)
      return false
    }
  }
  const check = async ({ value, topic, partition, offset }: KafkaRecord): Promise<void> => {
    result.published++
    const frame = value ?? Buffer.alloc(0)
    let id: string
    try {
      const { schemaId, datum } = parseFrame(frame)
      id = (await schemaOf(schemaId)).readAlertId(datum).toString()
    } catch (error) {
      return problem(`${topic}[${partition}]@${offset}: ${error instanceof Error ? error.message : String(error)}`)
    }
    const again = ids.has(id)
    ids.add(id)
    const archiveDiffers = await differsInArchive(id, frame)
    const apiDiffers = await differsFromApi(id, frame)
    if (again || archiveDiffers || apiDiffers) result.differ++
    if (again) problem(`alert ${id} was published twice`)
    if (archiveDiffers || apiDiffers) {
      problem(`alert ${id} differs from what was published: ${[...archiveDiffers ? ['in the archive'] : [], ...apiDiffers ? ['from the API'] : []].join(' and ')}`)
    }
  }
  const graph = createGraph('smoke')
  graph.source('simulated-topic', published).to('compare', { kind: 'comparison', write: check }, { concurrency: 8 })
  await graph.build().run().done
  return result
}

/** Whether all is well: so many alerts, each archived and served, none different. */
export function isWell ({ published, archived, served, differ }: SmokeResult, expected: number): boolean {
  return published === expected && archived === expected && served === expected && differ === 0
}

/** `smoke: 200 published, 200 archived, 200 served, 0 differ` */
export function smokeLine ({ published, archived, served, differ }: SmokeResult): string {
  return `smoke: ${published} published, ${archived} archived, ${served} served, ${differ} differ\n`
}
