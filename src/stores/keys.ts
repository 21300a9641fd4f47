// Rules for object keys. They are the same for every kind of store, so that an archive can be copied from one store to another.
import { storeErrors } from './errors.ts'
import { incomingName } from './incoming.ts'

/** Splits a key into its names, one per folder level. Throws STORE_KEY_INVALID with the store's `url` as the location. */
export function namesOf (key: string, url: string): readonly string[] {
  const names = (key.startsWith('/') ? key.slice(1) : key).split('/')
  const bad = names.some(name => name === '' || name === '.' || name === '..' || /[\0\\\r\n]/.test(name) || Buffer.byteLength(name) > 255)
  if (bad || names[0] === incomingName) throw storeErrors.STORE_KEY_INVALID(`${JSON.stringify(key)} is not a valid key`, { where: url })
  return names
}

/** Applies the rules for keys to the folder part of a listing prefix, so that no listing leaves the store. Throws STORE_KEY_INVALID. */
export function assertPrefix (prefix: string, url: string): void {
  const folder = prefix.slice(0, prefix.lastIndexOf('/'))
  if (folder !== '') namesOf(folder, url)
}

/** Compares keys by their UTF-8 bytes, as buckets sort them. The result is negative, zero or positive. */
export function compareKeys (a: string, b: string): number {
  if (beyondBmp.test(a) || beyondBmp.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : a > b ? 1 : 0
}

/** Sorts the array in place like `compareKeys`, but without a callback per comparison if possible. Returns the array. */
export function sortKeys (keys: string[]): string[] {
  return keys.some(key => beyondBmp.test(key)) ? keys.sort(compareKeys) : keys.sort()
}

// JavaScript compares UTF-16 code units. Only surrogate pairs make this order different from the order of the UTF-8 bytes.
const beyondBmp = /[\ud800-\udfff]/
