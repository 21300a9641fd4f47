// Registering a schema under an id of one's own (the survey's 7.4 is 704). Confluent's registry takes ids in its IMPORT mode; Apicurio 2 has no
// such mode but an import of archives. That is not safe by itself: Apicurio points a version at whatever already has the id, and of a text that
// it knows by another id it makes a subject that is there and is not. So what is there is compared before anything is written, and the
// outcome is read back.
import { createHash } from 'node:crypto'
import { registryErrors } from './errors.ts'
import type { RegisteredSchema, RegistryClient } from './registry.ts'
import type { RegistryHttp } from './registry-http.ts'
import { parseSchema } from './schema.ts'
import { zipStored } from './zip.ts'
import { AlertStreamError } from '../pipeline/errors.ts'

type Outcome = RegisteredSchema & { readonly created: boolean }

/** See RegistryClient.register. `forget` drops what the client believes of the id. */
export async function registerWithId (
  client: RegistryClient, http: RegistryHttp, subject: string, text: string, id: number, forget: () => void
): Promise<Outcome> {
  const where = `${client.url}, subject ${subject}, id ${id}`
  if (!Number.isInteger(id) || id < 1 || id > 0x7fffffff) throw registryErrors.SCHEMA_ID_NOT_HONOURED(`${id} cannot be a schema id`, { where })
  forget()
  const holder = await textOf(client, id)
  if (holder !== undefined) {
    if (!sameSchema(holder, text)) throw registryErrors.SCHEMA_ID_NOT_HONOURED(`id ${id} already belongs to another schema; nothing was changed`, { where })
    const there = await find(client, subject, id)
    if (there !== undefined) return { ...there, created: false }
    // The id is taken by this very text under another subject: plain registration gives the same id.
    await client.register(subject, text)
  } else {
    const other = await client.idOf(subject, text)
    if (other !== undefined) {
      throw registryErrors.SCHEMA_ID_NOT_HONOURED(`the subject already has this schema as id ${other}; nothing was changed`, { where })
    }
    const written = await byImportMode(client, http, subject, text, id) || await byArchive(client, http, subject, text, id)
    if (!written) throw registryErrors.SCHEMA_ID_NOT_HONOURED('the registry offers no way to choose the id; nothing was changed', { where })
  }
  forget()
  const back = await textOf(client, id)
  const found = back === undefined || !sameSchema(back, text) ? undefined : await find(client, subject, id)
  if (found === undefined) {
    const seen = back === undefined ? `has no schema with id ${id}` : `has another schema or subject at id ${id}`
    throw registryErrors.SCHEMA_ID_NOT_HONOURED(`the registry took the schema but ${seen}; it may know the same text by another id`, { where })
  }
  return { ...found, created: true }
}

async function textOf (client: RegistryClient, id: number): Promise<string | undefined> {
  try {
    return await client.schemaById(id)
  } catch (error) {
    if (error instanceof AlertStreamError && error.code === 'UNKNOWN_SCHEMA') return undefined
    throw error
  }
}

async function find (client: RegistryClient, subject: string, id: number): Promise<RegisteredSchema | undefined> {
  for (const version of (await client.versions(subject)).reverse()) {
    const found = await client.version(subject, version)
    if (found.id === id) return found
  }
  return undefined
}

/** Same text, or the same schema in another spelling (Confluent's registry re-serializes), docs and defaults included. */
function sameSchema (one: string, other: string): boolean {
  if (one === other) return true
  try {
    const [a, b] = [one, other].map(text => JSON.stringify(parseSchema(text).type.schema({ exportAttrs: true })))
    return a === b
  } catch {
    return false
  }
}

