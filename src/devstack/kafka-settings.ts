// The settings of a Kafka that is broker and controller in one process on loopback ports, for any set of listeners.
import { LOOPBACK } from './ports.ts'

export interface Listener {
  /** Upper case, as Kafka's own settings have it. */
  readonly name: string
  readonly protocol: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
  readonly port: number
  /** What clients are told to connect to; a certificate has to be valid for it. */
  readonly host: string
}

/** Alerts with long histories reach a few MB; a batch holds several. */
const MESSAGE_BYTES = 16 * 1024 * 1024

/** @param clients the first of them is the broker's own way to other brokers */
export function brokerSettings (clients: readonly [Listener, ...Listener[]], controller: Listener, data: string): Record<string, string> {
  const all = [...clients, controller]
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${LOOPBACK}:${controller.port}`,
    listeners: all.map(({ name, port }) => `${name}://${LOOPBACK}:${port}`).join(','),
    'advertised.listeners': clients.map(addressOf).join(','),
    'listener.security.protocol.map': all.map(({ name, protocol }) => `${name}:${protocol}`).join(','),
    'inter.broker.listener.name': clients[0].name,
    'controller.listener.names': controller.name,
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    'num.partitions': '4',
    // One node holds every copy there is.
    'default.replication.factor': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    // After SIGKILL a start must wait until the broker's earlier life has timed out (default 9 s).
    'broker.session.timeout.ms': '4000',
    'broker.heartbeat.interval.ms': '500',
    // A group of one starts at once instead of waiting 3 s for others.
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'message.max.bytes': String(MESSAGE_BYTES),
    'replica.fetch.max.bytes': String(MESSAGE_BYTES),
    // Retention of minutes (the demo's replayed topic) takes effect within seconds; small segments, as only whole ones are removed.
    'log.retention.hours': '168',
    'log.retention.check.interval.ms': '5000',
    'log.initial.task.delay.ms': '1000',
    'log.segment.delete.delay.ms': '1000',
    'log.segment.bytes': String(128 * 1024 * 1024),
    // The default buffer takes a quarter of this heap, for compacting a handful of offsets.
    'log.cleaner.dedupe.buffer.size': String(8 * 1024 * 1024),
    'num.network.threads': '2',
    'num.io.threads': '4'
  }
}

function addressOf ({ name, host, port }: Listener): string {
  return `${name}://${host}:${port}`
}
