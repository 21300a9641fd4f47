// Content negotiation by Accept (RFC 9110, 12.5.1) between the forms of a resource.
import { LRUCache } from 'lru-cache'

/** A form of a resource. */
export interface Form {
  /** Name in the query parameter `format`. */
  readonly name: string
  /** The media type of the form, then others by which clients may ask for it. */
  readonly mediaTypes: readonly [string, ...string[]]
}

interface Range {
  readonly type: string
  readonly weight: number
}

/** Clients send few different values. */
const parsed = new LRUCache<string, readonly Range[]>({ max: 256 })

/**
 * The form that a request names in the query parameter `format`, otherwise the one that the client prefers. Undefined if there is no such
 * form, or if the client accepts none.
 */
export function requestedForm<F extends Form> (
  format: string | undefined, accept: string | undefined, forms: readonly [F, ...F[]]
): F | undefined {
  return format === undefined ? chooseForm(accept, forms) : forms.find(({ name }) => name === format)
}

/**
 * The form that the client prefers; of equal ones, the first. Undefined if the client accepts none of them. Without Accept, the first form.
 */
function chooseForm<F extends Form> (accept: string | undefined, forms: readonly [F, ...F[]]): F | undefined {
  // Most clients send neither Accept nor a preference.
  if (accept === undefined || accept === '*/*') return forms[0]
  let ranges = parsed.get(accept)
  if (ranges === undefined) parsed.set(accept, ranges = parseAccept(accept))
  let best: F | undefined
  let highest = 0
  for (const form of forms) {
    const weight = Math.max(...form.mediaTypes.map(type => weightOf(type, ranges)))
    if (weight <= highest) continue
    best = form
    highest = weight
  }
  return best
}

/** The weight of the most specific range that the type matches. */
function weightOf (type: string, ranges: readonly Range[]): number {
  for (const pattern of [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']) {
    const range = ranges.find(each => each.type === pattern)
    if (range !== undefined) return range.weight
  }
  return 0
}

function parseAccept (accept: string): Range[] {
  return accept.split(',').flatMap(part => {
    const [type = '', ...parameters] = part.trim().toLowerCase().split(/\s*;\s*/)
    if (type === '') return []
    const q = parameters.find(parameter => parameter.startsWith('q='))?.slice(2)
    // An invalid weight counts as 0.
    return [{ type, weight: q === undefined ? 1 : /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(q) ? Number(q) : 0 }]
  })
}
