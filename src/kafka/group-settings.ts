// Settings of a group consumer and their defaults.
import type { BatchOptions } from './damaged-batches.ts'

export interface GroupSettings {
  readonly topics: readonly string[]
  readonly group: string
  /** Instance id for static membership: a process that restarts within the session timeout keeps its partitions. Must be unique. */
  readonly instanceId: string | undefined
  /** Whether a static member leaves the group when it closes. A member without an instance id always leaves. Default false. */
  readonly leaveOnStop: boolean
  /** Where a new group starts (see start-offsets.ts). Default `earliest`. */
  readonly from: 'earliest' | 'latest'
  /** Whether `open` waits for missing topics instead of failing. Default false. */
  readonly waitForTopic: boolean
  /** Maximum size of one fetch response, and approximate limit of the buffered records per broker, in bytes. Default 8 MiB. */
  readonly maxBytes: number
  /** How long a broker may hold a fetch request while no records are available, in ms. Default 500. */
  readonly maxWaitMs: number
  /** Maximum number of delivered records beyond the committable offset (see offset-tracker.ts), per partition. Default 10,000. */
  readonly cap: number
  /** Session timeout in ms. If the coordinator receives no heartbeat for this long, it reassigns the partitions. Default 10,000. */
  readonly sessionTimeout: number
  /** Time limit for members to rejoin in a rebalance, in ms. Default 60,000; at least the session timeout. */
  readonly rebalanceTimeout: number
  /** Heartbeat interval in ms. Default 3000, but at most a third of the session timeout. */
  readonly heartbeatInterval: number
  /** Interval of checks for new topics, recreated topics and added partitions, in ms. Default 10,000. */
  readonly topicCheckInterval: number
  /** Limits of record batches, and damaged batches to skip. */
  readonly batches: BatchOptions
}

type RequiredSetting = 'topics' | 'group'
export type GroupOptions = Pick<GroupSettings, RequiredSetting> & {
  readonly [K in Exclude<keyof GroupSettings, RequiredSetting>]?: GroupSettings[K] | undefined
}

/** The successor of a killed process, if it is not a static member, waits at most this long for the partitions. */
export const defaultSessionTimeoutMs = 10_000

export function groupSettings (options: GroupOptions): GroupSettings {
  const { sessionTimeout = defaultSessionTimeoutMs } = options
  return {
    topics: options.topics,
    group: options.group,
    instanceId: options.instanceId,
    leaveOnStop: options.leaveOnStop ?? false,
    from: options.from ?? 'earliest',
    waitForTopic: options.waitForTopic ?? false,
    maxBytes: options.maxBytes ?? 8 * 1024 * 1024,
    maxWaitMs: options.maxWaitMs ?? 500,
    cap: options.cap ?? 10_000,
    sessionTimeout,
    rebalanceTimeout: Math.max(options.rebalanceTimeout ?? 60_000, sessionTimeout),
    heartbeatInterval: options.heartbeatInterval ?? Math.min(3000, sessionTimeout / 3),
    topicCheckInterval: options.topicCheckInterval ?? 10_000,
    batches: options.batches ?? {}
  }
}
