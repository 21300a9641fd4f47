// Error codes for Kafka failures, and the mapping of client library errors to these codes. The library nests its errors (aggregates of
// retries, protocol errors in responses, socket errors in causes). `mapKafkaError` finds the nested error that explains the failure.
import { AlertStreamError, asError, defineErrors, type ErrorFactory, type ErrorDetails } from '../pipeline/errors.ts'
import { accessFailureOf, aclFailure } from './access-errors.ts'
import { failureContextOf, type AuthState, type FailureContext } from './connection-diagnostics.ts'

export const kafkaErrors = defineErrors({
  KAFKA_CONFIG: { hint: 'Correct the Kafka flags.', usage: true },
  KAFKA_FILE: { hint: 'Check the path and the content of the PEM file.' },
  PASSWORD_FILE: { hint: 'Provide a readable file with the password in its first line.' },
  KAFKA_UNREACHABLE: { hint: 'Check the broker address and that the broker is running.', retryable: true },
  KAFKA_HOST_UNKNOWN: { hint: 'Check --broker, the advertised listeners of the brokers, and DNS.', retryable: true },
  KAFKA_HOST_MISMATCH: { hint: 'Use a host name that the certificate covers, or issue a certificate for this host name.', fatal: true },
  KAFKA_CA_UNKNOWN: { hint: 'Set --tls-server-ca-crt-location to the CA certificate that signed the broker certificates.', fatal: true },
  KAFKA_SERVER_CERTIFICATE: { hint: 'Renew the broker certificate, and check the clock of this machine.', fatal: true },
  KAFKA_CLIENT_CERTIFICATE: {
    hint: 'Set --tls-client-crt-location and --tls-client-key-location to a certificate that the brokers trust, and its key.',
    fatal: true
  },
  KAFKA_TLS_FAILED: { hint: 'Check that --kafka-tls and the TLS version match the listener.', fatal: true },
  KAFKA_SASL_MISMATCH: {
    hint: 'Use the port of a SCRAM-SHA-512 listener, or set --kafka-auth-mechanism to the mechanism of this listener.', fatal: true
  },
  KAFKA_AUTH_FAILED: { hint: 'Check --kafka-username and the password.', fatal: true },
  KAFKA_NOT_AUTHORISED: { hint: 'Add an ACL that allows the operation, or use another user, topic or group.' },
  KAFKA_TOPIC_MISSING: { hint: 'Create the topic, or correct its name.' },
  KAFKA_TOPIC_EXISTS: { hint: 'Choose another name, or delete the topic first.' },
  KAFKA_TOPIC_REFUSED: { hint: 'Correct the partition count, replication factor or configuration of the topic.' },
  KAFKA_PARTITION_MISSING: { hint: 'Use an existing partition, or add partitions to the topic.' },
  KAFKA_PARTITION_UNAVAILABLE: { hint: 'Check the brokers that hold the replicas of the partition.', retryable: true },
  KAFKA_TOPIC_RECREATED: { hint: 'Read the topic again from the beginning.' },
  KAFKA_MESSAGE_TOO_LARGE: { hint: 'Raise max.message.bytes of the topic.' },
  KAFKA_NOT_ENOUGH_REPLICAS: { hint: 'Bring the missing brokers back, or lower min.insync.replicas.', retryable: true },
  KAFKA_INSTANCE_FENCED: { hint: 'Give each process of the group a unique instance id (--group-instance-id).' },
  KAFKA_OFFSET_LOST: { hint: 'Read from the earliest available offset.' },
  KAFKA_CORRUPT: { hint: 'Check the disks of the broker, and produce the record again.' },
  KAFKA_BATCH_DAMAGED: {
    hint: 'Move the leader to an intact replica, or skip the batch with --skip-batch TOPIC:PARTITION:OFFSET. Its records are lost then.'
  },
  KAFKA_BATCH_TOO_LARGE: { hint: 'Raise --max-batch-mib, and the memory limit of the process with it.' },
  KAFKA_RECORD_TOO_LARGE: { hint: 'Raise --max-record-mib, then redrive the dead letter or read the topic again.' },
  KAFKA_RESPONSE_INVALID: { hint: 'Check the network and any proxy between this host and the brokers.', retryable: true },
  KAFKA_TIMEOUT: { hint: 'Check that the broker is running and not overloaded.', retryable: true },
  KAFKA_STOPPED: { hint: 'Start the program again to continue.' },
  KAFKA_REFUSED: { hint: 'See the broker log.' },
  KAFKA_UNEXPECTED: { hint: 'Run again with --debug and report the error.' }
})

