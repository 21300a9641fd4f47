// Kafka's failures as a user meets them. The client library nests its errors (retries in aggregates, protocol errors in responses, socket
// errors in causes): `mapKafkaError` looks through the whole nest, picks the one that explains it and says which brokers, which topic
// and what to do.
import { AlertStreamError, asError, defineErrors, type ErrorFactory, type ErrorDetails } from '../pipeline/errors.ts'
import { refusalOf, ruleRefusal } from './access-errors.ts'
import { circumstancesOf, type Circumstances, type WayIn } from './connection-diagnostics.ts'

export const kafkaErrors = defineErrors({
  KAFKA_CONFIG: { hint: 'Correct the Kafka settings.', usage: true },
  KAFKA_FILE: { hint: 'Give the path of a readable PEM file.' },
  PASSWORD_FILE: { hint: 'Give a readable file whose first line is the password.' },
  KAFKA_UNREACHABLE: { hint: 'Check the broker address and that the broker is up.', retryable: true },
  KAFKA_HOST_UNKNOWN: { hint: 'Correct the host name, or the name service.', retryable: true },
  KAFKA_HOST_MISMATCH: { hint: 'Use a host name that the certificate is for, or have a certificate made for this one.', fatal: true },
  KAFKA_CA_UNKNOWN: { hint: 'Give the certificate of the authority that signed the brokers\' certificates (--tls-server-ca-crt-location).', fatal: true },
  KAFKA_SERVER_CERTIFICATE: { hint: 'Have the broker\'s certificate renewed; check this machine\'s clock.', fatal: true },
  KAFKA_CLIENT_CERTIFICATE: {
    hint: 'Give a certificate that the brokers\' authority for clients has signed, and its key (--tls-client-crt-location, --tls-client-key-location).', fatal: true
  },
  KAFKA_TLS_FAILED: { hint: 'Check that the listener expects what is sent: TLS on or off, and which versions.', fatal: true },
  KAFKA_SASL_MISMATCH: { hint: 'Use the port of a listener for SCRAM-SHA-512, or the mechanism that this one expects (--kafka-auth-mechanism).', fatal: true },
  KAFKA_AUTH_FAILED: { hint: 'Check user name and password.', fatal: true },
  KAFKA_NOT_AUTHORISED: { hint: 'Ask for an ACL that allows it, or use another user, topic or group.' },
  KAFKA_TOPIC_MISSING: { hint: 'Create the topic, or correct its name.' },
  KAFKA_TOPIC_EXISTS: { hint: 'Choose another name, or have it recreated.' },
  KAFKA_TOPIC_REFUSED: { hint: 'Correct the partitions, replicas or settings of the topic.' },
  KAFKA_PARTITION_MISSING: { hint: 'Use a partition that the topic has, or give it more partitions.' },
  KAFKA_TOPIC_RECREATED: { hint: 'Read it again from the beginning.' },
  KAFKA_MESSAGE_TOO_LARGE: { hint: 'Raise max.message.bytes of the topic.' },
  KAFKA_NOT_ENOUGH_REPLICAS: { hint: 'Bring the missing brokers back, or lower min.insync.replicas.', retryable: true },
  KAFKA_INSTANCE_FENCED: { hint: 'Give each process of the group an instance id of its own.' },
  KAFKA_OFFSET_LOST: { hint: 'Read from the earliest offset that is still kept.' },
  KAFKA_CORRUPT: { hint: 'Check the disks of the broker; the record must be produced again.' },
  KAFKA_TIMEOUT: { hint: 'Check that the broker is up and not overloaded.', retryable: true },
  KAFKA_STOPPED: { hint: 'Start again to go on.' },
  KAFKA_REFUSED: { hint: 'See the broker\'s log.' },
  KAFKA_UNEXPECTED: { hint: 'Run again with --debug and report it.' }
})

