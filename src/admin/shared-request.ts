// One question to a server on behalf of many who ask at once: probes and scrapes. They share one request, wait no longer than a limit each,
// and a request that is still under way when its askers have given up is joined by the next ones instead of being made again.

/** How many limits a request may take before the next asker makes another beside it: what hangs for ever must not be joined for ever. */
const GIVEN_UP_AFTER = 8

/** Resolves or rejects as `ask` does; with `late()` as the failure where that takes longer than `limitMs`. */
export function sharedAnswer<T> (ask: () => Promise<T>, limitMs: number, late: () => Error): () => Promise<T> {
  let pending: Promise<T> | undefined
  let began = 0
  return () => {
    if (pending === undefined || performance.now() - began > GIVEN_UP_AFTER * limitMs) {
      const asked = ask().finally(() => { if (pending === asked) pending = undefined })
      pending = asked
      began = performance.now()
    }
    return within(pending, limitMs, late)
  }
}

async function within<T> (answer: Promise<T>, limitMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => { timer = setTimeout(() => { reject(late()) }, limitMs) })
  try {
    return await Promise.race([answer, limit])
  } finally {
    clearTimeout(timer)
  }
}
