// A real broker whose log was damaged on disk: Kafka does not check a batch when it is fetched.
import t from 'tap'
import { startKafka } from '../../src/devstack/index.ts'
import type { BatchOptions } from '../../src/kafka/damaged-batches.ts'
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { readTopic } from '../../src/sources/kafka-topic.ts'
import { adminFor, connect, contextOf, eventually, outgoing, produce, pull, recordingLog, valueOf } from '../kafka/support.ts'
import { damageLog } from '../support/damaged-log.ts'
import { cache, useOwnKafka } from '../support/stack.ts'

await t.test('a batch damaged on disk stops only its partition, is never delivered, and is skipped only with --skip-batch', async t => {
  const first = await useOwnKafka(t)
  const connection = await connect(first.broker)
  await adminFor(t, connection).createTopic('alerts', { partitions: 2, replicas: 1 })
  const send = async (value: string, partition: number): Promise<void> => {
    await produce(connection, 'alerts', [outgoing(value, { partition })])
  }
  for (const value of ['before', 'damaged-record', 'after']) await send(value, 0)
  await send('other', 1)
  await first.stop()
  await damageLog(first.dataDir, 'alerts-0', 'damaged-record')
  const second = await startKafka({ ...cache(), dataDir: first.dataDir, port: Number(first.broker.split(':')[1]) })
  t.teardown(async () => { await second.kill() })

  const start = async (batches: BatchOptions = {}) => {
    const { log, lines } = recordingLog()
    const context = { ...contextOf(), log }
    const stop = contextOf()
    const source = kafkaGroupSource({
      connection, topics: ['alerts'], group: 'g', heartbeatInterval: 300, sessionTimeout: 6000, commitInterval: { ms: 100 }, batches
    })
    const run = { ...context, drain: stop.drain, stop: () => { stop.stop() } }
    await source.open?.(run)
    return { source, lines, pulling: pull(source, run) }
  }
  const end = async ({ source, pulling }: Awaited<ReturnType<typeof start>>): Promise<void> => {
    await pulling.stop()
    await source.flush?.()
    await source.close?.()
  }

  const stopped = await start()
  await eventually(() => stopped.source.stats().stopped.length === 1)
  await send('later', 1)
  await stopped.pulling.until(() => stopped.pulling.records.length === 3)
  await eventually(() => stopped.source.stats().partitions.some(({ partition, committed }) => partition === 1 && committed === 2n))
  t.strictSame(stopped.pulling.records.map(valueOf).toSorted(), ['before', 'later', 'other'])
  t.match(stopped.source.stats().stopped, [{ topic: 'alerts', partition: 0, offset: 1n, reason: /CRC32C/ }])
  t.equal(stopped.source.stats().partitions.find(({ partition }) => partition === 0)?.committed, 1n, 'nothing past the batch is committed')
  t.equal(stopped.lines.filter(line => line.startsWith('error ') && line.includes('--skip-batch alerts:0:1')).length, 1)
  await end(stopped)

  const finite = readTopic({ connection, topic: 'alerts' })
  const context = contextOf()
  await finite.open?.(context)
  await t.rejects(pull(finite, context).ended, { code: 'KAFKA_BATCH_DAMAGED', where: 'alerts[0]@1', hint: /--skip-batch alerts:0:1/ })
  await finite.close?.()

  const skipping = await start({ skipBatches: [{ topic: 'alerts', partition: 0, offset: 1n }] })
  await skipping.pulling.until(() => skipping.pulling.records.length === 1)
  t.strictSame(skipping.pulling.records.map(valueOf), ['after'])
  t.strictSame(skipping.source.stats().skipped, [{ topic: 'alerts', partition: 0, batches: 1 }])
  await eventually(() => skipping.source.stats().partitions.some(({ partition, committed }) => partition === 0 && committed === 3n))
  await end(skipping)
})
