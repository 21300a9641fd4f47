// verify: checks that every record below the committed offsets of a group is in the archive, byte for byte, or in the dead letters. Reads
// the topics without joining the group and commits nothing. Without --repair it writes nothing. It may run while the ingester runs.
// With --night, it compares archive and index instead (verify-night.ts).
import { LRUCache } from 'lru-cache'
import { resolveCompressor } from '../compression/open-compressor.ts'
import {
  batchFlags, compressionFlags, deadLetterFlags, defaultDeadLetterTopic, kafkaFlags, registryFlags, s3WriteFlags, storeFlags
} from '../config/common.ts'
import { flags, type ConfigOf, type FlagSpec } from '../config/flags.ts'
import { hasDeadLetter } from '../dead-letters/store-sink.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { createGraph, patientRetry, silent, type DeadLetterSink, type Sink } from '../pipeline/index.ts'
import { checkDeadLetterTopic, deadLettersOf } from '../program/dead-letters-from-flags.ts'
import { batchOptions, connectionOf, describedConnection } from '../program/kafka-from-flags.ts'
import { mode, type Host } from '../program/mode.ts'
import { progressBar } from '../program/progress-bar.ts'
import { runToEnd } from '../program/run-graph.ts'
import { archiveOf, bucketOptions, describedStoreUrls, storeUrls } from '../program/stores-from-flags.ts'
import { openStore, StoreStats, type Archive, type ObjectStore } from '../stores/index.ts'
import { compareWithArchive, type Comparison } from '../verify/archived-alert.ts'
import { committedRecords, committedTopics, type CommittedTopic } from '../verify/committed-records.ts'
import { DeadLetterIndex } from '../verify/dead-letter-index.ts'
import { checkError, verifyErrors } from '../verify/errors.ts'
import { NightReport } from '../verify/night-report.ts'
import { VerifyReport, type Problem, type Repair } from '../verify/report.ts'
import { SchemaPresence } from '../verify/schema-presence.ts'
import ingest, { archiveRecords } from './ingest.ts'
import { declareNight, nightFlags, nightOnly, verifyNight } from './verify-night.ts'

const ingestFlags = ingest.flags

/** A flag of the ingester that acts only with --repair. */
function withRepair<F extends FlagSpec> (flag: F): F {
  return { ...flag, description: `With --repair: ${flag.description.charAt(0).toLowerCase()}${flag.description.slice(1)}` }
}

const verifyFlags = flags({
  ...nightFlags,
  ...kafkaFlags,
  topic: { ...ingestFlags.topic, description: 'Topics of the ingester to check. May be given more than once.' },
  group: { ...ingestFlags.group, description: 'Consumer group of the ingester. Records below its committed offsets are checked.' },
  repair: {
    type: 'switch',
    description: 'Archive missing alerts and schemas with the steps of the ingester, which need the schema registry. Records that cannot ' +
      'be archived, such as those with a different object, go to the dead letters. Objects are never overwritten.'
  },
  'batch-size': {
    ...ingestFlags['batch-size'], default: 20,
    description: 'Maximum number of objects read, or written with --repair, concurrently.'
  },
  'max-in-flight-mib': ingestFlags['max-in-flight-mib'],
  compressor: withRepair(compressionFlags.compressor),
  'gzip-level': withRepair(compressionFlags['gzip-level']),
  'gzip-threads': withRepair(ingestFlags['gzip-threads']),
  ...batchFlags,
  'schema-registry-url': withRepair(registryFlags['schema-registry-url']),
  'unknown-schema-seconds': withRepair(ingestFlags['unknown-schema-seconds']),
  ...storeFlags,
  upload: withRepair(ingestFlags.upload),
  's3-allow-overwrite': withRepair(s3WriteFlags['s3-allow-overwrite']),
  'dead-letter-topic': {
    ...deadLetterFlags['dead-letter-topic'],
    description: 'Dead-letter topic of the ingester. With --repair, created if missing. ' +
      `Default: ${defaultDeadLetterTopic}, unless --dead-letter-store is set.`
  },
  'dead-letter-store': {
    ...deadLetterFlags['dead-letter-store'],
    description: 'Dead-letter store of the ingester, if it does not use a topic: file:///dir or gs://bucket[/prefix].'
  },
  'drain-seconds': ingestFlags['drain-seconds']
})
type Config = ConfigOf<typeof verifyFlags>

/** Flags of the check of topics, and flags that only matter where objects are written. */
const unusedWithNight = [
  ...Object.keys({ ...kafkaFlags, ...batchFlags }).filter(name => name !== 'max-record-mib'),
  'topic', 'group', 'repair', 'compressor', 'gzip-level', 'gzip-threads', 'schema-registry-url', 'unknown-schema-seconds', 'upload',
  's3-allow-overwrite', 'dead-letter-topic', 'dead-letter-store', 'layout', 'schema-store', 'bucket-schemas', 'gcp-bucket-schemas'
]

