// Runs each mode that uses Kafka as the user that deploy/acls.json defines for it. The ACLs must allow every operation that the mode needs.
// Each mode runs with mTLS, as in the charts, and again with SCRAM, with and without TLS, as a second user that has the same ACLs.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePorts, readAclTable } from '../../src/devstack/index.ts'
import type { AclTable } from '../../src/devstack/acls.ts'
import { adminFor, eventually, everyRecord, outgoing, produce } from '../kafka/support.ts'
import { alertFile } from '../modes/support.ts'
import { runMode } from '../support/in-process.ts'
import { runCli, startCli, tempDir, uniqueName, useStack } from '../support/stack.ts'
import { useSecuredKafka } from './support.ts'

const ALERTS = 12
const table = await readAclTable()
const scramUsers = table.users.filter(({ authentication }) => authentication === 'tls')
  .map(user => ({ ...user, name: `${user.name}-scram`, authentication: 'scram-sha-512' as const }))
const { registry } = await useStack(t)
const topicRule = (name: string, ...operations: string[]) =>
  ({ resource: { type: 'topic', name, patternType: 'literal' }, operations, host: '*' }) as AclTable['users'][number]['acls'][number]
const createOnly: AclTable['users'][number] = {
  name: 'create-only', authentication: 'tls', about: 'may create a topic, but not write to it',
  acls: [
    topicRule('alerts-create-only', 'Create', 'Delete', 'Describe', 'DescribeConfigs'),
    topicRule('alerts-dead-letters', 'Create', 'Describe', 'DescribeConfigs', 'Write')
  ]
}
const kafka = await useSecuredKafka(t, {
  table: { ...table, users: [...table.users, ...scramUsers, createOnly] }, more: { plain: { protocol: 'SASL_PLAINTEXT' } }
})
const superuser = await kafka.connect('kafka-admin')
const admin = adminFor(t, superuser)
const subject = uniqueName('subject')
const withRegistry = ['--schema-registry-url', registry]
const file = await alertFile(t, { alerts: ALERTS })
await runMode(['sync-schema', ...withRegistry, '--subject', subject])

const plaintextFlags = (user: string): string[] => [
  '--broker', kafka.access.listeners.plain ?? '',
  '--kafka-auth-mechanism', 'scram', '--kafka-username', user, '--kafka-password-file', kafka.passwordFile(user)
]
const mechanisms: ReadonlyArray<readonly [string, (user: string) => string[]]> = [
  ['mTLS', user => kafka.flags(user)],
  ['SCRAM over TLS', user => kafka.flags(`${user}-scram`)],
  ['SCRAM in plaintext', user => plaintextFlags(`${user}-scram`)]
]

async function newStore (t: Test): Promise<string> {
  return `file://${join(await tempDir(t), 'store')}`
}

for (const [mechanism, flags] of mechanisms) {
  await t.test(`${mechanism}: create-stream, play-stream, print-stream, ingest and verify succeed`, async t => {
    for (const topic of ['alerts-static', 'alerts-simulated', 'alerts-dead-letters']) await admin.deleteTopic(topic)
    const simulator = flags('alert-stream-simulator')
    for (const [more, code] of [[[], 0], [[], 1], [['--create-topic'], 0]] as const) {
      const created = await runMode(['create-stream', file, ...simulator, ...withRegistry, '--subject', subject, ...more])
      t.equal(created.code, code, created.stderr)
      if (code === 1) t.match(created.stderr, /^TOPIC_NOT_EMPTY/)
    }
    t.ok(await admin.describeTopic('alerts-dead-letters'), 'create-stream created the dead-letter topic')
    t.match(await runMode(['play-stream', ...simulator, '--create-dst-topic', '--repeat-interval', '-1', '--burst']),
      { code: 0, stdout: /^pass 1: 12 alerts/ })
    const printed = await runMode(['print-stream', ...simulator, '--topic', 'alerts-static', ...withRegistry])
    t.match(printed, { code: 0, stdout: /^(.* history \d+ .*\n){12}$/ }, printed.stderr)

    await admin.deleteTopic('alerts-dead-letters')
    await produce(superuser, 'alerts-simulated', [outgoing('not an alert')])
    const archive = ['--alert-store', await newStore(t)]
    const limit = ['--limit', String(ALERTS + 1)]
    const archived = await runMode(['ingest', ...flags('alert-database-ingester'), ...withRegistry, ...archive, ...limit])
    t.match(archived, { code: 0, stdout: 'archived 12 alerts: 12 written, 0 already archived, 1 dead letters\n' }, archived.stderr)
    t.equal((await everyRecord(superuser, 'alerts-dead-letters')).length, 1, 'ingest created the dead-letter topic')
    t.equal((await admin.groupLag('alertdb-ingester', ['alerts-simulated'])).get('alerts-simulated'), 0n)
    for (const more of [[], ['--repair', ...withRegistry]]) {
      const verified = await runMode(['verify', ...flags('alert-database-verify'), ...archive, ...more])
      t.match(verified, { code: 0, stdout: /"verified": 12,\n"repeats": 0,\n"deadLettered": 1,\n"missing": 0/ }, verified.stderr)
    }
  })
}

