// deploy/acls.json as the brokers apply it: what each user may do, and that it may do nothing else, with our client and with confluent-kafka.
// Users and resources come from the table; what is right stands here, written by hand from DMTN-210 (3.2.3.3, 3.4.2, 3.5.2.4), so that a
// table that says something else fails.
import t from 'tap'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import { outgoing, produce } from '../kafka/support.ts'
import { usePython } from '../support/stack.ts'
import { Doer, type Deed } from './operations.ts'
import { useLockedKafka, withConfluent, type PythonCase } from './support.ts'

const SIMULATED = 'alerts-simulated'
const STATIC = 'alerts-static'
const LETTERS = 'alerts-dead-letters'
const SCHEMAS = 'registry-schemas'
/** A topic and groups that no rule names. */
const OTHER = 'alerts-of-nobody'
const everyTopic = [SIMULATED, STATIC, LETTERS, SCHEMAS, OTHER]

const topicDeeds = ['read', 'describe', 'see settings', 'write', 'create', 'delete', 'delete records', 'change settings', 'add partitions'] as const
const groupDeeds = ['read as group', 'describe group', 'set offsets', 'delete group'] as const
const clusterDeeds = ['add rules', 'see rules']
type TopicDeed = typeof topicDeeds[number]
type GroupDeed = typeof groupDeeds[number]

interface Rights {
  readonly topics: Partial<Record<TopicDeed, readonly string[]>>
  /** The topic that its groups read. */
  readonly reads: string
  readonly groups: Partial<Record<GroupDeed, readonly string[]>>
  /** Groups that it may not touch. */
  readonly others: readonly string[]
}

/** Read-only on its topics, all on groups that begin with its name. */
function reader (name: string, topics: readonly string[], neighbour = 'antares-idfint'): Rights {
  const own = [name, `${name}-testing`, `${name}_anythingtheylike`]
  return {
    topics: { read: topics, describe: topics, 'see settings': topics },
    reads: SIMULATED,
    groups: { 'read as group': own, 'describe group': own, 'set offsets': own, 'delete group': own },
    others: [neighbour, 'admin', 'alertdb-ingester', name.slice(0, -1)]
  }
}

const rights: Readonly<Record<string, Rights>> = {
  'alert-stream-simulator': {
    topics: {
      read: [STATIC], describe: [STATIC, SIMULATED, LETTERS], 'see settings': [STATIC, SIMULATED, LETTERS], write: [STATIC, SIMULATED, LETTERS],
      create: [STATIC, SIMULATED, LETTERS], delete: [STATIC], 'delete records': [STATIC]
    },
    reads: STATIC, groups: {}, others: ['alert-stream-simulator', 'admin']
  },
  'alert-database-ingester': {
    topics: { read: [SIMULATED], describe: [SIMULATED, LETTERS], 'see settings': [LETTERS], write: [LETTERS], create: [LETTERS] },
    reads: SIMULATED,
    groups: { 'read as group': ['alertdb-ingester'], 'describe group': ['alertdb-ingester'], 'set offsets': ['alertdb-ingester'] },
    others: ['alertdb-ingester-2', 'fink-idfint', 'admin']
  },
  'alert-stream-redrive': {
    topics: { read: [LETTERS], describe: [SIMULATED, LETTERS], 'see settings': [SIMULATED], write: [SIMULATED] },
    reads: LETTERS,
    groups: {
      'read as group': ['alert-stream-redrive', 'alert-stream-redrive-1'], 'describe group': ['alert-stream-redrive', 'alert-stream-redrive-1'],
      'set offsets': ['alert-stream-redrive', 'alert-stream-redrive-1']
    },
    others: ['alertdb-ingester', 'admin']
  },
  'alert-schema-registry': {
    topics: { read: [SCHEMAS], describe: [SCHEMAS], 'see settings': [SCHEMAS], write: [SCHEMAS] },
    reads: SCHEMAS,
    groups: {
      'read as group': ['schema-registry', 'schema-registry-1'], 'describe group': ['schema-registry', 'schema-registry-1'],
      'set offsets': ['schema-registry', 'schema-registry-1'], 'delete group': ['schema-registry', 'schema-registry-1']
    },
    others: ['registry', 'admin']
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

const kafka = await useLockedKafka(t)
const python = await usePython(t)
const connection = await kafka.connect(SUPER)
const admin = new KafkaAdmin(connection)
t.teardown(async () => { await admin.close() })
for (const topic of everyTopic) await admin.createTopic(topic, { partitions: 1, replicas: 1 })
for (const topic of everyTopic) await produce(connection, topic, [outgoing('a record')])

interface Attempt extends Deed {
  readonly user: string
  readonly allowed: boolean
}
type Answers = Map<Attempt, string>

async function withOurs (attempts: readonly Attempt[], answers: Answers): Promise<void> {
  const doers = new Map<string, Doer>()
  for (const user of new Set(attempts.map(each => each.user))) doers.set(user, new Doer(await kafka.connect(user)))
  const queue = [...attempts]
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) answers.set(next, await doers.get(next.user)!.attempt(next))
  }
  await Promise.all(Array.from({ length: 6 }, work))
  await Promise.all([...doers.values()].map(async doer => { await doer.close() }))
}

async function withTheirs (attempts: readonly Attempt[], answers: Answers): Promise<void> {
  const cases = attempts.map(({ user, allowed: _, ...deed }, index): PythonCase => ({ ...deed, id: String(index), conf: kafka.conf(user) }))
  const came = await withConfluent(python, cases)
  for (const [index, each] of attempts.entries()) answers.set(each, came.get(String(index)) ?? 'nothing came')
}