/** What the nodes use once the graph runs. */
interface Opened {
  readonly topics: readonly CommittedTopic[]
  /** The archive, for reading. */
  readonly archive: Archive
  /** The archive, for writing. Undefined without --repair. */
  readonly target: Archive | undefined
  /** The dead-letter store. Undefined if the dead letters are in a topic. */
  readonly deadLetterStore: ObjectStore | undefined
}

interface Checked extends Comparison {
  /** Whether the record has a dead letter. Undefined if that is not known, because the run was stopped. */
  readonly deadLettered: boolean | undefined
}

/** Number of alert ids remembered for the count of repeats (150 bytes each). */
const REMEMBERED_ALERTS = 100_000

/** Returns the graph of a check. Opens nothing, because only running nodes call `opened`. */
export function declare (
  config: Config, connection: KafkaConnection, urls: { readonly alerts: string, readonly schemas: string }, opened: () => Opened,
  report: VerifyReport, { log, environment }: Pick<Host, 'log' | 'environment'> = { log: silent, environment: {} }
) {
  const { group, repair, layout, batchSize: concurrency, deadLetterStore, deadLetterTopic = defaultDeadLetterTopic } = config
  const archive = { kind: 'object store', detail: `${urls.alerts}, layout ${layout}` }
  const committed = () => opened().topics
  const batches = batchOptions(config)
  const source = committedRecords({ connection, topics: config.topic, group, committed, batches })
  const schemas = new SchemaPresence(() => opened().archive)
  const index = deadLetterStore === undefined ? new DeadLetterIndex(committed) : undefined
  const remembered = new LRUCache<string, true>({ max: REMEMBERED_ALERTS })

  const compare = (record: KafkaRecord) => checking(async () => await compareWithArchive(opened().archive, record))
  const findDeadLetter = (found: Comparison) => checking(async (): Promise<Checked> => {
    if (found.mismatch === undefined) return { ...found, deadLettered: false }
    const deadLettered = index === undefined ? hasDeadLetter(opened().deadLetterStore!, found.record) : index.has(found.record)
    return { ...found, deadLettered: await deadLettered }
  })
  const checkSchema = (found: Checked) => checking(async (): Promise<readonly Problem[]> => {
    const { record, alertId, schemaId, mismatch, deadLettered } = found
    if (deadLettered !== false) {
      report[deadLettered === true ? 'deadLettered' : 'undecided']++
      return []
    }
    const problems: Problem[] = []
    const schema = schemaId === undefined ? undefined : await schemas.check(schemaId)
    if (schema !== undefined) problems.push({ ...schema, object: 'schema', record, schemaId })
    if (mismatch !== undefined) return [...problems, { ...mismatch, object: 'alert', record, alertId, schemaId }]
    report.verified++
    if (remembered.has(alertId!)) report.repeats++
    remembered.set(alertId!, true)
    return problems
  })

  checkDeadLetterTopic(config, 'verify', '--topic', config.topic)
  const destination = deadLettersOf(config, { connection, environment, expected: { topics: config.topic } })
  const graph = createGraph('verify', { retry: patientRetry, ...repair ? { deadLetters: reportedDeadLetters(destination, report) } : {} })
  const problems = graph.source('records', source, { records: 1000, bytes: config.maxInFlightMib * 1024 * 1024 })
    .step('compare', compare, { concurrency, ...archive })
    .step('find-dead-letter', findDeadLetter, {
      concurrency, ...deadLetterStore === undefined ? { kind: 'dead-letter index' } : { kind: 'dead-letter store', detail: deadLetterStore }
    })
    .step('check-schema', checkSchema, { concurrency, kind: 'object store', detail: `schemas in ${urls.schemas}, layout ${layout}` })
    .filter('problems', found => found.length > 0)
  if (repair) {
    const repairable = problems.filter('repairable', async found => {
      // A different schema cannot be repaired: the ingester's steps would stop at it.
      if (found.some(({ problem, object }) => object === 'alert' || problem === 'missing')) {
        report.keep(found)
        return true
      }
      await report.print(found)
      return false
    })
    const records = repairable.step('record', found => found[0]!.record, { kind: 'record' })
    archiveRecords(records, config, () => opened().target!, urls, { log, reported: sink => reportedWrites(sink, report) })
  } else {
    problems.to('report', { kind: 'stdout', detail: 'JSON', write: async found => { await report.print(found) } })
  }
  if (index !== undefined) {
    graph.source('dead-letter-records', index.source(connection, deadLetterTopic, batches), { bytes: 4 * 1024 * 1024 })
      .to('dead-letter-index', index.sink())
  }
  return { graph: graph.build(), schemas }
}

async function checking<T> (check: () => Promise<T>): Promise<T> {
  try {
    return await check()
  } catch (error) {
    throw checkError(error)
  }
}

/** Reports a repair when the write is durable. */
function reportedWrites<T> (sink: Sink<T>, report: VerifyReport): Sink<T> {
  return {
    ...sink,
    async write (value, context) {
      const outcome = await sink.write(value, context)
      await report.repairEnded(context.origin.position, 'archived' satisfies Repair)
      return outcome
    }
  }
}

