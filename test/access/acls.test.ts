// The ACLs of deploy/acls.json on a real broker allow each user only the operations that it needs, with the program's client and with
// confluent-kafka. The expected permissions are written by hand from DMTN-210 (3.2.3.3, 3.4.2, 3.5.2.4), independently of deploy/acls.json.
import t from 'tap'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import { outgoing, produce } from '../kafka/support.ts'
import { usePython } from '../support/stack.ts'
import { UserClient, type Operation } from './operations.ts'
import { useSecuredKafka, withConfluent, type PythonCase } from './support.ts'

const SIMULATED = 'alerts-simulated'
const STATIC = 'alerts-static'
const DEAD_LETTERS = 'alerts-dead-letters'
const SCHEMAS = 'registry-schemas'
/** A topic without ACLs. */
const OTHER = 'alerts-of-nobody'
const everyTopic = [SIMULATED, STATIC, DEAD_LETTERS, SCHEMAS, OTHER]

const topicOperations = [
  'read', 'describe', 'describe configs', 'write', 'create', 'delete', 'delete records', 'alter configs', 'add partitions'
] as const
const groupOperations = ['read as group', 'describe group', 'alter offsets', 'delete group'] as const
const clusterOperations = ['create ACLs', 'describe ACLs']
type TopicOperation = typeof topicOperations[number]
type GroupOperation = typeof groupOperations[number]

interface Permissions {
  readonly topics: Partial<Record<TopicOperation, readonly string[]>>
  /** The topic that the group operations read. */
  readonly reads: string
  readonly groups: Partial<Record<GroupOperation, readonly string[]>>
  /** Groups on which the user has no permissions. */
  readonly otherGroups: readonly string[]
}

/** Permissions of a user that reads `topics` and has all permissions on groups whose names start with its name. */
function reader (name: string, topics: readonly string[], otherUser = 'antares-idfint'): Permissions {
  const groups = [name, `${name}-testing`, `${name}_anythingtheylike`]
  return {
    topics: { read: topics, describe: topics, 'describe configs': topics },
    reads: SIMULATED,
    groups: { 'read as group': groups, 'describe group': groups, 'alter offsets': groups, 'delete group': groups },
    otherGroups: [otherUser, 'admin', 'alertdb-ingester', name.slice(0, -1)]
  }
}

const redriveGroups = ['alert-stream-redrive', 'alert-stream-redrive-1']
const registryGroups = ['schema-registry', 'schema-registry-1']
const permissions: Readonly<Record<string, Permissions>> = {
  'alert-stream-simulator': {
    topics: {
      read: [STATIC], describe: [STATIC, SIMULATED, DEAD_LETTERS], 'describe configs': [STATIC, SIMULATED, DEAD_LETTERS],
      write: [STATIC, SIMULATED, DEAD_LETTERS], create: [STATIC, SIMULATED, DEAD_LETTERS], delete: [STATIC], 'delete records': [STATIC]
    },
    reads: STATIC, groups: {}, otherGroups: ['alert-stream-simulator', 'admin']
  },
  'alert-database-ingester': {
    topics: {
      read: [SIMULATED], describe: [SIMULATED, DEAD_LETTERS],
      'describe configs': [DEAD_LETTERS], write: [DEAD_LETTERS], create: [DEAD_LETTERS]
    },
    reads: SIMULATED,
    groups: { 'read as group': ['alertdb-ingester'], 'describe group': ['alertdb-ingester'], 'alter offsets': ['alertdb-ingester'] },
    otherGroups: ['alertdb-ingester-2', 'fink-idfint', 'admin']
  },
  'alert-database-indexer': {
    topics: { read: [SIMULATED], describe: [SIMULATED] },
    reads: SIMULATED,
    groups: { 'read as group': ['alertdb-index'], 'describe group': ['alertdb-index'], 'alter offsets': ['alertdb-index'] },
    otherGroups: ['alertdb-ingester', 'alertdb-index-2', 'fink-idfint', 'admin']
  },
  'alert-database-verify': {
    topics: { read: [SIMULATED, DEAD_LETTERS], describe: [SIMULATED, DEAD_LETTERS] },
    reads: SIMULATED,
    groups: { 'describe group': ['alertdb-ingester'] },
    otherGroups: ['alertdb-ingester-2', 'alert-database-verify', 'admin']
  },
  'alert-stream-redrive': {
    topics: { read: [DEAD_LETTERS], describe: [SIMULATED, DEAD_LETTERS], 'describe configs': [SIMULATED], write: [SIMULATED] },
    reads: DEAD_LETTERS,
    groups: { 'read as group': redriveGroups, 'describe group': redriveGroups, 'alter offsets': redriveGroups },
    otherGroups: ['alertdb-ingester', 'admin']
  },
  'alert-schema-registry': {
    topics: { read: [SCHEMAS], describe: [SCHEMAS], 'describe configs': [SCHEMAS], write: [SCHEMAS] },
    reads: SCHEMAS,
    groups: {
      'read as group': registryGroups, 'describe group': registryGroups, 'alter offsets': registryGroups, 'delete group': registryGroups
    },
    otherGroups: ['registry', 'admin']
  },
  'rubin-devel-idfint': reader('rubin-devel-idfint', everyTopic),
  'rubin-communitybroker-idfint': reader('rubin-communitybroker-idfint', [SIMULATED]),
  'alerce-idfint': reader('alerce-idfint', [SIMULATED]),
  'ampel-idfint': reader('ampel-idfint', [SIMULATED]),
  'antares-idfint': reader('antares-idfint', [SIMULATED], 'fink-idfint'),
  'babamul-idfint': reader('babamul-idfint', [SIMULATED]),
  'fink-idfint': reader('fink-idfint', [SIMULATED]),
  'lasair-idfint': reader('lasair-idfint', [SIMULATED]),
  'pittgoogle-idfint': reader('pittgoogle-idfint', [SIMULATED])
}
const SUPER = 'kafka-admin'

