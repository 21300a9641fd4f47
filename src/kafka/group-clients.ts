// The Kafka clients of a group consumer. Tests replace them with clients of an in-memory cluster.
import { KafkaAdmin } from './admin.ts'
import type { KafkaConnection } from './connection.ts'
import { fetchClient, type FetchClient } from './fetch-client.ts'
import { type ConnectGroup, groupClient } from './group-client.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import type { GroupSettings } from './group-settings.ts'

export interface GroupClients {
  readonly admin: Pick<KafkaAdmin, 'describeTopic' | 'positions' | 'close'>
  readonly coordinator: Pick<GroupCoordinator, 'committed' | 'commit' | 'leave' | 'close'>
  readonly fetch: FetchClient
  readonly connectGroup: ConnectGroup
}

export function groupClients (connection: KafkaConnection, settings: GroupSettings): GroupClients {
  return {
    admin: new KafkaAdmin(connection),
    coordinator: new GroupCoordinator(connection, settings.group),
    fetch: fetchClient(connection),
    connectGroup: events => groupClient(connection, settings, events)
  }
}
