// What an ingester shows of itself: its observer, for the run; its status, for the admin port; and the figures behind both.
import type { KafkaConnection } from '../kafka/connection.ts'
import { KafkaAdmin } from '../kafka/admin.ts'
import { kafkaErrors } from '../kafka/errors.ts'
import type { GraphDescription, Logger, Run, RunObserver } from '../pipeline/index.ts'
import type { ArchiveSink } from '../sinks/archive.ts'
import type { KafkaGroupSource } from '../sources/kafka-group.ts'
import type { Archive, StoreStats } from '../stores/index.ts'
import { brokerCheck, registryCheck, storeChecks } from '../admin/readiness-checks.ts'
import { checkLimitMs, type Checks } from '../admin/readiness.ts'
import type { Status } from '../admin/status.ts'
import type { DeadLetterDestination } from '../dead-letters/dead-letter-destination.ts'
import { lagOf } from './consumer-lag.ts'
import { ingestFamilies } from './metrics.ts'
import { IngestWatch } from './visit-metrics.ts'

export interface IngestParts {
  readonly connection: KafkaConnection
  readonly topics: readonly string[]
  readonly registryUrl: string
  readonly visitGapSeconds: number
  readonly archive: Archive
  readonly stores: StoreStats
  readonly source: KafkaGroupSource
  readonly sink: ArchiveSink
  readonly deadLetters: DeadLetterDestination
  readonly log: Logger
}

export interface IngestFace {
  readonly observer: RunObserver
  status (run: Run, description: GraphDescription): Status
  /** Logs what is still to be told, and frees its connections. */
  close (): Promise<void>
}

export function ingestFace ({ connection, topics, registryUrl, visitGapSeconds, archive, stores, source, sink, deadLetters, log }: IngestParts): IngestFace {
  const admin = new KafkaAdmin(connection, { hurryMs: checkLimitMs })
  const lags = lagOf(admin, topics, source)
  const lag = async (): Promise<number | undefined> => (await lags())?.reduce((sum, { records }) => sum + records, 0)
  const watch = new IngestWatch({ topics, gapMs: visitGapSeconds * 1000, log, lag })
  const checks: Checks = {
    broker: brokerCheck(admin, topics),
    topics: async () => {
      const { missing } = source.stats()
      if (missing.length > 0) throw kafkaErrors.KAFKA_TOPIC_MISSING(`waiting for ${missing.join(', ')}`, { where: connection.brokers })
    },
    registry: registryCheck(registryUrl),
    ...storeChecks(archive),
    ...deadLetters.check === undefined ? {} : { 'dead-letter-store': deadLetters.check }
  }
  return {
    observer: watch.observer,
    status: (run, description) => ({
      run,
      description,
      checks,
      metrics: ingestFamilies({ topics, source, stats: sink.stats, stores, watch, lags }),
      stats: async () => ({ ...sink.stats, lag: await lag() })
    }),
    close: async () => {
      await watch.close()
      await admin.close()
    }
  }
}
