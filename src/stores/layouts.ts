// Keys of archived objects: prefix, folder of the alert, id. The program writes v1, v2 and v3, and reads every layout that Rubin has used.
// All keys are pure functions of the id.
import { parseAlertId } from '../ids/alert-id.ts'
import { decodeId, rubinIds, type IdRange, type PackedIdFormat, type VisitParts } from '../ids/packed-id.ts'
import { storeErrors } from './errors.ts'
import type { KeyRange } from './object-store.ts'

/** Layouts that are written. v1: Rubin's layout of 2021 (Google Cloud). v2: Rubin's layout since 2026 (S3). v3: see `folderInV3`. */
export type Layout = 'v1' | 'v2' | 'v3'
type ArchivedKind = 'alerts' | 'schemas'

export const gzipped = '.avro.gz'

/** How the objects of a layout are named. */
export interface KeyScheme extends Readonly<Record<ArchivedKind, string>> {
  /** Name of the layout in output. */
  readonly name: string
  /** Folder of an alert, below the prefix of all alerts. Empty, or ends with a slash. */
  readonly folder: (id: string, format: PackedIdFormat) => string
  /** Endings of the names of alerts. */
  readonly endings: readonly string[]
}

const noFolder = () => ''
const firstDigits = (id: string) => `${id.slice(0, 6)}/`
// Rubin's programs stored uncompressed alerts from February to November 2025.
const endings = [gzipped, '.avro']

export const keySchemes: Readonly<Record<Layout, KeyScheme>> = {
  // The leading slash is part of the key.
  v1: { name: 'v1', alerts: '/alert_archive/v1/alerts/', schemas: '/alert_archive/v1/schemas/', folder: noFolder, endings },
  v2: { name: 'v2', alerts: 'v2/alerts/', schemas: 'v2/schemas/', folder: firstDigits, endings },
  v3: { name: 'v3', alerts: 'v3/alerts/', schemas: 'v3/schemas/', folder: folderInV3, endings: [gzipped] }
}

/** All layouts, in the order of reading: from the newest to the oldest. */
export const allKeySchemes: readonly KeyScheme[] = [
  keySchemes.v3,
  keySchemes.v2,
  // Rubin's first layouts in S3: from July 2025 and from February 2025.
  { name: 'v1-s3', alerts: 'v1/alerts/', schemas: 'v1/schemas/', folder: noFolder, endings },
  { name: 'v1-s3-slash', alerts: '/v1/alerts/', schemas: '/v1/schemas/', folder: noFolder, endings },
  keySchemes.v1
]

/** Leaves out each layout whose objects are those of an earlier one: in a folder, a leading slash is not part of the path. */
export function distinctKeySchemes (storeUrl: string, schemes: readonly KeyScheme[]): readonly KeyScheme[] {
  const path = ({ alerts }: KeyScheme): string => storeUrl.startsWith('file:') ? alerts.replace(/^\//, '') : alerts
  return schemes.filter((scheme, index) => schemes.findIndex(other => path(other) === path(scheme)) === index)
}

const largestSchemaId = 0xffffffff

/** `{night}/{sequence}/{detector}/`: a folder holds one detector of one visit. If the id is not packed: `other/{first 6 digits}/`. */
function folderInV3 (id: string, format: PackedIdFormat): string {
  const packed = decodeId(BigInt(id), format)
  return packed === undefined ? `other/${firstDigits(id)}` : packedFolder(packed)
}

/** Folder of the alerts of a detector in a visit in layout v3. Folders are in the order of nights, visits and detectors. */
export function packedFolder ({ detector, ...visit }: VisitParts & { readonly detector: number }): string {
  return `${visitFolder(visit)}${String(detector).padStart(3, '0')}/`
}

/** Folder of the detectors of a visit in layout v3. */
export function visitFolder ({ night, sequence }: VisitParts): string {
  return `${night}/${String(sequence).padStart(5, '0')}/`
}

/** Parses a schema id: 1 to 10 ASCII digits, at most 2^32 - 1. Returns undefined if the text is invalid. */
export function parseSchemaId (text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined
  const id = Number(text)
  return id > largestSchemaId ? undefined : id
}

/** Key of an alert in a layout that is written. Throws ALERT_ID_INVALID if the id is not in the form that `parseAlertId` returns. */
export function alertKey (layout: Layout, id: string, format = rubinIds): string {
  if (parseAlertId(id) !== id) throw storeErrors.ALERT_ID_INVALID(`${JSON.stringify(id)} is not an alert id`)
  return alertName(keySchemes[layout], id, format) + gzipped
}

/** Key of an alert without its ending. */
export function alertName ({ alerts, folder }: KeyScheme, id: string, format: PackedIdFormat): string {
  return alerts + folder(id, format) + id
}

/** Reads the id from a key. Returns undefined unless it is the key of an alert in the layout. */
export function parseAlertKey (
  scheme: KeyScheme, key: string, format: PackedIdFormat
): { readonly id: string, readonly ending: string } | undefined {
  const ending = scheme.endings.find(each => key.endsWith(each))
  if (ending === undefined) return undefined
  const id = parseAlertId(key.slice(key.lastIndexOf('/') + 1, -ending.length))
  return id === undefined || key !== alertName(scheme, id, format) + ending ? undefined : { id, ending }
}

/**
 * Ranges of keys that contain all alerts of a range of ids: one for each number of digits, together with its ids. A range of keys may also
 * contain ids with other numbers of digits. Not for layout v3, because its keys are not in the order of ids with the same number of digits.
 */
export function keyRanges (
  scheme: KeyScheme, { first, last }: IdRange, format: PackedIdFormat
): ReadonlyArray<{ readonly ids: IdRange, readonly keys: KeyRange }> {
  const longer = 10n ** BigInt(first.toString().length)
  const ids = { first, last: last < longer ? last : longer - 1n }
  const nameOf = (id: bigint): string => alertName(scheme, id.toString(), format)
  // An ending begins with a full stop, which sorts before the slash, so the keys of the last id are part of the range.
  const part = { ids, keys: { from: nameOf(ids.first), before: `${nameOf(ids.last)}/` } }
  return last < longer ? [part] : [part, ...keyRanges(scheme, { first: longer, last }, format)]
}

/** Key of a schema. Throws SCHEMA_ID_INVALID if the id is not an integer from 0 to 2^32 - 1. */
export function schemaKey (layout: Layout, id: number): string {
  if (!Number.isInteger(id) || id < 0 || id > largestSchemaId) throw storeErrors.SCHEMA_ID_INVALID(`${id} is not a schema id`)
  return `${keySchemes[layout].schemas}${id}.json`
}
