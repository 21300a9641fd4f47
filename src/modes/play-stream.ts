// play-stream: publishes the static topic into the simulated topic once per repeat interval. Value, key and headers are copied
// unmodified. With --fresh-ids or --fresh-times, the alerts get new ids or times in each pass.
import { adminFlags, batchFlags, kafkaFlags, registryFlags, topicFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { freshVisitSeconds } from '../avro/index.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import type { OutgoingRecord } from '../kafka/record.ts'
import type { WholeBatch } from '../kafka/whole-batch.ts'
import { createGraph, noRetry, patientRetry, silent, type Logger, type Port } from '../pipeline/index.ts'
import { DMTN_149 } from '../simulator/burst-plan.ts'
import { burstProfile, fastProfile, interleavedProfile, offsetsProfile, type Profile } from '../simulator/profiles.ts'
import type { PassReport, ReplayItem } from '../simulator/replay-pass.ts'
import { outageLimitMs, replaySource, type ReplaySource } from '../simulator/replay-source.ts'
import { isUnplayable, playableTopic, staticTopicErrors, type PlayRequirements } from '../simulator/static-topic.ts'
import { PassSeconds, sleepUntil } from '../simulator/ticks.ts'
import { kafkaSink } from '../sinks/kafka.ts'
import { brokerCheck, registryCheck } from '../admin/readiness-checks.ts'
import { checkLimitMs } from '../admin/readiness.ts'
import { mode, type Host } from '../program/mode.ts'
import { runToEnd } from '../program/run-graph.ts'
import type { AdminServer } from '../admin/status.ts'
import { batchOptions, connectionOf, describedConnection, destinationSpec } from '../program/kafka-from-flags.ts'
import { refreshStep } from '../simulator/fresh-alerts.ts'
import { PassStats, passFamilies } from '../simulator/pass-metrics.ts'
import { PassVisits, type PassVisitRange } from '../simulator/pass-visits.ts'

const playFlags = flags({
  ...kafkaFlags,
  'src-topic': { type: 'text', default: 'alerts-static', placeholder: 'TOPIC', description: 'Static topic to play.' },
  'dst-topic': { type: 'text', default: 'alerts-simulated', placeholder: 'TOPIC', description: 'Topic to publish to.' },
  'repeat-interval': {
    type: 'number', default: 37, max: 31_536_000, placeholder: 'SECONDS',
    description: 'Seconds from the start of one pass to the start of the next. Negative: play one pass, then exit.'
  },
  profile: {
    type: 'choice', choices: ['offsets', 'dmtn-149', 'fast'],
    description: 'Timing of the alerts of a pass. offsets (default): by the header alertsim-time-offset, as the telescope took them. ' +
      'dmtn-149: in --bursts bursts over --burst-seconds, one per detector. fast: as fast as possible, in whole record batches if ' +
      'source and destination have as many partitions and the alerts are neither changed nor selected.'
  },
  burst: { type: 'switch', description: 'Alias of --profile fast.' },
  bursts: {
    type: 'integer', min: 1, max: 10_000,
    description: 'Bursts per pass, for --profile dmtn-149. With 10,000 alerts per pass, a burst has 10 to 200 alerts. ' +
      `Default: ${DMTN_149.bursts}.`
  },
  'burst-seconds': {
    type: 'number', min: 0, max: 86_400, placeholder: 'SECONDS',
    description: `Seconds over which the bursts of a pass are spread, for --profile dmtn-149. Default: ${DMTN_149.seconds}.`
  },
  overlap: {
    type: 'number', min: 0, max: 86_400, default: 0, placeholder: 'SECONDS',
    description: 'Seconds by which consecutive visits overlap, for --profile dmtn-149; less than --repeat-interval. The bursts of a pass ' +
      'are then spread over --repeat-interval plus this time, not over --burst-seconds, and the alerts of neighbouring bursts interleave.'
  },
  seed: {
    type: 'integer', min: 0,
    description: 'Random seed for --profile dmtn-149. The same seed, pass and number of alerts give the same burst sizes and times. ' +
      'Default: 1.'
  },
  'visit-size': {
    type: 'integer', min: 1, max: 2_000_000, placeholder: 'N',
    description: 'Number of alerts per pass. Default: all alerts of the static topic. A smaller number plays the first alerts by time ' +
      'offset; a larger one repeats alerts and needs --fresh-ids. The survey expects 10,000 alerts per visit, and at most 40,000.'
  },
  'fresh-ids': {
    type: 'switch',
    description: 'New ids in each pass, for the alert (everywhere in the packet), its visit, its parent source and its Kafka key. ' +
      'Objects and earlier detections keep their ids. New ids are packed like Rubin\'s: each pass is a visit of the current night. ' +
      'Passes begin at least 3 seconds apart, so use only one such play-stream per archive.'
  },
  'fresh-times': {
    type: 'switch',
    description: 'Current times in each pass. All observation and processing times of a packet, including earlier detections, move by ' +
      'the same amount, so that the earliest mid-point equals the start of the pass (TAI). Orbits and images do not change.'
  },
  'accept-unmarked': { type: 'switch', description: 'Play a topic without a completion marker, loaded by another program.' },
  'create-dst-topic': { type: 'switch', description: 'Create the destination topic if it does not exist.' },
  ...topicFlags('dst-topic', 'the destination topic', 8, 604_800_000, 100_000_000_000),
  ...batchFlags,
  ...registryFlags,
  ...adminFlags
})
type Config = ConfigOf<typeof playFlags>

const MIB = 1024 * 1024

type Outgoing = OutgoingRecord | WholeBatch

/**
 * Delays each record until it is due or the replay ends, and adds its visit to those of the pass. The step has concurrency 1, so the
 * records keep their order. A whole batch is due at once.
 */
function pacer (ending: AbortSignal, visits: PassVisits): (item: ReplayItem) => Outgoing | Promise<Outgoing> {
  return item => {
    if ('batch' in item) {
      for (const head of item.batch.valueHeads) visits.add(item.pass, head)
      return item.batch
    }
    const { record, pass, dueAt } = item
    visits.add(pass, record.value)
    const outgoing = { key: record.key, value: record.value, headers: record.headers }
    return dueAt <= performance.now() || ending.aborted ? outgoing : sleepUntil(dueAt, ending).then(() => outgoing)
  }
}

function refuse (what: string, hint: string): never {
  throw usageErrors.USAGE_BAD_VALUE(what, { where: 'play-stream', hint })
}

/** Error: USAGE_BAD_VALUE if a flag of the profile dmtn-149 is given without the profile. */
function checkBurstFlags ({ profile, bursts, burstSeconds, seed, overlap }: Config): void {
  if (profile === 'dmtn-149') return
  const given = Object.entries({ bursts, 'burst-seconds': burstSeconds, seed, overlap: overlap > 0 ? overlap : undefined })
  for (const [flag, value] of given) {
    if (value !== undefined) refuse(`--${flag} needs --profile dmtn-149`, `Give --profile dmtn-149 or omit --${flag}.`)
  }
}

/** Error: USAGE_BAD_VALUE if more than two visits would overlap, or if --burst-seconds contradicts --overlap. */
function checkOverlap ({ overlap, repeatInterval, burstSeconds }: Config): void {
  if (overlap >= repeatInterval) {
    refuse(
      `--overlap ${overlap} is not less than --repeat-interval ${repeatInterval}, so more than two visits would overlap`,
      'Give a longer --repeat-interval or a smaller --overlap.'
    )
  }
  if (burstSeconds !== undefined) refuse('--burst-seconds and --overlap cannot be used together', 'Omit --burst-seconds or --overlap.')
}

/** Errors: USAGE_BAD_VALUE if --burst contradicts --profile; the errors of `checkBurstFlags` and `checkOverlap`. */
function profileOf (config: Config): Profile {
  const { profile, burst, bursts = DMTN_149.bursts, burstSeconds = DMTN_149.seconds, seed = 1, overlap, repeatInterval } = config
  if (burst && profile !== undefined && profile !== 'fast') {
    refuse(
      `--burst and --profile ${profile} cannot be used together`, 'For the bursts of DMTN-149, give --profile dmtn-149 without --burst.'
    )
  }
  checkBurstFlags(config)
  if (overlap > 0) {
    checkOverlap(config)
    return interleavedProfile({ bursts, seconds: repeatInterval + overlap, seed, overlapSeconds: overlap })
  }
  if (profile === 'dmtn-149') return burstProfile({ bursts, seconds: burstSeconds, seed })
  return burst || profile === 'fast' ? fastProfile : offsetsProfile
}

/** Error: USAGE_BAD_VALUE if each pass would be appended to the topic that it plays. */
function checkTopicNames ({ srcTopic, dstTopic }: Config): void {
  if (srcTopic !== dstTopic) return
  throw usageErrors.USAGE_BAD_VALUE(`--src-topic and --dst-topic are both ${srcTopic}`, {
    where: 'play-stream', hint: 'Publish to another topic. Otherwise each pass would be played again by all later passes.'
  })
}

const requirementsOf = ({ srcTopic, acceptUnmarked, visitSize, freshIds }: Config): PlayRequirements =>
  ({ topic: srcTopic, acceptUnmarked, visitSize, repeats: freshIds })

type OnPass = (report: PassReport, unmodified: number, visits: PassVisitRange | undefined) => void

function declare (config: Config, connection: KafkaConnection, log: Logger, onPass: OnPass) {
  const { freshIds, freshTimes, dstTopic } = config
  const intervalMs = config.repeatInterval * 1000
  const profile = profileOf(config)
  checkTopicNames(config)
  const fresh = freshIds || freshTimes ? refreshStep(config.schemaRegistryUrl, { ids: freshIds, times: freshTimes }, log) : undefined
  const visits = new PassVisits()
  const replay = {
    connection, ...requirementsOf(config), batches: batchOptions(config), intervalMs, profile, overlaps: config.overlap > 0,
    onPass: (report: PassReport) => { onPass(report, fresh?.unmodifiedIn(report.pass) ?? 0, visits.of(report.pass)) }
  }
  const sink = kafkaSink({ connection, topic: dstTopic, deliveryTimeoutMs: outageLimitMs(intervalMs) })
  const graph = createGraph('play-stream', { retry: noRetry })
  let source: ReplaySource
  let played: Port<ReplayItem>
  if (fresh === undefined) {
    const inBatches = profile === fastProfile
    source = replaySource({ ...replay, wholeBatchesTo: inBatches ? dstTopic : undefined })
    // The records of a whole batch have no objects of their own, so only the bytes need a low limit: three sends of 8 MiB.
    played = graph.source('static-topic', source, { records: inBatches ? 100_000 : 2000, bytes: (inBatches ? 24 : 48) * MIB })
  } else {
    const renewed = replaySource({ ...replay, seconds: new PassSeconds(freshIds ? freshVisitSeconds : 1) })
    source = renewed
    const what = [...freshIds ? ['ids'] : [], ...freshTimes ? ['times'] : []].join(' and ')
    // Each alert is in memory twice, as read and as sent, so the source gets half the byte credits.
    played = graph.source('static-topic', renewed, { records: 2000, bytes: 24 * MIB })
      .step('refresh', item => fresh.refresh(item), { kind: 'fresh', detail: what, retry: patientRetry })
  }
  played.step('pace', pacer(source.ending, visits), { kind: profile.name, detail: profile.detail })
    .toBatches('simulated-topic', sink, { count: 200, bytes: 8 * MIB, ms: 20 })
  return { graph: graph.build(), source }
}

/**
 * Returns a line such as `pass 2: 1000 alerts in 2.50 s, 400 alerts/s, 33.1 MB/s, at most 0.03 s late`.
 * @param unmodified number of unreadable alerts, which were published without new ids or times
 */
function passLine ({ pass, alerts, bytes, seconds, lateSeconds, interrupted }: PassReport, unmodified: number): string {
  const time = Math.max(seconds, 0.001)
  const rate = `${Math.round(alerts / time)} alerts/s, ${(bytes / 1e6 / time).toFixed(1)} MB/s`
  const late = lateSeconds === undefined ? '' : `, at most ${lateSeconds.toFixed(2)} s late`
  const stale = unmodified === 0 ? '' : `, ${unmodified} unmodified`
  const end = interrupted === undefined ? '' : `, interrupted: ${interrupted}`
  return `pass ${pass}: ${alerts} alerts in ${seconds.toFixed(2)} s, ${rate}${late}${stale}${end}\n`
}

/**
 * Checks the source topic before it creates or checks the destination topic, so that no topic is created if the source topic has an error.
 * Errors: STATIC_TOPIC_*, KAFKA_*.
 */
async function checkTopics (config: Config, connection: KafkaConnection, { log, stop }: Pick<Host, 'log' | 'stop'>): Promise<void> {
  const { dstTopic: topic } = config
  const admin = new KafkaAdmin(connection, { startRetry: { log, signal: stop } })
  try {
    await playableTopic(admin, connection, requirementsOf(config)).catch((error: unknown) => {
      // With a repeat interval, an unplayable topic is not an error, because play-stream waits until the topic can be played.
      if (config.repeatInterval < 0 || !isUnplayable(error)) throw error
    })
    if (config.createDstTopic) {
      const spec = destinationSpec(config)
      const { created } = await admin.ensureTopic(topic, spec)
      if (created) log.info({ topic, ...spec }, 'created the destination topic')
    } else if (await admin.describeTopic(topic) === undefined) {
      throw kafkaErrors.KAFKA_TOPIC_MISSING('the destination topic does not exist', {
        where: `${topic} at ${connection.brokers}`, hint: 'Create it, set --create-dst-topic, or correct --dst-topic.'
      })
    }
  } finally {
    await admin.close()
  }
}

export default mode({
  mode: 'play-stream',
  about: 'Values, keys and headers are copied unmodified. With --fresh-ids or --fresh-times, each alert is read with the schema that ' +
    'its frame names, and only its ids or times are changed. An alert that cannot be read is copied unmodified, logged and counted. ' +
    'With a repeat interval, play-stream waits for a static topic that is missing or being loaded, and plays the new topic if it is ' +
    'recreated. It prints one line per pass.',
  examples: [
    'alert-stream play-stream --create-dst-topic', 'alert-stream play-stream --repeat-interval -1 --profile fast',
    'alert-stream play-stream --profile dmtn-149 --fresh-ids --fresh-times --visit-size 40000'
  ],
  flags: playFlags,
  describe: config => declare(config, describedConnection(config), silent, () => {}).graph.describe(),
  async run (config, _positionals, host) {
    // The flags are checked here, so that usage errors are thrown before any connection is made.
    profileOf(config)
    checkTopicNames(config)
    const connection = await connectionOf(config, 'alert-stream-play', host.log)
    try {
      await checkTopics(config, connection, host)
    } catch (error) {
      // A stop ends the wait for unavailable brokers.
      if (host.stop.aborted) return
      throw error
    }
    const passes = new PassStats()
    const { graph, source } = declare(config, connection, host.log, (report, unmodified, visits) => {
      passes.add(report, unmodified, visits)
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
                if (waitingFor === undefined || outage) return
                throw staticTopicErrors.STATIC_TOPIC_INCOMPLETE(waitingFor, { where: config.srcTopic })
              }
            },
            metrics: passFamilies(passes, source),
            stats: () => ({ passes: source.passes, waitingFor: source.waitingFor, lastPass: passes.last, lastVisits: passes.lastVisits })
          }, config)
        }
      })
    } finally {
      await admin?.close()
      await kafka.close()
    }
  }
})
