// The programs that archive a topic into the null store: ours, Bento, and the algorithm of the survey's own ingester.
import { join } from 'node:path'
import { pythonEnvironment } from '../../src/devstack/index.ts'
import type { CompressorName } from '../../src/compression/compressor.ts'
import { resolveCompressor } from '../../src/compression/open-compressor.ts'
import type { BucketReport } from '../null-bucket.ts'
import { cacheDir, program } from '../support.ts'
import { buildBento, type BentoOptions } from './bento.ts'
import type { Sample, Subject } from './comparison.ts'
import { measureBetween, startCommand, type Command } from './processes.ts'
import type { NullStore } from './store.ts'
import type { AlertTopic } from './topics.ts'

/** Pinned packages of original_ingester.py. */
const originalRequirements = ['aiokafka==0.14.0', 'avroc==0.3.1', 'google-cloud-storage==3.17.1', 'requests==2.34.2']
const limitMs = 300_000

interface IngestOptions {
  readonly store: NullStore
  readonly broker: string
  readonly registry: string
  readonly topic: AlertTopic
  /** Time until the store responds to an upload. */
  readonly delayMs: number
  readonly putsPerSecond?: number | undefined
  /** Maximum number of concurrent writes. */
  readonly connections: number
  /** Number of alerts before the measurement starts. */
  readonly warmUp: number
}

/** An ingester as a command. `bucket` is also the name of its consumer group. */
export interface Ingester {
  readonly name: string
  prepare? (): Promise<void>
  command (options: IngestOptions, bucket: string): Command
  /** Whether objects are named by their offsets, not by their ids as in layout v2. */
  readonly byOffset?: boolean
  /** Alerts that are measured at most, for a program that is much slower than the others. */
  readonly most?: number
}

export function ours (name: string, compressor: CompressorName): Ingester {
  return {
    name,
    prepare: async () => { resolveCompressor({ compressor }) },
    command: ({ store, broker, registry, topic, connections }, bucket) => ({
      command: process.execPath,
      args: [
        program, 'ingest', '--broker', broker, '--schema-registry-url', registry, '--topic', topic.topic, '--group', bucket,
        '--alert-store', `gs://${bucket}`, '--batch-size', String(connections),
        '--compressor', compressor
      ],
      env: { STORAGE_EMULATOR_HOST: store.url }
    })
  }
}

export function bento (name: 'by offset' | 'by id', options: BentoOptions): Ingester {
  let path = ''
  return {
    name: `Bento 1.8.2, ${name}`,
    byOffset: name === 'by offset',
    prepare: async () => { path = await buildBento(process.env, options) },
    command: ({ store, broker, topic, connections }, bucket) => ({
      command: path,
      args: ['-c', join(import.meta.dirname, 'bento', `${name.replace(' ', '-')}.yaml`)],
      env: {
        STORAGE_EMULATOR_HOST: new URL(store.url).host, BROKER: broker, TOPIC: topic.topic, GROUP: bucket, BUCKET: bucket,
        CONNECTIONS: String(connections)
      }
    })
  }
}

/** One alert at a time, gzip 9. It is much slower than the others, so fewer alerts are measured. */
export function original (log: (line: string) => void): Ingester {
  let path = ''
  return {
    name: "the original's algorithm (Python)",
    most: 500,
    prepare: async () => {
      path = await pythonEnvironment({ cacheDir, env: process.env, requirements: originalRequirements, progress: log })
    },
    command: ({ store, broker, registry, topic }, bucket) => ({
      command: path,
      args: [join(import.meta.dirname, 'original_ingester.py'), broker, registry, topic.topic, bucket],
      env: { STORAGE_EMULATOR_HOST: store.url }
    })
  }
}

let runs = 0

export function ingestSubject (ingester: Ingester, options: IngestOptions): Subject {
  return {
    name: ingester.name,
    ...ingester.prepare === undefined ? {} : { prepare: ingester.prepare },
    run: async () => await runIngester(ingester, options)
  }
}

/**
 * Measures from the warm-up to 5 % before the last alert, so that about as many alerts are read ahead at the end as at the start. Then
 * waits for the last alert, and compares what the store received with the topic.
 */
async function runIngester (ingester: Ingester, options: IngestOptions): Promise<Sample> {
  const { store, topic, delayMs, putsPerSecond } = options
  const bucket = `run-${++runs}`
  const partial = ingester.most !== undefined
  const warmUp = partial ? ingester.most >> 2 : options.warmUp
  const end = partial ? Math.min(warmUp + ingester.most, topic.alerts) : Math.ceil(topic.alerts * 0.95)
  store.open({ bucket, delayMs, marks: [warmUp, end, topic.alerts], ...putsPerSecond === undefined ? {} : { putsPerSecond } })
  const running = startCommand(ingester.command(options, bucket))
  try {
    const measured = await measureBetween(running, store.reached(bucket, warmUp), store.reached(bucket, end), limitMs)
    if (!partial) await running.before(store.reached(bucket, topic.alerts), limitMs)
    const report = await store.report(bucket)
    verify(report, topic, ingester)
    const alerts = end - warmUp
    const extra = { 'object KB': report.bytes / report.objects / 1000, ...report.throttled === 0 ? {} : { throttled: report.throttled } }
    return { ...measured, alerts, bytes: topic.bytes / topic.alerts * alerts, extra }
  } finally {
    await running.stop()
  }
}

/** The objects of a complete archive decompress to the frames of the topic: their number, bytes and sums of CRC-32 are equal. */
function verify (report: BucketReport, topic: AlertTopic, { byOffset = false, most }: Ingester): void {
  const sameFrames = report.objects === topic.alerts && report.frameBytes === topic.bytes && report.crcSum === topic.crcSum
  const same = sameFrames && (byOffset || report.nameSum === topic.nameSum)
  if (report.damaged === 0 && (same || most !== undefined)) return
  throw new Error(`the store received other objects: ${JSON.stringify({ report, topic })}`)
}
