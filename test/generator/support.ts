// Survey schemas and generated alerts for the generator tests.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { fetchSchemaPackage, loadSchemaPackage, type AlertSchema } from '../../src/avro/index.ts'
import { createAlertGenerator, type AlertGenerator } from '../../src/generator/alert-generator.ts'
import type { ProfileName } from '../../src/generator/profiles.ts'
import { cache } from '../support/stack.ts'

/** The newest minor version of each major version in use. */
export const MAIN_VERSIONS = ['7.4', '8.0', '9.0', '10.0', '11.1'] as const

const schemas = fetchSchemaPackage({ cacheDir: cache().cacheDir }).then(loadSchemaPackage)

export async function surveySchema (version: string): Promise<AlertSchema> {
  return (await schemas).get(version).schema
}

export async function allVersions (): Promise<string[]> {
  return (await schemas).versions.map(({ version }) => version)
}

export async function generatorOf (version: string, seed = 1, profile?: ProfileName): Promise<AlertGenerator> {
  const schema: unknown = JSON.parse((await surveySchema(version)).text)
  return createAlertGenerator({ schema, schemaVersion: version, seed, ...profile === undefined ? {} : { profile } })
}

/** A decoded record. */
export type Fields = Record<string, any> // eslint-disable-line @typescript-eslint/no-explicit-any

/** Generates all alerts of a visit. */
export async function visitOfAlerts (version: string, count: number, visit = 0, seed = 1): Promise<Fields[]> {
  const generator = await generatorOf(version, seed)
  return Array.from({ length: count }, (_, index) => generator.alert(visit, index, count))
}

/** Runs a Python script of this folder and returns the JSON that it prints. */
export async function runPython (python: string, script: string, args: readonly string[], input = ''): Promise<unknown> {
  const child = spawn(python, [fileURLToPath(new URL(script, import.meta.url)), ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input)
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  if (out === '') throw new Error(`${script} failed: ${err}`)
  return JSON.parse(out)
}
