// print-stream: one line per alert of a topic: time, id, history length, size. Records that are no alerts are shown as such, with the reason.
import { alertFacts, createRegistryClient, parseFrame, parseSchema, type AlertSchema } from '../avro/index.ts'
import { kafkaFlags, registryFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { position, type KafkaRecord } from '../kafka/record.ts'
import { AlertStreamError, createGraph, messageOf, silent, type Logger, type Sink } from '../pipeline/index.ts'
import { readTopic } from '../sources/kafka-topic.ts'
import { mode, runToEnd, type Host } from './mode.ts'
import { connectionOf, describedConnection } from './parts.ts'

const printFlags = flags({
  ...kafkaFlags,
  topic: { type: 'text', default: 'alerts-static', aliases: ['src-topic'], placeholder: 'TOPIC', description: 'The topic to print.' },
  from: { type: 'choice', choices: ['earliest', 'latest'], default: 'earliest', description: 'earliest: all that the topic holds, then exit unless --follow; latest: what comes from now on.' },
  follow: { type: 'switch', description: 'Go on with what comes after the present end.' },
  count: { type: 'integer', min: 1, placeholder: 'N', description: 'Exit after so many alerts.' },
  json: { type: 'switch', description: 'One JSON object per line.' },
  ...registryFlags
})
type Config = ConfigOf<typeof printFlags>

/** What is printed of one record. */
interface Line {
  /** Kafka's time of the record, ISO 8601, UTC. */
  readonly time: string
  readonly position: string
  /** Framed bytes. */
  readonly size: number
  readonly id?: string
  readonly schemaId?: number
  readonly history?: number
  readonly midpointMjdTai?: number | undefined
  readonly problem?: string
}

function reader (config: Config, log: Logger): (record: KafkaRecord) => Promise<Line> {
  const registry = createRegistryClient({ url: config.schemaRegistryUrl, log })
  const schemas = new Map<number, Promise<AlertSchema>>()
  const schemaOf = (id: number): Promise<AlertSchema> => {
    const known = schemas.get(id) ?? registry.schemaById(id).then(text => parseSchema(text, `schema ${id}`))
    schemas.set(id, known)
    known.catch(() => schemas.delete(id))
    return known
  }
  return async record => {
    const common = { time: timeOf(record), position: position(record), size: record.value?.length ?? 0 }
    try {
      const { schemaId, datum } = parseFrame(record.value ?? Buffer.alloc(0))
      const { id, history, midpointMjdTai } = alertFacts((await schemaOf(schemaId)).decode(datum))
      return { ...common, id: id.toString(), schemaId, history, midpointMjdTai }
    } catch (error) {
      // A registry that is down is not the record's fault: the step tries again, and the mode fails in the end.
      if (error instanceof AlertStreamError && error.retryable) throw error
      return { ...common, problem: error instanceof AlertStreamError ? `${error.code}: ${error.message}` : messageOf(error) }
    }
  }
}

// A producer may write any 64-bit number; JavaScript's dates end earlier.
function timeOf ({ timestamp }: KafkaRecord): string {
  const date = new Date(Number(timestamp))
  return Number.isNaN(date.getTime()) ? `${timestamp} ms` : date.toISOString()
}

function printer (config: Config, host: Pick<Host, 'print' | 'requestStop'>): Sink<Line> {
  let printed = 0
  return {
    kind: 'stdout',
    detail: config.json ? 'JSON lines' : 'text',
    async write (line) {
      if (config.count !== undefined && printed >= config.count) return
      printed++
      await host.print(config.json ? `${JSON.stringify(line)}\n` : text(line))
      if (printed === config.count) host.requestStop()
    }
  }
}

function text (line: Line): string {
  const size = `${line.size} bytes`
  if (line.problem !== undefined) return `${line.time}  ${line.position}  not an alert: ${line.problem}  ${size}\n`
  return `${line.time}  ${line.id}  history ${line.history}  ${size}\n`
}

function declare (config: Config, connection: KafkaConnection, host: Pick<Host, 'print' | 'requestStop' | 'log'>) {
  const graph = createGraph('print-stream')
  const source = readTopic({ connection, topic: config.topic, from: config.from, to: config.follow || config.from === 'latest' ? 'follow' : 'end' })
  graph.source('topic', source, { records: 100 })
    .step('decode', reader(config, host.log), { kind: 'avro', detail: `schemas of ${config.schemaRegistryUrl}` })
    .to('stdout', printer(config, host))
  return graph.build()
}

export default mode({
  mode: 'print-stream',
  summary: 'Prints time, id, history length and size of each alert of a topic.',
  about: 'Time is Kafka\'s time of the record (UTC); history counts prior sources, forced sources and limits; size is that of the framed message.',
  examples: ['alert-stream print-stream --topic alerts-simulated --from latest', 'alert-stream print-stream --json --count 10'],
  flags: printFlags,
  describe: config => declare(config, describedConnection(config), { print: async () => {}, requestStop: () => {}, log: silent }).describe(),
  async run (config, _positionals, host) {
    await runToEnd(declare(config, await connectionOf(config, 'alert-stream-print'), host), host)
  }
})
