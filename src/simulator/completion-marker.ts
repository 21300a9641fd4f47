// The completion marker of a static topic: the header `alertsim-complete` on the last alert of every partition. It holds the number of
// alerts that the load wrote to each partition. Consumers that do not know the header ignore it.
import { headerText, textHeader, type KafkaHeader, type KafkaRecord } from '../kafka/record.ts'

export const completionHeader = 'alertsim-complete'

export interface CompletionMarker {
  /** Id of the load, different for each load. */
  readonly load: string
  readonly alerts: number
  /** Number of alerts in each partition. */
  readonly partitions: readonly number[]
}

export function completionMarkerHeader (marker: CompletionMarker): KafkaHeader {
  return textHeader(completionHeader, JSON.stringify(marker))
}

/** Upper bound of the bytes that the marker adds to a record. */
export function maxMarkerBytes (partitions: number): number {
  const counts = 11 * (partitions + 1)
  return completionHeader.length + '{"load":"","alerts":,"partitions":[]}'.length + 36 + counts
}

/** Returns the completion marker of a record, or undefined if the record has no valid marker. */
export function parseCompletionMarker (record: Pick<KafkaRecord, 'headers'>): CompletionMarker | undefined {
  const text = headerText(record, completionHeader)
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as Partial<CompletionMarker>
    const { load, alerts, partitions } = value
    if (typeof load === 'string' && typeof alerts === 'number' && Array.isArray(partitions)) return value as CompletionMarker
  } catch { /* The text is not JSON, so another program wrote the header. */ }
  return undefined
}
