// Generates the demo's visits once per combination of --visits, --alerts and --seed, and loads them unless the static topic has them.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { KafkaAdmin } from '../kafka/admin.ts'
import { alertProfiles } from '../generator/profiles.ts'
import createStream from '../modes/create-stream.ts'
import generate from '../modes/generate.ts'
import type { Host } from '../program/mode.ts'
import { checkStaticTopic, recordCount } from '../simulator/static-topic.ts'
import type { KafkaClients } from './kafka-clients.ts'
import { runMode, type PrintLine } from './run-mode.ts'
import { partitions, topics, type Settings } from './settings.ts'
import { fingerprint, readLoaded, writeLoaded } from './state-folder.ts'

/** Returns the path of the Avro file of generated visits. If the file does not exist, generates the visits. */
export async function generatedFile ({ config, alerts, stateDir }: Settings, host: Host, print: PrintLine): Promise<string> {
  const folder = join(stateDir, 'visits')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${config.profile}-visits-${config.visits}-alerts-${alerts}-seed-${config.seed}.avro`)
  if (await fingerprint(path) !== undefined) {
    print(`alerts: ${path}, already generated`)
    return path
  }
  const megabytes = Math.ceil(config.visits * alerts * alertProfiles[config.profile].meanBytes / 1e6)
  print(`generating ${config.visits * alerts} alerts (about ${megabytes} MB)`)
  await runMode(generate, [
    path, '--profile', config.profile, '--visits', String(config.visits), '--alerts', String(alerts), '--seed', String(config.seed),
    '--cache-dir', host.cacheDir
  ], host, print)
  return path
}

/** Loads the file into the static topic, unless an earlier start has loaded the same file. Returns the number of alerts in the topic. */
export async function loadVisit (
  settings: Settings, clients: KafkaClients, registry: string, path: string, host: Host, print: PrintLine
): Promise<number> {
  const { config, stateDir } = settings
  const connection = await clients.connect('admin')
  const from = `${await fingerprint(path) ?? path} fill-in ${config.fillIn}`
  const admin = new KafkaAdmin(connection)
  try {
    const loaded = await readLoaded(stateDir)
    const complete = await checkStaticTopic(admin, connection, topics.static)
    if (typeof complete !== 'string' && loaded?.topicId === complete.id && loaded.from === from) {
      print(`${topics.static}: already loaded`)
      return recordCount(complete)
    }
    // In an existing Kafka cluster, the demo deletes only a topic that it has created. create-stream rejects any other non-empty topic.
    const existing = (await admin.describeTopic(topics.static))?.id
    const ours = config.broker === undefined || existing === undefined || existing === loaded?.topicId
    print(`loading ${topics.static}`)
    try {
      await runMode(createStream, [
        path, ...clients.flags('simulator'), '--schema-registry-url', registry,
        '--dst-topic', topics.static, '--dst-topic-partitions', String(partitions),
        '--dead-letter-topic', topics.deadLetters, '--cache-dir', host.cacheDir,
        ...ours ? ['--create-topic'] : [], ...config.fillIn ? ['--fill-in'] : []
      ], host, print)
    } catch (error) {
      // Remember that the demo has created the partially loaded topic, so that the next start may delete the topic.
      const topicId = ours ? (await admin.describeTopic(topics.static))?.id : undefined
      if (topicId !== undefined) await writeLoaded(stateDir, { topicId })
      throw error
    }
    const topic = await admin.snapshot(topics.static)
    if (topic !== undefined) await writeLoaded(stateDir, { topicId: topic.id, from })
    return topic === undefined ? 0 : recordCount(topic)
  } finally {
    await admin.close()
  }
}
