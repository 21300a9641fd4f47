// The report of an object and the decoded alert as JSON. Longs are decimal strings, because JSON numbers are not exact beyond 2^53. Bytes
// are base64. NaN and infinite numbers, for which JSON has no notation, are null.
import type { AlertValue } from '../avro/schema.ts'
import { topicIdBytes, type Provenance } from '../provenance/provenance.ts'
import type { ObjectReport } from './object-report.ts'

interface JsonOptions {
  /** Leaves fields of type bytes and fixed out of the alert, and so its cutouts. */
  readonly omitBytes: boolean
}

/** One JSON document. @param alert undefined if the alert cannot be decoded */
export function reportJson (report: ObjectReport, alert: AlertValue | undefined, { omitBytes }: JsonOptions): string {
  const { where, objectBytes, compressed, provenance, frame, frameProblems, provenanceProblems } = report
  const document = {
    object: where, objectBytes, compressed,
    frameBytes: frame?.bytes ?? null, sha256: frame?.sha256 ?? null, schemaId: frame?.schemaId ?? null, alertId: frame?.alertId ?? null,
    provenance: provenance === undefined ? null : provenanceJson(provenance),
    problems: [...frameProblems, ...provenanceProblems],
    ...alert === undefined ? {} : { alert: plain(alert, omitBytes) }
  }
  return `${JSON.stringify(document, undefined, 1)}\n`
}

function provenanceJson ({ sha256, frameBytes, gzipBytes, archivedAt, record, truncated, redrivenFrom }: Provenance): object {
  const { topic, topicId, partition, offset, leaderEpoch, timestamp, timestampType, key, headers } = record
  return {
    sha256, frameBytes, gzipBytes, archivedAt: String(archivedAt),
    topic, topicId: topicId === undefined ? null : topicIdText(topicId), partition, offset: String(offset), leaderEpoch,
    timestamp: String(timestamp), timestampType: timestampType ?? null,
    key: base64(key), headers: headers.map(([name, value]) => ({ name: name.toString(), value: base64(value) })),
    truncated,
    redrivenFrom: redrivenFrom === undefined ? null : plain(redrivenFrom, false)
  }
}

/** A topic id as Kafka's own tools print it: base64 with the URL alphabet, without padding. */
export function topicIdText (uuid: string): string {
  return topicIdBytes(uuid).toString('base64url')
}

function base64 (bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('base64')
}

/** A decoded value as JSON. Returns undefined for bytes that are left out. */
function plain (value: unknown, omitBytes: boolean): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (Buffer.isBuffer(value)) return omitBytes ? undefined : base64(value)
  if (Array.isArray(value)) return value.map((item: unknown) => plain(item, omitBytes))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner, omitBytes)]))
}
