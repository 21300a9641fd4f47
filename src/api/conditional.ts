// Content negotiation and conditional requests (RFC 9110): Accept-Encoding (12.5.3), strong entity tags (8.8.3), If-None-Match (13.1.2).
// The gzip and identity codings of an alert are two representations, so each coding has its own tag, made of the SHA-256 of the alert.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'

export type Coding = 'gzip' | 'identity'

/** Cache-Control of archived content, which never changes. The value is `private`, because the service runs behind authentication. */
const cacheForever = 'private, max-age=31536000, immutable'

/** Codings by Accept-Encoding. Clients send few different values. */
const knownCodings = new LRUCache<string, { readonly coding: Coding | undefined }>({ max: 256 })

/**
 * Selects the content coding of a response. gzip wins if the client accepts it at least as much as identity, because passing through the
 * stored gzip is cheaper for both sides. Returns identity without an Accept-Encoding header, and undefined if the client accepts neither.
 */
export function chooseCoding (acceptEncoding: string | undefined): Coding | undefined {
  if (acceptEncoding === undefined) return 'identity'
  let known = knownCodings.get(acceptEncoding)
  if (known === undefined) knownCodings.set(acceptEncoding, known = { coding: parseAcceptEncoding(acceptEncoding) })
  return known.coding
}

function parseAcceptEncoding (acceptEncoding: string): Coding | undefined {
  const weights = new Map<string, number>()
  for (const part of acceptEncoding.split(',')) {
    const [name = '', ...parameters] = part.trim().toLowerCase().split(/\s*;\s*/)
    if (name === '') continue
    const q = parameters.find(parameter => parameter.startsWith('q='))
    weights.set(name === 'x-gzip' ? 'gzip' : name, q === undefined ? 1 : weightOf(q.slice(2)))
  }
  const any = weights.get('*')
  const gzip = weights.get('gzip') ?? any ?? 0
  // Identity is acceptable unless excluded by name or by `*;q=0`. If not named, it gets the lowest weight, so any gzip weight above 0 wins.
  const identity = weights.get('identity') ?? (any === 0 ? 0 : Number.MIN_VALUE)
  if (gzip > 0 && gzip >= identity) return 'gzip'
  return identity > 0 ? 'identity' : undefined
}

/** Number of hex digits of the SHA-256 in an entity tag: 16 bytes. */
const tagDigits = 32

/** The entity tag of content, by the SHA-256 of its identity coding in hex. */
export function entityTag (sha256: string, coding: Coding): string {
  return `"${sha256.slice(0, tagDigits)}${coding === 'gzip' ? '-gzip' : ''}"`
}

/** Sends immutable content with 200, or 304 if the client already has it. The caller must set Content-Type and Content-Encoding first. */
export function sendImmutable (request: FastifyRequest, reply: FastifyReply, body: Buffer, tag: string): FastifyReply {
  if (matchesTag(request.headers['if-none-match'], tag)) {
    return sendNotModified(reply.removeHeader('content-type').removeHeader('content-encoding'), tag)
  }
  return reply.headers({ etag: tag, 'cache-control': cacheForever, 'content-length': body.length }).send(body)
}

/** Responds to HEAD with 200 and the length of the body in bytes. The caller must set Content-Type and Content-Encoding first. */
export function sendHead (reply: FastifyReply, length: number, tag: string): FastifyReply {
  return reply.headers({ etag: tag, 'cache-control': cacheForever, 'content-length': length }).send()
}

/** Responds with 304. The caller must not have set Content-Type or Content-Encoding. */
export function sendNotModified (reply: FastifyReply, tag: string): FastifyReply {
  return reply.code(304).headers({ etag: tag, 'cache-control': cacheForever }).send()
}

/** Whether If-None-Match has the tag. Compares tags weakly, as RFC 9110 requires. */
export function matchesTag (ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch === tag) return true
  if (ifNoneMatch.trim() === '*') return true
  return ifNoneMatch.match(/"[^"]*"/g)?.includes(tag) ?? false
}

// An invalid weight counts as 0, because sending gzip to a client that cannot decode it would be worse than sending identity.
function weightOf (text: string): number {
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(text) ? Number(text) : 0
}
