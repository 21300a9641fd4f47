// How a tool comes into the cache: a recipe fills an empty folder from pinned sources and checks what came, the toolbox does it once and
// keeps it.
import { createHash } from 'node:crypto'
import type { Fetcher } from '../../../src/devstack/download-cache.ts'
import type { Environment } from '../../../src/devstack/tools.ts'

export interface Recipe {
  /** As progress lines call it: `kubeconform 0.8.0`. */
  readonly title: string
  /**
   * Versions, digests, options: all that decides what comes out. The cache's folder is named by their hash, so another pin is another
   * folder.
   */
  readonly pins: readonly string[]
  /** What is counted in progress lines: `files`. */
  readonly items?: string
  /** Other tools that are used to make this one, by name. */
  readonly needs?: readonly string[]
  /** What `run` runs, and where that is on this machine; rejects with what is missing and how to get it. */
  readonly fetcher: { readonly name: string, readonly find: (kitchen: Kitchen) => Promise<string> }
  /** Of the program, or of the folder of data, in the folder that was filled: `bin/kubeconform`, `.`. */
  readonly path: string
  /** Fills an empty folder; throws where what came is not what was pinned. */
  readonly fetch: (into: string, run: Fetcher, kitchen: Kitchen) => Promise<void>
  /** Where this machine has it without a download: its path. */
  readonly installed?: (env: Environment) => Promise<string | undefined>
  /** Added to the environment of what `run` runs. */
  readonly env?: Environment
}

/** What a recipe has to work with. */
export interface Kitchen {
  readonly env: Environment
  readonly signal: AbortSignal
  /** Path of a tool that `needs` names. */
  readonly path: (name: string) => string
}

/** Of the pins, for a folder's name. */
export function shortHash (pins: readonly string[]): string {
  return createHash('sha256').update(pins.join('\n')).digest('hex').slice(0, 12)
}
