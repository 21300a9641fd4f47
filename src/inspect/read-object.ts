// Reads the object that `inspect` examines, and finds the schema of its alert in the archive from which the object came.
import { pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import { AlertStreamError, messageOf, systemErrorCode } from '../pipeline/errors.ts'
import { createArchive, type Archive } from '../stores/archive.ts'
import { storeErrors } from '../stores/errors.ts'
import { maxGzipBytes } from '../stores/gzip.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { readFile } from '../stores/read-file.ts'
import { inspectErrors } from './errors.ts'
import { httpBody } from './http-body.ts'
import type { ReadObject } from './object-report.ts'
import { archiveRoot, idInName, type Target } from './target.ts'

export interface InspectedObject extends ReadObject {
  /** Looks up a schema in the archive that has the object. Undefined if that archive is unknown. */
  readonly schemaText?: ((id: number) => Promise<string | undefined>) | undefined
}

interface ReadOptions {
  /** Opens the archive that the flags name. */
  readonly archive: () => Promise<Archive>
  /** Opens a store for reading. */
  readonly openStore: (url: string) => Promise<ObjectStore>
  /** Longest frame that is read, in bytes. */
  readonly maxFrameBytes: number
  readonly httpTimeoutMs: number
}

const notAFile = 'Give the path of one object. To find the objects of an archive: alert-stream list --json --alert-store file:///FOLDER.'

/** Errors: INSPECT_NOT_FOUND, INSPECT_UNREADABLE, OBJECT_TOO_LARGE, STORE_*. */
export async function readObject (target: Target, options: ReadOptions): Promise<InspectedObject> {
  const maxBytes = maxGzipBytes(options.maxFrameBytes)
  const admitAt = (where: string) => (bytes: number): void => {
    if (bytes > maxBytes) throw storeErrors.OBJECT_TOO_LARGE(`the object has ${bytes} bytes`, { where })
  }
  /** The lookup in the archive whose root is in the path or key, below the store with this URL. */
  const lookup = (root: string | undefined, url: (root: string) => string): InspectedObject['schemaText'] => root === undefined
    ? undefined
    : async id => {
      const store = await options.openStore(url(root))
      const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
      return await archive.getSchema(id).finally(() => archive.close())
    }

  switch (target.kind) {
    case 'alert': {
      const archive = await options.archive()
      const alert = await archive.findAlert(target.id)
      if (alert === undefined) throw inspectErrors.INSPECT_NOT_FOUND(`alert ${target.id} is not archived`, { where: archive.alerts.url })
      return { where: alert.where, body: alert.body, expectedId: target.id, expectedSha256: alert.sha256 }
    }
    case 'file': {
      const where = resolve(target.path)
      const body = await readFile(where, admitAt(where)).catch((cause: unknown) => {
        if (systemErrorCode(cause) === 'ENOENT') throw inspectErrors.INSPECT_NOT_FOUND('no such file', { where, cause })
        if (cause instanceof AlertStreamError || systemErrorCode(cause) === undefined) throw cause
        throw inspectErrors.INSPECT_UNREADABLE(`cannot read the file: ${messageOf(cause)}`, { where, cause })
      })
      if (body === undefined) throw inspectErrors.INSPECT_UNREADABLE('not a file', { where, hint: notAFile })
      return { where, body, expectedId: idInName(where), schemaText: lookup(archiveRoot(where), root => pathToFileURL(root || '/').href) }
    }
    case 'object': {
      const { store: url, key } = target
      const where = `${url}/${key}`
      const store = await options.openStore(url)
      try {
        const object = await store.get(key, admitAt(where))
        if (object === undefined) throw inspectErrors.INSPECT_NOT_FOUND('the bucket has no such object', { where })
        const schemaText = lookup(archiveRoot(key), root => root === '' ? url : `${url}/${root}`)
        return { where, body: object.body, expectedId: idInName(key), expectedSha256: object.sha256, schemaText }
      } finally {
        await store.close()
      }
    }
    case 'http': {
      const { url } = target
      const http = { maxBytes, timeoutMs: options.httpTimeoutMs }
      const id = /\/alerts\/(?:LSST-AP-DS-)?([0-9]+)$/.exec(url.pathname)?.[1]
      return {
        where: url.href,
        body: await httpBody(url, http),
        ...id === undefined
          ? {}
          : {
              expectedId: BigInt(id).toString(),
              schemaText: async schemaId => (await httpBody(new URL(`../schemas/${schemaId}`, url), http)).toString()
            }
      }
    }
  }
}
