// Helpers of the Kafka tests: connections to the test broker, node contexts, recorded logs, and a pull loop like that of the runner.
import type { Test } from 'tap'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import { kafkaConnection, type KafkaConnection } from '../../src/kafka/connection.ts'
import type { KafkaRecord, OutgoingRecord } from '../../src/kafka/record.ts'
import { silent, type Logger } from '../../src/pipeline/log.ts'
import type { NodeContext, Source, SourceRecord } from '../../src/pipeline/node.ts'
import { kafkaSink, type KafkaSinkOptions } from '../../src/sinks/kafka.ts'
import { readTopic } from '../../src/sources/kafka-topic.ts'

/** @param brokers one address or several, comma-separated */
export async function connect (brokers: string): Promise<KafkaConnection> {
  return await kafkaConnection({ brokers: brokers.split(','), auth: 'none', tls: false, clientId: 'test' })
}

export function adminFor (t: Test, connection: KafkaConnection): KafkaAdmin {
  const admin = new KafkaAdmin(connection)
  t.teardown(async () => { await admin.close() })
  return admin
}

export function contextOf (): NodeContext & { stop (): void } {
  const drain = new AbortController()
  return { node: 'test', log: silent, drain: drain.signal, abort: new AbortController().signal, stop: () => { drain.abort() } }
}

/** Returns a logger that appends each line to `lines`, in the form `level message {fields}`. */
export function recordingLog (): { readonly log: Logger, readonly lines: string[] } {
  const lines: string[] = []
  const at = (level: string) => (fields: object, message: string): void => { lines.push(`${level} ${message} ${JSON.stringify(fields)}`) }
  return { lines, log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } }
}

/** Produces records with a new producer. */
export async function produce (
  connection: KafkaConnection, topic: string, records: readonly OutgoingRecord[], options: Partial<KafkaSinkOptions> = {}
): Promise<void> {
  const sink = kafkaSink({ connection, topic, ...options })
  try {
    await sink.open?.(contextOf())
    await sink.writeBatch(records, { signal: new AbortController().signal, attempt: 1 })
  } finally {
    await sink.close?.()
  }
}

export function outgoing (value: string, more: Partial<OutgoingRecord> = {}): OutgoingRecord {
  return { key: null, value: Buffer.from(value), headers: [], ...more }
}

/** Returns `count` records with the values `prefix-0`, `prefix-1`, ..., spread over partitions in turn. */
export function numbered (count: number, partitions: number, prefix = 'v'): OutgoingRecord[] {
  return Array.from({ length: count }, (_, index) => outgoing(`${prefix}-${index}`, { partition: index % partitions }))
}

export const valueOf = (record: { readonly value: KafkaRecord }): string => record.value.value?.toString() ?? 'null'

export interface Pulling<T> {
  readonly records: Array<SourceRecord<T>>
  /** Checks the condition now and after each record, and resolves once it holds. Rejects if the source fails or ends first. */
  until (condition: () => boolean): Promise<void>
  /** Drains the source. Resolves when the source has ended. */
  stop (): Promise<void>
  readonly ended: Promise<void>
}

/** Pulls records one by one, as the runner does, and passes each record to `onRecord`. Without `onRecord`, records settle immediately. */
export function pull<T> (
  source: Source<T>, context: ReturnType<typeof contextOf>, onRecord?: (record: SourceRecord<T>) => unknown
): Pulling<T> {
  const records: Array<SourceRecord<T>> = []
  const waiting = new Set<{ condition: () => boolean, resolve: () => void, reject: (error: Error) => void }>()
  const check = (): void => {
    for (const waiter of waiting) {
      if (!waiter.condition()) continue
      waiting.delete(waiter)
      waiter.resolve()
    }
  }
  let over: Error | undefined
  const ended = (async () => {
    try {
      for await (const record of source.records(context)) {
        records.push(record)
        if (onRecord === undefined) source.settled?.(record)
        else await onRecord(record)
        check()
      }
      over = new Error(`the source ended after ${records.length} records`)
      for (const waiter of waiting) waiter.reject(over)
    } catch (error) {
      over = error as Error
      for (const waiter of waiting) waiter.reject(error as Error)
      throw error
    }
  })()
  ended.catch(() => {})
  return {
    records,
    ended,
    until: async condition => {
      if (condition()) return
      if (over !== undefined) throw over
      await new Promise<void>((resolve, reject) => { waiting.add({ condition, resolve, reject }) })
    },
    stop: async () => {
      context.stop()
      await ended
    }
  }
}

/** Waits until the condition holds. The timeout of the test limits the wait. */
export async function eventually (condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise(resolve => setTimeout(resolve, 50))
}

/** Returns every record of a topic, partition by partition. */
export async function everyRecord (connection: KafkaConnection, topic: string): Promise<KafkaRecord[]> {
  const context = contextOf()
  const source = readTopic({ connection, topic })
  await source.open?.(context)
  const pulling = pull(source, context)
  await pulling.ended
  await source.close?.()
  return pulling.records.map(({ value }) => value).sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset))
}
