// Reads definitions from files and writes schemas into a folder.
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { coreSchemas, crdSchemas, objectMeta, schemaPath, type KindSchema } from './convert.ts'
import type { Schema } from './strict.ts'

/** What is in the cache for all runs: the folder of the tool `schemas`. */
const META = 'object-meta.json'

/** Writes the schemas of Kubernetes itself, and of all CRDs in files and folders. */
export async function writeSchemas (into: string, swaggerPath: string, definitions: readonly string[]): Promise<void> {
  const swagger = JSON.parse(await readFile(swaggerPath, 'utf8')) as Parameters<typeof coreSchemas>[0]
  const meta = objectMeta(swagger)
  await writeFile(join(into, META), JSON.stringify(meta))
  for (const schema of coreSchemas(swagger)) await write(into, schema)
  for (const path of definitions) await writeCrdSchemas(into, path, meta)
}

/** Writes those of one more file or folder, beside what `writeSchemas` made; tells which. */
export async function addCrds (into: string, path: string, schemas: string): Promise<KindSchema[]> {
  return await writeCrdSchemas(into, path, JSON.parse(await readFile(join(schemas, META), 'utf8')) as Schema)
}

async function writeCrdSchemas (into: string, path: string, meta: Schema): Promise<KindSchema[]> {
  const all: KindSchema[] = []
  for (const file of await yamlFiles(path)) {
    for (const definition of await yamlObjects(file)) {
      for (const schema of crdSchemas(definition, meta)) {
        all.push(schema)
        await write(into, schema)
      }
    }
  }
  return all
}

async function write (into: string, schema: KindSchema): Promise<void> {
  const path = join(into, schemaPath(schema))
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, JSON.stringify(schema.schema))
}

/** A file itself, or the YAML files of a folder. */
export async function yamlFiles (path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  return (await readdir(path)).filter(name => /\.ya?ml$/.test(name)).sort().map(name => join(path, name))
}

/** All objects of a file, in order; throws where it is no YAML. */
export async function yamlObjects (file: string): Promise<unknown[]> {
  return objectsOf(await readFile(file, 'utf8'), file)
}

export function objectsOf (text: string, where: string): unknown[] {
  const documents = parseAllDocuments(text)
  return [...documents].map(document => {
    const [error] = document.errors
    if (error !== undefined) throw new Error(`${where}: ${error.message}`)
    // Helm and its charts may use anchors often; no bomb comes out of our own files.
    return document.toJS({ maxAliasCount: -1 }) as unknown
  }).filter(value => value !== null && value !== undefined)
}