function topicAttempts (user: string, { topics }: Rights): Attempt[] {
  return topicDeeds.flatMap(deed => everyTopic.map(topic => ({ user, do: deed, topic, allowed: topics[deed]?.includes(topic) ?? false })))
}

function groupAttempts (deed: GroupDeed, user: string, { groups, others, reads: topic }: Rights): Attempt[] {
  const allowed = groups[deed] ?? []
  const tried = new Set([...Object.values(groups).flat(), ...others])
  return [...tried].map(group => ({ user, do: deed, topic, group, allowed: allowed.includes(group) }))
}

const everybody = Object.entries(rights)
const topicsOf = everybody.flatMap(([user, each]) => topicAttempts(user, each))
const isDelete = (each: Attempt): boolean => each.do === 'delete' && each.allowed
// Each round finds what the one before left: groups that have read, groups with offsets. What may be deleted goes last, as others read it.
const rounds: ReadonlyArray<readonly Attempt[]> = [
  [
    ...topicsOf.filter(each => !isDelete(each)),
    ...everybody.flatMap(([user, each]) => groupAttempts('read as group', user, each)),
    ...everybody.flatMap(([user]) => clusterDeeds.map((deed): Attempt => ({ user, do: deed, principal: `User:${user}`, allowed: false })))
  ],
  everybody.flatMap(([user, each]) => [...groupAttempts('describe group', user, each), ...groupAttempts('set offsets', user, each)]),
  everybody.flatMap(([user, each]) => groupAttempts('delete group', user, each)),
  topicsOf.filter(isDelete),
  topicsOf.filter(isDelete).map(each => ({ ...each, do: 'create' }))
]
const byClient: ReadonlyArray<readonly [string, Answers]> = [['our client', new Map()], ['confluent-kafka', new Map()]]
for (const [client, answers] of byClient) for (const round of rounds) await (client === 'our client' ? withOurs : withTheirs)(round, answers)

// Last of all, as nothing is safe from it.
const superDeeds: Attempt[] = [
  ...[...topicDeeds.filter(deed => !deed.startsWith('delete')), 'delete records'].map((deed): Attempt => ({ user: SUPER, do: deed, topic: OTHER, allowed: true })),
  ...groupDeeds.map((deed): Attempt => ({ user: SUPER, do: deed, topic: SIMULATED, group: 'admin', allowed: true })),
  ...clusterDeeds.map((deed): Attempt => ({ user: SUPER, do: deed, principal: 'User:nobody', allowed: true }))
]
for (const [client, answers] of byClient) {
  // One after the other: partitions are added once, and a group is deleted after it was used.
  for (const each of superDeeds) if (!(each.do === 'add partitions' && client !== 'our client')) await (client === 'our client' ? withOurs : withTheirs)([each], answers)
  for (const each of superDeeds) if (!answers.has(each)) answers.set(each, 'ok')
}
/** Whether the answer means that the rules let it through; undefined where it is neither that nor a refusal by them. */
function verdictOf (answer: string | undefined, deed: string): boolean | undefined {
  // The brokers look at the rules first: what they find wrong with a request after that says that it was permitted.
  if (answer === 'ok' || (deed === 'create' && /^KAFKA_TOPIC_EXISTS|^TOPIC_ALREADY_EXISTS/.test(answer ?? ''))) return true
  // librdkafka's words for a topic that it may not see, and for rules that it may not see.
  if (answer === (deed === 'delete records' ? '_NOENT' : deed === 'see rules' ? 'sees nothing' : undefined)) return false
  return /^KAFKA_NOT_AUTHORISED|^(TOPIC|GROUP|CLUSTER)_AUTHORIZATION_FAILED/.test(answer ?? '') ? false : undefined
}

function sentence (user: string, deed: string, attempts: readonly Attempt[]): string {
  const [may, mayNot] = [true, false].map(allowed => [...new Set(attempts.filter(each => each.allowed === allowed).map(nameOf))].join(', '))
  if (may === '') return `${user} may not ${deed}: ${mayNot}`
  return `${user} may ${deed}: ${may}${mayNot === '' ? '' : `; not ${mayNot}`}`
}

function nameOf ({ group, topic }: Attempt): string {
  return group ?? topic ?? 'of the cluster'
}

async function judge (attempts: readonly Attempt[]): Promise<void> {
  for (const [user, own] of Map.groupBy(attempts, each => each.user)) {
    for (const [deed, same] of Map.groupBy(own, each => each.do)) {
      await t.test(sentence(user, deed, same), async t => {
        for (const each of same) {
          for (const [client, answers] of byClient) {
            const answer = answers.get(each)
            t.equal(verdictOf(answer, deed), each.allowed, `${client}: ${deed} ${nameOf(each)}: ${answer}`)
          }
        }
      })
    }
  }
}

await judge([...rounds.flat(), ...superDeeds])

await t.test('every user of the table is here, and nobody else', async t => {
  t.strictSame(kafka.table.users.map(({ name }) => name).sort(), Object.keys(rights).sort())
  t.strictSame(kafka.table.superUsers.map(({ name }) => name), [SUPER])
  const named = new Set(kafka.table.users.flatMap(user => user.acls.map(({ resource }) => `${resource.type} ${resource.name}`)).filter(name => name.startsWith('topic')))
  t.strictSame([...named].sort(), [...everyTopic.filter(topic => topic !== OTHER), '*', '__consumer_offsets'].map(topic => `topic ${topic}`).sort(), 'every topic of the table is tried')
})
