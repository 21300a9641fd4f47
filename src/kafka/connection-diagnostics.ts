// Records what the client library does not report about failed connections: the socket error behind a failed request, the broker, the
// request, and whether any broker has ever accepted this client. `mapKafkaError` uses the details in error messages. Also handles
// late socket errors, because the library leaves them unhandled and an unhandled error ends the process.
import { instancesChannel, protocolAPIsById, type Connection } from './client-library.ts'
import type { X509Certificate } from 'node:crypto'

/** How a client authenticates, and whether brokers have accepted or rejected it so far. Each `KafkaConnection` has one AuthState. */
export interface AuthState {
  readonly tls: boolean
  readonly scram: boolean
  readonly user: string | undefined
  /** Path of the trusted CA certificates. If undefined, the client trusts the default CA certificates of Node.js. */
  readonly serverCa: string | undefined
  /** Path of the client certificate. */
  readonly clientCert: string | undefined
  readonly certificate: X509Certificate | undefined
  /** Whether any broker has ever served a request of this client other than the handshake requests. */
  accepted: boolean
  /** Times (performance.now()) of the first and the last rejection in the current series of rejections, by broker address. */
  readonly rejections: Map<string, { readonly since: number, readonly last: number }>
  /** Time in ms for which the rejections of a series are retryable, if any broker has accepted this client before. */
  readonly graceMs: number
}

export interface FailureContext {
  readonly authState: AuthState
  /** Address of the broker, host:port. */
  readonly broker: string
  /** Name of the failed request: `Metadata`, `Produce`, ...; undefined if the connection was not established. */
  readonly request: string | undefined
  /** Whether the broker responded to any request on this connection. */
  readonly responded: boolean
  /** Earlier error of the socket or the handshake on this connection, if any. */
  readonly reason: Error | undefined
}

/** Requests that brokers serve before authentication. */
const handshakeRequests = new Set(['SaslHandshake', 'ApiVersions', 'SaslAuthenticate'])
const contexts = new WeakMap<Error, FailureContext>()
let tracking = false

/** Tracks all connections that the client library makes from now on. Idempotent. */
export function trackConnections (): void {
  if (tracking) return
  tracking = true
  instancesChannel.subscribe(message => {
    const { type, instance } = message as { readonly type: string, readonly instance: Connection }
    if (type === 'connection' && isAuthState(instance.context)) track(instance, instance.context)
  })
}

/** Returns the context in which a connection or request failed with this error, or undefined if the context is unknown. */
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
      // A response that reports an error is also a response of the broker.
      if (error === null || (error as { code?: string }).code === 'PLT_KFK_RESPONSE') {
        responded = true
        if (!handshakeRequests.has(request ?? '')) {
          authState.accepted = true
          authState.rejections.delete(`${connection.host}:${connection.port}`)
        }
      }
      if (error !== null) {
        record(error, request)
        // Keep the error of a failed handshake, because the library drops it and then reports only 'Connection closed'.
        if (error.message !== 'Connection closed') reason ??= error
      }
      callback(error, payload)
    }
    send(...args)
  }) as Connection['send']
}

/** Replaces the message of an OpenSSL error with the error's `reason`, because the message starts with a memory address. */
function simplifyOpenSslError (error: unknown): void {
  const reason = (error as { reason?: unknown } | undefined)?.reason
  if (error instanceof Error && typeof reason === 'string' && /^[0-9A-F]+:error:/.test(error.message)) error.message = reason
}

function isAuthState (context: unknown): context is AuthState {
  return typeof context === 'object' && context !== null && 'rejections' in context
}
