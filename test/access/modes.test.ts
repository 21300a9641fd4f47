// Each mode that touches Kafka, run as the user of deploy/acls.json that it is for: the rules give all that it needs. By mutual TLS, as the
// charts have it, and by SCRAM with and without TLS, as a twin of that user with the same rules.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePorts, readAclTable } from '../../src/devstack/index.ts'
import type { KafkaUser } from '../../src/devstack/acls.ts'
import { adminFor, eventually, outgoing, produce } from '../kafka/support.ts'
import { alertFile, everyRecord } from '../modes/support.ts'
import { runMode } from '../support/in-process.ts'
import { runCli, startCli, tempDir, uniqueName, useStack } from '../support/stack.ts'
import { useLockedKafka } from './support.ts'

const ALERTS = 12
const table = await readAclTable()
const twins = table.users.filter(({ authentication }) => authentication === 'tls').map(user => ({ ...user, name: `${user.name}-scram`, authentication: 'scram-sha-512' as const }))
const { registry } = await useStack(t)
const half: KafkaUser = {
  name: 'half', authentication: 'tls', about: 'may make a topic, but not write to it',
  acls: [
    { resource: { type: 'topic', name: 'alerts-half', patternType: 'literal' }, operations: ['Create', 'Delete', 'Describe', 'DescribeConfigs'], host: '*' },
    { resource: { type: 'topic', name: 'alerts-dead-letters', patternType: 'literal' }, operations: ['Create', 'Describe', 'DescribeConfigs', 'Write'], host: '*' }
  ]
}
const kafka = await useLockedKafka(t, { table: { ...table, users: [...table.users, ...twins, half] }, more: { plain: { protocol: 'SASL_PLAINTEXT' } } })
const superuser = await kafka.connect('kafka-admin')
const admin = adminFor(t, superuser)
const subject = uniqueName('subject')
const withRegistry = ['--schema-registry-url', registry]
const file = await alertFile(t, { alerts: ALERTS })
await runMode(['sync-schema', ...withRegistry, '--subject', subject])

const plainly = (user: string): string[] => [
  '--broker', kafka.access.listeners.plain ?? '', '--kafka-auth-mechanism', 'scram', '--kafka-username', user, '--kafka-password-file', kafka.passwordFile(user)
]
const ways: ReadonlyArray<readonly [string, (user: string) => string[]]> = [
  ['mutual TLS', user => kafka.flags(user)],
  ['SCRAM over TLS', user => kafka.flags(`${user}-scram`)],
  ['SCRAM in plain text', user => plainly(`${user}-scram`)]
]

async function storeOf (t: Test): Promise<string> {
  return `file://${join(await tempDir(t), 'store')}`
}

for (const [way, flags] of ways) {
  await t.test(`by ${way}: create-stream, play-stream, print-stream and ingest do all of their work`, async t => {
    for (const topic of ['alerts-static', 'alerts-simulated', 'alerts-dead-letters']) await admin.deleteTopic(topic)
    const simulator = flags('alert-stream-simulator')
    // The second one deletes the topic and makes it anew.
    for (const [more, code] of [[[], 0], [[], 1], [['--create-topic'], 0]] as const) {
      const created = await runMode(['create-stream', file, ...simulator, ...withRegistry, '--subject', subject, ...more])
      t.equal(created.code, code, created.stderr)
      if (code === 1) t.match(created.stderr, /^TOPIC_NOT_EMPTY/)
    }
    t.ok(await admin.describeTopic('alerts-dead-letters'), 'made by the simulator')
    t.match(await runMode(['play-stream', ...simulator, '--create-dst-topic', '--repeat-interval', '-1', '--burst']),
      { code: 0, stdout: /^pass 1: 12 alerts/ })
    const printed = await runMode(['print-stream', ...simulator, '--topic', 'alerts-static', ...withRegistry])
    t.match(printed, { code: 0, stdout: /^(.* history \d+ .*\n){12}$/ }, printed.stderr)

    await admin.deleteTopic('alerts-dead-letters')
    await produce(superuser, 'alerts-simulated', [outgoing('no alert')])
    const archived = await runMode(['ingest', ...flags('alert-database-ingester'), ...withRegistry, '--alert-store', await storeOf(t), '--limit', String(ALERTS + 1)])
    t.match(archived, { code: 0, stdout: 'archived 12 alerts: 12 written, 0 already archived, 1 dead letters\n' }, archived.stderr)
    t.equal((await everyRecord(superuser, 'alerts-dead-letters')).length, 1, 'the topic was made by the ingester')
    t.equal((await admin.groupLag('alertdb-ingester', ['alerts-simulated'])).get('alerts-simulated'), 0n)
  })
}

