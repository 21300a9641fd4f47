// Shared by the Kafka tests: a connection to the test broker, a node context, and a pull loop like the one of the runner.
import type { Test } from 'tap'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import { kafkaConnection, type KafkaConnection } from '../../src/kafka/connection.ts'
import type { KafkaRecord, OutgoingRecord } from '../../src/kafka/record.ts'
import { silent } from '../../src/pipeline/log.ts'
import type { NodeContext, Source, SourceRecord } from '../../src/pipeline/node.ts'
import { kafkaSink, type KafkaSinkOptions } from '../../src/sinks/kafka.ts'

export async function connect (broker: string): Promise<KafkaConnection> {
  return await kafkaConnection({ brokers: [broker], auth: 'none', tls: false, clientId: 'test' })
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

/** Opens a sink, writes the records and closes it. */
export async function produce (
  connection: KafkaConnection, topic: string, records: readonly OutgoingRecord[], options: Partial<KafkaSinkOptions> = {}
): Promise<void> {
  const sink = kafkaSink({ connection, topic, ...options })
  await sink.open?.(contextOf())
  await sink.writeBatch(records, { signal: new AbortController().signal, attempt: 1 })
  await sink.close?.()
}

export function outgoing (value: string, more: Partial<OutgoingRecord> = {}): OutgoingRecord {
  return { key: null, value: Buffer.from(value), headers: [], ...more }
}

/** `count` records with the values `prefix-0`, `prefix-1`, ..., distributed over the partitions in turn. */
export function numbered (count: number, partitions: number, prefix = 'v'): OutgoingRecord[] {
  return Array.from({ length: count }, (_, index) => outgoing(`${prefix}-${index}`, { partition: index % partitions }))
}

export const valueOf = (record: { readonly value: KafkaRecord }): string => record.value.value?.toString() ?? 'null'

export interface Pulling<T> {
  readonly records: Array<SourceRecord<T>>
  /** Resolves when the condition holds after a record, or rejects with the error of the source. */
  until (enough: () => boolean): Promise<void>
  /** Drains the source and resolves when it has ended. */
  stop (): Promise<void>
  readonly ended: Promise<void>
}

/** Pulls records sequentially, as the runner does, and passes each to `onRecord`. Default: settles it at once. */
export function pull<T> (
  source: Source<T>, context: ReturnType<typeof contextOf>, onRecord?: (record: SourceRecord<T>) => unknown
): Pulling<T> {
  const records: Array<SourceRecord<T>> = []
  const waiting: Array<{ enough: () => boolean, resolve: () => void, reject: (error: Error) => void }> = []
  const check = (): void => {
    for (const waiter of [...waiting]) if (waiter.enough()) { waiting.splice(waiting.indexOf(waiter), 1); waiter.resolve() }
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
    until: async enough => {
      if (enough()) return
      if (over !== undefined) throw over
      await new Promise<void>((resolve, reject) => { waiting.push({ enough, resolve, reject }) })
    },
    stop: async () => {
      context.stop()
      await ended
    }
  }
}

/** Polls until the condition holds. The timeout of the test is the limit. */
export async function eventually (condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise(resolve => setTimeout(resolve, 50))
}
