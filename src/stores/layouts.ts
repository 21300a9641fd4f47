// Keys of archived objects in the two layouts that Rubin has used. Both layouts must stay readable.
// v1 (2022, Google Cloud Storage): the leading slash is part of the key. v2 (today, S3): alerts are grouped in folders named after
// the first 6 digits of the id, or after the complete id if it is shorter.
import { parseAlertId } from '../ids/alert-id.ts'
import { storeErrors } from './errors.ts'

export type Layout = 'v1' | 'v2'
export type ArchivedKind = 'alerts' | 'schemas'

/** Prefixes of the keys of all alerts and of all schemas, by layout. */
export const prefixes: Readonly<Record<Layout, Readonly<Record<ArchivedKind, string>>>> = {
  v1: { alerts: '/alert_archive/v1/alerts/', schemas: '/alert_archive/v1/schemas/' },
  v2: { alerts: 'v2/alerts/', schemas: 'v2/schemas/' }
}
export const layouts = Object.keys(prefixes) as readonly Layout[]

const largestSchemaId = 0xffffffff

/** Parses a schema id: 1 to 10 ASCII digits, at most 2^32 - 1. Returns undefined if the text is invalid. */
export function parseSchemaId (text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined
  const id = Number(text)
  return id > largestSchemaId ? undefined : id
}

/** Key of an alert by its id. Throws ALERT_ID_INVALID if the id is not in the form that `parseAlertId` returns. */
export function alertKey (layout: Layout, id: string): string {
  if (parseAlertId(id) !== id) throw storeErrors.ALERT_ID_INVALID(`${JSON.stringify(id)} is not an alert id`)
  switch (layout) {
    case 'v1': return `${prefixes.v1.alerts}${id}.avro.gz`
    case 'v2': return `${prefixes.v2.alerts}${id.slice(0, 6)}/${id}.avro.gz`
  }
}

/** Key of a schema. Throws SCHEMA_ID_INVALID if the id is not an integer from 0 to 2^32 - 1. */
export function schemaKey (layout: Layout, id: number): string {
  if (!Number.isInteger(id) || id < 0 || id > largestSchemaId) throw storeErrors.SCHEMA_ID_INVALID(`${id} is not a schema id`)
  return `${prefixes[layout].schemas}${id}.json`
}
