// Who refused whom at the door, and why: from an error of the library, what the socket said and how the connection had gone, to a sentence that
// names host, authority, certificate, password or rule. Pure: it reads errors, and says nothing where it does not know.
import type { X509Certificate } from 'node:crypto'
import type { Circumstances, WayIn } from './connection-diagnostics.ts'

type RefusalCode =
  'KAFKA_HOST_UNKNOWN' | 'KAFKA_HOST_MISMATCH' | 'KAFKA_CA_UNKNOWN' | 'KAFKA_SERVER_CERTIFICATE' | 'KAFKA_CLIENT_CERTIFICATE' |
  'KAFKA_TLS_FAILED' | 'KAFKA_SASL_MISMATCH' | 'KAFKA_AUTH_FAILED'

export interface Refusal {
  readonly code: RefusalCode
  readonly why: string
  readonly hint?: string
}

interface Told extends Error {
  code?: string
  apiId?: string
  hostname?: string
  cert?: { readonly subjectaltname?: string }
}

const unknownAuthority = /^(UNABLE_TO_|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|INVALID_CA)/
const outOfTime = /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/
const plainSpeech = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/
const tlsFault = /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_)/
/** What a broker says of our certificate, by the name of its TLS alert. */
const alerts: ReadonlyArray<readonly [RegExp, string]> = [
  [/ALERT_CERTIFICATE_EXPIRED/, 'it has expired'],
  [/ALERT_UNKNOWN_CA/, 'the broker does not trust the authority that signed it'],
  [/ALERT_CERTIFICATE_REVOKED/, 'it was revoked'],
  [/ALERT_UNSUPPORTED_CERTIFICATE/, 'it is not for clients'],
  [/ALERT_CERTIFICATE_UNKNOWN/, 'most likely the broker does not trust the authority that signed it'],
  [/ALERT_BAD_CERTIFICATE|ALERT_CERTIFICATE_REQUIRED|ALERT_ACCESS_DENIED|ALERT_HANDSHAKE_FAILURE/, 'the broker does not take it']
]

/**
 * Why a way in was refused; undefined where this error is about something else, or says too little.
 * @param nest the error and all within it
 * @param circumstances of one of them, where they are known
 */
export function refusalOf (nest: readonly Error[], circumstances: Circumstances | undefined): Refusal | undefined {
  const { reason, way, broker = 'the broker' } = circumstances ?? {}
  const told = [...nest, ...(reason === undefined ? [] : withCauses(reason))] as Told[]
  const codes = told.map(({ code }) => code ?? '')
  const said = (code: RegExp): boolean => codes.some(each => code.test(each))
  const ids = told.map(({ apiId }) => apiId ?? '')

  const unresolved = told.find(({ code }) => code === 'ENOTFOUND' || code === 'EAI_AGAIN')
  if (unresolved !== undefined) {
    return { code: 'KAFKA_HOST_UNKNOWN', why: `the host name ${unresolved.hostname ?? broker} is not known here (${unresolved.code})` }
  }
  const other = told.find(({ code }) => code === 'ERR_TLS_CERT_ALTNAME_INVALID')
  if (other !== undefined) {
    return { code: 'KAFKA_HOST_MISMATCH', why: `the certificate of ${broker} is not for that host, but for ${other.cert?.subjectaltname ?? 'others'}` }
  }
  if (said(outOfTime)) {
    const when = said(/NOT_YET/) ? 'is not valid yet' : 'has expired'
    return { code: 'KAFKA_SERVER_CERTIFICATE', why: `the certificate of ${broker} ${when} (${codes.find(each => outOfTime.test(each))})` }
  }
  if (said(unknownAuthority)) {
    const trusted = way === undefined ? 'that is not trusted' : way.serverCa === undefined ? 'that this machine does not trust' : `that is not in ${way.serverCa}`
    return { code: 'KAFKA_CA_UNKNOWN', why: `the certificate of ${broker} was signed by an authority ${trusted} (${codes.find(each => unknownAuthority.test(each))})` }
  }
  const alert = alerts.find(([pattern]) => said(pattern))
  if (alert !== undefined) return clientCertificate(way, broker, alert[1])

  if (told.some(({ message }) => /^Broker requires TLS/.test(message))) {
    const hint = 'Switch TLS on (--kafka-tls), or use the port of a plaintext listener.'
    return { code: 'KAFKA_TLS_FAILED', why: `${broker} speaks TLS, and was spoken to in plain text`, hint }
  }
  if (said(plainSpeech) || told.some(({ message }) => /secure TLS connection was established|TLS handshake failed/.test(message))) {
    const hint = 'Switch TLS off, or use the port of a TLS listener.'
    return { code: 'KAFKA_TLS_FAILED', why: `${broker} ended the TLS handshake: it speaks plain text, or is going down`, hint }
  }
  const otherwise = told.find(({ code }) => tlsFault.test(code ?? ''))
  if (otherwise !== undefined) return { code: 'KAFKA_TLS_FAILED', why: `${broker}: ${otherwise.message.trim()}` }

  if (ids.includes('SASL_AUTHENTICATION_FAILED')) {
    return { code: 'KAFKA_AUTH_FAILED', why: `${broker} refused the password of user ${way?.user ?? 'given'}, or knows no such user` }
  }
  if (ids.includes('UNSUPPORTED_SASL_MECHANISM') || ids.includes('ILLEGAL_SASL_STATE')) {
    return { code: 'KAFKA_SASL_MISMATCH', why: `${broker} does not offer SCRAM-SHA-512 on this listener` }
  }
  return circumstances === undefined ? undefined : closedDoor(circumstances, told)
}