/** Confluent: PUT /mode/{subject} IMPORT, register with id and version, put the mode back whatever happened. False where there are no modes. */
async function byImportMode (client: RegistryClient, http: RegistryHttp, subject: string, text: string, id: number): Promise<boolean> {
  const path = `/mode/${encodeURIComponent(subject)}`
  const where = `${client.url}${path}`
  const before = await http.call('GET', path)
  const mode = before.status === 200 ? (before.body as { mode?: string }).mode ?? 'READWRITE' : 'READWRITE'
  let set = await http.call('PUT', path, { mode: 'IMPORT' })
  // A subject that has schemas already wants it said twice.
  if (set.status === 422) set = await http.call('PUT', `${path}?force=true`, { mode: 'IMPORT' })
  if (set.status === 404 || set.status === 405 || set.status === 501) return false
  if (set.status !== 200) throw registryErrors.REGISTRY_REFUSED(`the registry refused IMPORT mode (${set.status}): ${set.message}`, { where })
  try {
    const version = await freeVersion(client, subject, id)
    const answer = await http.call('POST', `/subjects/${encodeURIComponent(subject)}/versions`, { schema: text, id, version })
    if (answer.status === 409) throw registryErrors.SCHEMA_INCOMPATIBLE(`the registry refused the schema: ${answer.message}`, { where })
    if (answer.status !== 200) throw registryErrors.SCHEMA_ID_NOT_HONOURED(`the registry refused the import (${answer.status}): ${answer.message}`, { where })
  } finally {
    const restored = await http.call('PUT', path, { mode: mode === 'IMPORT' ? 'READWRITE' : mode })
    if (restored.status !== 200) {
      throw registryErrors.REGISTRY_REFUSED(`the subject is left in IMPORT mode: ${restored.message}`, {
        where, hint: `Set the mode of subject ${subject} back to READWRITE.`
      })
    }
  }
  return true
}

/** The id where the subject has no such version yet, else the next one. */
async function freeVersion (client: RegistryClient, subject: string, id: number): Promise<number> {
  const versions = await client.versions(subject)
  return versions.includes(id) ? Math.max(...versions) + 1 : id
}

/** Apicurio 2: an archive with one content and one version. False where the registry is not Apicurio 2. */
async function byArchive (client: RegistryClient, http: RegistryHttp, subject: string, text: string, id: number): Promise<boolean> {
  const origin = /^(.*)\/apis\/ccompat\/v\d+$/.exec(client.url)?.[1]
  if (origin === undefined) return false
  const info = await http.raw('GET', `${origin}/apis/registry/v2/system/info`)
  if (info.status !== 200 || !info.json) return false
  const version = String((JSON.parse(info.text) as { version?: unknown }).version)
  if (!version.startsWith('2.')) return false
  const hash = createHash('sha256').update(text).digest('hex')
  const known = await http.raw('GET', `${origin}/apis/registry/v2/ids/contentHashes/${hash}`)
  if (known.status === 200) {
    throw registryErrors.SCHEMA_ID_NOT_HONOURED('the registry knows this schema by another id, from another subject; nothing was changed', {
      where: `${client.url}, subject ${subject}, id ${id}`
    })
  }
  const existing = await client.versions(subject)
  const target = await freeVersion(client, subject, id)
  const archive = apicurioArchive({ subject, text, hash, id, version: target, latest: existing.every(other => other < target), registryVersion: version })
  const url = `${origin}/apis/registry/v2/admin/import`
  const answer = await http.raw('POST', url, {
    body: archive,
    // Global ids are the registry's affair: one taken elsewhere would be overlooked in silence. The content id is the schema id.
    headers: { 'content-type': 'application/zip', 'x-registry-preserve-globalid': 'false', 'x-registry-preserve-contentid': 'true' }
  })
  if (answer.status >= 300) throw registryErrors.REGISTRY_REFUSED(`the registry refused the import (${answer.status}): ${answer.text.slice(0, 200)}`, { where: url })
  return true
}

interface ArchiveEntry {
  readonly subject: string
  readonly text: string
  /** SHA-256 of the text. */
  readonly hash: string
  readonly id: number
  readonly version: number
  readonly latest: boolean
  readonly registryVersion: string
}

function apicurioArchive ({ subject, text, hash, id, version, latest, registryVersion }: ArchiveEntry): Buffer {
  const now = Date.now()
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
  return zipStored([
    {
      name: 'manifest-1.Manifest.json',
      data: json({ systemVersion: registryVersion, systemName: 'apicurio-registry', exportVersion: '1.0', exportedOn: now, exportedBy: '' })
    },
    {
      name: `content/${hash}.Content.json`,
      data: json({ contentId: id, canonicalHash: hash, contentHash: hash, artifactType: 'AVRO', serializedReferences: null })
    },
    { name: `content/${hash}.Content.data`, data: Buffer.from(text) },
    {
      name: `groups/default/artifacts/${subject}/versions/${version}.ArtifactVersion.json`,
      data: json({
        globalId: id, groupId: null, artifactId: subject, version: String(version), versionId: version, artifactType: 'AVRO', state: 'ENABLED',
        name: null, description: null, createdBy: '', createdOn: now, labels: null, properties: null, isLatest: latest, contentId: id
      })
    }
  ])
}
