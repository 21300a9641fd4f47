// The report of an object as a table for a terminal. Text of other programs is printed without control characters.
import { decodeId, type PackedIdFormat } from '../ids/packed-id.ts'
import { formatTimestamp, position } from '../kafka/record.ts'
import type { ObjectReport } from './object-report.ts'
import { topicIdText } from './report-json.ts'

type Row = readonly [name: string, value: string]

/** Longest key or header value that is printed completely, in characters. */
const MAX_CHARACTERS = 200

/** @param format how the ids of the survey are packed */
export function reportText (report: ObjectReport, format: PackedIdFormat): string {
  const rows: readonly Row[] = [
    ['object', printable(report.where)],
    ...frameRows(report, format),
    ['stored', storedText(report)],
    ...provenanceRows(report),
    ...[...report.frameProblems, ...report.provenanceProblems].map((problem): Row => ['problem', printable(problem)])
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('')
}

function frameRows ({ frame }: ObjectReport, format: PackedIdFormat): Row[] {
  if (frame === undefined) return [['frame', 'unreadable']]
  const { alertId, schemaId, bytes, sha256 } = frame
  const rows: Row[] = [['alert id', alertId ?? 'unreadable']]
  const packed = alertId === undefined ? undefined : decodeId(BigInt(alertId), format)
  if (packed !== undefined) rows.push(['packed id', `night ${packed.night}, visit ${packed.visit}, detector ${packed.detector}`])
  rows.push(['schema id', schemaId === undefined ? 'unreadable' : String(schemaId)], ['frame', `${bytesText(bytes)}, SHA-256 ${sha256}`])
  return rows
}

function storedText ({ compressed, objectBytes, frame }: ObjectReport): string {
  if (!compressed) return frame === undefined ? bytesText(objectBytes) : `${bytesText(objectBytes)}, not compressed`
  const ratio = frame === undefined || frame.bytes === 0 ? '' : `, ${(100 * objectBytes / frame.bytes).toFixed(1)} % of the frame`
  return `${bytesText(objectBytes)}, gzip${ratio}`
}

function provenanceRows ({ provenance, provenanceProblems }: ObjectReport): Row[] {
  if (provenance === undefined) return [['provenance', provenanceProblems.length === 0 ? 'none' : 'unreadable']]
  const { archivedAt, record, truncated, redrivenFrom } = provenance
  const at = (where: typeof record | NonNullable<typeof redrivenFrom>): string => position({ ...where, topic: printable(where.topic) })
  const rows: Row[] = [
    ['archived at', formatTimestamp(archivedAt)],
    ['record', at(record)],
    ['topic id', record.topicId === undefined ? 'unknown' : topicIdText(record.topicId)],
    ['leader epoch', record.leaderEpoch < 0 ? 'unknown' : String(record.leaderEpoch)],
    ['timestamp', `${formatTimestamp(record.timestamp)}${record.timestampType === undefined ? '' : `, ${record.timestampType}`}`],
    ['key', truncated.includes('key') ? 'left out: too long for the gzip header' : contentText(record.key)]
  ]
  if (truncated.includes('headers')) rows.push(['headers', 'left out: too long for the gzip header'])
  for (const [name, value] of record.headers) rows.push([`header ${printable(name.toString())}`, contentText(value)])
  if (redrivenFrom !== undefined) rows.push(['redriven from', `${at(redrivenFrom)}, ${formatTimestamp(redrivenFrom.timestamp)}`])
  return rows
}

function bytesText (bytes: number): string {
  return bytes === 1 ? '1 byte' : `${bytes.toLocaleString('en-US')} bytes`
}

/** Printable ASCII in quotes, other bytes in base64. */
function contentText (bytes: Buffer | null): string {
  if (bytes === null) return 'null'
  const text = bytes.toString('latin1')
  const isPrintable = /^[\x20-\x7e]*$/.test(text)
  const content = isPrintable ? text : bytes.toString('base64')
  const cut = content.slice(0, MAX_CHARACTERS)
  const shown = isPrintable ? JSON.stringify(cut) : `base64 ${cut}`
  return content.length > MAX_CHARACTERS ? `${shown}... (${bytesText(bytes.length)})` : shown
}

/** Replaces characters that a terminal may interpret. */
function printable (text: string): string {
  return text.replace(/\p{C}/gu, '\ufffd')
}
