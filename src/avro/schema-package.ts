// The survey's schema packages: a tree `{major}/{minor}/*.avsc`, a flat folder, or one .avsc with its named types in sibling files. Each version
// becomes one self-contained document: named types inlined where they are first used, referred to by name after; docs and defaults kept.
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { packageErrors } from './errors.ts'
import { inlineTypes, type SchemaFile } from './inline-types.ts'
import { parseSchema, type AlertSchema } from './schema.ts'
import { messageOf } from '../pipeline/errors.ts'

export interface SchemaVersion {
  /** `11.1` */
  readonly version: string
  readonly major: number
  readonly minor: number
  /** major * 100 + minor: the id that the survey uses in its registry. */
  readonly id: number
  /** One JSON document without whitespace. */
  readonly text: string
  /** Parsed when first asked for. Error: SCHEMA_INVALID. */
  readonly schema: AlertSchema
}

export interface SchemaPackage {
  readonly source: string
  /** Ascending by number: 9.0 before 10.0. At least one. */
  readonly versions: readonly SchemaVersion[]
  readonly latest: SchemaVersion
  /** Error: PACKAGE_UNKNOWN_VERSION. */
  get (version: string): SchemaVersion
}

/** Reads a package. Errors: PACKAGE_NOT_FOUND, PACKAGE_INVALID. */
export async function loadSchemaPackage (source: string): Promise<SchemaPackage> {
  const kind = await stat(source).catch((cause: unknown) => {
    throw packageErrors.PACKAGE_NOT_FOUND('the schema package cannot be read', { where: source, cause })
  })
  const versions = kind.isDirectory() ? await fromFolder(source) : [await fromFile(source)]
  if (versions.length === 0) throw packageErrors.PACKAGE_NOT_FOUND('the folder holds no .avsc files', { where: source })
  versions.sort((a, b) => a.major - b.major || a.minor - b.minor)
  return {
    source,
    versions,
    latest: versions.at(-1)!,
    get (version) {
      const found = versions.find(one => one.version === version)
      if (found !== undefined) return found
      throw packageErrors.PACKAGE_UNKNOWN_VERSION(`there is no schema version ${version}; there are ${versions.map(one => one.version).join(', ')}`, { where: source })
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
      const place = join(tree, String(major), String(minor))
      const files = await readFolder(place)
      if (files.length > 0) versions.push(makeVersion(files, rootOf(files, place), place, { major, minor }))
    }
  }
  return versions
}

/** The folder with the numbered ones: the one given, or where a Python package keeps it. */
async function findTree (folder: string): Promise<string | undefined> {
  for (const place of [folder, join(folder, 'schema'), join(folder, 'lsst', 'alert', 'packet', 'schema')]) {
    for (const major of await numbered(place)) {
      if ((await numbered(join(place, String(major)))).length > 0) return place
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
  // Siblings that are no schemas are none of ours; one that is needed and broken is reported as missing, with its name.
  const files = (await readFolder(dirname(path), path, true)).filter(file => file.fullName !== root.fullName)
  return makeVersion([root, ...files], root, path)
}

async function readFolder (folder: string, except?: string, lenient = false): Promise<SchemaFile[]> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.avsc') && name !== basename(except ?? '')).sort()
  const files: SchemaFile[] = []
  for (const name of names) {
    try {
      files.push(await readSchemaFile(join(folder, name)))
    } catch (error) {
      if (!lenient) throw error
    }
  }
  return files
}

async function readSchemaFile (path: string): Promise<SchemaFile> {
  try {
    const schema = JSON.parse(await readFile(path, 'utf8')) as { name?: unknown, namespace?: unknown }
    if (typeof schema !== 'object' || schema === null || typeof schema.name !== 'string') throw new Error('it is no named type')
    const namespace = typeof schema.namespace === 'string' ? schema.namespace : ''
    const fullName = schema.name.includes('.') || namespace === '' ? schema.name : `${namespace}.${schema.name}`
    return { path, fullName, schema }
  } catch (cause) {
    throw packageErrors.PACKAGE_INVALID(`the schema file cannot be used: ${messageOf(cause)}`, { where: path, cause })
  }
}

/** The alert among the files: by its name, else the only record that no other file uses. */
function rootOf (files: readonly SchemaFile[], where: string): SchemaFile {
  const alerts = files.filter(file => file.fullName.split('.').at(-1) === 'alert')
  if (alerts.length === 1) return alerts[0]!
  const unused = files.filter(file => !files.some(other => other !== file && JSON.stringify(other.schema).includes(JSON.stringify(file.fullName))))
  if (alerts.length === 0 && unused.length === 1) return unused[0]!
  const candidates = (alerts.length > 1 ? alerts : unused).map(file => file.fullName).join(', ')
  throw packageErrors.PACKAGE_INVALID(`it is not clear which schema is the alert's: ${candidates}`, { where, hint: 'Give the .avsc file itself.' })
}

function makeVersion (files: readonly SchemaFile[], root: SchemaFile, where: string, numbers = numbersIn(root.fullName)): SchemaVersion {
  const text = inlineTypes(files, root, where)
  const version = `${numbers.major}.${numbers.minor}`
  let schema: AlertSchema | undefined
  return {
    version,
    ...numbers,
    id: numbers.major * 100 + numbers.minor,
    text,
    get schema () { return schema ??= parseSchema(text, where) }
  }
}

/** `lsst.v7_4.alert` is 7.4; a name without a version is 1.0. */
function numbersIn (name: string): { major: number, minor: number } {
  const match = /\bv(\d+)_(\d+)\b/.exec(name.replaceAll('.', ' '))
  return match === null ? { major: 1, minor: 0 } : { major: Number(match[1]), minor: Number(match[2]) }
}
