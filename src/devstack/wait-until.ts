// Polls a condition until it holds or a timeout passes.
import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves with true once `check` resolves with true, or with false after `timeoutMs`. */
export async function waitUntil (check: () => Promise<boolean>, timeoutMs: number, pollMs: number): Promise<boolean> {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(pollMs)) {
    if (await check()) return true
    if (Date.now() >= deadline) return false
  }
}
