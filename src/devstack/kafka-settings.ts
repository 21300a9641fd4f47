// Broker settings of a Kafka node (KRaft, combined broker and controller) on loopback ports: the only node, or one of a cluster.
import { LOOPBACK } from './ports.ts'

export interface Listener {
  /** Listener name in upper case, as in Kafka's settings. */
  readonly name: string
  readonly protocol: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
  readonly port: number
  /** Advertised host name. The server certificate must be valid for this name. */
  readonly host: string
}

/** A node's place in a cluster. */
export interface ClusterPlace {
  /** Node id, from 1. */
  readonly node: number
  /** Ports of the controller listeners of all nodes, in the order of their ids. */
  readonly controllers: readonly number[]
}

/** Maximum size of a record batch. Alerts with long histories reach a few MB, and a batch holds several alerts. */
const MESSAGE_BYTES = 16 * 1024 * 1024

/**
 * Settings of one node. Every node of a cluster is a voter of the controller quorum. Topics get a replica on up to three nodes, and with
 * three nodes, a write with acks=all needs two in-sync replicas.
 * @param clients all listeners except the controller listener; the first is also the inter-broker listener
 */
export function brokerSettings (
  clients: readonly [Listener, ...Listener[]], controller: Listener, data: string,
  { node, controllers }: ClusterPlace = { node: 1, controllers: [controller.port] }
): Record<string, string> {
  const all = [...clients, controller]
  const replicas = String(Math.min(controllers.length, 3))
  const minInSync = controllers.length < 3 ? '1' : '2'
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node),
    'controller.quorum.voters': controllers.map((port, index) => `${index + 1}@${LOOPBACK}:${port}`).join(','),
    listeners: all.map(({ name, port }) => `${name}://${LOOPBACK}:${port}`).join(','),
    'advertised.listeners': clients.map(({ name, host, port }) => `${name}://${host}:${port}`).join(','),
    'listener.security.protocol.map': all.map(({ name, protocol }) => `${name}:${protocol}`).join(','),
    'inter.broker.listener.name': clients[0].name,
    'controller.listener.names': controller.name,
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    'num.partitions': '4',
    'default.replication.factor': replicas,
    'min.insync.replicas': minInSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minInSync,
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': minInSync,
    // A broker that is restarted after SIGKILL waits until its previous session has expired (by default, up to 9 s).
    'broker.session.timeout.ms': '4000',
    'broker.heartbeat.interval.ms': '500',
    // A consumer group starts at once instead of waiting 3 s for more members.
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'message.max.bytes': String(MESSAGE_BYTES),
    'replica.fetch.max.bytes': String(MESSAGE_BYTES),
    // Size-based retention of the simulated topic takes effect within seconds. Segments are small because only whole segments are deleted.
    'log.retention.hours': '168',
    'log.retention.check.interval.ms': '5000',
    'log.initial.task.delay.ms': '1000',
    'log.segment.delete.delay.ms': '1000',
    'log.segment.bytes': String(128 * 1024 * 1024),
    // The default buffer of 128 MiB would take a quarter of the heap. To compact a few offsets, a smaller buffer is enough.
    'log.cleaner.dedupe.buffer.size': String(8 * 1024 * 1024),
    'num.network.threads': '2',
    'num.io.threads': '4'
  }
}
