// Explains why a broker rejected a connection or a request, and names the host, authority, certificate, user or ACL. Combines the error of
// the client library with the socket error and the state of the connection.
import type { AuthState, FailureContext } from './connection-diagnostics.ts'

type AccessErrorCode =
  'KAFKA_HOST_UNKNOWN' | 'KAFKA_HOST_MISMATCH' | 'KAFKA_CA_UNKNOWN' | 'KAFKA_SERVER_CERTIFICATE' | 'KAFKA_CLIENT_CERTIFICATE' |
  'KAFKA_TLS_FAILED' | 'KAFKA_SASL_MISMATCH' | 'KAFKA_AUTH_FAILED'

export interface AccessFailure {
  readonly code: AccessErrorCode
  readonly why: string
  readonly hint?: string
}

interface NestedError extends Error {
  code?: string
  apiId?: string
  hostname?: string
  cert?: { readonly subjectaltname?: string }
}

const unknownAuthority =
  /^(UNABLE_TO_|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|INVALID_CA)/
const outsideValidity = /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/
const plaintextResponse = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/
const tlsError = /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_)/
/** Why a broker rejected the client certificate ("it" in the texts), by TLS alert (RFC 8446, section 6.2). */
const tlsAlerts: ReadonlyArray<readonly [RegExp, string]> = [
  [/ALERT_CERTIFICATE_EXPIRED/, 'it has expired'],
  [/ALERT_UNKNOWN_CA/, 'the broker does not trust the authority that signed it'],
  [/ALERT_CERTIFICATE_REVOKED/, 'it has been revoked'],
  [/ALERT_UNSUPPORTED_CERTIFICATE/, 'it is not valid for client authentication'],
  [/ALERT_CERTIFICATE_UNKNOWN/, 'most likely the broker does not trust the authority that signed it'],
  [/ALERT_BAD_CERTIFICATE|ALERT_CERTIFICATE_REQUIRED|ALERT_ACCESS_DENIED|ALERT_HANDSHAKE_FAILURE/, 'the broker does not accept it']
]

/**
 * Returns why access failed, or undefined if the errors and the context do not indicate a known access problem.
 * @param errors the error of the client library and all errors nested in it
 * @param context the connection, and the request if any, in which one of the errors occurred; undefined if unknown
 */
export function accessFailureOf (errors: readonly Error[], context: FailureContext | undefined): AccessFailure | undefined {
  const { reason, authState, broker = 'the broker' } = context ?? {}
  const all = [...errors, ...(reason === undefined ? [] : withCauses(reason))] as NestedError[]
  const codes = all.map(({ code }) => code ?? '')
  const codeLike = (pattern: RegExp): string | undefined => codes.find(code => pattern.test(code))
  const protocolErrors = all.map(({ apiId }) => apiId ?? '')

  const unresolved = all.find(({ code }) => code === 'ENOTFOUND' || code === 'EAI_AGAIN')
  if (unresolved !== undefined) {
    return { code: 'KAFKA_HOST_UNKNOWN', why: `host name ${unresolved.hostname ?? broker} cannot be resolved (${unresolved.code})` }
  }
  const mismatch = all.find(({ code }) => code === 'ERR_TLS_CERT_ALTNAME_INVALID')
  if (mismatch !== undefined) {
    const names = mismatch.cert?.subjectaltname ?? 'other hosts'
    return { code: 'KAFKA_HOST_MISMATCH', why: `the certificate of ${broker} is valid for ${names}, not for this host name` }
  }
  const invalidNow = codeLike(outsideValidity)
  if (invalidNow !== undefined) {
    const problem = invalidNow === 'CERT_NOT_YET_VALID' ? 'is not valid yet' : 'has expired'
    return { code: 'KAFKA_SERVER_CERTIFICATE', why: `the certificate of ${broker} ${problem} (${invalidNow})` }
  }
  const untrusted = codeLike(unknownAuthority)
  if (untrusted !== undefined) {
    const authority = authState?.serverCa === undefined ? 'that this machine does not trust' : `that is not in ${authState.serverCa}`
    return { code: 'KAFKA_CA_UNKNOWN', why: `the certificate of ${broker} was signed by an authority ${authority} (${untrusted})` }
  }
  const alert = tlsAlerts.find(([pattern]) => codeLike(pattern) !== undefined)
  if (alert !== undefined) return clientCertificateFailure(authState, broker, alert[1])

  if (all.some(({ message }) => /^Broker requires TLS/.test(message))) {
    const hint = 'Set --kafka-tls, or use the port of a plaintext listener.'
    return { code: 'KAFKA_TLS_FAILED', why: `${broker} requires TLS, but the client connected in plaintext`, hint }
  }
  const handshakeFailed = all.some(({ message }) => /secure TLS connection was established|TLS handshake failed/.test(message))
  if (handshakeFailed || codeLike(plaintextResponse) !== undefined) {
    const why = `the TLS handshake with ${broker} failed: its listener is plaintext, or the broker is shutting down`
    return { code: 'KAFKA_TLS_FAILED', why, hint: 'Connect without TLS, or use the port of a TLS listener.' }
  }
  const otherTlsError = all.find(({ code }) => tlsError.test(code ?? ''))
  if (otherTlsError !== undefined) return { code: 'KAFKA_TLS_FAILED', why: `TLS with ${broker} failed: ${otherTlsError.message.trim()}` }

  if (protocolErrors.includes('SASL_AUTHENTICATION_FAILED')) {
    return { code: 'KAFKA_AUTH_FAILED', why: `${broker} rejected user ${authState?.user ?? '(unknown)'}: wrong password or unknown user` }
  }
  if (protocolErrors.includes('UNSUPPORTED_SASL_MECHANISM') || protocolErrors.includes('ILLEGAL_SASL_STATE')) {
    return { code: 'KAFKA_SASL_MISMATCH', why: `${broker} does not support SCRAM-SHA-512 on this listener` }
  }
  return context === undefined ? undefined : closedConnectionFailure(context, all)
}

