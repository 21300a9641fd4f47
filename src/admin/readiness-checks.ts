// Readiness checks that several modes use: brokers, schema registry, stores.
import { createRegistryClient } from '../avro/registry.ts'
import type { KafkaAdmin } from '../kafka/admin.ts'
import type { Archive } from '../stores/archive.ts'
import { checkLimitMs, type Check, type Checks } from './readiness.ts'

/** Passes if the brokers respond and permit describing the topics. Topics may be missing. Create `admin` with a short request timeout. */
export function brokerCheck (admin: Pick<KafkaAdmin, 'describeTopic'>, topics: readonly string[]): Check {
  return () => Promise.all(topics.map(topic => admin.describeTopic(topic)))
}

export function registryCheck (url: string): Check {
  const registry = createRegistryClient({ url, timeoutMs: checkLimitMs, attempts: 1 })
  return () => registry.check()
}

/** Returns one check `store` if both stores have the same URL, otherwise the checks `alert-store` and `schema-store`. */
export function storeChecks ({ alerts, schemas }: Pick<Archive, 'alerts' | 'schemas'>): Checks {
  if (alerts.url === schemas.url) return { store: () => alerts.check() }
  return { 'alert-store': () => alerts.check(), 'schema-store': () => schemas.check() }
}
