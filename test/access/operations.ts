// Runs the Kafka operations that ACLs can allow or deny. Uses the program's modules or, if no module supports the operation, the client
// library. Each operation results in `ok`, or in the code and message of the error.
import { Admin, AclOperations, AclPermissionTypes, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka'
import { KafkaAdmin } from '../../src/kafka/admin.ts'
import type { KafkaConnection } from '../../src/kafka/connection.ts'
import { mapKafkaError } from '../../src/kafka/errors.ts'
import { kafkaGroupSource } from '../../src/sources/kafka-group.ts'
import { readTopic } from '../../src/sources/kafka-topic.ts'
import { kafkaSink } from '../../src/sinks/kafka.ts'
import type { Source } from '../../src/pipeline/node.ts'
import { contextOf, outgoing, pull } from '../kafka/support.ts'

export interface Operation {
  readonly do: string
  readonly topic?: string
  readonly group?: string
  readonly principal?: string
}

/** The Kafka clients of one user. Each client is created once. */
export class UserClient {
  readonly #connection: KafkaConnection
  readonly #library: Admin
  readonly #admin: KafkaAdmin

  constructor (connection: KafkaConnection) {
    this.#connection = connection
    this.#library = new Admin({ ...connection.options, retries: 0 })
    this.#library.on('error', () => {})
    this.#admin = new KafkaAdmin(connection)
  }

  /** Runs an operation. Resolves with `ok` or `CODE: message`. */
  async attempt (operation: Operation): Promise<string> {
    try {
      await this.#run(operation)
      return 'ok'
    } catch (error) {
      const mapped = mapKafkaError(error, { action: operation.do, brokers: this.#connection.brokers, topic: operation.topic })
      return `${mapped.code}: ${mapped.message}`
    }
  }

  async close (): Promise<void> {
    await this.#library.close()
    await this.#admin.close()
  }

  async #run ({ do: name, topic = '', group = '', principal = '' }: Operation): Promise<unknown> {
    const connection = this.#connection
    switch (name) {
      case 'read': return await readOne(readTopic({ connection, topic }))
      case 'read as group': return await readOne(kafkaGroupSource({ connection, topics: [topic], group, sessionTimeout: 6000 }))
      case 'write': return await this.#write(topic)
      case 'describe': return await this.#admin.describeTopic(topic)
      case 'describe configs': return await this.#admin.topicConfigs(topic)
      case 'alter configs': return await this.#library.incrementalAlterConfigs({
        resources: [{
          resourceType: ResourceTypes.TOPIC, resourceName: topic, configs: [{ name: 'retention.ms', configOperation: 0, value: '-1' }]
        }]
      })
      case 'create': return await this.#admin.createTopic(topic, { partitions: 1, replicas: 1 })
      case 'add partitions': return await this.#library.createPartitions({ topics: [{ name: topic, count: 9 }] })
      case 'delete': return await this.#library.deleteTopics({ topics: [topic] })
      case 'delete records': return await this.#library.deleteRecords({
        topics: [{ name: topic, partitions: [{ partition: 0, offset: 0n }] }]
      })
      case 'describe group': return await this.#admin.committed(group, topic, 1)
      case 'alter offsets': return await this.#library.alterConsumerGroupOffsets({
        groupId: group, topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: 0n }] }]
      })
      case 'delete group': return await this.#library.deleteGroups({ groups: [group] })
      case 'create ACLs': return await this.#library.createAcls({
        creations: [{
          resourceType: ResourceTypes.TOPIC, resourceName: '*', resourcePatternType: ResourcePatternTypes.LITERAL,
          principal, host: '*', operation: AclOperations.ALL, permissionType: AclPermissionTypes.ALLOW
        }]
      })
      case 'describe ACLs': return await this.#library.describeAcls({
        filter: {
          resourceType: ResourceTypes.ANY, resourceName: null, resourcePatternType: ResourcePatternTypes.ANY,
          principal: null, host: null, operation: AclOperations.ANY, permissionType: AclPermissionTypes.ANY
        }
      })
      default: throw new Error(`unknown operation: ${name}`)
    }
  }

  async #write (topic: string): Promise<void> {
    const sink = kafkaSink({ connection: this.#connection, topic })
    const context = contextOf()
    await sink.open?.(context)
    try {
      await sink.writeBatch([outgoing('')], { signal: new AbortController().signal, attempt: 1 })
    } finally {
      await sink.close?.()
    }
  }
}

/** Reads one record, settles it and commits its offset. */
async function readOne<T> (source: Source<T>): Promise<void> {
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
