// The folder of JSON schemas that kubeconform judges by: Kubernetes itself, and all third parties whose definitions packages carry.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeSchemas } from '../schemas/files.ts'
import type { Recipe } from './recipe.ts'
import { OLDER_STRIMZI, STRIMZI } from './strimzi.ts'

/**
 * Tools that are definitions of third parties, and where in their folder these lie; Strimzi's, of which there are two releases, come beside
 * them.
 */
export const definitionFolders = [
  ['cert-manager-crds', 'deploy/crds'],
  ['prometheus-operator-crds', 'example/prometheus-operator-crd'],
  ['keda-crds', 'config/crd/bases'],
  ['argo-cd-crds', 'manifests/crds']
] as const

const sources = [
  // The older release first: it serves v1 too, and the newer one's is the one to keep.
  ['strimzi-crds', OLDER_STRIMZI],
  ['strimzi-crds', STRIMZI],
  ...definitionFolders
] as const

const code = join(import.meta.dirname, '..', 'schemas')

/** @param pins of the sources: other definitions, other schemas */
export function schemas (pins: (tool: string) => readonly string[]): Recipe {
  const needs = ['kubernetes', ...new Set(sources.map(([tool]) => tool))]
  return {
    title: 'Schemas of Kubernetes and of the operators',
    pins: [...needs.flatMap(pins), ...sources.flat(), ...readdirSync(code).sort().map(name => readFileSync(join(code, name), 'utf8'))],
    path: '.',
    needs,
    fetcher: { name: 'this program', find: async () => await Promise.resolve(process.execPath) },
    fetch: async (into, _run, { path }) => {
      await writeSchemas(
        into,
        join(path('kubernetes'), 'api/openapi-spec/swagger.json'),
        sources.map(([tool, folder]) => join(path(tool), folder))
      )
    }
  }
}
