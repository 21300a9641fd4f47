// Kafka's failures as a user meets them. The client library nests its errors (retries in aggregates, protocol errors in responses, socket
// errors in causes): `mapKafkaError` looks through the whole nest, picks the one that explains it and says which brokers, which topic
// and what to do.
import { AlertStreamError, asError, defineErrors, type ErrorFactory, type ErrorFacts } from '../pipeline/errors.ts'

export const kafkaErrors = defineErrors({
  KAFKA_CONFIG: { hint: 'Correct the Kafka settings.' },
  KAFKA_FILE: { hint: 'Give the path of a readable PEM file.' },
  KAFKA_UNREACHABLE: { hint: 'Check the broker address and that the broker is up.', retryable: true },
  KAFKA_TLS_FAILED: { hint: 'Check that the listener expects what is sent (TLS on or off, client certificate) and that the CA file signed its certificate.' },
  KAFKA_AUTH_FAILED: { hint: 'Check user name and password, and that the broker offers SCRAM-SHA-512 on this listener.' },
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
  [/^SASL_AUTHENTICATION_FAILED$|^UNSUPPORTED_SASL_MECHANISM$|^ILLEGAL_SASL_STATE$/, 'KAFKA_AUTH_FAILED'],
  [/_AUTHORIZATION_FAILED$/, 'KAFKA_NOT_AUTHORISED'],
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
  KAFKA_AUTH_FAILED: 'the broker refused the credentials',
  KAFKA_NOT_AUTHORISED: 'this user may not do that',
  KAFKA_INSTANCE_FENCED: 'another process joined the group with the same instance id'
}
const tlsCode = /^(ERR_SSL_|ERR_TLS_|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH)/
const tlsMessage = /TLS handshake failed|requires TLS|secure TLS connection/

/** One of our errors for anything that the client library throws; one of ours already is returned as it is. */
export function mapKafkaError (error: unknown, doing: KafkaDoing): AlertStreamError {
  if (error instanceof AlertStreamError) return error
  const nest = nestedErrors(error) as Nested[]
  const where = doing.topic === undefined ? doing.brokers : `${doing.topic} at ${doing.brokers}`
  const fail = (code: keyof typeof kafkaErrors, why: string, more: Pick<ErrorFacts, 'hint' | 'retryable'> = {}): AlertStreamError => {
    const factory: ErrorFactory = kafkaErrors[code]
    return factory(`cannot ${doing.action}: ${why}`, { where, cause: asError(error), ...more })
  }
  for (const inner of nest) {
    const id = inner.apiId
    if (id === undefined) continue
    const rule = byProtocolError.find(([pattern]) => pattern.test(id))
    if (rule !== undefined) return fail(rule[1], `${phrases[rule[1]] ?? trimmed(inner.serverErrorMessage ?? inner.message)} (${id})`)
  }
  const unknownTopic = nest.map(inner => /^Unknown topic (.+)\.$/.exec(inner.message)?.[1]).find(name => name !== undefined)
  if (unknownTopic !== undefined) return fail('KAFKA_TOPIC_MISSING', `topic ${unknownTopic} does not exist`)
  const tls = nest.find(inner => tlsCode.test(inner.code ?? '') || tlsMessage.test(inner.message))
  if (tls !== undefined) return fail('KAFKA_TLS_FAILED', trimmed(tls.message))
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

function trimmed (text: string): string {
  return text.replace(/\.$/, '')
}
