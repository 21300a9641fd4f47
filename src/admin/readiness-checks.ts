// Readiness checks that several modes use: brokers, schema registry, stores. Every call sends a request with a short time limit.
import { createRegistryClient } from '../avro/registry.ts'
import type { KafkaAdmin } from '../kafka/admin.ts'
import type { Archive } from '../stores/archive.ts'
import { checkLimitMs, type Check, type Checks } from './readiness.ts'

/** Passes if the brokers respond and the user may describe the topics, even missing ones. `admin` should give up within `checkLimitMs`. */
export function brokerCheck (admin: Pick<KafkaAdmin, 'describeTopic'>, topics: readonly string[]): Check {
  return () => Promise.all(topics.map(topic => admin.describeTopic(topic)))
}

export function registryCheck (url: string): Check {
  const registry = createRegistryClient({ url, timeoutMs: checkLimitMs, attempts: 1 })
  return () => registry.check()
}

/** One check `store`, or `alert-store` and `schema-store` if they differ. */
export function storeChecks ({ alerts, schemas }: Pick<Archive, 'alerts' | 'schemas'>): Checks {
  if (alerts.url === schemas.url) return { store: () => alerts.check() }
  return { 'alert-store': () => alerts.check(), 'schema-store': () => schemas.check() }
}
