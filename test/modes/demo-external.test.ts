// The demo on servers that run already, with a file of the user's own: it starts no Java and deletes nobody's topic.
import { join } from 'node:path'
import t from 'tap'
import { adminFor, connect } from '../kafka/support.ts'
import { runCli, tempDir, useOwnKafka, useStack } from '../support/stack.ts'
import { archivedIds } from './archive-support.ts'
import { exists, leftovers, startDemo } from './demo-support.ts'

const { registry } = await useStack(t)
const { broker } = await useOwnKafka(t)
const admin = adminFor(t, await connect(broker))
const folder = await tempDir(t)
const stateDir = join(folder, 'state')
const file = join(folder, 'old.avro')
// One pass only, however slow the machine is.
const args = ['--file', file, '--fill-in', '--broker', broker, '--schema-registry-url', registry, '--interval', '600', '--passes', '1']
const noPrograms = { PATH: '/nowhere', JAVA_HOME: '' }

await t.test('alerts of an older schema are brought up to the newest, published and archived', async t => {
  const generated = await runCli(['generate', file, '--alerts', '20', '--schema-version', '10.0'])
  t.equal(generated.code, 0, generated.stderr)
  const demo = startDemo(t, stateDir, args, noPrograms)
  t.equal(await demo.finished, 0, demo.stdout + demo.stderr)
  t.match(demo.stdout, /^visit 1: published 20 .* archived 20 \(20 written\) .* lag 0 · dead letters 0/m)
  t.match(demo.stdout, new RegExp(`^Kafka +${broker} .*\nRegistry +${registry}$`, 'm'))
  t.notMatch(demo.stdout, /starting/)
  t.equal((await archivedIds(join(stateDir, 'archive'))).length, 20)
  for (const part of ['kafka', 'registry']) t.notOk(await exists(join(stateDir, part)), `no ${part} of its own`)
  t.strictSame(await leftovers(stateDir), [])
})

await t.test('a second start finds its topic loaded', async t => {
  const demo = startDemo(t, stateDir, args, noPrograms)
  t.equal(await demo.finished, 0, demo.stdout + demo.stderr)
  t.match(demo.stdout, /alerts-static: loaded already\n[^]*^visit 2: published 20 .* archived 20 \(0 written\)/m)
})

await t.test('with --fresh a pass has other alerts than the ones before: all are written', async t => {
  const demo = startDemo(t, stateDir, [...args, '--fresh'], noPrograms)
  t.equal(await demo.finished, 0, demo.stdout + demo.stderr)
  t.match(demo.stdout, /^visit 3: published 20 .* archived 20 \(20 written\) .* lag 0 · dead letters 0 · static-topic 20 > refresh 20 > pace 20 /m)
  t.equal((await archivedIds(join(stateDir, 'archive'))).length, 40)
})

await t.test('a static topic of somebody else is refused, not deleted', async t => {
  const before = await admin.describeTopic('alerts-static')
  const demo = startDemo(t, join(folder, 'other'), args, noPrograms)
  t.equal(await demo.finished, 1)
  t.match(demo.stderr, /^TOPIC_NOT_EMPTY: /m)
  t.equal((await admin.describeTopic('alerts-static'))?.id, before?.id)
  t.notOk(await exists(join(folder, 'other', 'demo.json')))
})

await t.test('visits that are larger than before raise what the simulated topic keeps', async t => {
  const before = Number((await admin.topicConfigs('alerts-simulated'))['retention.bytes'])
  const demo = startDemo(t, stateDir, [...args, '--alerts', '5000'], noPrograms)
  t.equal(await demo.finished, 0, demo.stdout + demo.stderr)
  const after = Number((await admin.topicConfigs('alerts-simulated'))['retention.bytes'])
  t.ok(after > before, `${before} before, ${after} now`)
})

await t.test('servers that do not answer are a clear error', async t => {
  const dead = ['--schema-registry-url', registry, '--broker', '127.0.0.1:9']
  const demo = startDemo(t, join(folder, 'dead'), dead.concat('--file', file), noPrograms)
  t.equal(await demo.finished, 1)
  t.match(demo.stderr, /^KAFKA_UNREACHABLE: .*127\.0\.0\.1:9/m)
})