export interface KafkaOperation {
  /** A verb phrase that completes "cannot ...": `read alerts-static`, `join group alertdb-ingester`. */
  readonly action: string
  /** Bootstrap brokers as configured. */
  readonly brokers: string
  readonly topic?: string | undefined
  readonly group?: string | undefined
  /** AuthState of the connection, for errors of the client library that have no FailureContext. */
  readonly authState?: AuthState | undefined
  /** Whether all records go to `topic`. In this case, a missing ACL is fatal, because every record would fail. */
  readonly onlyTopic?: boolean | undefined
}

interface LibraryError extends Error {
  code?: string
  apiId?: string
  canRetry?: boolean
  errors?: unknown[]
  serverErrorMessage?: string | null
}

/** Returns an error and all errors nested in it (aggregated errors and causes), outermost first. */
export function nestedErrors (error: unknown): Error[] {
  const found = new Set<Error>()
  const visit = (candidate: unknown): void => {
    if (!(candidate instanceof Error) || found.has(candidate)) return
    found.add(candidate)
    for (const inner of (candidate as LibraryError).errors ?? []) visit(inner)
    visit(candidate.cause)
  }
  visit(error)
  return [...found]
}

/** Whether the error, or an error nested in it, is a protocol error with one of the given ids (`UNKNOWN_TOPIC_ID`, ...). */
export function hasProtocolError (error: unknown, ...ids: readonly string[]): boolean {
  return nestedErrors(error).some(inner => ids.includes((inner as LibraryError).apiId ?? ''))
}

/** Leaders and coordinators that have just been elected refuse requests for a moment. If they refuse longer, something is wrong. */
const ELECTION_MS = 3000

/** Whether an outage that has lasted this long is probably an election of leaders or coordinators, which is not worth a log line. */
export function isElection (error: unknown, lastedMs: number): boolean {
  if (lastedMs >= ELECTION_MS) return false
  return hasProtocolError(error, 'LEADER_NOT_AVAILABLE', 'NOT_LEADER_OR_FOLLOWER', 'FENCED_LEADER_EPOCH', 'UNKNOWN_LEADER_EPOCH',
    'COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR')
}

