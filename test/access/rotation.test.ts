// Rotation of all credentials while ingesters run: the broker restarts with a new CA, new certificates and a new password before the files
// of the ingesters are updated. No alert is lost, and no process needs a restart.
import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readAclTable } from '../../src/devstack/index.ts'
import type { AclTable } from '../../src/devstack/acls.ts'
import { kafkaConnection } from '../../src/kafka/connection.ts'
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { adminFor, contextOf, everyRecord, produce, pull } from '../kafka/support.ts'
import { alertRecords, archivedIds, idOf, pythonMismatches, registerAlerts, storeUrl, whileRunning } from '../modes/archive-support.ts'
import { passesOf } from '../modes/support.ts'
import { startCli, tempDir, useOwnKafka, useStack, type RunningCli } from '../support/stack.ts'
import { securedKafka, useSecuredKafka } from './support.ts'

const MTLS = 'alert-database-ingester'
const SCRAM = 'alert-database-ingester-scram'
const TOPIC = 'alerts-simulated'
const DEAD_LETTERS = 'alerts-dead-letters'

/** A user for play-stream, with topics that no other user accesses. */
const PLAYER: AclTable['users'][number] = {
  name: 'player', authentication: 'tls', about: 'plays a separate topic',
  acls: [
    { resource: { type: 'topic', name: 'played-static', patternType: 'literal' }, operations: ['Read'], host: '*' },
    { resource: { type: 'topic', name: 'played', patternType: 'literal' }, operations: ['Write', 'DescribeConfigs'], host: '*' }
  ]
}

/** The ACL table with two more users: one for play-stream, and an ingester with SCRAM and its own group. */
async function tableWithScramIngester (): Promise<AclTable> {
  const table = await readAclTable()
  const ingester = table.users.find(({ name }) => name === MTLS)!
  const acls = ingester.acls.map(rule => rule.resource.type === 'group' ? { ...rule, resource: { ...rule.resource, name: SCRAM } } : rule)
  return { ...table, users: [...table.users, { ...ingester, name: SCRAM, authentication: 'scram-sha-512', acls }, PLAYER] }
}

/** Files behind a symbolic link that is switched when the files change, as in a mounted Kubernetes secret. */
class MountedSecret {
  readonly #root: string
  #generation = 0

  constructor (root: string) {
    this.#root = root
  }

