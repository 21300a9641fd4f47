import { NetworkError, ProtocolError, ResponseError } from '@platformatic/kafka'
import t from 'tap'
import { partitionBatch, type PartitionBatch } from '../../src/kafka/batches.ts'
import { kafkaErrors, mapKafkaError } from '../../src/kafka/errors.ts'
import { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts'
import type { ProduceClient } from '../../src/kafka/produce-client.ts'
import { outgoing } from './support.ts'

type ProduceRequest = Parameters<ProduceClient['produce']>[0]
const never = new AbortController().signal
const within = (ms: number) => ({ deadline: Date.now() + ms, signal: never })
const batchOf = (count: number, partition = 0, topic = 'a'): PartitionBatch => {
  const content = Array.from({ length: count }, (_, index) => ({ topic, partition, timestamp: 0n, record: outgoing(String(index)) }))
  return partitionBatch({ topic, partition, content })
}
const refused = (id: string): Error => new ProtocolError(id)

/** A client whose leader of partition n is broker `leaders[n]`. Each produce request takes the next outcome: an error, or undefined. */
class FakeClient implements ProduceClient {
  leaders = [1, 2]
  topics = ['a']
  readonly requests: ProduceRequest[] = []
  readonly outcomes: Array<Error | Promise<void> | undefined> = []
  readonly lookupErrors: Error[] = []
  lookups = 0
  #lastId = 0n

  async findTopic (topic: string) {
    this.lookups++
    const error = this.lookupErrors.shift()
    if (error !== undefined) throw error
    if (!this.topics.includes(topic)) return undefined
    return { id: 'id', partitions: this.leaders.map(leader => ({ leader, leaderEpoch: 0, replicas: [leader] })) }
  }

  async newProducerId () {
    return { id: ++this.#lastId, epoch: 0 }
  }

  async produce (request: ProduceRequest) {
    this.requests.push(request)
    const outcome = this.outcomes.shift()
    if (outcome instanceof Error) throw outcome
    await outcome
  }

  async close () {}

  /** `broker producer:sequence+records` of each request. */
  get sent (): string[] {
    return this.requests.map(({ node, producer, sequence, batch }) => `${node} ${producer.id}:${sequence}+${batch.count}`)
  }
}

function producerFor (client: FakeClient) {
  const retried: string[] = []
  const producer = new IdempotentProducer({
    client,
    mapError: (error, topic) => mapKafkaError(error, { action: `write to ${topic}`, topic, brokers: 'b:1' }),
    missing: topic => kafkaErrors.KAFKA_TOPIC_MISSING('missing', { where: topic }),
    onRetry: error => { retried.push(error.message) }
  })
  return { producer, retried }
}

await t.test('numbers the records of each partition', async t => {
  const client = new FakeClient()
  const { producer } = producerFor(client)
  await producer.send(batchOf(3), within(1000))
  await producer.send(batchOf(2, 1), within(1000))
  await producer.send(batchOf(1), within(1000))
  t.strictSame(client.sent, ['1 1:0+3', '2 2:0+2', '1 1:3+1'])
})

await t.test('sends a batch again with the same number after a lost response, and treats a duplicate as success', async t => {
  const client = new FakeClient()
  const { producer, retried } = producerFor(client)
  client.outcomes.push(new NetworkError('Connection closed'), refused('REQUEST_TIMED_OUT'), refused('DUPLICATE_SEQUENCE_NUMBER'))
  await producer.send(batchOf(3), within(10_000))
  await producer.send(batchOf(1), within(1000))
  t.strictSame(client.sent, ['1 1:0+3', '1 1:0+3', '1 1:0+3', '1 1:3+1'])
  t.equal(retried.length, 2)
})

await t.test('a partition without a leader delays no other partition, and is written once it has a leader', async t => {
  const client = new FakeClient()
  client.leaders = [-1, 2]
  const { producer, retried } = producerFor(client)
  const waiting = producer.send(batchOf(1, 0), within(10_000))
  await producer.send(batchOf(1, 1), within(10_000))
  t.strictSame(client.sent, ['2 1:0+1'])
  t.match(retried[0], /the partition has no leader/)
  client.leaders = [1, 2]
  await waiting
  t.strictSame(client.sent, ['2 1:0+1', '1 2:0+1'])
  await t.rejects(producer.send(batchOf(1, 2), within(1000)), { code: 'KAFKA_PARTITION_MISSING' })
})

await t.test('follows the leader of each partition, also if the partitions of one leader move to different brokers', async t => {
  const client = new FakeClient()
  client.leaders = [1, 1]
  const { producer } = producerFor(client)
  await Promise.all([producer.send(batchOf(1, 0), within(1000)), producer.send(batchOf(1, 1), within(1000))])
  client.leaders = [2, 3]
  client.outcomes.push(refused('NOT_LEADER_OR_FOLLOWER'), refused('NOT_LEADER_OR_FOLLOWER'))
  client.lookupErrors.push(refused('LEADER_NOT_AVAILABLE'))
  await Promise.all([producer.send(batchOf(1, 0), within(10_000)), producer.send(batchOf(1, 1), within(10_000))])
  t.strictSame(client.sent.slice(-2).sort(), ['2 1:1+1', '3 2:1+1'])
})

await t.test('waits until enough replicas are in sync', async t => {
  const client = new FakeClient()
  const { producer } = producerFor(client)
  client.outcomes.push(refused('NOT_ENOUGH_REPLICAS'), refused('NOT_ENOUGH_REPLICAS_AFTER_APPEND'))
  await producer.send(batchOf(2), within(10_000))
  t.strictSame(client.sent, ['1 1:0+2', '1 1:0+2', '1 1:0+2'])
})

for (const id of ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING']) {
  await t.test(`starts a new sequence if the leader has lost the state of the producer (${id})`, async t => {
    const client = new FakeClient()
    const { producer } = producerFor(client)
    await producer.send(batchOf(2), within(1000))
    client.outcomes.push(refused(id))
    await producer.send(batchOf(1), within(10_000))
    await producer.send(batchOf(1), within(1000))
    t.strictSame(client.sent, ['1 1:0+2', '1 1:2+1', '1 2:0+1', '1 2:1+1'])
  })
}

await t.test('has one batch per partition in flight, in the order of the calls', async t => {
  const client = new FakeClient()
  const { producer } = producerFor(client)
  const first = Promise.withResolvers<void>()
  client.outcomes.push(first.promise)
  const sends = [batchOf(1), batchOf(2), batchOf(3, 1)].map(batch => producer.send(batch, within(10_000)))
  await sends[2]
  t.strictSame(client.sent, ['1 1:0+1', '2 2:0+3'])
  first.resolve()
  await Promise.all(sends)
  t.strictSame(client.sent.slice(2), ['1 1:1+2'])
})

await t.test('does not use the sequence numbers of a batch that failed, because the batch may be in the topic', async t => {
  const client = new FakeClient()
  const { producer } = producerFor(client)
  client.outcomes.push(new NetworkError('Connection closed'))
  await t.rejects(producer.send(batchOf(5), within(-1)), { code: 'KAFKA_UNREACHABLE', retryable: true })
  await producer.send(batchOf(1), within(1000))
  t.strictSame(client.sent, ['1 1:0+5', '1 2:0+1'])
})

await t.test('rejects at once if retries cannot help, and a later batch of the partition is sent', async t => {
  const client = new FakeClient()
  const { producer } = producerFor(client)
  const response = { responses: [] }
  client.outcomes.push(new ResponseError(0, 11, { '/responses/0/partition_responses/0': [10, null] }, response))
  const sends = [producer.send(batchOf(1), within(10_000)), producer.send(batchOf(2), within(10_000))]
  await t.rejects(sends[0]!, { code: 'KAFKA_MESSAGE_TOO_LARGE' })
  await sends[1]
  t.strictSame(client.sent, ['1 1:0+1', '1 2:0+2'])
  await t.rejects(producer.send(batchOf(1, 2), within(10_000)), { code: 'KAFKA_PARTITION_MISSING', message: /the topic has 2/ })
})

await t.test('an abort ends the retries', async t => {
  const client = new FakeClient()
  const { producer, retried } = producerFor(client)
  const abort = new AbortController()
  client.outcomes.push(...Array.from({ length: 100 }, () => new NetworkError('Connection closed')))
  const sending = producer.send(batchOf(1), { deadline: Date.now() + 100_000, signal: abort.signal })
  while (retried.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  abort.abort()
  await t.rejects(sending, { code: 'KAFKA_UNREACHABLE' })
  t.ok(client.requests.length < 100)
})

await t.test('waits for a new topic that the broker does not know yet', async t => {
  const client = new FakeClient()
  client.topics = []
  const { producer, retried } = producerFor(client)
  const sending = producer.send(batchOf(1), within(10_000))
  while (retried.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  client.topics = ['a']
  await sending
  t.strictSame(client.sent, ['1 1:0+1'])
  t.equal(await producer.partitions('a', within(1000)), 2)
})
