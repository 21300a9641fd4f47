// Sends the batches of a replay, one after the other. The progress is committed when the brokers have acknowledged a batch, and before the
// next batch is sent, so a kill repeats at most one batch.
import type { KafkaConnection } from '../kafka/connection.ts'
import type { Sink } from '../pipeline/index.ts'
import { kafkaSink } from '../sinks/kafka.ts'
import type { ReplayProgress } from './progress.ts'
import type { RestoredBatch } from './restore-records.ts'

export interface ReplaySink extends Sink<RestoredBatch> {
  /** Number of alerts that were sent. */
  readonly sent: number
  /** Number of alerts that were left out. */
  readonly leftOut: number
}

/** Use it with `noRetry` and concurrency 1. Errors: those of `kafkaSink`; REPLAY_CONCURRENT. */
export function replaySink (connection: KafkaConnection, topic: string, progress: () => ReplayProgress): ReplaySink {
  const kafka = kafkaSink({ connection, topic })
  let [sent, leftOut] = [0, 0]
  return {
    kind: 'kafka',
    detail: topic,
    get sent () { return sent },
    get leftOut () { return leftOut },
    open: async context => kafka.open?.(context),
    async write ({ alerts, records }, { signal, attempt }) {
      await kafka.writeBatch(records, { signal, attempt })
      const left = alerts.length - records.length
      await progress().advance(alerts, left)
      sent += records.length
      leftOut += left
    },
    close: async () => kafka.close?.()
  }
}
