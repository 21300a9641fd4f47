// create-stream: loads an Avro file into the static topic. Each alert is re-encoded with one schema, framed, keyed by its id and given
// its time offset; the last alert of each partition carries the mark by which play-stream knows that the topic is whole. The file is read
// through once before anything is deleted or written, so that a damaged file costs no topic.
import { randomUUID } from 'node:crypto'
import { alertFacts, createRegistryClient, resolver, surveyFillIns, type AlertSchema } from '../avro/index.ts'
import { deadLetterFlags, kafkaFlags, optionalRegistryFlags, schemaPackageFlags, topicFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { KafkaAdmin, type TopicSpec } from '../kafka/admin.ts'
import { markLast } from '../kafka/completion.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import { partitionFor } from '../kafka/murmur2.ts'
import { textHeader, type OutgoingRecord } from '../kafka/record.ts'
import { AlertStreamError, createGraph, noRetry, type Run } from '../pipeline/index.ts'
import { avroFileSource, scanAvroFile, type AvroFileItem } from '../sources/avro-file.ts'
import { kafkaDeadLetters } from '../sinks/kafka-dead-letters.ts'
import { kafkaSink } from '../sinks/kafka.ts'
import { modeErrors } from './errors.ts'
import { mode, runToEnd, type Host } from './mode.ts'
import { connectionOf, deadLetterTopic, describedConnection, schemaPackageOf } from './parts.ts'
import { progressBar } from './progress.ts'

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
  ...optionalRegistryFlags,
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
/** Key, headers and the batch's own header, at most. */
const RECORD_ROOM = 1024

function encoder (config: Config, target: () => Target): (item: AvroFileItem) => OutgoingRecord {
  let first: number | undefined
  return item => {
    if ('error' in item && item.error !== undefined) throw item.error
    const { schema, schemaId, writer, partitions, maxMessageBytes } = target()
    const value = resolver(writer, schema, config.fillIn ? { fillIns: surveyFillIns } : {})(item.datum as Buffer)
    const { id, midpointMjdTai } = alertFacts(value)
    first ??= midpointMjdTai
    const seconds = midpointMjdTai === undefined || first === undefined ? 0 : (midpointMjdTai - first) * MJD_DAY_SECONDS
    const key = Buffer.from(id.toString())
    const frame = schema.encodeFramed(schemaId, value)
    // Found here and not by the broker: the mark of completion counts what comes after.
    if (frame.length + RECORD_ROOM > maxMessageBytes) {
      throw kafkaErrors.KAFKA_MESSAGE_TOO_LARGE(`alert ${id} has ${frame.length} bytes, the topic takes batches of ${maxMessageBytes} bytes`, { where: config.dstTopic })
    }
    return {
      key,
      value: frame,
      headers: [textHeader('alertsim-time-offset', seconds.toFixed(6))],
      partition: partitionFor(key, partitions)
    }
  }
}

function declare (config: Config, path: string, connection: KafkaConnection, target: () => Target, partitions: number) {
  const source = avroFileSource(path)
  const sink = kafkaSink({ connection, topic: config.dstTopic, idempotent: true })
  const graph = createGraph('create-stream', {
    retry: noRetry,
    deadLetters: kafkaDeadLetters({ connection, topic: config.deadLetterTopic, createTopic: deadLetterTopic })
  })
  graph.source('avro-file', source, { records: 1000 + partitions })
    .step('re-encode', encoder(config, target), { kind: 'avro', detail: `schema ${config.schemaVersion ?? 'newest'}, framed` })
    .through('mark-last', markLast(partitions, randomUUID(), () => source.atEnd), { kind: 'mark of completion', detail: 'last alert of each partition' })
    .toBatches('static-topic', sink, { count: 200, bytes: 8 * 1024 * 1024, ms: 50 })
  return { graph: graph.build(), source, sink }
}

/** Creates, recreates or checks the topic; resolves with its number of partitions. Errors: TOPIC_NOT_EMPTY, KAFKA_*. */
async function prepareTopic (config: Config, admin: KafkaAdmin, host: Host): Promise<number> {
  const spec: TopicSpec = {
    partitions: config.dstTopicPartitions,
    replicas: config.dstTopicReplicas,
    configs: {
      'retention.ms': String(config.dstTopicRetentionMs),
      'retention.bytes': String(config.dstTopicRetentionBytes),
      'max.message.bytes': String(config.dstTopicMaxMessageBytes),
      'cleanup.policy': 'delete'
    }
  }
  const topic = config.dstTopic
  if (config.createTopic) {
    host.log.info({ topic, ...spec }, 'recreating the topic')
    return (await admin.recreateTopic(topic, spec)).partitions
  }
  const snapshot = await admin.snapshot(topic)
  if (snapshot === undefined) {
    host.log.info({ topic, ...spec }, 'creating the topic')
    return (await admin.createTopic(topic, spec)).partitions
  }
  const records = snapshot.end.reduce((sum, end, partition) => sum + Number(end - (snapshot.start[partition] ?? 0n)), 0)
  if (records > 0) throw modeErrors.TOPIC_NOT_EMPTY(`the topic holds ${records} records already`, { where: `${topic} at ${config.broker.join(',')}` })
  return snapshot.partitions
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
  const url = config.schemaRegistryUrl ?? 'http://localhost:8081'
  const id = await createRegistryClient({ url, log: host.log }).idOf(config.subject, text)
  if (id === undefined) throw modeErrors.SCHEMA_NOT_REGISTERED(`schema ${version} is not registered under subject ${config.subject}`, { where: url })
  return id
}

export default mode({
  mode: 'create-stream',
  summary: 'Loads an Avro file of alerts into the static topic, re-encoded with one schema and framed for Kafka clients.',
  about: 'Key: the alert id, decimal. Header alertsim-time-offset: seconds since the first alert of the file. A topic that holds records already is refused without --create-topic. Alerts that cannot be re-encoded go to the dead letters.',
  examples: ['alert-stream create-stream visit.avro --schema-registry-url http://localhost:8081', 'alert-stream create-stream visit.avro --create-topic --schema-id 1101'],
  positionals: [{ name: 'FILE', description: 'an Avro object container file of alerts' }],
  flags: createFlags,
  describe: async (config, [path = 'FILE']) =>
    declare(config, path, describedConnection(config), () => { throw new Error('a description encodes nothing') }, config.dstTopicPartitions).graph.describe(),
  async run (config, [path = ''], host) {
    const scan = await scanAvroFile(path, host.stop)
    if (scan.records === 0) throw modeErrors.NO_ALERTS(`the file holds no readable alert (${scan.damaged} damaged)`, { where: path })
    const schemas = await schemaPackageOf(config, host)
    const version = config.schemaVersion === undefined ? schemas.latest : schemas.get(config.schemaVersion)
    const schemaId = await schemaIdOf(config, version.text, version.version, host)
    const connection = await connectionOf(config, 'alert-stream-create')
    const admin = new KafkaAdmin(connection)
    try {
      const partitions = await prepareTopic(config, admin, host)
      const target = { schema: version.schema, schemaId, writer: scan.schema, partitions, maxMessageBytes: await largestMessage(admin, config.dstTopic) }
      const { graph, source, sink } = declare(config, path, connection, () => target, partitions)
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
      if (late > 0) throw modeErrors.STREAM_INCOMPLETE(`the brokers refused ${late} of ${scan.records} alerts, which are in ${config.deadLetterTopic}`, { where })
      if (published === 0) throw modeErrors.NO_ALERTS(`none of ${scan.records} alerts could be re-encoded as schema ${version.version}; the reasons are in topic ${config.deadLetterTopic}`, { where: path })
      await host.print(`loaded ${published} alerts into ${config.dstTopic} (${partitions} partitions, schema ${version.version} with id ${schemaId}), ${dead} dead letters\n`)
    } finally {
      await admin.close()
    }
  }
})
