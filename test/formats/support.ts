// An archive of generated alerts of several schema versions, and judges in Python.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { AlertSchema, AlertValue } from '../../src/avro/index.ts'
import type { ApiOptions } from '../../src/api/app.ts'
import type { ProfileName } from '../../src/generator/profiles.ts'
import { gzipFrame } from '../../src/stores/gzip.ts'
import { apiOf } from '../api/support.ts'
import { generatorOf, runPython, surveySchema } from '../generator/support.ts'
import { tempDir, usePython } from '../support/stack.ts'

export interface TestAlert {
  readonly id: string
  readonly schema: AlertSchema
  readonly schemaId: number
  readonly value: AlertValue
}

/** Schema id of a survey version. */
function schemaIdOf (version: string): number {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major * 100 + minor
}

/** Generated alerts of a version: `count` alerts of a visit, of which some are of solar-system objects. */
export async function alertsOf (version: string, count: number, profile: ProfileName = 'rubin-2026'): Promise<TestAlert[]> {
  const [schema, generator] = [await surveySchema(version), await generatorOf(version, 7, profile)]
  // Another visit for each version, because ids do not depend on the version.
  return Array.from({ length: count }, (_, index) => alertOf(version, schema, generator.alert(schemaIdOf(version), index, count)))
}

function alertOf (version: string, schema: AlertSchema, value: AlertValue): TestAlert {
  return { id: String(value[schema.alertIdField]), schema, schemaId: schemaIdOf(version), value }
}

/** The API of an archive with these alerts and their schemas. */
export async function formsOf (t: Test, alerts: readonly TestAlert[], options: Partial<ApiOptions> = {}) {
  const api = await apiOf(t, options)
  for (const { schema, schemaId } of alerts) await api.writeSchema(schemaId, schema.text)
  for (const { id, schema, schemaId, value } of alerts) await api.writeAlert(id, await gzipFrame(schema.encodeFramed(schemaId, value)))
  return api
}

/** Writes bodies to files and runs a judge of this folder with a JSON document on stdin. Each case gets the path of its body as `path`. */
export async function judge<T> (t: Test, script: string, cases: ReadonlyArray<object & { readonly body: Buffer }>): Promise<T> {
  const folder = await tempDir(t)
  const input = await Promise.all(cases.map(async ({ body, ...rest }, index) => {
    const path = join(folder, String(index))
    await writeFile(path, body)
    return { ...rest, path }
  }))
  const program = `../formats/${script}`
  return await runPython(await usePython(t), program, [], JSON.stringify(input)) as T
}
