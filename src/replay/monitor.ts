// Observes a running replay: readiness checks, metrics and stats for the admin port.
import { brokerCheck } from '../admin/readiness-checks.ts'
import { checkLimitMs } from '../admin/readiness.ts'
import type { Status } from '../admin/status.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { single } from '../metrics/index.ts'
import { storeFamily } from '../metrics/store-metrics.ts'
import type { GraphDescription, Run } from '../pipeline/index.ts'
import type { Archive } from '../stores/archive.ts'
import type { StoreStats } from '../stores/metered-store.ts'
import type { ReplayProgress } from './progress.ts'
import type { ReplaySink } from './replay-sink.ts'
import type { ReplaySource } from './replay-source.ts'

interface ReplayMonitorOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  readonly archive: Pick<Archive, 'alerts'>
  readonly stores: StoreStats
  readonly source: Pick<ReplaySource, 'selected'>
  readonly sink: Pick<ReplaySink, 'sent' | 'leftOut'>
  readonly progress: Pick<ReplayProgress, 'processed'>
}

interface ReplayMonitor {
  status (run: Run, description: GraphDescription): Status
  /** Closes the connection to Kafka. */
  close (): Promise<void>
}

export function replayMonitor ({ connection, topic, archive, stores, source, sink, progress }: ReplayMonitorOptions): ReplayMonitor {
  const admin = new KafkaAdmin(connection, { probeMs: checkLimitMs })
  const remaining = (): number => Math.max(0, (source.selected ?? 0) - progress.processed)
  return {
    status: (run, description) => ({
      run,
      description,
      checks: { broker: brokerCheck(admin, [topic]), 'alert-store': () => archive.alerts.check() },
      metrics: [
        single('alert_stream_replay_selected_alerts', () => source.selected ?? 0),
        single('alert_stream_replay_remaining_alerts', remaining),
        single('alert_stream_replay_left_out_total', () => sink.leftOut),
        storeFamily(stores)
      ],
      stats: () => ({ selected: source.selected, remaining: remaining(), sent: sink.sent, leftOut: sink.leftOut })
    }),
    close: async () => { await admin.close() }
  }
}
