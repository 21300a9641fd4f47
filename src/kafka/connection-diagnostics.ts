// Sees what becomes of connections, which the library tells nobody: that a request failed because of what the socket had said before (with TLS
// 1.3 a broker refuses a certificate only after the handshake), which broker and which request it was, and whether this way in has ever worked.
// Errors of the library are marked with that; `mapKafkaError` makes sentences of it. A second failure of the same connection, which nobody in the
// library listens to and which would end the process, is heard here too.
import { instancesChannel, protocolAPIsById, type Connection } from '@platformatic/kafka'
import type { X509Certificate } from 'node:crypto'

/** Whose connections they are, and how they have gone. */
export interface WayIn {
  readonly tls: boolean
  readonly scram: boolean
  readonly user: string | undefined
  /** Path of the file with authorities that we trust; undefined for the system's. */
  readonly serverCa: string | undefined
  readonly clientCert: string | undefined
  /** The certificate that we show. */
  readonly own: X509Certificate | undefined
  /** Whether a broker has ever done something for us. */
  entered: boolean
  /** Since when each broker refuses us, and when it did last, by performance.now(). */
  readonly refusals: Map<string, { readonly since: number, readonly last: number }>
  /** How long a broker that refuses us is asked again, where we were in before, in ms. */
  readonly graceMs: number
}

/** Of one failure. */
export interface Circumstances {
  readonly way: WayIn
  /** host:port */
  readonly broker: string
  /** `Metadata`, `Produce`, ...: what was asked when it failed; undefined where the connection was not made yet. */
  readonly request: string | undefined
  /** Whether the broker answered anything on this connection. */
  readonly answered: boolean
  /** What the socket said, if it did. */
  readonly reason: Error | undefined
}

/** What brokers answer before they know who asks. */
const greetings = new Set(['SaslHandshake', 'ApiVersions', 'SaslAuthenticate'])
const seen = new WeakMap<Error, Circumstances>()
let watching = false

/** From now on; once is enough. */
export function watchConnections (): void {
  if (watching) return
  watching = true
  instancesChannel.subscribe(message => {
    const { type, instance } = message as { readonly type: string, readonly instance: Connection }
    if (type === 'connection' && isWayIn(instance.context)) watch(instance, instance.context)
  })
}

/** How that error came about. */
export function circumstancesOf (error: Error): Circumstances | undefined {
  return seen.get(error)
}

function watch (connection: Connection, way: WayIn): void {
  let reason: Error | undefined
  let answered = false
  const note = (error: Error, request: string | undefined): void => {
    if (!seen.has(error)) seen.set(error, { way, broker: `${connection.host}:${connection.port}`, request, answered, reason })
  }
  connection.on('error', (error: Error) => {
    plainly(error.cause)
    note(error, undefined)
    reason ??= error
  })
  const send = connection.send.bind(connection) as (...args: unknown[]) => void
  connection.send = ((...args: unknown[]) => {
    const request = protocolAPIsById[args[0] as keyof typeof protocolAPIsById] as string | undefined
    const callback = args.at(-1) as (error: Error | null, payload: unknown) => void
    args[args.length - 1] = (error: Error | null, payload: unknown): void => {
      // A refusal of a request is an answer too.
      if (error === null || (error as { code?: string }).code === 'PLT_KFK_RESPONSE') {
        answered = true
        if (!greetings.has(request ?? '')) {
          way.entered = true
          way.refusals.delete(`${connection.host}:${connection.port}`)
        }
      }
      if (error !== null) {
        note(error, request)
        // What the greeting failed with is dropped by the library, which then only says that the connection is closed.
        if (error.message !== 'Connection closed') reason ??= error
      }
      callback(error, payload)
    }
    send(...args)
  }) as Connection['send']
}

/** OpenSSL's messages begin with addresses of its own memory; its reason says all that a user can use. */
function plainly (error: unknown): void {
  const reason = (error as { reason?: unknown } | undefined)?.reason
  if (error instanceof Error && typeof reason === 'string' && /^[0-9A-F]+:error:/.test(error.message)) error.message = reason
}

function isWayIn (context: unknown): context is WayIn {
  return typeof context === 'object' && context !== null && 'refusals' in context
}