/** What was being done when it failed. */
export interface KafkaDoing {
  /** As a phrase: `read alerts-static`, `join group alertdb-ingester`. */
  readonly action: string
  /** The brokers as configured. */
  readonly brokers: string
  readonly topic?: string | undefined
  readonly group?: string | undefined
  /** Of the connection: some errors are made by the library, which then does not know whose they are. */
  readonly way?: WayIn | undefined
  /** There is no other topic that a record could go to: a rule against it is no record's fault. */
  readonly only?: boolean | undefined
}

interface Nested extends Error {
  code?: string
  apiId?: string
  canRetry?: boolean
  errors?: unknown[]
  serverErrorMessage?: string | null
}

/** Every error within an error: itself, aggregated ones and causes, outermost first. */
export function nestedErrors (error: unknown): Error[] {
  const found = new Set<Error>()
  const visit = (candidate: unknown): void => {
    if (!(candidate instanceof Error) || found.has(candidate)) return
    found.add(candidate)
    for (const inner of (candidate as Nested).errors ?? []) visit(inner)
    visit(candidate.cause)
  }
  visit(error)
  return [...found]
}

/** Whether the broker answered with one of these protocol errors (`UNKNOWN_TOPIC_ID`, ...), however deep. */
export function hasProtocolError (error: unknown, ...ids: readonly string[]): boolean {
  return nestedErrors(error).some(inner => ids.includes((inner as Nested).apiId ?? ''))
}

const byProtocolError: ReadonlyArray<readonly [RegExp, keyof typeof kafkaErrors]> = [
  [/^UNKNOWN_TOPIC_OR_PARTITION$/, 'KAFKA_TOPIC_MISSING'],
  [/^(UNKNOWN|INCONSISTENT)_TOPIC_ID$/, 'KAFKA_TOPIC_RECREATED'],
  [/^TOPIC_ALREADY_EXISTS$/, 'KAFKA_TOPIC_EXISTS'],
  [/^INVALID_(REPLICATION_FACTOR|PARTITIONS|CONFIG|TOPIC_EXCEPTION|REPLICA_ASSIGNMENT)$|^POLICY_VIOLATION$/, 'KAFKA_TOPIC_REFUSED'],
  [/^MESSAGE_TOO_LARGE$|^RECORD_LIST_TOO_LARGE$/, 'KAFKA_MESSAGE_TOO_LARGE'],
  [/^NOT_ENOUGH_REPLICAS/, 'KAFKA_NOT_ENOUGH_REPLICAS'],
  [/^FENCED_INSTANCE_ID$/, 'KAFKA_INSTANCE_FENCED'],
  [/^OFFSET_OUT_OF_RANGE$/, 'KAFKA_OFFSET_LOST'],
  [/^CORRUPT_MESSAGE$/, 'KAFKA_CORRUPT'],
  [/^REQUEST_TIMED_OUT$/, 'KAFKA_TIMEOUT'],
  [/^INVALID_SESSION_TIMEOUT$/, 'KAFKA_CONFIG']
]
const phrases: Partial<Record<keyof typeof kafkaErrors, string>> = {
  KAFKA_TOPIC_MISSING: 'the topic does not exist',
  KAFKA_TOPIC_RECREATED: 'the topic was deleted or recreated meanwhile',
  KAFKA_INSTANCE_FENCED: 'another process joined the group with the same instance id'
}

