// kubeconform -strict over what Helm rendered, and which kinds it could not judge as nobody has their definition here.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, type Context, type Skipped } from '../check.ts'
import { locations, schemaPath } from '../schemas/convert.ts'
import { addCrds } from '../schemas/files.ts'
import { exists } from './charts.ts'
import type { KubernetesObject } from './render.ts'

/**
 * Kinds of third parties whose definitions no package carries: those of the folder that --crds names are used, without it they count as
 * skipped. Any other kind without a definition fails.
 */
export const elsewhere: Readonly<Record<string, string>> = {
  'gafaelfawr.lsst.io/GafaelfawrIngress': 'Gafaelfawr',
  'ricoberger.de/VaultSecret': 'the Vault secrets operator',
  'roundtable.lsst.codes/StrimziSchemaRegistry': 'the published StrimziSchemaRegistry'
}

export interface Judge {
  /** Throws a `Fault` with kubeconform's words. `text` is YAML or JSON, of one object or many. */
  judge (text: string): Promise<void>
  /** The same by the published definitions alone, of kinds of which there is one of ours as well. */
  judgePublished (text: string): Promise<void | Skipped>
  /** Kinds of `elsewhere` without a definition, as `group/Kind`. */
  readonly missing: readonly string[]
}

/** Our own definitions are those of crds folders of charts. */
export async function makeJudge (context: Context): Promise<Judge> {
  const { root, scratch, crds } = context
  const [kubeconform, schemas] = await Promise.all([context.tool('kubeconform'), context.tool('schemas')])
  const own = join(scratch, 'schemas-own')
  const published = join(scratch, 'schemas-published')
  const helm = join(root, 'deploy', 'helm')
  for (const chart of await readdir(helm)) {
    const folder = join(helm, chart, 'crds')
    if (await exists(folder)) await addCrds(own, folder, schemas)
  }
  if (crds !== undefined) await addCrds(published, crds, schemas)
  const missing: string[] = []
  for (const name of Object.keys(elsewhere)) if (!await hasKind(name, [own, published])) missing.push(name)
  const run = async (text: string, folders: readonly string[]): Promise<void> => {
    const skips = missing.length === 0 ? [] : ['-skip', missing.map(name => name.split('/')[1]).join(',')]
    const { code, stdout, stderr } = await context.run(kubeconform, ['-strict', '-summary', ...skips, ...locations(folders)], {
      input: text
    })
    if (code !== 0) throw new Fault('kubeconform refuses it', (stdout + stderr).trim())
    // It succeeds for an empty input too.
    if (!/Valid: [1-9]|Skipped: [1-9]/.test(stdout)) throw new Fault('kubeconform saw no object', stdout)
  }
  return {
    missing,
    judge: async text => { await run(text, [schemas, own, published]) },
    judgePublished: async text => {
      if (!await exists(published)) return { skipped: 'there is no folder of published definitions: name one with --crds' }
      await run(text, [published])
      return undefined
    }
  }
}

/** Those of some objects that nobody could judge. */
export function unjudged (objects: readonly KubernetesObject[], missing: readonly string[]): string[] {
  return [...new Set(objects.map(({ apiVersion, kind }) => `${apiVersion.split('/')[0]}/${kind}`))].filter(name => missing.includes(name))
}

async function hasKind (name: string, folders: readonly string[]): Promise<boolean> {
  const [group = '', kind = ''] = name.split('/')
  const [prefix = ''] = schemaPath({ group, kind, version: '' }).split('/').slice(1)
  for (const folder of folders) {
    const files = await readdir(join(folder, group)).catch(() => [])
    if (files.some(file => file.startsWith(prefix.replace('.json', '')))) return true
  }
  return false
}
