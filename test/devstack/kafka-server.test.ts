import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Admin, Consumer, ListOffsetTimestamps, Producer } from '@platformatic/kafka'
import t, { type Test } from 'tap'
import { errorCode } from '../../src/pipeline/errors.ts'
import { freePorts, startKafka } from '../../src/devstack/index.ts'
import { isAlive, processFacts } from '../../src/devstack/process-identity.ts'
import type { PidRecord } from '../../src/devstack/server-process.ts'
import { cache, tempDir, useOwnKafka, useStack } from '../support/stack.ts'

const TOPIC = 'kept'
const PID_FILE = 'server.pid.json'

async function fill (t: Test, broker: string, values: readonly string[]): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [broker] })
  await admin.createTopics({ topics: [TOPIC], partitions: 1, replicas: 1 })
  await admin.close()
  const producer = new Producer({ clientId: 'test', bootstrapBrokers: [broker] })
  t.teardown(async () => { await producer.close(true) })
  await producer.send({ acks: -1, messages: values.map(value => ({ topic: TOPIC, value: Buffer.from(value) })) })
}

async function countOf (broker: string): Promise<bigint | undefined> {
  const consumer = new Consumer({ clientId: 'test', groupId: 'count', bootstrapBrokers: [broker] })
  try {
    const offsets = await consumer.listOffsets({ topics: [TOPIC], timestamp: ListOffsetTimestamps.LATEST })
    return offsets.get(TOPIC)?.[0]
  } finally {
    await consumer.close(true)
  }
}

await t.test('topics and records survive a restart on other ports', async t => {
  const dataDir = await tempDir(t)
  const first = await useOwnKafka(t, { dataDir })
  await fill(t, first.broker, ['a', 'b', 'c'])
  await first.stop()
  t.equal(await isAlive(first), false)
  await t.rejects(readFile(join(dataDir, PID_FILE)), { code: 'ENOENT' }, 'the pid file is removed')

  const second = await useOwnKafka(t, { dataDir })
  t.not(second.broker, first.broker, 'the ports have changed')
  t.equal(await countOf(second.broker), 3n)
})

await t.test('acknowledged records survive SIGKILL', async t => {
  const first = await useOwnKafka(t)
  await fill(t, first.broker, ['a', 'b'])
  process.kill(first.pid, 'SIGKILL')
  t.match(await first.exited, { signal: 'SIGKILL' })

  const second = await useOwnKafka(t, { dataDir: first.dataDir })
  t.equal(await countOf(second.broker), 2n)
})

await t.test('rejects a second start on a folder in use and leaves the first server running', async t => {
  const first = await useOwnKafka(t)
  const error: unknown = await useOwnKafka(t, { dataDir: first.dataDir }).catch((e: unknown) => e)
  t.equal(errorCode(error), 'DEVSTACK_IN_USE')
  t.match(String(error), String(process.pid), 'the error names the process that uses the folder')
  t.equal(await isAlive(first), true)
})

await t.test('a start stops a server that a killed owner left on the folder', async t => {
  const orphan = await useOwnKafka(t)
  const pidFile = join(orphan.dataDir, PID_FILE)
  const record = JSON.parse(await readFile(pidFile, 'utf8')) as PidRecord
  await writeFile(pidFile, JSON.stringify({ ...record, owner: { pid: process.pid, started: 'an earlier process with this pid' } }))

  const next = await useOwnKafka(t, { dataDir: orphan.dataDir })
  t.equal(await isAlive(orphan), false)
  t.equal(await isAlive(next), true)
})

await t.test('ignores a pid file whose pid belongs to another process', async t => {
  const dataDir = await tempDir(t)
  const self = await processFacts(process.pid)
  const owner = { pid: 1, started: 'long ago' }
  const record: PidRecord = { pid: process.pid, started: self?.started ?? '', name: 'Kafka', mark: dataDir, owner }
  await writeFile(join(dataDir, PID_FILE), JSON.stringify(record))
  const server = await useOwnKafka(t, { dataDir })
  t.equal(await isAlive(server), true)
})

await t.test('reports a port in use before it starts a server', async t => {
  const { kafka } = await useStack(t)
  const port = Number(kafka.split(':')[1])
  const error: unknown = await startKafka({ ...cache(), dataDir: await tempDir(t), port }).catch((e: unknown) => e)
  t.equal(errorCode(error), 'DEVSTACK_PORT_IN_USE')
  t.match(error, { where: `127.0.0.1:${port}` })
})

await t.test('reports a failed start with the end of the server log', async t => {
  const dataDir = await tempDir(t)
  const error: unknown = await startKafka({ ...cache(), dataDir, config: { 'num.io.threads': 'many' } }).catch((e: unknown) => e)
  t.equal(errorCode(error), 'DEVSTACK_SERVER_DIED')
  t.match(String(error), 'num.io.threads')
  await t.rejects(readFile(join(dataDir, PID_FILE)), { code: 'ENOENT' })
})

await t.test('if the data folder cannot be created, rejects with DEVSTACK_FOLDER', async t => {
  const file = join(await tempDir(t), 'a-file')
  await writeFile(file, '')
  const error: unknown = await startKafka({ ...cache(), dataDir: join(file, 'kafka') }).catch((e: unknown) => e)
  t.equal(errorCode(error), 'DEVSTACK_FOLDER')
})

await t.test('if a port is taken after it was found free, reports the port at once', async t => {
  // The broker settings name a port in use, as if another program had taken it between the check and the start.
  const { kafka } = await useStack(t)
  const [controller] = await freePorts(1)
  const config = {
    listeners: `PLAINTEXT://${kafka},CONTROLLER://127.0.0.1:${controller}`, 'controller.quorum.voters': `1@127.0.0.1:${controller}`
  }
  const error: unknown = await startKafka({ ...cache(), dataDir: await tempDir(t), config }).catch((e: unknown) => e)
  t.equal(errorCode(error), 'DEVSTACK_PORT_IN_USE')
})
