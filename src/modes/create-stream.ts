// create-stream: loads an Avro file into the static topic. Each alert is re-encoded with one schema, framed, keyed by its id and given
// its time offset; the last alert of each partition carries the mark by which play-stream knows that the topic is whole. The file is read
// through once before anything is deleted or written, so that a damaged file costs no topic.
import { randomUUID } from 'node:crypto'
import { alertFacts, createRegistryClient, resolver, surveyFillIns, type AlertSchema, type ResolutionOptions } from '../avro/index.ts'
import { deadLetterFlags, kafkaFlags, registryFlags, schemaPackageFlags, topicFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { markerRoom, markLast } from '../simulator/completion-mark.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import { partitionFor } from '../kafka/murmur2.ts'
import { textHeader, type OutgoingRecord } from '../kafka/record.ts'
import { AlertStreamError, createGraph, defaultCredits, formatError, noRetry, type Run } from '../pipeline/index.ts'
import { avroFileSource, scanAvroFile, type AvroFileItem, type FileScan } from '../sources/avro-file.ts'
import { kafkaSink } from '../sinks/kafka.ts'
import { modeErrors } from './errors.ts'
import { mode, type Host } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import { connectionOf, describedConnection, destinationSpec } from '../program/kafka-from-flags.ts'
import { deadLetterPlace, deadLettersOf } from '../program/dead-letters-from-flags.ts'
import { schemaPackageOf } from '../program/schema-package-from-flags.ts'
import { progressBar } from '../program/progress-bar.ts'

const createFlags = flags({
  ...kafkaFlags,
  'dst-topic': { type: 'text', default: 'alerts-static', placeholder: 'TOPIC', description: 'The static topic to load.' },
  'create-topic': { type: 'switch', description: 'Delete the topic if it exists, and create it anew, with its settings.' },
  ...topicFlags('dst-topic', 'the topic', 8, -1, -1),
  'schema-version': { type: 'text', placeholder: 'MAJOR.MINOR', description: 'Version of the alert schema to encode with; default: the newest.' },
  'schema-id': { type: 'integer', min: 0, max: 0xffffffff, description: 'Schema id for the frames; default: the registry\'s id of that schema under --subject.' },
  subject: { type: 'text', default: 'alert-packet', description: 'Subject of the alert schemas in the registry.' },
  'fill-in': {
    type: 'switch',
    description: 'Where an older alert lacks a field that the newer schema requires without default, put NaN (times, angles) or 0 (counts, ids); otherwise it goes to the dead letters, naming the field.'
  },
  ...deadLetterFlags,
  ...registryFlags,
  ...schemaPackageFlags
})
type Config = ConfigOf<typeof createFlags>

/** What re-encoding needs; known only when the mode runs. */
interface Target {
  readonly schema: AlertSchema
  readonly schemaId: number
  readonly writer: AlertSchema
  readonly partitions: number
  readonly maxMessageBytes: number
}

const MJD_DAY_SECONDS = 86_400
/** Key, the time offset's header, and what Kafka adds to a record and a batch, at most. */
const RECORD_ROOM = 256

function resolution (config: Config): ResolutionOptions {
  return config.fillIn ? { fillIns: surveyFillIns } : {}
}

/** Whether any alert of the file's schema can be read as the target's. */
function fits (config: Config, writer: AlertSchema, reader: AlertSchema): boolean {
  try {
    resolver(writer, reader, resolution(config))
    return true
  } catch (error) {
    if (error instanceof AlertStreamError && error.code === 'RESOLUTION_IMPOSSIBLE') return false
    throw error
  }
}

function encoder (config: Config, target: Target): (item: AvroFileItem) => OutgoingRecord {
  let first: number | undefined
  return item => {
    if (item.error !== undefined) throw item.error
    const { schema, schemaId, writer, partitions, maxMessageBytes } = target
    const value = resolver(writer, schema, resolution(config))(item.data)
    const { id, midpointMjdTai } = alertFacts(value)
    first ??= midpointMjdTai
    const seconds = midpointMjdTai === undefined || first === undefined ? 0 : (midpointMjdTai - first) * MJD_DAY_SECONDS
    const key = Buffer.from(id.toString())
    const frame = schema.encodeFramed(schemaId, value)
    // Found here and not by the broker: the mark of completion counts what comes after.
    if (frame.length + RECORD_ROOM + markerRoom(partitions) > maxMessageBytes) {
      const what = `alert ${id} is too large: ${frame.length} bytes and its headers, the topic takes ${maxMessageBytes} bytes (max.message.bytes)`
      throw kafkaErrors.KAFKA_MESSAGE_TOO_LARGE(what, { where: config.dstTopic })
    }
    return {
      key,
      value: frame,
      headers: [textHeader('alertsim-time-offset', seconds.toFixed(6))],
      partition: partitionFor(key, partitions)
    }
  }
}

interface Parts {
  readonly connection: KafkaConnection
  readonly encode: (item: AvroFileItem) => OutgoingRecord
  readonly partitions: number
  /** Bytes of the file's largest alert; 0 where nothing is read. */
  readonly largest: number
  readonly environment: Host['environment']
}

function declare (config: Config, path: string, { connection, encode, partitions, largest, environment }: Parts) {
  const source = avroFileSource(path)
  const sink = kafkaSink({ connection, topic: config.dstTopic, idempotent: true })
  const graph = createGraph('create-stream', {
    retry: noRetry,
    deadLetters: deadLettersOf(config, connection, environment)
  })
  // One alert of each partition is held back until the end: room for these must come on top, or the last credit waits for itself.
  graph.source('avro-file', source, { records: defaultCredits.records + partitions, bytes: defaultCredits.bytes + partitions * largest })
    .step('re-encode', encode, { kind: 'avro', detail: `schema ${config.schemaVersion ?? 'newest'}, framed` })
    .through('mark-last', markLast(partitions, randomUUID(), () => source.atEnd), { kind: 'mark of completion', detail: 'last alert of each partition' })
    .toBatches('static-topic', sink, { count: 200, bytes: 8 * 1024 * 1024, ms: 50 })
  return { graph: graph.build(), source, sink }
}

/** Creates, recreates or checks the topic; resolves with its number of partitions. Errors: TOPIC_NOT_EMPTY, KAFKA_*. */
async function prepareTopic (config: Config, admin: KafkaAdmin, host: Host): Promise<number> {
  const spec = destinationSpec(config)
  const topic = config.dstTopic
  if (config.createTopic) {
    host.log.info({ topic, ...spec }, 'recreating the topic')
    return (await admin.recreateTopic(topic, spec)).partitions
  }
  const { created, partitions } = await admin.ensureTopic(topic, spec)
  if (created) {
    host.log.info({ topic, ...spec }, 'created the topic')
    return partitions
  }
  const snapshot = await admin.snapshot(topic)
  const records = snapshot?.end.reduce((sum, end, partition) => sum + Number(end - (snapshot.start[partition] ?? 0n)), 0) ?? 0
  if (records > 0) throw modeErrors.TOPIC_NOT_EMPTY(`the topic holds ${records} records already`, { where: `${topic} at ${config.broker.join(',')}` })
  return partitions
}

/** max.message.bytes of the topic; no limit where this user may not ask (the brokers will say then). */
async function largestMessage (admin: KafkaAdmin, topic: string): Promise<number> {
  try {
    return Number((await admin.topicConfigs(topic))['max.message.bytes'] ?? Infinity)
  } catch (error) {
    if (error instanceof AlertStreamError && error.code === 'KAFKA_NOT_AUTHORISED') return Infinity
    throw error
  }
}

async function schemaIdOf (config: Config, text: string, version: string, host: Host): Promise<number> {
  if (config.schemaId !== undefined) return config.schemaId
  const url = config.schemaRegistryUrl
  const id = await createRegistryClient({ url, log: host.log }).idOf(config.subject, text)
  if (id === undefined) throw modeErrors.SCHEMA_NOT_REGISTERED(`schema ${version} is not registered under subject ${config.subject}`, { where: url })
  return id
}

/** Between the steps before the load: a stop must not cost the topic. Error: STOPPED. */
function goOn ({ stop }: Host, path: string): void {
  if (stop.aborted) throw modeErrors.STOPPED('stopped before the topic was touched', { where: path })
}

/** Opens where dead letters go and closes it again: one that could not be kept must not cost the topic either. Errors: USAGE_BAD_VALUE, STORE_*, KAFKA_*. */
async function tryDeadLetters (config: Config, connection: KafkaConnection, { environment, log, stop }: Host): Promise<void> {
  const letters = deadLettersOf(config, connection, environment)
  try {
    await letters.open?.({ node: 'dead-letters', log, drain: stop, abort: stop })
  } finally {
    await letters.close?.()
  }
}

interface Loaded {
  readonly published: number
  readonly dead: number
  readonly partitions: number
  readonly version: string
  readonly schemaId: number
}

/** `loaded 199 of 200 alerts into alerts-static (8 partitions, schema 11.1 with id 1), 1 dead letters` */
function loadedLine (config: Config, scan: FileScan, { published, dead, partitions, version, schemaId }: Loaded): string {
  const total = scan.records + scan.damaged
  return `loaded ${published} of ${total} alerts into ${config.dstTopic} (${partitions} partitions, schema ${version} with id ${schemaId}), ${dead} dead letters\n`
}

export default mode({
  mode: 'create-stream',
  about: 'Key: the alert id, decimal. Header alertsim-time-offset: seconds since the first alert of the file. A topic that holds records already is refused without --create-topic. Alerts that cannot be re-encoded go to the dead letters.',
  examples: ['alert-stream create-stream visit.avro --schema-registry-url http://localhost:8081', 'alert-stream create-stream visit.avro --create-topic --schema-id 1101'],
  positionals: [{ name: 'FILE', description: 'an Avro object container file of alerts' }],
  flags: createFlags,
  describe: async (config, [path = 'FILE']) =>
    declare(config, path, {
      connection: describedConnection(config), encode: () => { throw new Error('a description encodes nothing') }, partitions: config.dstTopicPartitions, largest: 0,
      environment: {}
    }).graph.describe(),
  async run (config, [path = ''], host) {
    const scan = await scanAvroFile(path, host.stop)
    goOn(host, path)
    if (scan.records === 0) throw modeErrors.NO_ALERTS(`the file holds no readable alert (${scan.damaged} damaged)`, { where: path })
    const schemas = await schemaPackageOf(config, host)
    const version = config.schemaVersion === undefined ? schemas.latest : schemas.get(config.schemaVersion)
    const schemaId = await schemaIdOf(config, version.text, version.version, host)
    const connection = await connectionOf(config, 'alert-stream-create', host.log)
    const admin = new KafkaAdmin(connection)
    try {
      await tryDeadLetters(config, connection, host)
      goOn(host, path)
      // A file of which no alert can fit costs no topic either: its alerts go to the dead letters, and what the topic holds stays.
      const kept = fits(config, scan.schema, version.schema) ? undefined : await admin.describeTopic(config.dstTopic)
      const partitions = kept?.partitions ?? await prepareTopic(config, admin, host)
      const target = { schema: version.schema, schemaId, writer: scan.schema, partitions, maxMessageBytes: await largestMessage(admin, config.dstTopic) }
      let reason: unknown
      const encode = encoder(config, target)
      const { graph, source, sink } = declare(config, path, {
        connection,
        encode: item => {
          try {
            return encode(item)
          } catch (error) {
            reason ??= error
            throw error
          }
        },
        partitions,
        largest: scan.largest,
        environment: host.environment
      })
      const bar = progressBar(host, `loading ${config.dstTopic}`, scan.records)
      let run: Run
      try {
        run = await runToEnd(graph, host, { onRun: run => bar.follow(() => run.meters().find(each => each.node === 'static-topic')?.out ?? 0) })
      } finally {
        bar.end()
      }
      const published = sink.stats().records
      const dead = run.meters().at(-1)?.out ?? 0
      const where = `${config.dstTopic} at ${config.broker.join(',')}`
      if (!source.atEnd) throw modeErrors.STREAM_INCOMPLETE(`stopped after ${published} of ${scan.records} alerts`, { where })
      const late = run.meters().find(each => each.node === 'static-topic')?.deadLettered ?? 0
      if (late > 0) throw modeErrors.STREAM_INCOMPLETE(`the brokers refused ${late} of ${scan.records} alerts, which are in ${deadLetterPlace(config)}`, { where })
      // A batch that was refused in part and then sent again record by record: the mark would not add up.
      if (published > scan.records) throw modeErrors.STREAM_INCOMPLETE(`${published - scan.records} of ${scan.records} alerts were acknowledged twice`, { where })
      if (published === 0) {
        const what = `none of ${scan.records} alerts could be loaded as schema ${version.version}, all are in ${deadLetterPlace(config)}`
        throw modeErrors.NO_ALERTS(what, { where: path, hint: `The first reason: ${formatError(reason)}` })
      }
      await host.print(loadedLine(config, scan, { published, dead, partitions, version: version.version, schemaId }))
    } finally {
      await admin.close()
    }
  }
})
