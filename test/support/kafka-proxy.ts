// A proxy in front of a real Kafka broker that injects faults into selected requests: lost requests, lost responses, changed responses. It
// understands only the framing of the protocol, and replaces the broker's address in responses by its own, so that clients stay with it.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'

/** Keys of Kafka requests. */
const apis = {
  Produce: 0, Fetch: 1, ListOffsets: 2, Metadata: 3, OffsetFetch: 9, FindCoordinator: 10, CreateTopics: 19, InitProducerId: 22
} as const
type Api = keyof typeof apis

export type KafkaFault =
  /** The connection is reset, and the broker does not get the request. */
  | 'lose request'
  /** The broker handles the request. The connection is reset instead of the response. */
  | 'lose response'
  /** Changes the response in place. */
  | ((response: Buffer) => void)

export interface KafkaProxy {
  /** Bootstrap broker for clients, `127.0.0.1:PORT`. */
  readonly broker: string
  /** Number of requests so far. */
  requests (api: Api): number
  /** Injects a fault into the next `count` requests (default: all). `match` selects requests by their content. */
  fail (api: Api, fault: KafkaFault, count?: number, match?: (request: Buffer) => boolean): void
  /** Removes all faults. */
  heal (): void
}

interface Pending { readonly api: number, readonly fault: KafkaFault, left: number, readonly match: (request: Buffer) => boolean }

export async function kafkaProxy (t: Test, target: string): Promise<KafkaProxy> {
  const [host = '', targetPort = ''] = target.split(':')
  const counts = new Map<number, number>()
  const sockets = new Set<Socket>()
  let pending: Pending[] = []

  function faultFor (request: Buffer): KafkaFault | undefined {
    const api = request.readInt16BE(4)
    counts.set(api, (counts.get(api) ?? 0) + 1)
    const next = pending.find(fault => fault.api === api && fault.left > 0 && fault.match(request))
    if (next === undefined) return undefined
    next.left--
    return next.fault
  }

  const server = createServer(client => {
    const upstream = connect(Number(targetPort), host)
    /** Faults of the requests in flight, by correlation id. */
    const faults = new Map<number, Exclude<KafkaFault, 'lose request'>>()
    const reset = (): void => {
      client.resetAndDestroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', reset).on('close', () => {
        sockets.delete(socket)
        client.end()
        upstream.end()
      })
    }
    onFrames(client, request => {
      const fault = faultFor(request)
      if (fault === 'lose request') return void reset()
      if (fault !== undefined) faults.set(request.readInt32BE(8), fault)
      upstream.write(request)
    })
    onFrames(upstream, response => {
      const fault = faults.get(response.readInt32BE(4))
      faults.delete(response.readInt32BE(4))
      if (fault === 'lose response') return void reset()
      replaceAddress(response)
      fault?.(response)
      client.write(response)
    })
  })

  // The broker advertises its address as the host followed by the port. Host and proxy have the same host, so only the port changes.
  function replaceAddress (response: Buffer): void {
    const advertised = Buffer.alloc(host.length + 4)
    advertised.write(host)
    advertised.writeInt32BE(Number(targetPort), host.length)
    for (let at = response.indexOf(advertised); at >= 0; at = response.indexOf(advertised, at + 1)) {
      response.writeInt32BE(port, at + host.length)
    }
  }

  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    broker: `${host}:${port}`,
    requests: api => counts.get(apis[api]) ?? 0,
    fail: (api, fault, count = Infinity, match = () => true) => { pending.push({ api: apis[api], fault, left: count, match }) },
    heal: () => { pending = [] }
  }
}

/** Calls `take` with each frame: a length of four bytes, then the content. */
function onFrames (socket: Socket, take: (frame: Buffer) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0) && !socket.destroyed) {
      const end = 4 + rest.readInt32BE(0)
      take(Buffer.from(rest.subarray(0, end)))
      rest = rest.subarray(end)
    }
  })
}

/** Changes a Metadata response: the broker does not know the topic (UNKNOWN_TOPIC_OR_PARTITION). */
export function unknownTopic (topic: string): KafkaFault {
  return response => {
    const name = response.indexOf(topic)
    // Before the name: error code of the topic, length of the name (1 byte).
    if (name >= 0) response.writeInt16BE(3, name - 3)
  }
}

/** Changes a FindCoordinator response: the group has no coordinator yet (COORDINATOR_NOT_AVAILABLE). */
export function coordinatorless (group: string): KafkaFault {
  return response => {
    const name = response.indexOf(group)
    if (name < 0) return
    // After the name: broker id (4 bytes), length of the host (1 byte), host, port (4 bytes), error code.
    const host = name + group.length + 4
    response.writeInt16BE(15, host + response[host]! + 4)
  }
}

/** Changes a Metadata response: the first partition of the topic has no leader (LEADER_NOT_AVAILABLE). */
export function leaderless (topic: string): KafkaFault {
  return response => {
    const name = response.indexOf(topic)
    // After the name: topic id (16 bytes), whether the topic is internal, number of partitions, error code of the first partition.
    if (name >= 0) response.writeInt16BE(5, name + topic.length + 18)
  }
}
