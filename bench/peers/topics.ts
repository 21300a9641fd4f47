// Loads the data of the comparisons into Kafka: frames of the newest schema with packed ids, one topic per size and number of partitions.
import { crc32 } from 'node:zlib'
import { createRegistryClient, type AlertValue } from '../../src/avro/index.ts'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { textHeader, type OutgoingRecord } from '../../src/kafka/record.ts'
import { silent } from '../../src/pipeline/index.ts'
import { kafkaSink } from '../../src/sinks/kafka.ts'
import { alertGenerator, schemaVersion } from '../support.ts'

/** Mean size of the alerts. 82 KB: the survey's design. 112 KB: as Rubin publishes them in 2026. 500 KB: the largest of these. */
export const alertSizes = ['82 KB', '112 KB', '500 KB'] as const
export type AlertSize = typeof alertSizes[number]

export interface AlertTopic {
  readonly topic: string
  readonly size: AlertSize
  readonly partitions: number
  readonly alerts: number
  /** Sum of the bytes of all frames. */
  readonly bytes: number
  /** Sum of the CRC-32 of all frames. */
  readonly crcSum: number
  /** Sum of the CRC-32 of the names of the objects in layout v2. */
  readonly nameSum: number
}

/** One of this number of alerts of the profile rubin-2026 is among the largest. */
const rarity = 25
const different = 60

/** Alerts with different ids. */
function * alertsOf (version: Awaited<ReturnType<typeof schemaVersion>>, size: AlertSize, count: number): Generator<AlertValue> {
  const alert = alertGenerator(version, size === '82 KB' ? 'design' : 'rubin-2026')
  if (size !== '500 KB') {
    for (let index = 0; index < count; index++) yield alert(index, count)
    return
  }
  const bytesOf = (value: AlertValue): number => version.schema.encode(value).length
  const largest = Array.from({ length: different * rarity }, (_, index) => alert(index, different * rarity))
    .map(value => ({ value, bytes: bytesOf(value) })).sort((a, b) => b.bytes - a.bytes).slice(0, different)
  for (let index = 0; index < count; index++) {
    const { value } = largest[index % different]!
    const diaSourceId = BigInt(value['diaSourceId'] as bigint | number) + BigInt(Math.floor(index / different)) * 4096n
    yield { ...value, diaSourceId }
  }
}

interface TopicOptions {
  readonly connection: KafkaConnection
  readonly registry: string
  readonly size: AlertSize
  readonly partitions: number
  readonly alerts: number
}

/** Creates and loads a topic. The schema must be registered. */
export async function loadTopic ({ connection, registry, size, partitions, alerts }: TopicOptions): Promise<AlertTopic> {
  const version = await schemaVersion()
  const found = await createRegistryClient({ url: registry }).findId('alert-packet', version.text)
  if (found === undefined) throw new Error(`schema ${version.version} is not registered`)
  const topic = `alerts-${size.replace(' ', '').toLowerCase()}-${partitions}`
  const admin = new KafkaAdmin(connection)
  await admin.createTopic(topic, { partitions, replicas: 1, configs: { 'max.message.bytes': '16777216' } })
  await admin.close()
  const sink = kafkaSink({ connection, topic })
  const { signal } = new AbortController()
  await sink.open?.({ node: 'load', log: silent, drain: signal, abort: signal })
  const loaded = { topic, size, partitions, alerts, bytes: 0, crcSum: 0, nameSum: 0 }
  let batch: OutgoingRecord[] = []
  try {
    for (const alert of alertsOf(version, size, alerts)) {
      const value = version.schema.encodeFramed(found.id, alert)
      loaded.bytes += value.length
      loaded.crcSum += crc32(value)
      const id = String(alert['diaSourceId'])
      loaded.nameSum += crc32(`v2/alerts/${id.slice(0, 6)}/${id}.avro.gz`)
      batch.push({ key: Buffer.from(id), value, headers: [textHeader('alertsim-time-offset', '0.000000')] })
      if (batch.length < 200) continue
      await sink.writeBatch(batch, { signal, attempt: 1 })
      batch = []
    }
    await sink.writeBatch(batch, { signal, attempt: 1 })
  } finally {
    await sink.close?.()
  }
  return loaded
}
