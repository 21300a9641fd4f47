// Registers a schema under an explicit id, such as 704 for the survey's version 7.4. Confluent's registry accepts explicit ids in IMPORT
// mode; Apicurio 2 accepts them in an imported archive. Apicurio's import has no safeguards: if another schema has the id, the new version
// points to that schema; if the registry has the schema text under another id, the subject is broken afterwards. Therefore this module
// checks the existing schemas before any write and verifies the result.
import { createHash } from 'node:crypto'
import { isSameSchema } from './canonical-form.ts'
import { registryErrors } from './errors.ts'
import { findBySchemaId, type RegisteredSchema, type SubjectVersions } from './registered-schema.ts'
import type { RegistryClient } from './registry.ts'
import { notARegistry, type RegistryHttp } from './registry-http.ts'
import { zipStored } from './zip.ts'
import { AlertStreamError } from '../pipeline/errors.ts'

type Registry = SubjectVersions & Pick<RegistryClient, 'url' | 'idOf' | 'register'>

/**
 * Registers the schema text `text` under exactly this id, unless the id already has the schema in any spelling. See RegistryClient.register
 * for the result.
 * @param forget removes the schema with this id from the client's cache
 */
export async function registerWithId (
  registry: Registry, http: RegistryHttp, subject: string, text: string, id: number, forget: () => void
): Promise<RegisteredSchema & { readonly created: boolean }> {
  const where = `${registry.url}, subject ${subject}, id ${id}`
  const notHonoured = (what: string): Error => registryErrors.SCHEMA_ID_NOT_HONOURED(what, { where })
  if (!Number.isInteger(id) || id < 1 || id > 0x7fffffff) throw notHonoured(`${id} is not a valid schema id`)
  forget()
  const before = await textOf(registry, http, id)
  if (before !== undefined) {
    if (!isSameSchema(before, text)) throw notHonoured(`id ${id} already belongs to another schema; nothing was changed`)
    const existing = await findBySchemaId(registry, subject, id)
    if (existing !== undefined) return { ...existing, created: false }
    // Another subject already has this schema under this id, so a registration of the same text without an explicit id assigns the same id.
    await registry.register(subject, before)
  } else {
    const other = await registry.idOf(subject, text)
    if (other !== undefined) throw notHonoured(`the subject already has this schema as id ${other}; nothing was changed`)
    const written = await byImportMode(registry, http, subject, text, id) || await byArchive(registry, http, subject, text, id)
    if (!written) throw notHonoured('the schema registry does not accept explicit ids; nothing was changed')
  }
  forget()
  const after = await textOf(registry, http, id)
  const found = after === undefined || !isSameSchema(after, text) ? undefined : await findBySchemaId(registry, subject, id)
  if (found === undefined) {
    const seen = after === undefined ? `has no schema with id ${id}` : `has another schema or subject under id ${id}`
    throw notHonoured(`the schema registry accepted the schema but ${seen}; the registry may have the same text under another id`)
  }
  return { ...found, created: true }
}

/** The schema with this id, or undefined if the registry says that it has none. A bad response does not mean that the id is free. */
async function textOf (registry: Registry, http: RegistryHttp, id: number): Promise<string | undefined> {
  try {
    return await registry.schemaById(id)
  } catch (error) {
    if (!(error instanceof AlertStreamError) || error.code !== 'UNKNOWN_SCHEMA') throw error
    const path = `/schemas/ids/${id}`
    const response = await http.call('GET', path)
    if (response.status !== 404) throw notARegistry(response, `GET ${registry.url}${path}`)
    return undefined
  }
}

/**
 * For Confluent's registry: sets the subject to IMPORT mode, registers the schema with id and version, and always restores the mode.
 * Returns false if the registry has no modes.
 */