/** A connection that was closed without a word: what brokers mean by it. */
function closedDoor ({ way, broker, request, answered }: Circumstances, told: readonly Told[]): Refusal | undefined {
  const closed = told.some(({ message, code }) => message === 'Connection closed' || code === 'ECONNRESET' || code === 'EPIPE')
  // Where we were in before, it is the broker that goes down.
  if (!closed || way.entered || request === undefined) return undefined
  if (!way.scram && answered) {
    const why = `${broker} closed the connection at the first request: its listener wants a user name and a password`
    return { code: 'KAFKA_SASL_MISMATCH', why, hint: 'Use --kafka-auth-mechanism scram, or the port of another listener.' }
  }
  // With TLS 1.3 the refusal of a certificate comes after the handshake, and the reset that follows may overtake it.
  if (way.tls && !answered) return clientCertificate(way, broker, 'the broker closed the connection right after the TLS handshake, as it does with one that it does not take')
  return undefined
}

function clientCertificate (way: WayIn | undefined, broker: string, why: string): Refusal {
  if (way?.clientCert === undefined) {
    return {
      code: 'KAFKA_CLIENT_CERTIFICATE',
      why: `${broker} wants a client certificate, and none was shown`,
      hint: 'Use --kafka-auth-mechanism mtls with a client certificate and key, or the port of another listener.'
    }
  }
  const { own, clientCert } = way
  const expired = own !== undefined && Date.parse(own.validTo) < Date.now()
  const facts = own === undefined ? '' : ` (${subjectOf(own)}, signed by ${nameOf(own.issuer)}, valid until ${new Date(own.validTo).toISOString()})`
  return { code: 'KAFKA_CLIENT_CERTIFICATE', why: `${broker} refused the client certificate ${clientCert}${facts}: ${expired ? 'it has expired' : why}` }
}

/** The whole subject as Kafka writes it (RFC 2253): the last part first. */
export function subjectOf (certificate: X509Certificate): string {
  return nameOf(certificate.subject)
}

function nameOf (lines: string): string {
  return lines.split('\n').reverse().join(',')
}

function withCauses (error: Error): Error[] {
  const found: Error[] = []
  for (let current: unknown = error; current instanceof Error && !found.includes(current); current = current.cause) found.push(current)
  return found
}

/** The operation and the kind of resource that a request needs, by the rules of Kafka's authorizer. */
const needed: Readonly<Record<string, Partial<Record<'TOPIC' | 'GROUP' | 'CLUSTER' | 'TRANSACTIONAL_ID', string>>>> = {
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

export interface RuleRefusal {
  readonly why: string
  readonly hint: string
}

/**
 * `User:CN=x may not Write topic alerts-simulated`.
 * @param id the broker's error: TOPIC_AUTHORIZATION_FAILED, ...
 * @param names of the resources of what was being done, by kind
 */
export function ruleRefusal (
  id: string, { way, request }: { readonly way: WayIn | undefined, readonly request: string | undefined },
  names: { readonly topic?: string | undefined, readonly group?: string | undefined }
): RuleRefusal {
  const kind = id.replace(/_AUTHORIZATION_FAILED$/, '') as 'TOPIC' | 'GROUP' | 'CLUSTER' | 'TRANSACTIONAL_ID'
  const who = way === undefined ? 'this user' : principalOf(way)
  const operation = needed[request ?? '']?.[kind]
  const name = kind === 'TOPIC' ? names.topic : kind === 'GROUP' ? names.group : undefined
  const resource = kind === 'CLUSTER' ? 'the cluster' : `${kind.toLowerCase().replace('_', ' ')}${name === undefined ? '' : ` ${name}`}`
  return {
    why: `${who} may not ${operation ?? 'use'} ${resource} (${id})`,
    hint: `Ask for a rule (ACL) that allows ${who} ${operation === undefined ? 'to use' : `${operation} on`} ${resource}, or use another user, topic or group.`
  }
}

/** The name by which brokers know us, if they do not map certificates to other names. */
export function principalOf ({ scram, user, own }: Pick<WayIn, 'scram' | 'user' | 'own'>): string {
  if (scram) return `User:${user}`
  return own === undefined ? 'User:ANONYMOUS' : `User:${subjectOf(own)}`
}