/** One of our errors for anything that the client library throws; one of ours already is returned as it is. */
export function mapKafkaError (error: unknown, doing: KafkaDoing): AlertStreamError {
  if (error instanceof AlertStreamError) return error
  const nest = nestedErrors(error) as Nested[]
  const where = doing.topic === undefined ? doing.brokers : `${doing.topic} at ${doing.brokers}`
  const fail = (code: keyof typeof kafkaErrors, why: string, more: Pick<ErrorDetails, 'hint' | 'retryable' | 'fatal'> = {}): AlertStreamError => {
    const factory: ErrorFactory = kafkaErrors[code]
    return factory(`cannot ${doing.action}: ${why}`, { where, cause: asError(error), ...more })
  }
  const known = nest.map(circumstancesOf).find(each => each !== undefined)
  for (const inner of nest) {
    const id = inner.apiId
    if (id === undefined) continue
    if (id.endsWith('_AUTHORIZATION_FAILED')) {
      const { why, hint } = ruleRefusal(id, { way: known?.way ?? doing.way, request: known?.request }, doing)
      return fail('KAFKA_NOT_AUTHORISED', why, { hint, fatal: doing.only })
    }
    const rule = byProtocolError.find(([pattern]) => pattern.test(id))
    if (rule !== undefined) return fail(rule[1], `${phrases[rule[1]] ?? trimmed(inner.serverErrorMessage ?? inner.message)} (${id})`)
  }
  const unknownTopic = nest.map(inner => /^Unknown topic (.+)\.$/.exec(inner.message)?.[1]).find(name => name !== undefined)
  if (unknownTopic !== undefined) return fail('KAFKA_TOPIC_MISSING', `topic ${unknownTopic} does not exist`)
  const refusal = refusalOf(nest, known)
  if (refusal !== undefined) {
    return fail(refusal.code, refusal.why, { hint: refusal.hint, ...(known !== undefined && forgiven(known) ? { retryable: true, fatal: false } : {}) })
  }
  // A connection that closed during the handshake says nothing about the credentials: a broker going down does that, a TLS listener too.
  const closed = nest.some(inner => inner.message === 'Connection closed')
  const auth = nest.find(inner => inner.code === 'PLT_KFK_AUTHENTICATION')
  if (auth !== undefined && !closed) return fail('KAFKA_AUTH_FAILED', trimmed(auth.message))
  const protocol = nest.find(inner => inner.apiId !== undefined)
  if (protocol !== undefined) return fail('KAFKA_REFUSED', `${trimmed(protocol.message)} (${protocol.apiId})`, { retryable: protocol.canRetry ?? false })
  const timeout = nest.find(inner => /timed out/i.test(inner.message))
  const network = nest.find(inner => inner.code === 'PLT_KFK_NETWORK')
  if (network !== undefined || timeout !== undefined) {
    const socket = nest.find(inner => /^(ECONN|EHOST|ENET|ENOTFOUND|EAI_|EPIPE|ETIMEDOUT)/.test(inner.code ?? ''))
    const named = nest.find(inner => /^Connection to /.test(inner.message))
    const why = [named, socket, timeout].filter(inner => inner !== undefined).map(inner => trimmed(inner.message))
    if (timeout !== undefined && named === undefined) return fail('KAFKA_TIMEOUT', 'the broker did not answer in time')
    if (why.length > 0) return fail('KAFKA_UNREACHABLE', [...new Set(why)].join(': '))
    return fail('KAFKA_UNREACHABLE', 'the broker closed the connection', {
      hint: 'Check that the broker is up, and that the listener expects what is sent (TLS on or off, client certificate, SASL).'
    })
  }
  return fail('KAFKA_UNEXPECTED', trimmed(asError(error).message))
}

/** A broker that is asked again and again is asked more often than that. */
const QUIET_MS = 60_000

/**
 * Whether a broker that refuses us is to be asked again. Where we never were in, what we were given is wrong. Where we were, secrets are being
 * replaced: brokers and we do not get the new ones at the same moment (a pod's files follow its secret within two minutes).
 */
function forgiven ({ way, broker }: Circumstances): boolean {
  if (!way.entered) return false
  const now = performance.now()
  const before = way.refusals.get(broker)
  // Some addresses (a bootstrap service) are asked once in a long while: what they said the last time belongs to another change of secrets.
  const since = before === undefined || now - before.last >= Math.max(way.graceMs, QUIET_MS) ? now : before.since
  way.refusals.set(broker, { since, last: now })
  return now - since < way.graceMs
}

function trimmed (text: string): string {
  return text.replace(/\.$/, '')
}
