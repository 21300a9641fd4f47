// What the generator's tests share: the survey's schemas, and a run of alerts with their Avro data.
import { type AlertSchema, fetchSchemaPackage, loadSchemaPackage } from '../../src/avro/index.ts'
import { type AlertGenerator, createAlertGenerator } from '../../src/generator/index.ts'
import { cache } from '../support/stack.ts'

/** The versions that users meet, one per major from 7. */
export const MAIN_VERSIONS = ['7.4', '8.0', '9.0', '10.0', '11.1'] as const

const schemas = fetchSchemaPackage({ cacheDir: cache().cacheDir }).then(loadSchemaPackage)

export async function surveySchema (version: string): Promise<AlertSchema> {
  return (await schemas).get(version).schema
}

export async function allVersions (): Promise<string[]> {
  return (await schemas).versions.map(({ version }) => version)
}

export async function generatorOf (version: string, seed = 1): Promise<AlertGenerator> {
  return createAlertGenerator({ schema: JSON.parse((await surveySchema(version)).text), schemaVersion: version, seed })
}

/** A record as the tests read it. */
export type Fields = Record<string, any> // eslint-disable-line @typescript-eslint/no-explicit-any

/** All alerts of one visit. */
export async function visitOfAlerts (version: string, count: number, visit = 0, seed = 1): Promise<Fields[]> {
  const generator = await generatorOf(version, seed)
  return Array.from({ length: count }, (_, index) => generator.alert(visit, index, count))
}
