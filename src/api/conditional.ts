// Content negotiation and conditional requests by RFC 9110: which coding a client takes (12.5.3), strong entity tags (8.8.3), and
// If-None-Match (13.1.2). Two codings of one alert are two representations, so each has a tag of its own: the CRC32C of the very bytes sent.
import { type FastifyReply, type FastifyRequest } from 'fastify'
import { crc32c, hex32 } from '../stores/crc32c.ts'

export type Coding = 'gzip' | 'identity'

/** Archived content never changes; `private` because the service stands behind authentication. */
export const forEver = 'private, max-age=31536000, immutable'

/**
 * The coding to answer with: gzip where the client takes it no less gladly than identity (it saves both sides the work), identity where
 * the client says nothing. Undefined when it refuses both.
 */
export function chooseCoding (acceptEncoding: string | undefined): Coding | undefined {
  if (acceptEncoding === undefined) return 'identity'
  const weights = new Map<string, number>()
  for (const part of acceptEncoding.split(',')) {
    const [name = '', ...parameters] = part.trim().toLowerCase().split(/\s*;\s*/)
    if (name === '') continue
    const q = parameters.find(parameter => parameter.startsWith('q='))
    weights.set(name === 'x-gzip' ? 'gzip' : name, q === undefined ? 1 : weightOf(q.slice(2)))
  }
  const any = weights.get('*')
  const gzip = weights.get('gzip') ?? any ?? 0
  // Identity is acceptable unless it is refused, by name or by `*;q=0`; unnamed, any other coding that is listed comes first.
  const identity = weights.get('identity') ?? (any === 0 ? 0 : Number.MIN_VALUE)
  if (gzip > 0 && gzip >= identity) return 'gzip'
  return identity > 0 ? 'identity' : undefined
}

/** A strong entity tag for these bytes in this coding. */
export function entityTag (body: Buffer, coding: Coding): string {
  return `"${hex32(crc32c(body))}-${body.length.toString(16)}${coding === 'gzip' ? '-gzip' : ''}"`
}

/** Whether an If-None-Match header names this tag: then 304. Weak comparison, as the RFC has it for this header. */
export function matchesTag (ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  return ifNoneMatch.match(/"[^"]*"/g)?.includes(tag) ?? false
}

/** Answers with bytes that never change: 200, or 304 where the client has them. `reply` holds the content type and coding already. */
export function sendForEver (request: FastifyRequest, reply: FastifyReply, body: Buffer, tag: string): FastifyReply {
  reply.headers({ etag: tag, 'cache-control': forEver })
  if (matchesTag(request.headers['if-none-match'], tag)) {
    reply.removeHeader('content-type').removeHeader('content-encoding')
    return reply.code(304).send()
  }
  return reply.header('content-length', body.length).send(body)
}

// A weight that cannot be read counts as a refusal: sending gzip to whoever cannot read it is the worse mistake.
function weightOf (text: string): number {
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(text) ? Number(text) : 0
}
