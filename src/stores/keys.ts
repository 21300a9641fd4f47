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