/** Explains a connection that the broker closed without an error response. */
function closedConnectionFailure (
  { authState, broker, request, responded }: FailureContext, errors: readonly NestedError[]
): AccessFailure | undefined {
  const closed = errors.some(({ message, code }) => message === 'Connection closed' || code === 'ECONNRESET' || code === 'EPIPE')
  // If any broker has accepted this client before, the client's credentials are valid, so the broker is probably shutting down.
  if (!closed || authState.accepted || request === undefined) return undefined
  if (!authState.scram && responded) {
    const why = `${broker} closed the connection at the first request: its listener requires SASL authentication`
    return { code: 'KAFKA_SASL_MISMATCH', why, hint: 'Set --kafka-auth-mechanism scram, or use the port of another listener.' }
  }
  // With TLS 1.3, a rejected client certificate may show only as a closed connection after the handshake, without the TLS alert.
  if (authState.tls && !responded) {
    return clientCertificateFailure(authState, broker, 'the broker closed the connection right after the TLS handshake')
  }
  return undefined
}

function clientCertificateFailure (authState: AuthState | undefined, broker: string, why: string): AccessFailure {
  if (authState?.clientCert === undefined) {
    return {
      code: 'KAFKA_CLIENT_CERTIFICATE',
      why: `${broker} requires a client certificate, but none was sent`,
      hint: 'Set --kafka-auth-mechanism mtls with a client certificate and key, or use the port of another listener.'
    }
  }
  const { certificate, clientCert } = authState
  const expired = certificate !== undefined && Date.parse(certificate.validTo) < Date.now()
  const details = certificate === undefined
    ? ''
    : ` (${distinguishedName(certificate.subject)}, signed by ${distinguishedName(certificate.issuer)}, ` +
      `valid until ${new Date(certificate.validTo).toISOString()})`
  const reason = expired ? 'it has expired' : why
  return { code: 'KAFKA_CLIENT_CERTIFICATE', why: `${broker} rejected the client certificate ${clientCert}${details}: ${reason}` }
}

/** Converts a certificate name to Kafka's format (RFC 2253), in which the last component comes first. */
function distinguishedName (lines: string): string {
  return lines.split('\n').reverse().join(',')
}

function withCauses (error: Error): Error[] {
  const found: Error[] = []
  for (let current: unknown = error; current instanceof Error && !found.includes(current); current = current.cause) found.push(current)
  return found
}

