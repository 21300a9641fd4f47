// Observes a running indexer: readiness checks, metrics and stats for the admin port.
import { registryCheck } from '../admin/readiness-checks.ts'
import { checkLimitMs } from '../admin/readiness.ts'
import type { Status } from '../admin/status.ts'
import { lagOf } from '../ingest/consumer-lag.ts'
import { groupChecks } from '../ingest/group-checks.ts'
import { groupFamilies } from '../ingest/metrics.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { single, type Family } from '../metrics/index.ts'
import { storeFamily } from '../metrics/store-metrics.ts'
import type { GraphDescription, Run } from '../pipeline/index.ts'
import type { KafkaGroupSource } from '../sources/kafka-group.ts'
import type { StoreStats } from '../stores/metered-store.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { SegmentSink } from './segment-sink.ts'

interface IndexMonitorOptions {
  readonly connection: KafkaConnection
  readonly topics: readonly string[]
  readonly registryUrl: string
  readonly store: Pick<ObjectStore, 'check'>
  readonly stores: StoreStats
  readonly source: KafkaGroupSource
  readonly sink: SegmentSink
}

export interface IndexMonitor {
  status (run: Run, description: GraphDescription): Status
  /** Closes the connection to Kafka. */
  close (): Promise<void>
}

export function indexMonitor ({ connection, topics, registryUrl, store, stores, source, sink }: IndexMonitorOptions): IndexMonitor {
  const admin = new KafkaAdmin(connection, { probeMs: checkLimitMs })
  const lags = lagOf(admin, topics, source)
  return {
    status: (run, description) => ({
      run,
      description,
      checks: {
        ...groupChecks({ connection, admin, topics, source }), registry: registryCheck(registryUrl), 'index-store': () => store.check()
      },
      metrics: [...groupFamilies({ topics, source, lags }), ...segmentFamilies(sink), storeFamily(stores)],
      stats: async () => {
        const { flushes: _flushes, ...stats } = sink.stats()
        return { ...stats, lag: (await lags())?.reduce((sum, { records }) => sum + records, 0) }
      }
    }),
    close: async () => { await admin.close() }
  }
}

function segmentFamilies ({ stats }: SegmentSink): Family[] {
  return [
    single('alert_stream_index_rows_total', () => stats().rows),
    single('alert_stream_index_rejected_total', () => stats().rejected),
    single('alert_stream_index_segments_total', () => stats().segments),
    single('alert_stream_index_bytes_total', () => stats().bytes),
    single('alert_stream_index_flush_seconds', () => stats().flushes),
    single('alert_stream_index_oldest_row_seconds', () => stats().oldestSeconds)
  ]
}
