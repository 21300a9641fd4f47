// The schema of the google provider, as far as deploy/terraform uses it, out of a package of its bindings. The stand-in provider knows this
// and nothing else: see deploy/terraform/README.md for what it therefore cannot check.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readBindings, type BlockSchema, type BlockTypeSchema } from './bindings.ts'

/** What the modules and environments use. A type that is missing here is refused as one that the provider does not have: add it. */
export const resourceTypes = [
  'google_compute_address',
  'google_compute_firewall',
  'google_compute_network',
  'google_compute_router',
  'google_compute_router_nat',
  'google_compute_subnetwork',
  'google_container_cluster',
  'google_container_node_pool',
  'google_dns_managed_zone',
  'google_dns_record_set',
  'google_gke_backup_backup_plan',
  'google_project_iam_member',
  'google_project_service',
  'google_service_account',
  'google_service_account_iam_binding',
  'google_storage_bucket',
  'google_storage_bucket_iam_binding'
] as const

/** Blocks of one that are sets in the provider, which the bindings do not tell: `condition[0]` is refused, `one(condition)` works. */
export const setBlocks: ReadonlyArray<readonly string[]> = [
  ['google_storage_bucket', 'lifecycle_rule', 'action'],
  ['google_storage_bucket', 'lifecycle_rule', 'condition']
]

interface Versioned {
  readonly version: 0
  readonly block: BlockSchema
}

/** As `terraform providers schema -json` has it, for one provider. */
export interface ProviderSchema {
  readonly version: string
  readonly provider: Versioned
  readonly resource_schemas: Readonly<Record<string, Versioned>>
}

/** `lib` is the bindings' folder of that name. Throws where it lacks one of the types, or describes something else. */
export async function googleSchema (lib: string, types: readonly string[] = resourceTypes): Promise<ProviderSchema> {
  const provider = readBindings(await readFile(join(lib, 'provider', 'index.js'), 'utf8'))
  const resources: Record<string, Versioned> = {}
  for (const type of types) {
    const folder = join(lib, type.replace(/^google_/, '').replaceAll('_', '-'))
    const structs = await readdir(join(folder, 'index-structs')).catch(() => [])
    const bound = readBindings(
      await readFile(join(folder, 'index.js'), 'utf8'),
      await Promise.all(
        structs.filter(name => name.endsWith('.js')).map(async name => await readFile(join(folder, 'index-structs', name), 'utf8'))
      )
    )
    if (bound.type !== type || bound.providerVersion !== provider.providerVersion)
      throw new Error(`${folder} describes ${bound.type} of ${bound.providerVersion}`)
    resources[type] = { version: 0, block: corrected(bound.block, setBlocks.filter(([name]) => name === type).map(path => path.slice(1))) }
  }
  return { version: provider.providerVersion, provider: { version: 0, block: provider.block }, resource_schemas: resources }
}

/** The block, where the nested ones at these paths are sets. Throws where there is none at a path: then the table is out of date. */
function corrected (block: BlockSchema, paths: ReadonlyArray<readonly string[]>): BlockSchema {
  const blocks: Record<string, BlockTypeSchema> = { ...block.block_types }
  for (const [name = '', ...rest] of paths) {
    const inner = blocks[name]
    if (inner === undefined) throw new Error(`the bindings have no block ${name}`)
    blocks[name] = rest.length === 0 ? { ...inner, nesting_mode: 'set' } : { ...inner, block: corrected(inner.block, [rest]) }
  }
  return { ...block, block_types: blocks }
}
