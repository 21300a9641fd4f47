// The smoke test's judgement: every alert of the simulated topic, read from Kafka, against its object in the archive and what the API serves.
import { createArchive, openStore } from '../../stores/index.ts'
import { parseFrame, parseSchema } from '../../avro/index.ts'
import { kafkaConnection } from '../../kafka/connection.ts'
import { createGraph } from '../../pipeline/index.ts'
import { readTopic } from '../../sources/kafka-topic.ts'
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

export async function compare (file: DemoFile): Promise<SmokeResult> {
  const result = { published: 0, archived: 0, served: 0, differ: 0, problems: [] as string[] }
  const problem = (text: string): void => { if (result.problems.push(text) > MOST_PROBLEMS) result.problems.pop() }
  const store = await openStore(file.archive.alerts, { access: 'read' })
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  const ids = new Set<string>()
  const check = async (frame: Buffer): Promise<void> => {
    const { schemaId, datum } = parseFrame(frame)
    const schema = await fetch(`${file.api}/v1/schemas/${schemaId}`)
    if (!schema.ok) return problem(`schema ${schemaId}: the API answers ${schema.status}`)
    const id = parseSchema(await schema.text()).readAlertId(datum).toString()
    if (ids.has(id)) {
      result.differ++
      problem(`alert ${id} was published twice`)
    }
    ids.add(id)
    const stored = await archive.getAlert(id)
    if (stored === undefined) problem(`alert ${id} is not in the archive`)
    else result.archived++
    const answer = await fetch(`${file.api}/v1/alerts/${id}`, { headers: { 'accept-encoding': 'identity' } })
    const body = Buffer.from(await answer.arrayBuffer())
    if (answer.ok) result.served++
    else problem(`alert ${id}: the API answers ${answer.status}`)
    if ((stored !== undefined && !stored.equals(frame)) || (answer.ok && !body.equals(frame))) {
      result.differ++
      problem(`alert ${id} differs from what was published`)
    }
  }
  const connection = await kafkaConnection({ brokers: file.kafka.split(','), auth: 'none', tls: false, clientId: 'alert-stream-smoke' })
  const graph = createGraph('smoke')
  graph.source('simulated-topic', readTopic({ connection, topic: file.topics.simulated })).to('compare', {
    kind: 'comparison',
    write: async record => {
      result.published++
      await check(record.value ?? Buffer.alloc(0))
    }
  }, { concurrency: 8 })
  try {
    await graph.build().run().done
  } finally {
    await archive.close()
  }
  return result
}

/** `smoke: 200 published, 200 archived, 200 served, 0 differ` */
export function smokeLine ({ published, archived, served, differ }: SmokeResult): string {
  return `smoke: ${published} published, ${archived} archived, ${served} served, ${differ} differ\n`
}
