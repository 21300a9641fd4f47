// Lets a client of the library work while some partitions have no leader. The library rejects an entire Metadata response if one partition
// in the response has no leader. Without this, a consumer could neither join its group nor read the other partitions.
import { type Base, kGetApi, type metadataV12 } from './client-library.ts'
import { nestedErrors } from './errors.ts'

type MetadataResponse = metadataV12.MetadataResponse
type Done<T> = (error: Error | null, payload?: T) => void
type Api = ((...args: unknown[]) => void) & { readonly version: number }

// Error codes of a partition in a Metadata response: LEADER_NOT_AVAILABLE, REPLICA_NOT_AVAILABLE, LISTENER_NOT_FOUND.
const NO_LEADER = new Set([5, 9, 72])

/** Makes the client accept metadata with partitions that have no leader. In the metadata, their leader is -1. Returns the client. */
export function acceptLeaderless<C extends Base> (client: C): C {
  const getApi = client[kGetApi].bind(client) as (name: string, done: Done<Api>) => void
  const patched = (name: string, done: Done<Api>): void => {
    getApi(name, (error, api) => { done(error, api === undefined || name !== 'Metadata' ? api : accepting(api)) })
  }
  return Object.assign(client, { [kGetApi]: patched })
}

function accepting (api: Api): Api {
  const call = (...args: unknown[]): void => {
    const done = args.at(-1) as Done<MetadataResponse>
    api(...args.slice(0, -1), (error: Error | null, response?: MetadataResponse) => {
      const accepted = error === null ? undefined : leaderlessResponse(error)
      if (accepted === undefined) done(error, response)
      else done(null, accepted)
    })
  }
  return Object.assign(call, { version: api.version })
}

/** Returns the response of a failed Metadata request if its only errors are partitions without a leader. */
function leaderlessResponse (error: Error): MetadataResponse | undefined {
  const response = nestedErrors(error).map(inner => (inner as { response?: MetadataResponse }).response).find(found => found !== undefined)
  const complete = response?.topics.every(({ errorCode, partitions }) =>
    errorCode === 0 && partitions.every(partition => partition.errorCode === 0 || NO_LEADER.has(partition.errorCode)))
  if (response === undefined || complete !== true) return undefined
  for (const { partitions } of response.topics) for (const partition of partitions) if (partition.errorCode !== 0) partition.leaderId = -1
  return response
}