  path (name: string): string {
    return join(this.#root, '..data', name)
  }

  async write (files: Readonly<Record<string, string>>): Promise<void> {
    const name = `generation-${this.#generation++}`
    await mkdir(join(this.#root, name))
    for (const [file, content] of Object.entries(files)) await writeFile(join(this.#root, name, file), content)
    await symlink(name, join(this.#root, '..new'))
    await rename(join(this.#root, '..new'), join(this.#root, '..data'))
  }
}

function warned (cli: RunningCli, code: string): boolean {
  return cli.stderr.split('\n').some(line => line.includes('"level":40') && line.includes(`"${code}"`))
}

await t.test('ingest archives every alert once and play-stream continues while all credentials are rotated', async t => {
  const { registry } = await useStack(t)
  const alerts = await registerAlerts(registry)
  const table = await tableWithScramIngester()
  const first = await useSecuredKafka(t, { table })
  const folder = join(first.access.certificates.folder, '..')
  const text = async (...path: string[]): Promise<string> => await readFile(join(folder, ...path), 'utf8')
  const secret = async () => ({
    ca: await text('certificates', 'ca.crt'), password: await text('passwords', SCRAM),
    crt: await text('certificates', `${MTLS}.crt`), key: await text('certificates', `${MTLS}.key`),
    'player.crt': await text('certificates', 'player.crt'), 'player.key': await text('certificates', 'player.key')
  })
  const mounted = new MountedSecret(await tempDir(t))
  await mounted.write(await secret())

  const admin = adminFor(t, await first.connect('kafka-admin'))
  for (const topic of [TOPIC, DEAD_LETTERS, 'played-static', 'played']) await admin.createTopic(topic, { partitions: 2, replicas: 1 })
  const records = alertRecords(alerts, 60, 2)
  await produce(await first.connect('kafka-admin'), TOPIC, records.slice(0, 30))
  await produce(await first.connect('kafka-admin'), 'played-static', alertRecords(alerts, 10, 2))

  const { internal, external } = first.access.listeners
  const roots = { mtls: join(await tempDir(t), 'store'), scram: join(await tempDir(t), 'store') }
  const ingest = (t: Test, root: string, ...flags: string[]): RunningCli => startCli(t, [
    'ingest', '--topic', TOPIC, '--dead-letter-topic', DEAD_LETTERS, '--schema-registry-url', registry, '--alert-store', storeUrl(root),
    '--tls-server-ca-crt-location', mounted.path('ca'), ...flags
  ])
  const mtls = ingest(t, roots.mtls, '--broker', internal, '--kafka-auth-mechanism', 'mtls',
    '--tls-client-crt-location', mounted.path('crt'), '--tls-client-key-location', mounted.path('key'))
  const scram = ingest(t, roots.scram, '--broker', external, '--kafka-auth-mechanism', 'scram', '--kafka-tls', '--group', SCRAM,
    '--kafka-username', SCRAM, '--kafka-password-file', mounted.path('password'))
  const all = [[mtls, roots.mtls], [scram, roots.scram]] as const
  const player = startCli(t, [
    'play-stream', '--src-topic', 'played-static', '--dst-topic', 'played', '--repeat-interval', '0.5', '--burst', '--accept-unmarked',
    '--broker', internal, '--kafka-auth-mechanism', 'mtls', '--tls-server-ca-crt-location', mounted.path('ca'),
    '--tls-client-crt-location', mounted.path('player.crt'), '--tls-client-key-location', mounted.path('player.key')
  ])
  for (const [cli, root] of all) await whileRunning(cli, async () => (await archivedIds(root)).length === 30)
  await whileRunning(player, () => player.stdout.includes('pass 2:'))

  // This consumer has a short grace period, so that it fails during the rotation.
  const config = { ...first.config('rubin-devel-idfint'), serverCa: mounted.path('ca'), graceMs: 500 }
  const shortGrace = kafkaGroupSource({ connection: await kafkaConnection(config), topics: [TOPIC], group: 'rubin-devel-idfint' })
  const context = contextOf()
  await shortGrace.open?.(context)
  const pulling = pull(shortGrace, context)
  await pulling.until(() => pulling.records.length === 30)

  await first.server.stop()
  const caBefore = join(await tempDir(t), 'ca.crt')
  await cp(first.access.certificates.ca, caBefore)
  await rm(join(folder, 'certificates'), { recursive: true })
  await writeFile(join(folder, 'passwords', SCRAM), 'another password\n')
  const port = (address: string): number => Number(address.split(':')[1])
  const security = { folder, table, ports: { internal: port(internal), external: port(external) } }
  const server = await useOwnKafka(t, { dataDir: first.server.dataDir, security })
  const second = securedKafka(server, table)
  t.not(await readFile(caBefore, 'utf8'), await text('certificates', 'ca.crt'), 'the restarted broker has a new CA')
  t.match(second.access.listeners, { internal, external })
  for (const [cli] of all) await whileRunning(cli, () => warned(cli, 'KAFKA_CA_UNKNOWN'))
  await t.rejects(pulling.ended, { code: 'KAFKA_CA_UNKNOWN', retryable: false, fatal: true }, 'the consumer ends after its grace period')
  await shortGrace.close?.()

  // Simulates an incomplete update: a truncated certificate and an empty password file.
  const next = await secret()
  await mounted.write({ ...next, crt: next.crt.slice(0, 200), password: '' })
  for (const [cli] of all) await whileRunning(cli, () => /last valid content/.test(cli.stderr))
  await mounted.write(next)
  await produce(await second.connect('kafka-admin'), TOPIC, records.slice(30))
  for (const [cli, root] of all) await whileRunning(cli, async () => (await archivedIds(root)).length === 60)

  for (const [cli, root] of all) {
    const { code, stdout, stderr } = await cli.stop('SIGTERM')
    t.equal(code, 0, stderr.slice(-2000))
    t.match(stdout, /^archived \d+ alerts: 60 written, \d+ already archived, 0 dead letters\n$/)
    t.strictSame(await archivedIds(root), records.map(idOf).sort())
    t.strictSame(pythonMismatches(root, records), [])
    t.match(stderr, /(certificate files|password file) changed: new connections use the new content/)
    t.notMatch(stderr, /another password|BEGIN /)
  }
  const before = passesOf(player.stdout).length
  await whileRunning(player, () => passesOf(player.stdout).length >= before + 2)
  const played = await player.stop('SIGTERM')
  t.equal(played.code, 0, played.stderr.slice(-2000))
  const passes = passesOf(played.stdout)
  const incomplete = passes.slice(0, -1).filter(({ alerts, interrupted }) => alerts !== 10 || interrupted !== undefined)
  t.strictSame(incomplete, [], 'play-stream publishes every alert of each pass except the last, interrupted pass')
  t.equal((await everyRecord(await second.connect('kafka-admin'), 'played')).length, passes.reduce((sum, { alerts }) => sum + alerts, 0))

  const after = adminFor(t, await second.connect('kafka-admin'))
  for (const group of ['alertdb-ingester', SCRAM]) {
    t.equal((await after.groupLag(group, [TOPIC])).get(TOPIC), 0n, `${group} has committed every record`)
  }
  t.equal((await everyRecord(await second.connect('kafka-admin'), DEAD_LETTERS)).length, 0)
})
