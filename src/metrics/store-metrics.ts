// Metric family of store operations.
import { family, type Family } from './index.ts'
import type { StoreStats } from '../stores/index.ts'

export function storeFamily (stores: StoreStats): Family {
  return family('alert_stream_store_operation_seconds', () =>
    stores.read().map(({ store, operation, outcome, histogram }) => ({ labels: { store, operation, outcome }, value: histogram })))
}
