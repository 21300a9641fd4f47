// What `inspect` examines: an alert of the archive, a file, an object of a store, or a resource of an archive server.
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isLikeIauName, parseAlertId, parseAlertName } from '../ids/alert-id.ts'
import { allKeySchemes } from '../stores/layouts.ts'
import { inspectErrors } from './errors.ts'

export type Target =
  | { readonly kind: 'alert', readonly id: string }
  | { readonly kind: 'file', readonly path: string }
  /** An object of a bucket. `store` is the URL of the bucket. */
  | { readonly kind: 'object', readonly store: string, readonly key: string }
  | { readonly kind: 'http', readonly url: URL }

/** Error: INSPECT_BAD_TARGET. */
export function parseTarget (text: string): Target {
  const invalid = (what: string, cause?: unknown): Error => inspectErrors.INSPECT_BAD_TARGET(`${JSON.stringify(text)} ${what}`, { cause })
  if (text === '') throw inspectErrors.INSPECT_BAD_TARGET('the name of the object is empty')
  const id = parseAlertName(text)
  if (id !== undefined) return { kind: 'alert', id }
  if (/^[0-9]+$/.test(text) || isLikeIauName(text)) throw invalid('is not an alert id')
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  switch (scheme) {
    case undefined: return { kind: 'file', path: text }
    case 'file': {
      try {
        return { kind: 'file', path: fileURLToPath(text) }
      } catch (cause) {
        throw invalid('is not an absolute file URL, such as file:///data/1.avro.gz', cause)
      }
    }
    case 'http':
    case 'https': {
      const url = URL.parse(text)
      if (url === null || url.username !== '' || url.password !== '') throw invalid('is not an HTTP URL without user and password')
      return { kind: 'http', url }
    }
    default: {
      const [, store, key] = /^([^:]+:\/\/[^/]+)\/(.+)$/.exec(text) ?? []
      if (store === undefined || key === undefined) throw invalid('names no object of a bucket')
      return { kind: 'object', store, key }
    }
  }
}

/** The alert id in the name of an archived object, such as 1.avro.gz. */
export function idInName (name: string): string | undefined {
  const digits = /^([0-9]+)\.avro(?:\.gz)?$/.exec(basename(name))?.[1]
  return digits === undefined ? undefined : parseAlertId(digits)
}

/** The part of a path or key before the key of an alert in one of the layouts, without trailing slashes; undefined if there is none. */
export function archiveRoot (path: string): string | undefined {
  for (const { alerts } of allKeySchemes) {
    const at = path.lastIndexOf(alerts)
    if (at >= 0 && (at === 0 || alerts.startsWith('/') || path[at - 1] === '/')) return path.slice(0, at).replace(/\/+$/, '')
  }
  return undefined
}