const kafka = await useSecuredKafka(t)
const python = await usePython(t)
const connection = await kafka.connect(SUPER)
const admin = new KafkaAdmin(connection)
t.teardown(async () => { await admin.close() })
for (const topic of everyTopic) await admin.createTopic(topic, { partitions: 1, replicas: 1 })
for (const topic of everyTopic) await produce(connection, topic, [outgoing('a record')])

interface Attempt extends Operation {
  readonly user: string
  readonly allowed: boolean
}
/** Outcome of each attempt: `ok` or the error. */
type Results = Map<Attempt, string>

async function withOurClient (attempts: readonly Attempt[], results: Results): Promise<void> {
  const clients = new Map<string, UserClient>()
  for (const user of new Set(attempts.map(each => each.user))) clients.set(user, new UserClient(await kafka.connect(user)))
  const queue = [...attempts]
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      results.set(next, await clients.get(next.user)!.attempt(next))
    }
  }
  await Promise.all(Array.from({ length: 6 }, work))
  await Promise.all([...clients.values()].map(async client => { await client.close() }))
}

async function withConfluentKafka (attempts: readonly Attempt[], results: Results): Promise<void> {
  const cases = attempts.map(({ user, allowed: _, ...operation }, index): PythonCase =>
    ({ ...operation, id: String(index), conf: kafka.conf(user) }))
  const resultById = await withConfluent(python, cases)
  for (const [index, each] of attempts.entries()) results.set(each, resultById.get(String(index)) ?? 'no result')
}

function topicAttempts (user: string, { topics }: Permissions): Attempt[] {
  return topicOperations.flatMap(operation =>
    everyTopic.map(topic => ({ user, do: operation, topic, allowed: topics[operation]?.includes(topic) ?? false })))
}

function groupAttempts (operation: GroupOperation, user: string, { groups, otherGroups, reads: topic }: Permissions): Attempt[] {
  const allowed = groups[operation] ?? []
  const attempted = new Set([...Object.values(groups).flat(), ...otherGroups])
  return [...attempted].map(group => ({ user, do: operation, topic, group, allowed: allowed.includes(group) }))
}