/** ACL operations that each request needs, by resource type (Kafka documentation, "Operations and Resources on Protocols"). */
const neededOperations: Readonly<Record<string, Partial<Record<'TOPIC' | 'GROUP' | 'CLUSTER' | 'TRANSACTIONAL_ID', string>>>> = {
  Produce: { TOPIC: 'Write', TRANSACTIONAL_ID: 'Write', CLUSTER: 'IdempotentWrite' },
  Fetch: { TOPIC: 'Read', CLUSTER: 'ClusterAction' },
  ListOffsets: { TOPIC: 'Describe' },
  Metadata: { TOPIC: 'Describe', CLUSTER: 'Create' },
  OffsetCommit: { TOPIC: 'Read', GROUP: 'Read' },
  OffsetFetch: { TOPIC: 'Describe', GROUP: 'Describe' },
  FindCoordinator: { GROUP: 'Describe', TRANSACTIONAL_ID: 'Describe' },
  JoinGroup: { GROUP: 'Read' },
  SyncGroup: { GROUP: 'Read' },
  Heartbeat: { GROUP: 'Read' },
  LeaveGroup: { GROUP: 'Read' },
  DescribeGroups: { GROUP: 'Describe' },
  DeleteGroups: { GROUP: 'Delete' },
  OffsetDelete: { TOPIC: 'Read', GROUP: 'Delete' },
  CreateTopics: { TOPIC: 'Create', CLUSTER: 'Create' },
  DeleteTopics: { TOPIC: 'Delete' },
  DeleteRecords: { TOPIC: 'Delete' },
  CreatePartitions: { TOPIC: 'Alter' },
  DescribeConfigs: { TOPIC: 'DescribeConfigs', CLUSTER: 'DescribeConfigs' },
  AlterConfigs: { TOPIC: 'AlterConfigs', CLUSTER: 'AlterConfigs' },
  IncrementalAlterConfigs: { TOPIC: 'AlterConfigs', CLUSTER: 'AlterConfigs' },
  InitProducerId: { CLUSTER: 'IdempotentWrite', TRANSACTIONAL_ID: 'Write' },
  AddPartitionsToTxn: { TOPIC: 'Write', TRANSACTIONAL_ID: 'Write' },
  EndTxn: { TRANSACTIONAL_ID: 'Write' },
  TxnOffsetCommit: { TOPIC: 'Read', GROUP: 'Read', TRANSACTIONAL_ID: 'Write' },
  CreateAcls: { CLUSTER: 'Alter' },
  DeleteAcls: { CLUSTER: 'Alter' },
  DescribeAcls: { CLUSTER: 'Describe' }
}

/**
 * Explains an authorization error, for example `User:CN=x may not Write topic alerts-simulated`.
 * @param id name of the error in the broker's response: TOPIC_AUTHORIZATION_FAILED, ...
 * @param names the topic and the group of the failed operation
 */
export function aclFailure (
  id: string, { authState, request }: { readonly authState: AuthState | undefined, readonly request: string | undefined },
  names: { readonly topic?: string | undefined, readonly group?: string | undefined }
): { readonly why: string, readonly hint: string } {
  // The brokers assign a producer id to every user that may write to any topic. A user that gets none may not write to this topic either.
  const writesNothing = request === 'InitProducerId' && id === 'CLUSTER_AUTHORIZATION_FAILED' && names.topic !== undefined
  const type = writesNothing ? 'TOPIC' : id.replace(/_AUTHORIZATION_FAILED$/, '') as 'TOPIC' | 'GROUP' | 'CLUSTER' | 'TRANSACTIONAL_ID'
  const principal = authState === undefined ? 'this user' : principalOf(authState)
  const operation = writesNothing ? 'Write' : neededOperations[request ?? '']?.[type]
  const name = type === 'TOPIC' ? names.topic : type === 'GROUP' ? names.group : undefined
  const resource = type === 'CLUSTER' ? 'the cluster' : `${type.toLowerCase().replace('_', ' ')}${name === undefined ? '' : ` ${name}`}`
  const grant = operation === undefined ? 'to use' : `${operation} on`
  return {
    why: `${principal} may not ${operation ?? 'use'} ${resource} (${id})`,
    hint: `Add an ACL that allows ${principal} ${grant} ${resource}, or use another user, topic or group.`
  }
}

/** Returns the Kafka principal of this client, assuming that the brokers do not map certificate names (`ssl.principal.mapping.rules`). */
function principalOf ({ scram, user, certificate }: AuthState): string {
  if (scram) return `User:${user}`
  return certificate === undefined ? 'User:ANONYMOUS' : `User:${distinguishedName(certificate.subject)}`
}
