// A file archive with its API, for tests that damage objects behind the server's back.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { build, type ApiOptions } from '../../src/api/app.ts'
import type { Logger } from '../../src/pipeline/log.ts'
import { createArchive } from '../../src/stores/archive.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { alertKey, schemaKey } from '../../src/stores/layouts.ts'
import { tempDir } from '../support/stack.ts'

/** Resolves when the condition holds. */
export async function until (condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5)
}

interface LogLine { readonly level: string, readonly message: string, readonly code?: string }

/** The API of an archive in `root`. `write` stores bytes as they are, as a faulty disk or another program would. */
export async function apiOf (t: Test, options: Partial<ApiOptions> & { readonly maxFrameBytes?: number } = {}) {
  const root = join(await tempDir(t), 'archive')
  const store = await openFileStore(root)
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2', maxFrameBytes: options.maxFrameBytes ?? 1_000_000 })
  const lines: LogLine[] = []
  const at = (level: string) => (fields: object, message: string) => { lines.push({ ...fields, level, message }) }
  const log: Logger = { debug () {}, info: at('info'), warn: at('warn'), error: at('error') }
  const app = build({ archive, log, pressure: false, healthCacheMs: 0, ...options })
  t.teardown(() => app.close())
  const write = async (key: string, bytes: Buffer | string): Promise<void> => {
    const path = join(root, key)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, bytes)
  }
  return {
    app, archive, root, lines,
    writeAlert: (id: string, bytes: Buffer | string) => write(alertKey('v2', id), bytes),
    writeSchema: (id: number, bytes: Buffer | string) => write(schemaKey('v2', id), bytes)
  }
}
