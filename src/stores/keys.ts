// What may be a key. The same for every kind of store, so that an archive can be copied from one to the other.
import { storeErrors } from './errors.ts'
import { incomingFolder } from './incoming.ts'

/** The names of a key, one for each level of folders. Throws STORE_KEY_INVALID; `url` names the store in it. */
export function namesOf (key: string, url: string): readonly string[] {
  const names = (key.startsWith('/') ? key.slice(1) : key).split('/')
  const bad = names.some(name => name === '' || name === '.' || name === '..' || /[\0\\\r\n]/.test(name) || Buffer.byteLength(name) > 255)
  if (bad || names[0] === incomingFolder) throw storeErrors.STORE_KEY_INVALID(`${JSON.stringify(key)} is not a key of this store`, { where: url })
  return names
}

/** The folder part of a listing's prefix, '' or with a slash at its end, is held to the same rules: no listing leaves the store. */
export function checkPrefix (prefix: string, url: string): void {
  const folder = prefix.slice(0, prefix.lastIndexOf('/'))
  if (folder !== '') namesOf(folder, url)
}
