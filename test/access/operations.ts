// The deeds that rules allow or refuse, done with our own client: through the program's parts where they do them, else through the library.
// Each says what came of it: `ok`, or the code and message of our error.
import { Admin, AclOperations, AclPermissionTypes, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { mapKafkaError } from '../../src/kafka/errors.ts'
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { readTopic } from '../../src/sources/kafka-topic.ts'
import { kafkaSink } from '../../src/sinks/kafka.ts'
import type { Source } from '../../src/pipeline/node.ts'
import { AlertStreamError } from '../../src/pipeline/errors.ts'
import { contextOf, outgoing, pull } from '../kafka/support.ts'

export interface Deed {
  readonly do: string
  readonly topic?: string
  readonly group?: string
  readonly principal?: string
}

/** A client of one user: clients of the library are made once. */
export class Doer {
  readonly #connection: KafkaConnection
  readonly #admin: Admin
  readonly #ours: KafkaAdmin

  constructor (connection: KafkaConnection) {
    this.#connection = connection
    this.#admin = new Admin({ ...connection.options, retries: 0 })
    this.#admin.on('error', () => {})
    this.#ours = new KafkaAdmin(connection)
  }

  /** `ok` or `CODE: message`. */
  async attempt (deed: Deed): Promise<string> {
    try {
      await this.#do(deed)
      return 'ok'
    } catch (error) {
      const mapped = error instanceof AlertStreamError ? error : mapKafkaError(error, { action: deed.do, brokers: this.#connection.brokers, topic: deed.topic })
      return `${mapped.code}: ${mapped.message}`
    }
  }

  async close (): Promise<void> {
    await this.#admin.close()
    await this.#ours.close()
  }

  async #do (deed: Deed): Promise<unknown> {
    const { topic = '', group = '' } = deed
    switch (deed.do) {
      case 'read': return await takeOne(readTopic({ connection: this.#connection, topic }))
      case 'read as group': return await takeOne(kafkaGroupSource({ connection: this.#connection, topics: [topic], group, sessionTimeout: 6000 }))
      case 'write': return await this.#write(topic)
      case 'describe': return await this.#ours.describeTopic(topic)
      case 'see settings': return await this.#ours.topicConfigs(topic)
      case 'change settings': return await this.#admin.incrementalAlterConfigs({
        resources: [{ resourceType: ResourceTypes.TOPIC, resourceName: topic, configs: [{ name: 'retention.ms', configOperation: 0, value: '-1' }] }]
      })
      case 'create': return await this.#ours.createTopic(topic, { partitions: 1, replicas: 1 })
      case 'add partitions': return await this.#admin.createPartitions({ topics: [{ name: topic, count: 9 }] })
      case 'delete': return await this.#admin.deleteTopics({ topics: [topic] })
      case 'delete records': return await this.#admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 0n }] }] })
      case 'describe group': return await this.#ours.committed(group, topic, 1)
      case 'set offsets': return await this.#admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: 0n }] }] })
      case 'delete group': return await this.#admin.deleteGroups({ groups: [group] })
      case 'add rules': return await this.#admin.createAcls({
        creations: [{
          resourceType: ResourceTypes.TOPIC, resourceName: '*', resourcePatternType: ResourcePatternTypes.LITERAL,
          principal: deed.principal ?? '', host: '*', operation: AclOperations.ALL, permissionType: AclPermissionTypes.ALLOW
        }]
      })
      case 'see rules': return await this.#admin.describeAcls({
        filter: {
          resourceType: ResourceTypes.ANY, resourceName: null, resourcePatternType: ResourcePatternTypes.ANY,
          principal: null, host: null, operation: AclOperations.ANY, permissionType: AclPermissionTypes.ANY
        }
      })
      default: throw new Error(`no such deed: ${deed.do}`)
    }
  }

  async #write (topic: string): Promise<void> {
    const sink = kafkaSink({ connection: this.#connection, topic, idempotent: true })
    const context = contextOf()
    await sink.open?.(context)
    try {
      await sink.writeBatch([outgoing('')], { signal: new AbortController().signal, attempt: 1 })
    } finally {
      await sink.close?.()
    }
  }
}

/** Takes one record, settles and commits it. */
async function takeOne<T> (source: Source<T>): Promise<void> {
  const context = contextOf()
  await source.open?.(context)
  try {
    const pulling = pull(source, context)
    await pulling.until(() => pulling.records.length > 0)
    await pulling.stop()
    await source.flush?.()
  } finally {
    await source.close?.()
  }
}
