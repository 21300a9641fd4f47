// An archive in a folder, with one alert of the image's own sample visit in it: what `serve` is to serve.
import { chmod, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { alertFacts, openContainer } from '../../../src/avro/index.ts'
import { checksumsOf, createArchive, defaultGzipLevel, gzipFrame, openStore } from '../../../src/stores/index.ts'
import { Fault } from '../check.ts'

export interface Archived {
  readonly id: string
  readonly frame: Buffer
  readonly schemaId: number
  readonly schema: string
  /** Alerts of the visit. */
  readonly alerts: number
}

export async function archiveSample (visit: string, folder: string): Promise<Archived> {
  const schemaId = 1101
  const container = await openContainer(visit)
  let first: { readonly id: string, readonly frame: Buffer } | undefined
  let alerts = 0
  for await (const record of container.records()) {
    if (record.error !== undefined) throw record.error
    first ??= { id: String(alertFacts(record.value).id), frame: container.schema.encodeFramed(schemaId, record.value) }
    alerts++
  }
  await container.close()
  if (first === undefined) throw new Fault('the sample visit holds no alert')
  await mkdir(folder, { recursive: true })
  const store = await openStore(pathToFileURL(folder).href, { access: 'write' })
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  await archive.putAlert(first.id, await gzipFrame(first.frame, defaultGzipLevel), checksumsOf(first.frame))
  await archive.putSchema(schemaId, container.schemaText)
  await archive.close()
  await readable(folder)
  return { ...first, schemaId, schema: container.schemaText, alerts }
}

// Whatever the umask is here: the image's user is somebody else.
async function readable (folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644)
  }
}