const users = Object.entries(permissions)
const onTopics = users.flatMap(([user, each]) => topicAttempts(user, each))
const isAllowedDelete = (each: Attempt): boolean => each.do === 'delete' && each.allowed
// Each round uses the groups and offsets that the previous round created. Topics are deleted last, because other attempts need them.
const rounds: ReadonlyArray<readonly Attempt[]> = [
  [
    ...onTopics.filter(each => !isAllowedDelete(each)),
    ...users.flatMap(([user, each]) => groupAttempts('read as group', user, each)),
    ...users.flatMap(([user]) => clusterOperations.map((operation): Attempt =>
      ({ user, do: operation, principal: `User:${user}`, allowed: false })))
  ],
  users.flatMap(([user, each]) => [...groupAttempts('describe group', user, each), ...groupAttempts('alter offsets', user, each)]),
  users.flatMap(([user, each]) => groupAttempts('delete group', user, each)),
  onTopics.filter(isAllowedDelete),
  onTopics.filter(isAllowedDelete).map(each => ({ ...each, do: 'create' }))
]
const clients = [
  { name: "the program's client", run: withOurClient, results: new Map() as Results },
  { name: 'confluent-kafka', run: withConfluentKafka, results: new Map() as Results }
]
for (const { run, results } of clients) for (const round of rounds) await run(round, results)

// The superuser's attempts run last, because they can change what the attempts of the other users need.
const nonDeletes = topicOperations.filter(operation => !operation.startsWith('delete'))
const superAttempts: Attempt[] = [
  ...[...nonDeletes, 'delete records'].map((operation): Attempt => ({ user: SUPER, do: operation, topic: OTHER, allowed: true })),
  ...groupOperations.map((operation): Attempt => ({ user: SUPER, do: operation, topic: SIMULATED, group: 'admin', allowed: true })),
  ...clusterOperations.map((operation): Attempt => ({ user: SUPER, do: operation, principal: 'User:nobody', allowed: true }))
]
for (const { name, run, results } of clients) {
  // Attempts run one by one, in the order of the operations, because the last group operation deletes the group. The program's client adds
  // the partitions, so confluent-kafka cannot add the same ones and skips this attempt.
  for (const each of superAttempts) {
    if (each.do === 'add partitions' && name !== "the program's client") results.set(each, 'ok')
    else await run([each], results)
  }
}

/** Whether the ACLs allowed the operation; undefined if the result does not show whether they did. */
function isAllowed (result: string | undefined, operation: string): boolean | undefined {
  // Brokers check ACLs first, so the error that a topic exists means that the operation was allowed.
  if (result === 'ok' || (operation === 'create' && /^KAFKA_TOPIC_EXISTS|^TOPIC_ALREADY_EXISTS/.test(result ?? ''))) return true
  // librdkafka reports a denied "delete records" as _NOENT, and a denied "describe ACLs" as an empty list, without an error.
  if (result === (operation === 'delete records' ? '_NOENT' : operation === 'describe ACLs' ? 'empty list' : undefined)) return false
  return /^KAFKA_NOT_AUTHORISED|^(TOPIC|GROUP|CLUSTER)_AUTHORIZATION_FAILED/.test(result ?? '') ? false : undefined
}

function titleOf (user: string, operation: string, attempts: readonly Attempt[]): string {
  const [may, mayNot] = [true, false].map(allowed =>
    [...new Set(attempts.filter(each => each.allowed === allowed).map(resourceOf))].join(', '))
  if (may === '') return `${user} may not ${operation}: ${mayNot}`
  return `${user} may ${operation}: ${may}${mayNot === '' ? '' : `; not ${mayNot}`}`
}

function resourceOf ({ group, topic }: Attempt): string {
  return group ?? topic ?? 'of the cluster'
}

async function checkResults (attempts: readonly Attempt[]): Promise<void> {
  for (const [user, ofUser] of Map.groupBy(attempts, each => each.user)) {
    for (const [operation, same] of Map.groupBy(ofUser, each => each.do)) {
      await t.test(titleOf(user, operation, same), async t => {
        for (const each of same) {
          for (const { name, results } of clients) {
            const result = results.get(each)
            t.equal(isAllowed(result, operation), each.allowed, `${name}, ${operation} ${resourceOf(each)}, result: ${result}`)
          }
        }
      })
    }
  }
}

await checkResults([...rounds.flat(), ...superAttempts])

await t.test('the expected permissions cover every user and topic of deploy/acls.json', async t => {
  t.strictSame(kafka.table.users.map(({ name }) => name).sort(), Object.keys(permissions).sort())
  t.strictSame(kafka.table.superUsers.map(({ name }) => name), [SUPER])
  const resources = kafka.table.users.flatMap(user => user.acls.map(({ resource }) => resource))
  const topics = new Set(resources.filter(({ type }) => type === 'topic').map(({ name }) => name))
  t.strictSame([...topics].sort(), [...everyTopic.filter(topic => topic !== OTHER), '*', '__consumer_offsets'].sort())
})
