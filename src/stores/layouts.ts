// Names of objects in the archive, in both layouts that Rubin has used; each must stay readable.
// v1 (2022, Google Cloud Storage): the leading slash is part of the object's name. v2 (today, S3): alerts in folders by the first 6 digits
// of the id, the whole id where it is shorter.
import { storeErrors } from './errors.ts'

export type Layout = 'v1' | 'v2'

export const layouts: readonly Layout[] = ['v1', 'v2']
export const defaultLayout: Layout = 'v2'

const largestAlertId = (1n << 63n) - 1n
const largestSchemaId = 0xffffffff

/**
 * The canonical form of an alert id as a user writes it: 1 to 19 ASCII digits, at most 2^63 - 1, leading zeros dropped.
 * Undefined when it is not one.
 */
export function parseAlertId (text: string): string | undefined {
  if (!/^[0-9]{1,19}$/.test(text)) return undefined
  const id = BigInt(text)
  return id > largestAlertId ? undefined : id.toString()
}

/** A schema id as a user writes it: 1 to 10 ASCII digits, at most 2^32 - 1. Undefined when it is not one. */
export function parseSchemaId (text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined
  const id = Number(text)
  return id > largestSchemaId ? undefined : id
}

/** Key of an alert; `id` is its canonical decimal form. Throws ALERT_ID_INVALID. */
export function alertKey (layout: Layout, id: string): string {
  if (parseAlertId(id) !== id) throw storeErrors.ALERT_ID_INVALID(`${JSON.stringify(id)} is not an alert id`)
  switch (layout) {
    case 'v1': return `/alert_archive/v1/alerts/${id}.avro.gz`
    case 'v2': return `v2/alerts/${id.slice(0, 6)}/${id}.avro.gz`
  }
}

/** Key of a schema. Throws SCHEMA_ID_INVALID. */
export function schemaKey (layout: Layout, id: number): string {
  if (!Number.isInteger(id) || id < 0 || id > largestSchemaId) throw storeErrors.SCHEMA_ID_INVALID(`${id} is not a schema id`)
  switch (layout) {
    case 'v1': return `/alert_archive/v1/schemas/${id}.json`
    case 'v2': return `v2/schemas/${id}.json`
  }
}

/** The prefix that all alerts of a layout share, and nothing else does: for listings. */
export function alertPrefix (layout: Layout): string {
  switch (layout) {
    case 'v1': return '/alert_archive/v1/alerts/'
    case 'v2': return 'v2/alerts/'
  }
}

/** The layouts in the order in which a reader tries them. */
export function readingOrder (first: Layout): readonly Layout[] {
  return [first, ...layouts.filter(layout => layout !== first)]
}
