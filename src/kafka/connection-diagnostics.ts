// Records why connections fail, which the client library does not report: the socket error behind a failed request (with TLS 1.3 a broker
// rejects a client certificate only after the handshake), the broker, the request, and whether brokers ever accepted this client.
// `mapKafkaError` turns this into messages. Also handles late socket errors, which the library leaves unhandled and would end the process.
import { instancesChannel, protocolAPIsById, type Connection } from '@platformatic/kafka'
import type { X509Certificate } from 'node:crypto'

/** How a client authenticates, and how the brokers have responded so far. One per `KafkaConnection`. */
export interface AuthState {
  readonly tls: boolean
  readonly scram: boolean
  readonly user: string | undefined
  /** Path of the trusted CA certificates; undefined: the default ones of Node.js. */
  readonly serverCa: string | undefined
  /** Path of the client certificate. */
  readonly clientCert: string | undefined
  readonly certificate: X509Certificate | undefined
  /** Whether any broker has ever served a request other than the handshake. */
  accepted: boolean
  /** First and last rejection of the current series by broker, by performance.now(). */
  readonly rejections: Map<string, { readonly since: number, readonly last: number }>
  /** How long rejections are retryable once a broker has accepted this client, in ms. */
  readonly graceMs: number
}

export interface FailureContext {
  readonly authState: AuthState
  /** host:port */
  readonly broker: string
  /** The request that failed: `Metadata`, `Produce`, ...; undefined if the connection was not established. */
  readonly request: string | undefined
  /** Whether the broker responded to any request on this connection. */
  readonly responded: boolean
  /** The earlier error of the socket or the handshake, if any. */
  readonly reason: Error | undefined
}

/** Requests that brokers serve before authentication. */
const handshakeRequests = new Set(['SaslHandshake', 'ApiVersions', 'SaslAuthenticate'])
const contexts = new WeakMap<Error, FailureContext>()
let tracking = false

/** Tracks all connections made from now on. Idempotent. */
export function trackConnections (): void {
  if (tracking) return
  tracking = true
  instancesChannel.subscribe(message => {
    const { type, instance } = message as { readonly type: string, readonly instance: Connection }
    if (type === 'connection' && isAuthState(instance.context)) track(instance, instance.context)
  })
}

/** The connection or request that failed with this error, if it is known. */
export function failureContextOf (error: Error): FailureContext | undefined {
  return contexts.get(error)
}

function track (connection: Connection, authState: AuthState): void {
  let reason: Error | undefined
  let responded = false
  const record = (error: Error, request: string | undefined): void => {
    if (contexts.has(error)) return
    contexts.set(error, { authState, broker: `${connection.host}:${connection.port}`, request, responded, reason })
  }
  connection.on('error', (error: Error) => {
    simplifyOpenSslError(error.cause)
    record(error, undefined)
    reason ??= error
  })
  const send = connection.send.bind(connection) as (...args: unknown[]) => void
  connection.send = ((...args: unknown[]) => {
    const request = protocolAPIsById[args[0] as keyof typeof protocolAPIsById] as string | undefined
    const callback = args.at(-1) as (error: Error | null, payload: unknown) => void
    args[args.length - 1] = (error: Error | null, payload: unknown): void => {
      // An error response is a response too.
      if (error === null || (error as { code?: string }).code === 'PLT_KFK_RESPONSE') {
        responded = true
        if (!handshakeRequests.has(request ?? '')) {
          authState.accepted = true
          authState.rejections.delete(`${connection.host}:${connection.port}`)
        }
      }
      if (error !== null) {
        record(error, request)
        // The library drops the error of a failed handshake and then reports only that the connection is closed.
        if (error.message !== 'Connection closed') reason ??= error
      }
      callback(error, payload)
    }
    send(...args)
  }) as Connection['send']
}

/** Replaces an OpenSSL message, which starts with a memory address, with its `reason`. */
function simplifyOpenSslError (error: unknown): void {
  const reason = (error as { reason?: unknown } | undefined)?.reason
  if (error instanceof Error && typeof reason === 'string' && /^[0-9A-F]+:error:/.test(error.message)) error.message = reason
}

function isAuthState (context: unknown): context is AuthState {
  return typeof context === 'object' && context !== null && 'rejections' in context
}
