// The demo with an existing Kafka, an existing registry and the user's file. It starts no Java program and deletes no existing topic.
import { join } from 'node:path'
import t from 'tap'
import { adminFor, connect } from '../kafka/support.ts'
import { runCli, tempDir, useOwnKafka, useStack } from '../support/stack.ts'
import { archivedIds, archivedVisits } from './archive-support.ts'
import { exists, leftovers, startDemo } from './demo-support.ts'

const { registry } = await useStack(t)
const { broker } = await useOwnKafka(t)
const admin = adminFor(t, await connect(broker))
const folder = await tempDir(t)
const stateDir = join(folder, 'state')
const file = join(folder, 'old.avro')
// The interval of 600 s is long enough for a single pass on a slow machine.
const args = ['--file', file, '--fill-in', '--broker', broker, '--schema-registry-url', registry, '--interval', '600', '--passes', '1']
const noPrograms = { PATH: '/nowhere', JAVA_HOME: '' }

await t.test('converts alerts of an older schema to the newest schema, publishes and archives them', async t => {
  const generated = await runCli(['generate', file, '--alerts', '20', '--schema-version', '10.0'])
  t.equal(generated.code, 0, generated.stderr)
  const demo = startDemo(t, stateDir, args, noPrograms)
  t.equal(await demo.finished, 0, demo.stdout + demo.stderr)
  const [, visit] = /^visit 1: published 20 in .*, archived 20 in .*, 20 new, lag 0, dead letters 0, visit id (\d{13})$/m.exec(demo.stdout)!
  t.strictSame(await archivedVisits(join(stateDir, 'archive')), [visit])
  t.match(demo.stdout, new RegExp(`^Kafka +${broker} .*\nRegistry +${registry}$`, 'm'))
  t.notMatch(demo.stdout, /starting/)
  t.equal((await archivedIds(join(stateDir, 'archive'))).length, 20)
  for (const folder of ['kafka', 'registry']) t.notOk(await exists(join(stateDir, folder)), `the demo does not start its own ${folder}`)
  t.strictSame(await leftovers(stateDir), [])
})

await t.test('a second start uses the loaded topic', async t => {
  const demo = startDemo(t, stateDir, args, noPrograms)
  t.equal(await demo.finished, 0, demo.stdout + demo.stderr)
  t.match(demo.stdout, /alerts-static: already loaded\n[^]*^visit 2: published 20 .* archived 20 in .*, 0 new/m)
})

await t.test('with --fresh, every pass publishes alerts with new ids', async t => {
  const demo = startDemo(t, stateDir, [...args, '--fresh'], noPrograms)
  t.equal(await demo.finished, 0, demo.stdout + demo.stderr)
  const [, visit] = /^visit 3: published 20 .* archived 20 in .*, 20 new, lag 0, dead letters 0, visit id (\d{13})$/m.exec(demo.stdout)!
  const visits = await archivedVisits(join(stateDir, 'archive'))
  t.equal(visits.length, 2)
  t.ok(visits.includes(visit!), 'the line names the visit of the new ids')
  t.equal((await archivedIds(join(stateDir, 'archive'))).length, 40)
})

await t.test('rejects a static topic that the demo did not create, without deleting the topic', async t => {
  const before = await admin.describeTopic('alerts-static')
  const demo = startDemo(t, join(folder, 'other'), args, noPrograms)
  t.equal(await demo.finished, 1)
  t.match(demo.stderr, /^TOPIC_NOT_EMPTY: /m)
  t.equal((await admin.describeTopic('alerts-static'))?.id, before?.id)
  t.notOk(await exists(join(folder, 'other', 'demo.json')))
})

await t.test('raises the retention of the simulated topic for larger visits', async t => {
  const before = Number((await admin.topicConfigs('alerts-simulated'))['retention.bytes'])
  const demo = startDemo(t, stateDir, [...args, '--alerts', '5000'], noPrograms)
  t.equal(await demo.finished, 0, demo.stdout + demo.stderr)
  const after = Number((await admin.topicConfigs('alerts-simulated'))['retention.bytes'])
  t.ok(after > before, `retention was ${before}, and is now ${after}`)
})

await t.test('the error for an unreachable broker names the broker', async t => {
  const unreachable = ['--schema-registry-url', registry, '--broker', '127.0.0.1:9']
  const demo = startDemo(t, join(folder, 'unreachable'), unreachable.concat('--file', file), noPrograms)
  t.equal(await demo.finished, 1)
  t.match(demo.stderr, /^KAFKA_UNREACHABLE: .*127\.0\.0\.1:9/m)
})