async function byImportMode (registry: Registry, http: RegistryHttp, subject: string, text: string, id: number): Promise<boolean> {
  const path = `/mode/${encodeURIComponent(subject)}`
  const where = `${registry.url}${path}`
  const before = await http.call('GET', path)
  const mode = before.status === 200 ? (before.body as { mode?: string }).mode ?? 'READWRITE' : 'READWRITE'
  let set = await http.call('PUT', path, { mode: 'IMPORT' })
  // For a subject that already has schemas, Confluent's registry requires `force`.
  if (set.status === 422) set = await http.call('PUT', `${path}?force=true`, { mode: 'IMPORT' })
  if (set.status === 404 || set.status === 405 || set.status === 501) return false
  if (set.status !== 200) {
    throw registryErrors.REGISTRY_REFUSED(`the schema registry rejected IMPORT mode (${set.status}): ${set.message}`, { where })
  }
  try {
    const version = await freeVersion(registry, subject, id)
    const { status, message } = await http.call('POST', `/subjects/${encodeURIComponent(subject)}/versions`, { schema: text, id, version })
    if (status === 409) throw registryErrors.SCHEMA_INCOMPATIBLE(`the schema registry rejected the schema: ${message}`, { where })
    if (status !== 200) {
      throw registryErrors.SCHEMA_ID_NOT_HONOURED(`the schema registry rejected the import (${status}): ${message}`, { where })
    }
  } finally {
    const restored = await http.call('PUT', path, { mode: mode === 'IMPORT' ? 'READWRITE' : mode })
    if (restored.status !== 200) {
      throw registryErrors.REGISTRY_REFUSED(`cannot restore the mode of the subject, which is still IMPORT: ${restored.message}`, {
        where, hint: `Set the mode of subject ${subject} to ${mode === 'IMPORT' ? 'READWRITE' : mode}.`
      })
    }
  }
  return true
}

/** Returns the schema id as the version number, or the next version number if the subject already has a version with this number. */
async function freeVersion (registry: Registry, subject: string, id: number): Promise<number> {
  const versions = await registry.versions(subject)
  return versions.includes(id) ? Math.max(...versions) + 1 : id
}

/** For Apicurio 2: imports an archive with one content (a schema text) and one version. Returns false if the registry is not Apicurio 2. */
async function byArchive (registry: Registry, http: RegistryHttp, subject: string, text: string, id: number): Promise<boolean> {
  const origin = /^(.*)\/apis\/ccompat\/v\d+$/.exec(registry.url)?.[1]
  if (origin === undefined) return false
  const info = await http.raw('GET', `${origin}/apis/registry/v2/system/info`)
  if (info.status !== 200 || !info.json) return false
  const version = String((JSON.parse(info.text) as { version?: unknown }).version)
  if (!version.startsWith('2.')) return false
  const hash = createHash('sha256').update(text).digest('hex')
  const known = await http.raw('GET', `${origin}/apis/registry/v2/ids/contentHashes/${hash}`)
  if (known.status === 200) {
    throw registryErrors.SCHEMA_ID_NOT_HONOURED('another subject already has this schema under another id; nothing was changed', {
      where: `${registry.url}, subject ${subject}, id ${id}`
    })
  }
  const existing = await registry.versions(subject)
  const target = await freeVersion(registry, subject, id)
  const latest = existing.every(other => other < target)
  const archive = apicurioArchive({ subject, text, hash, id, version: target, latest, registryVersion: version })
  const url = `${origin}/apis/registry/v2/admin/import`
  const response = await http.raw('POST', url, {
    body: archive,
    // Keeps the content id, which is the schema id, but not the global id: the registry silently skips a version with a taken global id.
    headers: { 'content-type': 'application/zip', 'x-registry-preserve-globalid': 'false', 'x-registry-preserve-contentid': 'true' }
  })
  if (response.status >= 300) {
    const what = `the schema registry rejected the import (${response.status}): ${response.text.slice(0, 200)}`
    throw registryErrors.REGISTRY_REFUSED(what, { where: url })
  }
  return true
}

interface ArchiveEntry {
  readonly subject: string
  readonly text: string
  /** SHA-256 of the schema text. */
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
        globalId: id, groupId: null, artifactId: subject, version: String(version), versionId: version, artifactType: 'AVRO', name: null,
        state: 'ENABLED', description: null, createdBy: '', createdOn: now, labels: null, properties: null, isLatest: latest, contentId: id
      })
    }
  ])
}
