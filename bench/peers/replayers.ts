// The programs that replay a static topic: librdkafka's copy loop, play-stream, and Kafka's own producer benchmark, which reads nothing.
// They repeat the topic until they are stopped. The end offsets of their destination start and end the measurement.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { copyJars } from '../../src/devstack/maven.ts'
import { ensure } from '../../src/devstack/download-cache.ts'
import { requireJava, requireMaven } from '../../src/devstack/prerequisites.ts'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { cacheDir, program, python } from '../support.ts'
import type { Sample, Subject } from './comparison.ts'
import { measureBetween, startCommand, type Command } from './processes.ts'
import type { AlertTopic } from './topics.ts'

const toolsVersion = '4.3.1'
const limitMs = 300_000

interface ReplayOptions {
  readonly connection: KafkaConnection
  readonly registry: string
  readonly topic: AlertTopic
  /** Number of alerts before the measurement starts. */
  readonly warmUp: number
  readonly alerts: number
}

interface Replayer {
  readonly name: string
  prepare? (): Promise<void>
  command (options: ReplayOptions, destination: string): Command
}

export function copyLoop (): Replayer {
  let path = ''
  return {
    name: 'copy loop on librdkafka (Python)',
    prepare: async () => { path = await python() },
    command: ({ connection, topic }, destination) => ({
      command: path, args: [join(import.meta.dirname, 'copy_loop.py'), connection.brokers, topic.topic, destination]
    })
  }
}

export function playStream (...flags: readonly string[]): Replayer {
  return {
    name: ['play-stream', ...flags].join(' '),
    command: ({ connection, registry, topic }, destination) => ({
      command: process.execPath,
      args: [
        program, 'play-stream', '--broker', connection.brokers, '--schema-registry-url', registry, '--src-topic', topic.topic,
        '--dst-topic', destination, '--accept-unmarked', '--profile', 'fast', '--repeat-interval', '0.001', ...flags
      ]
    })
  }
}

export function producerPerformance (log: (line: string) => void): Replayer {
  let [java, jars] = ['', '']
  return {
    name: 'ProducerPerformance (writes only)',
    prepare: async () => {
      java = await requireJava(process.env)
      jars = await ensure({
        title: `Kafka tools ${toolsVersion}`,
        folder: `kafka-tools-${toolsVersion}`,
        items: 'jars',
        fetcher: { name: 'Maven', find: requireMaven },
        fetch: async (into, mvn) => {
          await copyJars(mvn, into, {
            title: 'Kafka tools',
            artifacts: [`org.apache.kafka:kafka-tools:${toolsVersion}`, 'org.slf4j:slf4j-simple:1.7.36'],
            pinned: '4a2580598be81f1954b5ca20205810d8e83b711d8d4c31455ba4694c3c25973e'
          })
        }
      }, { cacheDir, env: process.env, progress: log })
    },
    command: ({ connection, topic }, destination) => ({
      command: java,
      args: [
        '-cp', `${jars}/*`, 'org.apache.kafka.tools.ProducerPerformance', '--bootstrap-server', connection.brokers, '--topic', destination,
        '--num-records', '100000000', '--record-size', String(Math.round(topic.bytes / topic.alerts)), '--throughput', '-1',
        '--command-property', 'acks=all', 'linger.ms=5', 'batch.size=2000000', 'max.request.size=16000000'
      ]
    })
  }
}

let runs = 0

export function replaySubject (replayer: Replayer, options: ReplayOptions): Subject {
  return {
    name: replayer.name,
    ...replayer.prepare === undefined ? {} : { prepare: replayer.prepare },
    run: async () => await runReplayer(replayer, options)
  }
}

async function runReplayer (replayer: Replayer, options: ReplayOptions): Promise<Sample> {
  const { connection, topic, warmUp, alerts } = options
  const destination = `replay-${++runs}`
  const admin = new KafkaAdmin(connection)
  const configs = { 'max.message.bytes': '16777216', 'retention.bytes': '200000000' }
  await admin.createTopic(destination, { partitions: topic.partitions, replicas: 1, configs })
  const running = startCommand(replayer.command(options, destination))
  const ended = new AbortController()
  let written = 0
  const reached = async (count: number): Promise<number> => {
    while (written < count && !ended.signal.aborted) {
      written = Number((await admin.endOffsets(destination)).reduce((sum, offset) => sum + offset, 0n))
      await sleep(5)
    }
    return written
  }
  try {
    const start = reached(warmUp)
    const end = start.then(async first => await reached(first + alerts))
    const measured = await measureBetween(running, start, end, limitMs)
    const count = await end - await start
    return { ...measured, alerts: count, bytes: count * topic.bytes / topic.alerts }
  } finally {
    ended.abort()
    await running.stop()
    await admin.deleteTopic(destination)
    await admin.close()
  }
}
