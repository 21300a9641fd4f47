// Shares one request to a server among concurrent callers, such as probes and scrapes. Each caller waits at most `limitMs`. If the request
// is still pending after this time, the next callers join the pending request instead of sending a new one.

/** Age at which a pending request is replaced, in multiples of `limitMs`, so that callers do not join a hanging request forever. */
const REPLACE_AFTER = 8

/** The returned function resolves or rejects as `send` does, or rejects with `timeout()` after `limitMs` milliseconds. */
export function sharedRequest<T> (send: () => Promise<T>, limitMs: number, timeout: () => Error): () => Promise<T> {
  let pending: Promise<T> | undefined
  let sentAt = 0
  return () => {
    if (pending === undefined || performance.now() - sentAt > REPLACE_AFTER * limitMs) {
      const request = send().finally(() => { if (pending === request) pending = undefined })
      pending = request
      sentAt = performance.now()
    }
    return within(pending, limitMs, timeout)
  }
}

async function within<T> (response: Promise<T>, limitMs: number, timeout: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => { timer = setTimeout(() => { reject(timeout()) }, limitMs) })
  try {
    return await Promise.race([response, limit])
  } finally {
    clearTimeout(timer)
  }
}