await t.test('rubin-devel may print all topics, and community brokers may print only the simulated topic', async t => {
  const print = async (user: string, topic: string, flags = kafka.flags(user)) =>
    await runMode(['print-stream', ...flags, '--topic', topic, ...withRegistry])
  for (const topic of ['alerts-static', 'alerts-simulated']) {
    t.match(await print('rubin-devel-idfint', topic), { code: 0, stdout: /(.* history \d+ [^]*?){12}/ }, `12 records of ${topic}`)
  }
  const inPlaintext = await print('rubin-communitybroker-idfint', 'alerts-simulated', plaintextFlags('rubin-communitybroker-idfint'))
  t.match(inPlaintext, { code: 0, stdout: /history/ })
  t.match(await print('rubin-communitybroker-idfint', 'alerts-static'), { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED: / })
})

await t.test('a mode run as the wrong user fails with KAFKA_NOT_AUTHORISED and changes nothing', async t => {
  const before = await admin.snapshot('alerts-static')
  const fink = kafka.flags('fink-idfint')
  const create = await runMode(['create-stream', file, ...fink, ...withRegistry, '--subject', subject, '--create-topic'])
  t.match(create, { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED: .*User:fink-idfint may not Describe topic alerts-dead-letters/ })
  const play = await runMode(['play-stream', ...kafka.flags('alert-database-ingester'), '--repeat-interval', '-1'])
  t.match(play, { code: 1, stderr: /^KAFKA_NOT_AUTHORISED: .*may not (Describe|Write)/ })
  const simulator = kafka.flags('alert-stream-simulator')
  const ingest = await runMode(['ingest', ...simulator, ...withRegistry, '--alert-store', await newStore(t)])
  t.match(ingest, { code: 1, stderr: /^KAFKA_NOT_AUTHORISED: .*group alertdb-ingester/ })
  const verify = await runMode(['verify', ...kafka.flags('rubin-devel-idfint'), '--alert-store', 'file:///'])
  t.match(verify, { code: 1, stdout: '', stderr: /^KAFKA_NOT_AUTHORISED: .*group alertdb-ingester/ })
  t.strictSame(await admin.snapshot('alerts-static'), before)
})

await t.test('create-stream stops if the ACLs deny writing to the topic, and dead-letters no alert', async t => {
  const before = await everyRecord(superuser, 'alerts-dead-letters')
  const flags = [...kafka.flags('create-only'), ...withRegistry, '--subject', subject]
  const load = await runMode(['create-stream', file, ...flags, '--dst-topic', 'alerts-create-only'])
  const stderr = /^KAFKA_NOT_AUTHORISED: cannot write to alerts-create-only: User:CN=create-only may not Write topic alerts-create-only /
  t.match(load, { code: 1, stdout: '', stderr })
  t.equal((await everyRecord(superuser, 'alerts-dead-letters')).length, before.length)
})

await t.test('readiness checks and metrics of long-running modes need no additional permissions', async t => {
  const [playPort = 0, ingestPort = 0] = await freePorts(2)
  const play = ['play-stream', ...kafka.flags('alert-stream-simulator'), '--repeat-interval', '600', '--burst']
  startCli(t, [...play, '--admin-port', String(playPort)])
  const ingest = ['ingest', ...kafka.flags('alert-database-ingester'), ...withRegistry, '--alert-store', await newStore(t)]
  startCli(t, [...ingest, '--group-instance-id', 'one', '--admin-port', String(ingestPort)])
  const get = async (port: number, path: string): Promise<{ ok: boolean, text: string }> => {
    try {
      const response = await fetch(`http://127.0.0.1:${port}${path}`)
      return { ok: response.ok, text: await response.text() }
    } catch {
      return { ok: false, text: '' }
    }
  }
  for (const port of [playPort, ingestPort]) await eventually(async () => (await get(port, '/readyz')).ok)
  const noLag = /^alert_stream_kafka_lag_records\{[^}]*topic="alerts-simulated"[^}]*\} 0$/m
  await eventually(async () => noLag.test((await get(ingestPort, '/metrics')).text))
  t.match((await get(ingestPort, '/readyz')).text, /broker/)
})

await t.test('a password from the environment takes precedence over a password file', async t => {
  const wrong = join(await tempDir(t), 'wrong')
  await writeFile(wrong, 'wrong\n')
  const password = (await readFile(kafka.passwordFile('rubin-devel-idfint'), 'utf8')).trim()
  const flags = kafka.flags('rubin-devel-idfint').map((flag, index, all) => all[index - 1] === '--kafka-password-file' ? wrong : flag)
  const words = ['print-stream', ...flags, '--topic', 'alerts-static', ...withRegistry]
  t.match(await runCli(words), { code: 1, stderr: /KAFKA_AUTH_FAILED/ })
  t.match(await runCli(words, { env: { ALERT_STREAM_KAFKA_PASSWORD: password } }), { code: 0, stdout: /history/ })
})
