// create-stream: loads an Avro file into the static topic. The last alert of each partition carries the completion marker, from which
// play-stream recognises a complete topic. All input is checked before the topic is deleted or created.
import { randomUUID } from 'node:crypto'
import { assertAlertId, createRegistryClient, type AlertSchema } from '../avro/index.ts'
import { deadLetterFlags, kafkaFlags, registryFlags, schemaPackageFlags, topicFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { OutgoingRecord } from '../kafka/record.ts'
import { createGraph, defaultCredits, formatError, noRetry, type BatchSink, type NodeStats, type Run } from '../pipeline/index.ts'
import { modeErrors } from './errors.ts'
import { checkDeadLetterTopic, deadLetterPlace, deadLettersOf } from '../program/dead-letters-from-flags.ts'
import { connectionOf, describedConnection, destinationSpec } from '../program/kafka-from-flags.ts'
import { mode, type Host } from '../program/mode.ts'
import { progressBar } from '../program/progress-bar.ts'
import { runToEnd } from '../program/run-graph.ts'
import { schemaPackageOf } from '../program/schema-package-from-flags.ts'
import { AlertEncoder, isResolvable } from '../simulator/alert-encoder.ts'
import { markLastRecords } from '../simulator/mark-last-records.ts'
import { recordCount } from '../simulator/static-topic.ts'
import { maxMessageBytesOf, prepareTargetTopic } from '../simulator/target-topic.ts'
import { kafkaSink, type KafkaSink } from '../sinks/kafka.ts'
import { avroFileSource, scanAvroFile, type AvroFileItem } from '../sources/avro-file.ts'

const createFlags = flags({
  ...kafkaFlags,
  'dst-topic': { type: 'text', default: 'alerts-static', placeholder: 'TOPIC', description: 'Static topic to load. Created if missing.' },
  'create-topic': {
    type: 'switch',
    description: 'Delete the topic if it exists, and create it with the settings below. Default: fail if the topic holds records.'
  },
  ...topicFlags('dst-topic', 'the topic', 8, -1, -1),
  'schema-version': { type: 'text', placeholder: 'MAJOR.MINOR', description: 'Alert schema version to encode with. Default: the newest.' },
  'schema-id': { type: 'integer', min: 0, max: 0xffffffff, description: 'Schema id for the frames. Default: the id in the registry.' },
  subject: { type: 'text', default: 'alert-packet', description: 'Subject of the alert schemas in the schema registry.' },
  'fill-in': {
    type: 'switch',
    description: 'Placeholder values for fields that the target schema requires and the schema of the file does not have: NaN for times ' +
      'and angles, 0 for counts and ids. Without this flag, alerts without such a field become dead letters that name the field.'
  },
  ...deadLetterFlags,
  ...registryFlags,
  ...schemaPackageFlags
})
type Config = ConfigOf<typeof createFlags>

interface GraphParts {
  readonly connection: KafkaConnection
  readonly encode: (item: AvroFileItem) => OutgoingRecord
  readonly sink: BatchSink<OutgoingRecord>
  readonly partitions: number
  /** Size of the largest alert of the file, in bytes. */
  readonly largest: number
  readonly environment: Host['environment']
}

function declare (config: Config, path: string, { connection, encode, sink, partitions, largest, environment }: GraphParts) {
  checkDeadLetterTopic(config, 'create-stream', '--dst-topic', [config.dstTopic])
  const source = avroFileSource(path)
  const mark = markLastRecords(partitions, randomUUID(), () => source.atEnd)
  const deadLetters = deadLettersOf(config, { connection, environment, expected: { largest } })
  const graph = createGraph('create-stream', { retry: noRetry, deadLetters })
  // mark-last holds one alert per partition until the end of the file. Without extra credits for these alerts, the source could not finish.
  graph.source('avro-file', source, { records: defaultCredits.records + partitions, bytes: defaultCredits.bytes + partitions * largest })
    .step('re-encode', encode, { kind: 'avro', detail: `schema ${config.schemaVersion ?? 'newest'}, framed` })
    .through('mark-last', mark, { kind: 'completion marker', detail: 'last alert of each partition' })
    .toBatches('static-topic', sink, { count: 200, bytes: 8 * 1024 * 1024, ms: 50 })
  return { graph: graph.build(), source }
}

/** The schema to encode with, and its id for the frames. Errors: SCHEMA_NO_ALERT_ID, SCHEMA_NOT_REGISTERED. */
async function targetSchema (config: Config, host: Host): Promise<{ schema: AlertSchema, version: string, schemaId: number }> {
  const schemas = await schemaPackageOf(config, host)
  const { schema, text, version } = config.schemaVersion === undefined ? schemas.latest : schemas.get(config.schemaVersion)
  assertAlertId(schema)
  const url = config.schemaRegistryUrl
  if (config.schemaId !== undefined) return { schema, version, schemaId: config.schemaId }
  const found = await createRegistryClient({ url, log: host.log }).findId(config.subject, text)
  if (found?.exact === false) {
    host.log.warn({ schema: version, schemaId: found.id, subject: config.subject },
      'the registry has the schema in another spelling: using its id')
  }
  if (found !== undefined) return { schema, version, schemaId: found.id }
  throw modeErrors.SCHEMA_NOT_REGISTERED(`schema ${version} is not registered under subject ${config.subject}`, { where: url })
}

async function assertTopicEmpty (admin: KafkaAdmin, { dstTopic, broker }: Config): Promise<void> {
  const snapshot = await admin.snapshot(dstTopic)
  const records = snapshot === undefined ? 0 : recordCount(snapshot)
  const where = `${dstTopic} at ${broker.join(',')}`
  if (records > 0) throw modeErrors.TOPIC_NOT_EMPTY(`the topic already holds ${records} records`, { where })
}

/** Opens and closes the dead-letter destination before the topic is changed. Errors: USAGE_BAD_VALUE, STORE_*, KAFKA_*. */
async function checkDeadLetters (
  config: Config, connection: KafkaConnection, largest: number, { environment, log, stop }: Host
): Promise<void> {
  const destination = deadLettersOf(config, { connection, environment, expected: { largest } })
  try {
    await destination.open?.({ node: 'dead-letters', log, drain: stop, abort: stop })
  } finally {
    await destination.close?.()
  }
}

function assertNotStopped ({ stop }: Host, path: string): void {
  if (stop.aborted) throw modeErrors.STOPPED('stopped before the topic was changed', { where: path })
}

function loadedBy (run: Run): NodeStats | undefined {
  return run.meters().find(({ node }) => node === 'static-topic')
}

/** The sink for a file without encodable alerts. Unlike the Kafka sink, it does not require the topic to exist. */
const unusedSink: KafkaSink = { kind: 'none', writeBatch: async () => {}, stats: () => ({ records: 0, bytes: 0, sends: 0 }) }

export default mode({
  mode: 'create-stream',
  about: 'The key of each record is the alert id in decimal. The header alertsim-time-offset holds the seconds since the first alert of ' +
    'the file. Without --create-topic, the topic must be empty. Alerts that cannot be re-encoded become dead letters.',
  examples: [
    'alert-stream create-stream visit.avro --schema-registry-url http://localhost:8081',
    'alert-stream create-stream visit.avro --create-topic --schema-id 1101'
  ],
  positionals: [{ name: 'FILE', description: 'an Avro object container file of alerts' }],
  flags: createFlags,
  describe: async (config, [path = 'FILE']) => {
    const connection = describedConnection(config)
    const encode = (): never => { throw new Error('describing the graph encodes no alert') }
    const sink = kafkaSink({ connection, topic: config.dstTopic })
    const partitions = config.dstTopicPartitions
    return declare(config, path, { connection, encode, sink, partitions, largest: 0, environment: {} }).graph.describe()
  },
  async run (config, [path = ''], host) {
    const topic = config.dstTopic
    checkDeadLetterTopic(config, 'create-stream', '--dst-topic', [topic])
    const scan = await scanAvroFile(path, host.stop)
    assertNotStopped(host, path)
    if (scan.records === 0) throw modeErrors.NO_ALERTS(`the file holds no readable alert (${scan.damaged} damaged alerts)`, { where: path })
    const { schema, version, schemaId } = await targetSchema(config, host)
    const connection = await connectionOf(config, 'alert-stream-create', host.log)
    const admin = new KafkaAdmin(connection, { startRetry: { log: host.log, signal: host.stop } })
    try {
      if (!config.createTopic) await assertTopicEmpty(admin, config)
      await checkDeadLetters(config, connection, scan.largest, host)
      assertNotStopped(host, path)
      // If the schemas cannot be resolved, every alert becomes a dead letter, and the topic is neither deleted nor created.
      const resolvable = isResolvable(scan.schema, schema, config.fillIn)
      const targetOptions = { topic, spec: destinationSpec(config), recreate: config.createTopic, log: host.log }
      const partitions = resolvable ? await prepareTargetTopic(admin, targetOptions) : config.dstTopicPartitions
      // Another process may have loaded the topic in the meantime.
      if (resolvable && !config.createTopic) await assertTopicEmpty(admin, config)
      const maxMessageBytes = resolvable ? await maxMessageBytesOf(admin, topic) : Infinity
      const encoder = new AlertEncoder({ writer: scan.schema, schema, schemaId, fillIn: config.fillIn, topic, partitions, maxMessageBytes })
      const sink = resolvable ? kafkaSink({ connection, topic }) : unusedSink
      const { graph, source } = declare(config, path, {
        connection, encode: item => encoder.encode(item), sink, partitions, largest: scan.largest, environment: host.environment
      })
      const bar = progressBar(host, `loading ${topic}`, scan.records)
      let run: Run
      try {
        run = await runToEnd(graph, host, { onRun: run => bar.follow(() => loadedBy(run)?.out ?? 0) })
      } finally {
        bar.end()
      }
      const published = sink.stats().records
      const dead = run.meters().at(-1)?.out ?? 0
      const where = `${topic} at ${config.broker.join(',')}`
      const all = `of ${scan.records} alerts`
      if (!source.atEnd) throw modeErrors.STREAM_INCOMPLETE(`stopped after ${published} ${all}`, { where })
      const rejected = loadedBy(run)?.deadLettered ?? 0
      if (rejected > 0) throw modeErrors.STREAM_INCOMPLETE(`brokers rejected ${rejected} ${all}, see ${deadLetterPlace(config)}`, { where })
      if (published === 0) {
        const what = `none ${all} could be re-encoded with schema ${version}, all alerts are in ${deadLetterPlace(config)}`
        throw modeErrors.NO_ALERTS(what, { where: path, hint: `The first error: ${formatError(encoder.firstError)}` })
      }
      const details = `${partitions} partitions, schema ${version} with id ${schemaId}`
      await host.print(`loaded ${published} of ${scan.records + scan.damaged} alerts into ${topic} (${details}), ${dead} dead letters\n`)
    } finally {
      await admin.close()
    }
  }
})
