// The visit that the demo plays: generated once per choice of flags, and loaded into the static topic unless that holds it already.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseCommandLine } from '../config/parse.ts'
import { KafkaAdmin, type TopicSnapshot } from '../kafka/admin.ts'
import { checkStaticTopic } from '../simulator/static-topic.ts'
import createStream from '../modes/create-stream.ts'
import generate from '../modes/generate.ts'
import type { Host, Mode } from '../program/mode.ts'
import type { Door } from './kafka-access.ts'
import { partitions, topics, type Settings } from './settings.ts'
import { fingerprint, readLoaded, writeLoaded } from './state.ts'

export type Say = (line: string) => void

/** Runs another mode here, to its end. */
export async function runHere (mode: unknown, args: readonly string[], host: Host, say: Say): Promise<void> {
  const { mode: name, ...rest } = mode as Mode
  const { config, positionals } = parseCommandLine({ mode: name, ...rest }, args, {})
  await (mode as Mode).run(config, positionals, { ...host, print: async text => { say(`  ${text.trimEnd()}`) } })
}

/** Path of the generated visits. */
export async function generatedFile ({ config, alerts, stateDir }: Settings, host: Host, say: Say): Promise<string> {
  const folder = join(stateDir, 'visits')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `visits-${config.visits}-alerts-${alerts}-seed-${config.seed}.avro`)
  if (!(await fingerprint(path)).endsWith('missing')) {
    say(`alerts: ${path}, there already`)
    return path
  }
  say(`generating ${config.visits * alerts} alerts (about ${Math.ceil(config.visits * alerts * 0.0825)} MB)`)
  await runHere(generate, [path, '--visits', String(config.visits), '--alerts', String(alerts), '--seed', String(config.seed), '--cache-dir', host.cacheDir], host, say)
  return path
}

/** Loads the static topic, unless it holds exactly this file's alerts from an earlier start. Resolves with the number of alerts in it. */
export async function load (settings: Settings, door: Door, registry: string, path: string, host: Host, say: Say): Promise<number> {
  const { config, stateDir } = settings
  const connection = await door.connect('admin')
  const from = `${await fingerprint(path)} fill-in ${config.fillIn}`
  const admin = new KafkaAdmin(connection)
  try {
    const loaded = await readLoaded(stateDir)
    const whole = await checkStaticTopic(admin, connection, topics.static)
    if (typeof whole !== 'string' && loaded?.topicId === whole.id && loaded.from === from) {
      say(`${topics.static}: loaded already`)
      return recordsIn(whole)
    }
    // Somebody else's Kafka: only a topic that this demo made may be deleted; create-stream refuses any other that is not empty.
    const there = (await admin.describeTopic(topics.static))?.id
    const ours = config.broker === undefined || there === undefined || there === loaded?.topicId
    say(`loading ${topics.static}`)
    try {
      await runHere(createStream, [
        path, ...door.flags('simulator'), '--schema-registry-url', registry, '--dst-topic', topics.static, '--dst-topic-partitions', String(partitions),
        '--dead-letter-topic', topics.deadLetters, '--cache-dir', host.cacheDir, ...(ours ? ['--create-topic'] : []), ...(config.fillIn ? ['--fill-in'] : [])
      ], host, say)
    } catch (error) {
      // A load that was stopped leaves a topic of ours that the next start may delete.
      const topicId = ours ? (await admin.describeTopic(topics.static))?.id : undefined
      if (topicId !== undefined) await writeLoaded(stateDir, { topicId })
      throw error
    }
    const topic = await admin.snapshot(topics.static)
    if (topic !== undefined) await writeLoaded(stateDir, { topicId: topic.id, from })
    return topic === undefined ? 0 : recordsIn(topic)
  } finally {
    await admin.close()
  }
}

function recordsIn ({ start, end }: TopicSnapshot): number {
  return end.reduce((sum, last, partition) => sum + Number(last - (start[partition] ?? 0n)), 0)
}
