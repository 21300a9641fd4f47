// Loads alert schema packages: a tree `{major}/{minor}/*.avsc`, a flat folder, or one .avsc file with its named types in sibling files.
// Each version becomes one self-contained schema. Named types are defined at first use; docs and defaults are kept.
import { isUtf8 } from 'node:buffer'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { packageErrors } from './errors.ts'
import { inlineTypes, type SchemaFile } from './inline-types.ts'
import { compactJson, parseExactly } from './schema-json.ts'
import { parseSchema, type AlertSchema } from './schema.ts'
import { messageOf } from '../pipeline/errors.ts'

export interface SchemaVersion {
  /** Version number, such as `11.1`. */
  readonly version: string
  /** Schema id of the version in the survey's registry: major * 100 + minor. */
  readonly id: number
  /** The self-contained schema as JSON without whitespace. */
  readonly text: string
  /** The schema, parsed on first access. Error: SCHEMA_INVALID. */
  readonly schema: AlertSchema
}

export interface SchemaPackage {
  /** At least one version, in numeric order: 9.0 before 10.0. */
  readonly versions: readonly SchemaVersion[]
  readonly latest: SchemaVersion
  /** Error: PACKAGE_UNKNOWN_VERSION. */
  get (version: string): SchemaVersion
}

export interface VersionNumber { readonly major: number, readonly minor: number }

/** Loads the package at a path. Errors: PACKAGE_NOT_FOUND, PACKAGE_INVALID. */
export async function loadSchemaPackage (path: string): Promise<SchemaPackage> {
  const kind = await stat(path).catch((cause: unknown) => {
    throw packageErrors.PACKAGE_NOT_FOUND('cannot read the schema package', { where: path, cause })
  })
  const versions = kind.isDirectory() ? await fromFolder(path) : [await fromFile(path)]
  if (versions.length === 0) throw packageErrors.PACKAGE_NOT_FOUND('the folder contains no .avsc files', { where: path })
  versions.sort((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }))
  return {
    versions,
    latest: versions.at(-1)!,
    get (version) {
      const found = versions.find(other => other.version === version)
      if (found !== undefined) return found
      const known = versions.map(other => other.version).join(', ')
      throw packageErrors.PACKAGE_UNKNOWN_VERSION(`unknown schema version ${version}; the package has ${known}`, { where: path })
    }
  }
}

async function fromFolder (folder: string): Promise<SchemaVersion[]> {
  const tree = await findTree(folder)
  if (tree === undefined) {
    const files = await readFolder(folder)
    return files.length === 0 ? [] : [makeVersion(files, rootOf(files, folder), folder)]
  }
  const versions: SchemaVersion[] = []
  for (const major of await numbered(tree)) {
    for (const minor of await numbered(join(tree, String(major)))) {
      const path = join(tree, String(major), String(minor))
      const files = await readFolder(path)
      if (files.length > 0) versions.push(makeVersion(files, rootOf(files, path), path, { major, minor }))
    }
  }
  return versions
}

/** Finds the folder of the major versions: the given folder, or the schema folder of a Python package inside the given folder. */
async function findTree (folder: string): Promise<string | undefined> {
  for (const candidate of [folder, join(folder, 'schema'), join(folder, 'lsst', 'alert', 'packet', 'schema')]) {
    for (const major of await numbered(candidate)) {
      if ((await numbered(join(candidate, String(major)))).length > 0) return candidate
    }
  }
  return undefined
}

async function numbered (folder: string): Promise<number[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries.filter(entry => entry.isDirectory() && /^\d+$/.test(entry.name)).map(entry => Number(entry.name))
}

async function fromFile (path: string): Promise<SchemaVersion> {
  const root = await readSchemaFile(path)
  // Sibling files that are not schemas are skipped. If a broken file is needed, inlineTypes reports its type as undefined.
  const files = (await readFolder(dirname(path), path, true)).filter(file => file.fullName !== root.fullName)
  return makeVersion([root, ...files], root, path)
}

async function readFolder (folder: string, except?: string, skipInvalid = false): Promise<SchemaFile[]> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.avsc') && name !== basename(except ?? '')).sort()
  const files: SchemaFile[] = []
  for (const name of names) {
    try {
      files.push(await readSchemaFile(join(folder, name)))
    } catch (error) {
      if (!skipInvalid) throw error
    }
  }
  return files
}

async function readSchemaFile (path: string): Promise<SchemaFile> {
  try {
    const bytes = await readFile(path)
    if (!isUtf8(bytes)) throw new Error('it is not valid UTF-8')
    const schema = parseExactly(compactJson(bytes.toString())) as { name?: unknown, namespace?: unknown }
    if (typeof schema !== 'object' || schema === null || typeof schema.name !== 'string') throw new Error('it does not define a named type')
    const namespace = typeof schema.namespace === 'string' ? schema.namespace : ''
    const fullName = schema.name.includes('.') || namespace === '' ? schema.name : `${namespace}.${schema.name}`
    return { fullName, schema }
  } catch (cause) {
    throw packageErrors.PACKAGE_INVALID(`cannot use the schema file: ${messageOf(cause)}`, { where: path, cause })
  }
}

/** Returns the file of the alert schema: the file of the type `alert`, otherwise the only file whose type no other file uses. */
function rootOf (files: readonly SchemaFile[], where: string): SchemaFile {
  const alerts = files.filter(file => file.fullName.split('.').at(-1) === 'alert')
  if (alerts.length === 1) return alerts[0]!
  const uses = (other: SchemaFile, file: SchemaFile): boolean => JSON.stringify(other.schema).includes(JSON.stringify(file.fullName))
  const unused = files.filter(file => !files.some(other => other !== file && uses(other, file)))
  if (alerts.length === 0 && unused.length === 1) return unused[0]!
  const candidates = (alerts.length > 1 ? alerts : unused).map(file => file.fullName).join(', ')
  const what = `cannot determine which of these schemas is the alert schema: ${candidates}`
  throw packageErrors.PACKAGE_INVALID(what, { where, hint: 'Give the path of the alert schema\'s .avsc file.' })
}

function makeVersion (
  files: readonly SchemaFile[], root: SchemaFile, where: string, { major, minor }: VersionNumber = versionIn(root.fullName)
): SchemaVersion {
  const text = inlineTypes(files, root, where)
  let schema: AlertSchema | undefined
  return {
    version: `${major}.${minor}`,
    id: major * 100 + minor,
    text,
    get schema () { return schema ??= parseSchema(text, where) }
  }
}

/** The version in a full name: 7.4 for `lsst.v7_4.alert`; 1.0 if the name has no version. */
export function versionIn (name: string): VersionNumber {
  const match = /\bv(\d+)_(\d+)\b/.exec(name.replaceAll('.', ' '))
  return match === null ? { major: 1, minor: 0 } : { major: Number(match[1]), minor: Number(match[2]) }
}