const codesByProtocolError: ReadonlyArray<readonly [RegExp, keyof typeof kafkaErrors]> = [
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
const reasons: Partial<Record<keyof typeof kafkaErrors, string>> = {
  KAFKA_TOPIC_MISSING: 'the topic does not exist',
  KAFKA_TOPIC_RECREATED: 'the topic was deleted or recreated in the meantime',
  KAFKA_INSTANCE_FENCED: 'another process joined the group with the same instance id'
}

/** Maps anything that the client library throws to an AlertStreamError. Returns an AlertStreamError unchanged. */
export function mapKafkaError (error: unknown, operation: KafkaOperation): AlertStreamError {
  if (error instanceof AlertStreamError) return error
  const nested = nestedErrors(error) as LibraryError[]
  const where = operation.topic === undefined ? operation.brokers : `${operation.topic} at ${operation.brokers}`
  const fail = (
    code: keyof typeof kafkaErrors, why: string, more: Pick<ErrorDetails, 'hint' | 'retryable' | 'fatal'> = {}
  ): AlertStreamError => {
    const factory: ErrorFactory = kafkaErrors[code]
    return factory(`cannot ${operation.action}: ${why}`, { where, cause: asError(error), ...more })
  }
  const context = nested.map(failureContextOf).find(each => each !== undefined)
  for (const inner of nested) {
    const id = inner.apiId
    if (id === undefined) continue
    if (id.endsWith('_AUTHORIZATION_FAILED')) {
      const { why, hint } = aclFailure(id, { authState: context?.authState ?? operation.authState, request: context?.request }, operation)
      return fail('KAFKA_NOT_AUTHORISED', why, { hint, fatal: operation.onlyTopic })
    }
    const [, code] = codesByProtocolError.find(([pattern]) => pattern.test(id)) ?? []
    if (code !== undefined) return fail(code, `${reasons[code] ?? trimmed(inner.serverErrorMessage ?? inner.message)} (${id})`)
  }
  const unknownTopic = nested.map(inner => /^Unknown topic (.+)\.$/.exec(inner.message)?.[1]).find(name => name !== undefined)
  if (unknownTopic !== undefined) return fail('KAFKA_TOPIC_MISSING', `topic ${unknownTopic} does not exist`)
  // The leader is a broker that has left the cluster since the last look-up.
  const unknownBroker = nested.map(inner => /^Cannot find broker with node id (\d+)/.exec(inner.message)?.[1]).find(id => id !== undefined)
  if (unknownBroker !== undefined) return fail('KAFKA_UNREACHABLE', `broker ${unknownBroker} is not part of the cluster`)
  const access = accessFailureOf(nested, context)
  if (access !== undefined) {
    const transient = context !== undefined && withinGrace(context)
    return fail(access.code, access.why, { hint: access.hint, ...(transient ? { retryable: true, fatal: false } : {}) })
  }
  // If the broker closed the connection during the handshake, do not blame the credentials, because the broker may be shutting down.
  const closed = nested.some(inner => inner.message === 'Connection closed')
  const auth = nested.find(inner => inner.code === 'PLT_KFK_AUTHENTICATION')
  if (auth !== undefined && !closed) return fail('KAFKA_AUTH_FAILED', trimmed(auth.message))
  const protocol = nested.find(inner => inner.apiId !== undefined)
  if (protocol !== undefined) {
    // The library does not retry BROKER_NOT_AVAILABLE, but the broker may be restarting.
    const retryable = protocol.canRetry === true || protocol.apiId === 'BROKER_NOT_AVAILABLE'
    return fail('KAFKA_REFUSED', `${trimmed(protocol.message)} (${protocol.apiId})`, { retryable })
  }
  const timeout = nested.find(inner => /timed out/i.test(inner.message))
  const network = nested.find(inner => inner.code === 'PLT_KFK_NETWORK')
  if (network !== undefined || timeout !== undefined) {
    const socket = nested.find(inner => /^(ECONN|EHOST|ENET|ENOTFOUND|EAI_|EPIPE|ETIMEDOUT)/.test(inner.code ?? ''))
    const named = nested.find(inner => /^Connection to /.test(inner.message))
    const why = [named, socket, timeout].filter(inner => inner !== undefined).map(inner => trimmed(inner.message))
    if (timeout !== undefined && named === undefined) return fail('KAFKA_TIMEOUT', 'the broker did not respond in time')
    if (why.length > 0) return fail('KAFKA_UNREACHABLE', [...new Set(why)].join(': '))
    return fail('KAFKA_UNREACHABLE', 'the broker closed the connection', {
      hint: 'Check that the broker is running and that the listener matches the flags (TLS, client certificate, SASL).'
    })
  }
  return fail('KAFKA_UNEXPECTED', trimmed(asError(error).message))
}

/** Minimum gap in ms between two series of rejections by one broker. Within a series, retries are more frequent. */
const SERIES_GAP_MS = 60_000

/**
 * Whether a rejection may be transient. If no broker has ever accepted this client, the configuration is wrong and the rejection is final.
 * Otherwise the credentials may be rotating. Brokers and this process do not receive the new credentials at the same moment (Kubernetes
 * updates a mounted secret within two minutes), so rejections are retryable for `graceMs`.
 */
function withinGrace ({ authState, broker }: FailureContext): boolean {
  if (!authState.accepted) return false
  const now = performance.now()
  const before = authState.rejections.get(broker)
  // An old rejection belongs to an earlier rotation, so it does not count towards this grace period. Rarely contacted addresses, such as a
  // bootstrap service, have old rejections.
  const since = before === undefined || now - before.last >= Math.max(authState.graceMs, SERIES_GAP_MS) ? now : before.since
  authState.rejections.set(broker, { since, last: now })
  return now - since < authState.graceMs
}

function trimmed (text: string): string {
  return text.replace(/\.$/, '')
}