await t.test('readers print what they may: all topics for rubin-devel, the simulated one for others', async t => {
  const print = async (user: string, topic: string, flags = kafka.flags(user)) => await runMode(['print-stream', ...flags, '--topic', topic, ...withRegistry])
  for (const topic of ['alerts-static', 'alerts-simulated']) t.match(await print('rubin-devel-idfint', topic), { code: 0, stdout: /(.* history \d+ [^]*?){12}/ }, topic)
  t.match(await print('rubin-communitybroker-idfint', 'alerts-simulated', plainly('rubin-communitybroker-idfint')), { code: 0, stdout: /history/ })
  t.match(await print('rubin-communitybroker-idfint', 'alerts-static'), { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED: / })
})

await t.test('a mode that runs as the user of another says what it may not do, and touches nothing', async t => {
  const before = await admin.snapshot('alerts-static')
  const fink = kafka.flags('fink-idfint')
  const create = await runMode(['create-stream', file, ...fink, ...withRegistry, '--subject', subject, '--create-topic'])
  t.match(create, { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED: .*User:fink-idfint may not Describe topic alerts-dead-letters/ })
  t.match(await runMode(['play-stream', ...kafka.flags('alert-database-ingester'), '--repeat-interval', '-1']), { code: 1, stderr: /^KAFKA_NOT_AUTHORISED: .*may not (Describe|Write)/ })
  const ingest = await runMode(['ingest', ...kafka.flags('alert-stream-simulator'), ...withRegistry, '--alert-store', await storeOf(t)])
  t.match(ingest, { code: 1, stderr: /^KAFKA_NOT_AUTHORISED: .*group alertdb-ingester/ })
  t.strictSame(await admin.snapshot('alerts-static'), before)
})

await t.test('a rule against writing buries no alert: the load ends at once, and says so', async t => {
  const before = await everyRecord(superuser, 'alerts-dead-letters')
  const load = await runMode(['create-stream', file, ...kafka.flags('half'), ...withRegistry, '--subject', subject, '--dst-topic', 'alerts-half'])
  t.match(load, { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED: cannot write to alerts-half: User:CN=half may not Write topic alerts-half / })
  t.equal((await everyRecord(superuser, 'alerts-dead-letters')).length, before.length)
})

await t.test('probes and metrics of the long-running modes need no more than the rules give', async t => {
  const [playPort = 0, ingestPort = 0] = await freePorts(2)
  startCli(t, ['play-stream', ...kafka.flags('alert-stream-simulator'), '--repeat-interval', '600', '--burst', '--admin-port', String(playPort)])
  startCli(t, ['ingest', ...kafka.flags('alert-database-ingester'), ...withRegistry, '--alert-store', await storeOf(t), '--group-instance-id', 'one', '--admin-port', String(ingestPort)])
  const get = async (port: number, path: string): Promise<{ ok: boolean, text: string }> => {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`)
      return { ok: answer.ok, text: await answer.text() }
    } catch {
      return { ok: false, text: '' }
    }
  }
  for (const port of [playPort, ingestPort]) await eventually(async () => (await get(port, '/readyz')).ok)
  await eventually(async () => /^alert_stream_kafka_lag_records\{[^}]*topic="alerts-simulated"[^}]*\} 0$/m.test((await get(ingestPort, '/metrics')).text))
  t.match((await get(ingestPort, '/readyz')).text, /broker/)
})

await t.test('a password of the environment comes before the one of a file', async t => {
  const withoutPassword = kafka.flags('rubin-devel-idfint').filter((flag, index, all) => flag !== '--kafka-password-file' && all[index - 1] !== '--kafka-password-file')
  const wrong = join(await tempDir(t), 'wrong')
  await writeFile(wrong, 'wrong\n')
  const password = (await readFile(kafka.passwordFile('rubin-devel-idfint'), 'utf8')).trim()
  const words = ['print-stream', ...withoutPassword, '--topic', 'alerts-static', ...withRegistry, '--kafka-password-file', wrong]
  t.match(await runCli(words), { code: 1, stderr: /KAFKA_AUTH_FAILED/ })
  t.match(await runCli(words, { env: { ALERT_STREAM_KAFKA_PASSWORD: password } }), { code: 0, stdout: /history/ })
})
