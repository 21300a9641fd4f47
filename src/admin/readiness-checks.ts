// The checks of /readyz that several modes need: brokers, a schema registry, the archive's stores. Each asks its server anew, impatiently.
import { createRegistryClient } from '../avro/registry.ts'
import type { KafkaAdmin } from '../kafka/admin.ts'
import type { Archive } from '../stores/archive.ts'
import { checkLimitMs, type Check, type Checks } from './readiness.ts'

/** Whether brokers answer and let this user look at the topics; whether these exist is not asked. `admin`: one that hurries. */
export function brokerCheck (admin: Pick<KafkaAdmin, 'describeTopic'>, topics: readonly string[]): Check {
  return () => Promise.all(topics.map(topic => admin.describeTopic(topic)))
}

export function registryCheck (url: string): Check {
  const registry = createRegistryClient({ url, timeoutMs: checkLimitMs, attempts: 1 })
  return () => registry.check()
}

/** `store`, or `alert-store` and `schema-store` where they are two. */
export function storeChecks ({ alerts, schemas }: Pick<Archive, 'alerts' | 'schemas'>): Checks {
  if (alerts.url === schemas.url) return { store: () => alerts.check() }
  return { 'alert-store': () => alerts.check(), 'schema-store': () => schemas.check() }
}
