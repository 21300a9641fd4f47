// Helpers for tests of the modes: small Avro files, running the program with the test's servers, and reading topics.
import { join } from 'node:path'
import type { Test } from 'tap'
import { alertSummary, createContainerWriter, openContainer, type AlertValue, type ContainerWriterOptions } from '../../src/avro/index.ts'
import { kafkaConnection, type KafkaConnection } from '../../src/kafka/connection.ts'
import type { KafkaRecord } from '../../src/kafka/record.ts'
import { generatorOf, surveySchema } from '../generator/support.ts'
import {
  runCli, startCli, tempDir, uniqueName, type CliOptions, type CliResult, type RunningCli, type TestStack
} from '../support/stack.ts'

export interface FileOptions extends ContainerWriterOptions {
  readonly version?: string
  readonly visits?: number
  /** Number of alerts per visit. */
  readonly alerts?: number
  readonly seed?: number
  /** Changes an alert before it is written. */
  readonly change?: (alert: AlertValue, index: number) => AlertValue
}

/** Writes simulated alerts without their images, to keep the file small. Returns its path. */
export async function alertFile (t: Test, options: FileOptions = {}): Promise<string> {
  const { version = '11.1', visits = 1, alerts = 12, seed = 1, change = alert => alert, ...rest } = options
  const path = join(await tempDir(t), 'visit.avro')
  const writer = await createContainerWriter(path, await surveySchema(version), rest)
  const generator = await generatorOf(version, seed)
  let index = 0
  for (let visit = 0; visit < visits; visit++) {
    for (let n = 0; n < alerts; n++) {
      const alert = generator.alert(visit, n, alerts)
      await writer.append(change({ ...alert, cutoutDifference: null, cutoutScience: null, cutoutTemplate: null }, index++))
    }
  }
  await writer.close()
  return path
}

/** Reads the alerts of the file, by id. */
export async function alertsOf (path: string): Promise<Map<string, AlertValue>> {
  const alerts = new Map<string, AlertValue>()
  const container = await openContainer(path)
  for await (const item of container.records()) if (item.error === undefined) alerts.set(String(alertSummary(item.value).id), item.value)
  await container.close()
  return alerts
}

/** Topic names that no other test uses, and the flags of create-stream for these topics. */
export function staticTopics (subject: string) {
  const topic = uniqueName('static')
  const deadLetterTopic = uniqueName('dead')
  return { topic, deadLetterTopic, flags: ['--dst-topic', topic, '--dead-letter-topic', deadLetterTopic, '--subject', subject] }
}

/** Names of a static and a simulated topic that no other test uses, and the flags of play-stream for these topics. */
export function replayTopics () {
  const [source, destination] = [uniqueName('static'), uniqueName('simulated')]
  const flags = ['--src-topic', source, '--dst-topic', destination, '--create-dst-topic', '--dst-topic-partitions', '1']
  return { source, destination, flags }
}

/** Loads a static topic. If the load fails, rejects with stderr of the program. */
export async function load (program: Program, subject: string, topic: string, path: string, ...flags: string[]): Promise<void> {
  const topics = ['--dst-topic', topic, '--dead-letter-topic', uniqueName('dead')]
  const result = await program.run('create-stream', [path, ...topics, '--subject', subject, ...flags])
  if (result.code !== 0) throw new Error(result.stderr)
}

/** Runs the program with the flags of the test's servers. */
export class Program {
  readonly stack: TestStack

  constructor (stack: TestStack) {
    this.stack = stack
  }

  run (mode: string, args: readonly string[] = [], options?: CliOptions): Promise<CliResult> {
    return runCli(this.#words(mode, args), options)
  }

  start (t: Test, mode: string, args: readonly string[] = [], options?: CliOptions): RunningCli {
    return startCli(t, this.#words(mode, args), options)
  }

  #words (mode: string, args: readonly string[]): string[] {
    // The values of repeated list flags add up, so a default is omitted if the test gives the flag itself.
    const own = (flag: string, value: string): string[] => args.includes(flag) ? [] : [flag, value]
    const kafka = mode === 'sync-schema' ? [] : own('--broker', this.stack.kafka)
    return [mode, ...kafka, ...own('--schema-registry-url', this.stack.registry), '--log-level', 'warn', ...args]
  }
}

export async function connectionTo (stack: TestStack): Promise<KafkaConnection> {
  return await kafkaConnection({ brokers: [stack.kafka], auth: 'none', tls: false, clientId: 'test' })
}

/** Key, value and headers of a record as text, for comparison. */
export function contentOf ({ key, value, headers }: Pick<KafkaRecord, 'key' | 'value' | 'headers'>): string {
  const hex = (bytes: Buffer | null): string => bytes?.toString('hex') ?? 'null'
  return [hex(key), hex(value), ...headers.map(([name, content]) => `${hex(name)}=${hex(content)}`)].join(' ')
}

/** The lines of the program's output. */
export function linesOf (text: string): string[] {
  return text === '' ? [] : text.trimEnd().split('\n')
}

/** Matches a line such as `pass 1: 30 alerts in 0.12 s, 250 alerts/s, 1.5 MB/s, at most 0.02 s late`. */
const PASS = new RegExp([
  /^pass (\d+): (\d+) alerts in \d+\.\d\d s, \d+ alerts\/s, \d+\.\d MB\/s/,
  /(?:, at most \d+\.\d\d s late)?(?:, \d+ unmodified)?(?:, interrupted: (.+))?$/
].map(({ source }) => source).join(''))
/** Parses the printed pass lines. An incomplete last line is ignored. */
export function passesOf (stdout: string): Array<{ pass: number, alerts: number, interrupted: string | undefined }> {
  return linesOf(stdout.slice(0, stdout.lastIndexOf('\n') + 1)).map(line => {
    const [all, pass, alerts, interrupted] = PASS.exec(line) ?? []
    if (all === undefined) throw new Error(`not a pass line: ${line}`)
    return { pass: Number(pass), alerts: Number(alerts), interrupted }
  })
}
