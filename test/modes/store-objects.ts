// The objects of a store, read and changed behind the back of the program.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { tempDir, type TestGcs } from '../support/stack.ts'
import { storeUrl } from './archive-support.ts'

export interface Objects {
  readonly url: string
  /** All keys. */
  keys (): Promise<string[]>
  read (key: string): Promise<Buffer>
  /** Overwrites an existing object. */
  write (key: string, body: Buffer): Promise<void>
  remove (key: string): Promise<void>
}

export async function fileObjects (t: Test): Promise<Objects> {
  const root = join(await tempDir(t), 'store')
  return {
    url: storeUrl(root),
    keys: async () => {
      const entries = await readdir(root, { recursive: true, withFileTypes: true })
      return entries.filter(each => each.isFile()).map(each => join(each.parentPath, each.name).slice(root.length + 1))
    },
    read: async key => await readFile(join(root, key)),
    write: async (key, body) => {
      await mkdir(dirname(join(root, key)), { recursive: true })
      await writeFile(join(root, key), body)
    },
    remove: async key => { await rm(join(root, key)) }
  }
}

/** Objects below a prefix of a new bucket. */
export async function bucketObjects (gcs: TestGcs): Promise<Objects> {
  const bucket = await gcs.bucket()
  const prefix = 'some/prefix/'
  const ask = async (path: string, init: RequestInit = {}): Promise<Buffer> => {
    const response = await fetch(gcs.url + path, init)
    if (!response.ok) throw new Error(`${path}: ${response.status}`)
    return Buffer.from(await response.arrayBuffer())
  }
  const object = (key: string): string => `/storage/v1/b/${bucket}/o/${encodeURIComponent(prefix + key)}`
  return {
    url: `gs://${bucket}/some/prefix`,
    keys: async () => {
      const keys: string[] = []
      for (let token: string | undefined = ''; token !== undefined;) {
        const page = await ask(`/storage/v1/b/${bucket}/o?prefix=${encodeURIComponent(prefix)}&pageToken=${encodeURIComponent(token)}`)
        const { items = [], nextPageToken } = JSON.parse(page.toString()) as { items?: Array<{ name: string }>, nextPageToken?: string }
        keys.push(...items.map(({ name }) => name.slice(prefix.length)))
        token = nextPageToken === '' ? undefined : nextPageToken
      }
      return keys
    },
    read: async key => await ask(`${object(key)}?alt=media`),
    write: async (key, body) => {
      const name = encodeURIComponent(prefix + key)
      await ask(`/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${name}`, { method: 'POST', body: new Uint8Array(body) })
    },
    remove: async key => { await ask(object(key), { method: 'DELETE' }) }
  }
}
