// Observes a running ingester: readiness checks, metrics and stats for the admin port, and one log line per visit.
import { registryCheck, storeChecks } from '../admin/readiness-checks.ts'
import { checkLimitMs, type Checks } from '../admin/readiness.ts'
import type { Status } from '../admin/status.ts'
import type { CompressorInfo } from '../compression/compressor.ts'
import type { DeadLetterDestination } from '../dead-letters/dead-letter-destination.ts'
import type { PackedIdFormat } from '../ids/packed-id.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import type { GraphDescription, Logger, Run, RunObserver } from '../pipeline/index.ts'
import type { ArchiveSink } from '../sinks/archive.ts'
import type { KafkaGroupSource } from '../sources/kafka-group.ts'
import type { Archive } from '../stores/archive.ts'
import type { StoreStats } from '../stores/metered-store.ts'
import { lagOf } from './consumer-lag.ts'
import { groupChecks } from './group-checks.ts'
import { ingestFamilies, type DatumChecks } from './metrics.ts'
import { visitOfRecord } from './record-visit.ts'
import { VisitMetrics } from './visit-metrics.ts'

interface IngestMonitorOptions {
  readonly connection: KafkaConnection
  readonly topics: readonly string[]
  readonly registryUrl: string
  readonly visitGapSeconds: number
  /** Format of the alert ids, from which visits are read. */
  readonly packedIds: PackedIdFormat
  readonly archive: Archive
  readonly stores: StoreStats
  readonly source: KafkaGroupSource
  readonly sink: ArchiveSink
  readonly compressor: CompressorInfo
  readonly deadLetters: DeadLetterDestination
  readonly checks: DatumChecks
  readonly log: Logger
}

export interface IngestMonitor {
  readonly observer: RunObserver
  status (run: Run, description: GraphDescription): Status
  /** Logs the visits that are still open and closes the connection to Kafka. */
  close (): Promise<void>
}

export function ingestMonitor (options: IngestMonitorOptions): IngestMonitor {
  const { connection, topics, registryUrl, visitGapSeconds, packedIds, archive, stores, source, sink, compressor, deadLetters } = options
  const { log } = options
  const admin = new KafkaAdmin(connection, { probeMs: checkLimitMs })
  const lags = lagOf(admin, topics, source)
  const lag = async (): Promise<number | undefined> => (await lags())?.reduce((sum, { records }) => sum + records, 0)
  const visitOf = (record: KafkaRecord): number | undefined => visitOfRecord(record, packedIds)
  const visits = new VisitMetrics({ topics, gapMs: visitGapSeconds * 1000, visitOf, log, lag })
  const checks: Checks = {
    ...groupChecks({ connection, admin, topics, source }),
    registry: registryCheck(registryUrl),
    ...storeChecks(archive),
    ...deadLetters.check === undefined ? {} : { 'dead-letter-store': deadLetters.check }
  }
  return {
    observer: visits.observer,
    status: (run, description) => ({
      run,
      description,
      checks,
      metrics: ingestFamilies({ topics, source, stats: sink.stats, checks: options.checks, compressor, stores, visits, lags }),
      stats: async () => ({ ...sink.stats, ...options.checks, lag: await lag() })
    }),
    close: async () => {
      await visits.close()
      await admin.close()
    }
  }
}