/** Reports a repair when the dead letter is durable. */
function reportedDeadLetters (sink: DeadLetterSink, report: VerifyReport): DeadLetterSink {
  return {
    ...sink,
    async write (deadLetter) {
      await sink.write(deadLetter)
      await report.repairEnded(deadLetter.origin.position, 'dead-lettered' satisfies Repair)
    }
  }
}

async function openAll (config: Config, connection: KafkaConnection, host: Host): Promise<Opened> {
  const stats = new StoreStats()
  const archive = await archiveOf(config, 'read', host, stats)
  // A check with a mistyped URL must fail, and --repair must not create a new archive there.
  await archive.check()
  const url = config.deadLetterStore
  const options = { ...bucketOptions(config, host.environment), access: 'read' as const, log: host.log }
  const deadLetterStore = url === undefined ? undefined : await openStore(url, options)
  await deadLetterStore?.check()
  const topics = await committedTopics(connection, config.topic, config.group, { log: host.log, signal: host.stop })
  for (const { topic, partitions } of topics) {
    const uncommitted = partitions.filter(({ committed }) => committed === undefined).map(({ partition }) => partition)
    const { group } = config
    if (uncommitted.length > 0) host.log.warn({ topic, partitions: uncommitted, group }, 'no committed offset: nothing to check')
    const truncated = partitions.filter(({ truncated }) => truncated > 0n).map(({ partition }) => partition)
    if (truncated.length > 0) host.log.warn({ topic, partitions: truncated }, 'the log ends below the committed offset: records are lost')
  }
  return { topics, archive, deadLetterStore, target: config.repair ? await archiveOf(config, 'write', host, stats) : undefined }
}

/** Number of offsets that are still to be read. */
function unread (topics: readonly CommittedTopic[]): number {
  return topics.reduce((sum, { partitions }) => sum + partitions.reduce((count, { next, end }) => count + Number(end - next), 0), 0)
}

export default mode({
  mode: 'verify',
  about: 'Every record of the topics below the committed offsets of the group must have an object in the archive that holds exactly the ' +
    'value of the record, or a dead letter that names the record. The archive must also have the schema of each archived alert. Use the ' +
    'flags of the ingester. The ingester may run at the same time: the check covers the offsets that are committed when it starts. ' +
    'The report is a JSON document on stdout. The exit code is 1 if anything is missing or different and was not repaired. ' +
    'With --night, verify compares archive, index and manifest of a night instead, and needs no Kafka: every alert must have a row, ' +
    'every row an object with the same frame, and the newest manifest the counts and the digest of the rows.',
  examples: [
    'alert-stream verify --alert-store file:///var/alerts',
    'alert-stream verify --alert-store gs://alerts --schema-store gs://schemas --repair',
    'alert-stream verify --night 20260224 --alert-store gs://alerts --index-store gs://alerts'
  ],
  variants: { night: { only: nightOnly, unused: unusedWithNight } },
  flags: verifyFlags,
  describe: config => {
    const nothing = (): never => { throw new Error('describing the graph opens nothing') }
    if (config.night !== undefined) return declareNight(config, config.night, nothing, new NightReport(async () => {})).graph.describe()
    const report = new VerifyReport(async () => {})
    return declare(config, describedConnection(config), describedStoreUrls(config), nothing, report).graph.describe()
  },
  resolve: resolveCompressor,
  async run (config, _positionals, host) {
    if (config.night !== undefined) return await verifyNight(config, config.night, host)
    const urls = storeUrls(config)
    const connection = await connectionOf(config, 'alert-stream-verify', host.log)
    const report = new VerifyReport(async text => { await host.print(text) })
    const { graph, schemas } = declare(config, connection, urls, () => opened, report, host)
    const opened = await openAll(config, connection, host)
    const { topics, archive, target, deadLetterStore } = opened
    const total = unread(topics)
    const bar = progressBar(host, 'verifying', total)
    let complete = false
    try {
      await report.begin()
      await runToEnd(graph, host, { drainSeconds: config.drainSeconds, onRun: () => bar.follow(() => total - unread(topics)) })
      complete = unread(topics) === 0 && report.undecided === 0
    } finally {
      bar.end()
      await report.end({ group: config.group, alertStore: urls.alerts, schemaStore: urls.schemas, topics }, schemas.present, complete)
      await Promise.all([archive, target, deadLetterStore].map(async each => each?.close()))
    }
    host.log[complete ? 'info' : 'warn']({ complete }, complete ? report.summary() : `stopped before the end: ${report.summary()}`)
    if (report.remaining === 0) return
    const where = `group ${config.group} of ${config.topic.join(',')} at ${config.broker.join(',')}`
    throw verifyErrors.VERIFY_FAILED(`problems found: ${report.missing} missing, ${report.different} different` +
      (config.repair ? `, ${report.repaired} repaired` : ''), { where })
  }
})
