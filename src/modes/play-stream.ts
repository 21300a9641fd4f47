// play-stream: copies the static topic into the simulated one, unmodified (value, key, headers), one pass every 37 seconds; or as a live sky, with
// new ids and times in each pass.
import { adminFlags, kafkaFlags, registryFlags, topicFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import type { OutgoingRecord } from '../kafka/record.ts'
import { createGraph, noRetry, patientRetry, silent, type Logger } from '../pipeline/index.ts'
import { burstProfile, DMTN_149, fastProfile, offsetsProfile, type Profile } from '../simulator/profiles.ts'
import { replayErrors, replaySource, type PassReport, type ReplayRecord } from '../simulator/replay-source.ts'
import { PassSeconds, sleepUntil } from '../simulator/ticks.ts'
import { kafkaSink } from '../sinks/kafka.ts'
import { brokerCheck, registryCheck } from '../admin/readiness-checks.ts'
import { checkLimitMs } from '../admin/readiness.ts'
import { mode, type Host } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import type { AdminServer } from '../admin/status.ts'
import { connectionOf, describedConnection, destinationSpec } from '../program/kafka-from-flags.ts'
import { freshStep } from '../simulator/fresh-alerts.ts'
import { PassStats, passFamilies } from '../simulator/metrics.ts'

const playFlags = flags({
  ...kafkaFlags,
  'src-topic': { type: 'text', default: 'alerts-static', placeholder: 'TOPIC', description: 'The static topic to play.' },
  'dst-topic': { type: 'text', default: 'alerts-simulated', placeholder: 'TOPIC', description: 'The topic to publish into.' },
  'repeat-interval': { type: 'number', default: 37, max: 31_536_000, placeholder: 'SECONDS', description: 'Seconds from the beginning of one pass to the next; negative: one pass, then exit.' },
  profile: {
    type: 'choice', choices: ['offsets', 'dmtn-149', 'fast'],
    description: 'When the alerts of a pass leave: offsets, as the telescope took them (header alertsim-time-offset; the default); dmtn-149, all of them in --bursts bursts over --burst-seconds, as from so many detectors; fast, as fast as possible.'
  },
  burst: { type: 'switch', description: 'The same as --profile fast.' },
  bursts: { type: 'integer', min: 1, max: 10_000, default: DMTN_149.bursts, description: 'For --profile dmtn-149: bursts of one pass. Of 10,000 alerts each has 10 to 200, of more or fewer accordingly.' },
  'burst-seconds': { type: 'number', min: 0, max: 86_400, default: DMTN_149.seconds, placeholder: 'SECONDS', description: 'For --profile dmtn-149: the time over which the bursts of one pass are spread.' },
  seed: { type: 'integer', min: 0, default: 1, description: 'For --profile dmtn-149: sizes and times of the bursts are the same for the same seed, pass and number of alerts.' },
  'visit-size': {
    type: 'integer', min: 1, max: 2_000_000, placeholder: 'N',
    description: 'Alerts of one pass, exactly; default: what the static topic holds. Fewer: the first in the order of their time offsets. More: each alert several times in a row, which needs --fresh-ids. The survey counts on 10,000, at most 40,000.'
  },
  'fresh-ids': {
    type: 'switch',
    description: 'New ids in each pass: the alert\'s own wherever the packet names it, its visit, its parent source, and the Kafka key. Objects and earlier detections keep theirs. Ids are made of the second in which the pass begins, the detector and the alert\'s place in the static topic; passes then begin at least a second apart, and one archive takes one such player.'
  },
  'fresh-times': {
    type: 'switch',
    description: 'Times as of now in each pass: all observation and processing times of a packet, earlier detections included, move by the same amount, so that the first mid-point of the pass is its beginning (TAI). Orbits and images stay as they are.'
  },
  'accept-unmarked': { type: 'switch', description: 'Play a topic that has no mark of a finished load (one that another program loaded).' },
  'create-dst-topic': { type: 'switch', description: 'Create the destination topic if it is missing.' },
  ...topicFlags('dst-topic', 'the destination topic', 8, 604_800_000, 100_000_000_000),
  ...registryFlags,
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

/** Error: USAGE_BAD_VALUE, where --burst says otherwise than --profile. */
function profileOf ({ profile, burst, bursts, burstSeconds, seed }: Config): Profile {
  if (burst && profile !== undefined && profile !== 'fast') {
    throw usageErrors.USAGE_BAD_VALUE(`--burst and --profile ${profile} exclude each other`, { where: 'play-stream', hint: 'For the bursts of DMTN-149 give --profile dmtn-149 alone.' })
  }
  if (profile === 'dmtn-149') return burstProfile({ bursts, seconds: burstSeconds, seed })
  return burst || profile === 'fast' ? fastProfile : offsetsProfile
}

function declare (config: Config, connection: KafkaConnection, log: Logger, onPass: (report: PassReport, unmodified: number) => void) {
  const profile = profileOf(config)
  const fresh = config.freshIds || config.freshTimes ? freshStep(config.schemaRegistryUrl, { ids: config.freshIds, times: config.freshTimes }, log) : undefined
  const source = replaySource({
    connection, topic: config.srcTopic, intervalMs: config.repeatInterval * 1000, acceptUnmarked: config.acceptUnmarked, profile,
    visitSize: config.visitSize, repeats: config.freshIds, seconds: fresh && new PassSeconds(),
    onPass: report => { onPass(report, fresh?.unmodified ?? 0) }
  })
  const graph = createGraph('play-stream', { retry: noRetry })
  // A fresh alert is in memory twice: as it was, which settles, and as it goes out.
  const alerts = graph.source('static-topic', source, { records: 2000, bytes: (fresh === undefined ? 48 : 24) * 1024 * 1024 })
  const what = [...config.freshIds ? ['ids'] : [], ...config.freshTimes ? ['times'] : []].join(' and ')
  const played = fresh === undefined ? alerts : alerts.step('refresh', item => fresh.refresh(item), { kind: 'fresh', detail: what, retry: patientRetry })
  played.step('pace', pacer(source.ending), { kind: profile.name, detail: profile.detail })
    // Idempotent: a retry after a lost answer must not put an alert twice into a pass.
    .toBatches('simulated-topic', kafkaSink({ connection, topic: config.dstTopic, idempotent: true }), { count: 200, bytes: 8 * 1024 * 1024, ms: 20 })
  return { graph: graph.build(), source }
}

/** `pass 2: 1000 alerts in 2.50 s, 400 alerts/s, 33.1 MB/s, at most 0.03 s late`; `unmodified`: alerts that were to be fresh and are not. */
export function passLine ({ pass, alerts, bytes, seconds, lateSeconds, interrupted }: PassReport, unmodified = 0): string {
  const time = Math.max(seconds, 0.001)
  const rate = `${Math.round(alerts / time)} alerts/s, ${(bytes / 1e6 / time).toFixed(1)} MB/s`
  const late = lateSeconds === undefined ? '' : `, at most ${lateSeconds.toFixed(2)} s late`
  const stale = unmodified === 0 ? '' : `, ${unmodified} unmodified`
  return `pass ${pass}: ${alerts} alerts in ${seconds.toFixed(2)} s, ${rate}${late}${stale}${interrupted === undefined ? '' : `, interrupted: ${interrupted}`}\n`
}

/** Errors: KAFKA_TOPIC_MISSING, unless it is to be created; KAFKA_*. */
async function checkDestination (config: Config, connection: KafkaConnection, host: Host): Promise<void> {
  const admin = new KafkaAdmin(connection)
  try {
    if (config.createDstTopic) {
      const spec = destinationSpec(config)
      const { created } = await admin.ensureTopic(config.dstTopic, spec)
      if (created) host.log.info({ topic: config.dstTopic, ...spec }, 'created the destination topic')
    } else if (await admin.describeTopic(config.dstTopic) === undefined) {
      throw kafkaErrors.KAFKA_TOPIC_MISSING('the destination topic does not exist', {
        where: `${config.dstTopic} at ${connection.brokers}`, hint: 'Create it, give --create-dst-topic, or correct --dst-topic.'
      })
    }
  } finally {
    await admin.close()
  }
}

export default mode({
  mode: 'play-stream',
  about: 'Values, keys and headers are copied unmodified, unless --fresh-ids or --fresh-times is given. Then each alert is read with the schema that its frame names (from --schema-registry-url) and only those fields are changed; one that cannot be read is copied as it is, told of and counted. With a repeat interval it waits for a static topic that is missing or still being loaded, and goes on with the new one when it is recreated. One line per pass goes to stdout.',
  examples: ['alert-stream play-stream --create-dst-topic', 'alert-stream play-stream --repeat-interval -1 --profile fast', 'alert-stream play-stream --profile dmtn-149 --fresh-ids --fresh-times --visit-size 40000'],
  flags: playFlags,
  describe: config => declare(config, describedConnection(config), silent, () => {}).graph.describe(),
  async run (config, _positionals, host) {
    // Wrong usage is told before the brokers are asked for anything.
    profileOf(config)
    const connection = await connectionOf(config, 'alert-stream-play', host.log)
    await checkDestination(config, connection, host)
    const passes = new PassStats()
    const { graph, source } = declare(config, connection, host.log, (report, unmodified) => {
      passes.add(report, unmodified)
      void host.print(passLine(report, unmodified))
    })
    const kafka = new KafkaAdmin(connection, { probeMs: checkLimitMs })
    let admin: AdminServer | undefined
    try {
      await runToEnd(graph, host, {
        drainSeconds: config.drainSeconds,
        onRun: async run => {
          admin = await host.expose({
            run,
            description: graph.describe(),
            checks: {
              broker: brokerCheck(kafka, [config.dstTopic]),
              ...(config.freshIds || config.freshTimes ? { registry: registryCheck(config.schemaRegistryUrl) } : {}),
              'static-topic': async () => {
                const { waitingFor, outage } = source
                if (waitingFor !== undefined && !outage) throw replayErrors.STATIC_TOPIC_INCOMPLETE(waitingFor, { where: config.srcTopic })
              }
            },
            metrics: passFamilies(passes, source),
            stats: () => ({ passes: source.passes, waitingFor: source.waitingFor, lastPass: passes.last })
          }, config)
        }
      })
    } finally {
      await admin?.close()
      await kafka.close()
    }
  }
})
