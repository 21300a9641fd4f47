// play-stream: copies the static topic into the simulated one, unmodified (value, key, headers), one pass every 37 seconds.
import { adminFlags, kafkaFlags, topicFlags } from '../config/common.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import type { OutgoingRecord } from '../kafka/record.ts'
import { AlertStreamError, createGraph, noRetry } from '../pipeline/index.ts'
import { replaySource, type PassReport, type ReplayRecord } from '../sources/replay.ts'
import { sleepUntil } from '../sources/ticks.ts'
import { kafkaSink } from '../sinks/kafka.ts'
import { mode, runToEnd, type AdminServer, type Host } from './mode.ts'
import { connectionOf, describedConnection, destinationSpec } from './parts.ts'

const playFlags = flags({
  ...kafkaFlags,
  'src-topic': { type: 'text', default: 'alerts-static', placeholder: 'TOPIC', description: 'The static topic to play.' },
  'dst-topic': { type: 'text', default: 'alerts-simulated', placeholder: 'TOPIC', description: 'The topic to publish into.' },
  'repeat-interval': { type: 'number', default: 37, max: 31_536_000, placeholder: 'SECONDS', description: 'Seconds from the beginning of one pass to the next; negative: one pass, then exit.' },
  burst: { type: 'switch', description: 'Publish each pass as fast as possible, not paced by the alerts\' time offsets.' },
  'accept-unmarked': { type: 'switch', description: 'Play a topic that has no mark of a finished load (one that another program loaded).' },
  'create-dst-topic': { type: 'switch', description: 'Create the destination topic if it is missing.' },
  ...topicFlags('dst-topic', 'the destination topic', 8, 604_800_000, 100_000_000_000),
  ...adminFlags
})
type Config = ConfigOf<typeof playFlags>

/** Holds a record back until it is due, or the replay ends; with concurrency 1 the order stays. */
function pacer (ending: AbortSignal): (item: ReplayRecord) => OutgoingRecord | Promise<OutgoingRecord> {
  return ({ record, dueAt }) => {
    const outgoing = { key: record.key, value: record.value, headers: record.headers }
    return dueAt <= performance.now() || ending.aborted ? outgoing : sleepUntil(dueAt, ending).then(() => outgoing)
  }
}

function declare (config: Config, connection: KafkaConnection, onPass: (report: PassReport) => void) {
  const source = replaySource({
    connection, topic: config.srcTopic, intervalMs: config.repeatInterval * 1000, acceptUnmarked: config.acceptUnmarked, burst: config.burst, onPass
  })
  const graph = createGraph('play-stream', { retry: noRetry })
  graph.source('static-topic', source, { records: 2000, bytes: 48 * 1024 * 1024 })
    .step('pace', pacer(source.ending), { kind: config.burst ? 'burst' : 'pace', detail: config.burst ? 'as fast as possible' : 'by alertsim-time-offset' })
    // Idempotent: a retry after a lost answer must not put an alert twice into a pass.
    .toBatches('simulated-topic', kafkaSink({ connection, topic: config.dstTopic, idempotent: true }), { count: 200, bytes: 8 * 1024 * 1024, ms: 20 })
  return { graph: graph.build(), source }
}

/** `pass 2: 1000 alerts in 2.50 s, 400 alerts/s, 33.1 MB/s` */
export function passLine ({ pass, alerts, bytes, seconds, interrupted }: PassReport): string {
  const time = Math.max(seconds, 0.001)
  const rate = `${Math.round(alerts / time)} alerts/s, ${(bytes / 1e6 / time).toFixed(1)} MB/s`
  return `pass ${pass}: ${alerts} alerts in ${seconds.toFixed(2)} s, ${rate}${interrupted === undefined ? '' : `, interrupted: ${interrupted}`}\n`
}

/** Errors: KAFKA_TOPIC_MISSING, unless it is to be created; KAFKA_*. */
async function checkDestination (config: Config, connection: KafkaConnection, host: Host): Promise<void> {
  const admin = new KafkaAdmin(connection)
  try {
    if (await admin.describeTopic(config.dstTopic) !== undefined) return
    if (!config.createDstTopic) {
      throw kafkaErrors.KAFKA_TOPIC_MISSING('the destination topic does not exist', {
        where: `${config.dstTopic} at ${connection.brokers}`, hint: 'Create it, give --create-dst-topic, or correct --dst-topic.'
      })
    }
    const spec = destinationSpec(config)
    await admin.createTopic(config.dstTopic, spec)
    host.log.info({ topic: config.dstTopic, ...spec }, 'created the destination topic')
  } catch (error) {
    // Another player was quicker.
    if (!(error instanceof AlertStreamError) || error.code !== 'KAFKA_TOPIC_EXISTS') throw error
  } finally {
    await admin.close()
  }
}

export default mode({
  mode: 'play-stream',
  summary: 'Publishes the static topic into the simulated topic, again and again, every 37 seconds.',
  about: 'Values, keys and headers are copied unmodified. With a repeat interval it waits for a static topic that is missing or still being loaded, and goes on with the new one when it is recreated. One line per pass goes to stdout.',
  examples: ['alert-stream play-stream --create-dst-topic', 'alert-stream play-stream --repeat-interval -1 --burst'],
  flags: playFlags,
  describe: config => declare(config, describedConnection(config), () => {}).graph.describe(),
  async run (config, _positionals, host) {
    const connection = await connectionOf(config, 'alert-stream-play')
    await checkDestination(config, connection, host)
    const reports: PassReport[] = []
    const { graph, source } = declare(config, connection, report => {
      reports.splice(0, reports.length, report)
      void host.print(passLine(report))
    })
    let admin: AdminServer | undefined
    try {
      await runToEnd(graph, host, {
        drainSeconds: config.drainSeconds,
        onRun: async run => {
          admin = await host.expose({
            run,
            description: graph.describe(),
            ready: () => source.waitingFor,
            facts: () => ({ passes: source.passes, waitingFor: source.waitingFor, lastPass: reports[0] })
          }, config)
        }
      })
    } finally {
      await admin?.close()
    }
  }
})
