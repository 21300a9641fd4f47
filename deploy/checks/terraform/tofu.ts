// OpenTofu on a copy of deploy/terraform, with the stand-in as its only source of providers: nothing is fetched, and nothing (provider
// links, lock files with the stand-in's checksum) is left in the working tree.
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { arch, platform } from 'node:process'
import { join } from 'node:path'
import type { Environment, ToolResult } from '../../../src/devstack/tools.ts'
import { Fault, type Context } from '../check.ts'

/** `modules/alertdb`, `environments/prod`: what is initialised, validated and tested by itself. */
export type Folder = string

export async function foldersOf (terraform: string): Promise<readonly Folder[]> {
  const kinds = await Promise.all(['modules', 'environments'].map(async kind =>
      (await readdir(join(terraform, kind), { withFileTypes: true })).filter(entry => entry.isDirectory()).map(({ name }) =>
        `${kind}/${name}`
      ).sort()
    )
  )
  return kinds.flat()
}

/** What operators' own runs leave in a folder is not copied, a lock file with the real provider's checksums above all. */
const left = /(^|\/)(\.terraform|\.terraform\.lock\.hcl|.*\.tfstate(\.backup)?|.*\.tfplan)$/

export interface Workspace {
  /** The copy of deploy/terraform. */
  readonly root: string
  run (folder: Folder, args: readonly string[]): Promise<ToolResult>
  /** Chooses the provider, as an operator does first; once for each folder, however often it is asked for. Throws a Fault. */
  init (folder: Folder): Promise<void>
  /** Throws a Fault. */
  validate (folder: Folder): Promise<void>
}

export interface Provider {
  readonly version: string
  /** Paths of the program and of the folder with its schema. */
  readonly program: string
  readonly schema: string
}

/** Lays out the stand-in as a mirror of the registry; resolves with the CLI configuration that knows no other. */
export async function configuration ({ version, program, schema }: Provider, into: string): Promise<string> {
  const mirror = join(into, 'mirror')
  const folder = join(mirror, 'registry.opentofu.org', 'hashicorp', 'google', version, `${platform}_${arch === 'x64' ? 'amd64' : arch}`)
  await mkdir(folder, { recursive: true })
  // Copies: the program looks for the schema where it really lies.
  await cp(program, join(folder, `terraform-provider-google_v${version}`))
  await cp(join(schema, 'schema.json'), join(folder, 'schema.json'))
  const rc = join(into, 'tofurc')
  await writeFile(
    rc,
    `disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n`
  )
  return rc
}

/** A new copy in `into`, by this CLI configuration. */
export async function workspace (context: Context, tofu: string, rc: string, into: string): Promise<Workspace> {
  const root = join(into, 'terraform')
  await cp(join(context.root, 'deploy', 'terraform'), root, { recursive: true, filter: path => !left.test(path) })
  const env = { ...plainly(context.env), TF_CLI_CONFIG_FILE: rc }
  const run = async (folder: Folder, args: readonly string[]): Promise<ToolResult> =>
    await context.run(tofu, args, { cwd: join(root, folder), env })
  const must = async (folder: Folder, args: readonly string[]): Promise<void> => {
    const { code, stdout, stderr } = await run(folder, args)
    if (code !== 0) throw new Fault(`tofu ${args.join(' ')} in deploy/terraform/${folder}`, stdout + stderr)
  }
  const initialised = new Map<Folder, Promise<void>>()
  return {
    root,
    run,
    init: async folder => {
      const known = initialised.get(folder) ?? must(folder, INIT)
      initialised.set(folder, known)
      await known
    },
    validate: async folder => { await must(folder, VALIDATE) }
  }
}

export const INIT: readonly string[] = ['init', '-backend=false', '-input=false', '-no-color']
export const VALIDATE: readonly string[] = ['validate', '-no-color']

/** The environment without what somebody has set for runs of their own: arguments, variables, a workspace, credentials. */
export function plainly (env: Environment): Environment {
  const kept = Object.entries(env).filter(([name]) => !/^(TF_|TOFU_|GOOGLE_|GCLOUD_|CLOUDSDK_)/.test(name))
  return { ...Object.fromEntries(kept), TF_IN_AUTOMATION: 'true', TF_INPUT: 'false' }
}

/** What `tofu test -json` says. */
export interface Tested {
  readonly passed: number
  readonly failed: number
  /** Outputs of the runs, by the run's name; with `-verbose` only. */
  readonly outputs: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  /** Errors, as a person would read them. */
  readonly words: string
}

export async function test (tofu: Workspace, folder: Folder, args: readonly string[] = []): Promise<Tested> {
  const { stdout, stderr } = await tofu.run(folder, ['test', '-json', ...args])
  const outputs = new Map<string, Readonly<Record<string, unknown>>>()
  const words: string[] = []
  let summary = { passed: 0, failed: 0 }
  for (const line of stdout.split('\n')) {
    const said = messageOf(line)
    if (said === undefined) continue
    if (said.test_summary !== undefined)
      summary = { passed: said.test_summary.passed ?? 0, failed: (said.test_summary.failed ?? 0) + (said.test_summary.errored ?? 0) }
    if (said.diagnostic?.severity === 'error')
      words.push(
        [said['@testrun'], said.diagnostic.summary, said.diagnostic.detail].filter(word => word !== undefined && word !== '').join(': ')
      )
    const values = said.test_state?.values?.outputs ??
      Object.fromEntries(Object.entries(said.test_plan?.output_changes ?? {}).map(([name, { after }]) => [name, { value: after }]))
    if (said['@testrun'] !== undefined && Object.keys(values).length > 0)
      outputs.set(said['@testrun'], Object.fromEntries(Object.entries(values).map(([name, { value }]) => [name, value])))
  }
  if (summary.passed + summary.failed === 0) words.push(stderr)
  return { ...summary, outputs, words: words.join('\n') }
}

interface Message {
  readonly '@testrun'?: string
  readonly test_summary?: { readonly passed?: number, readonly failed?: number, readonly errored?: number }
  readonly diagnostic?: { readonly severity: string, readonly summary: string, readonly detail?: string }
  readonly test_state?: { readonly values?: { readonly outputs?: Readonly<Record<string, { readonly value?: unknown }>> } }
  readonly test_plan?: { readonly output_changes?: Readonly<Record<string, { readonly after?: unknown }>> }
}

function messageOf (line: string): Message | undefined {
  try {
    return JSON.parse(line) as Message
  } catch {
    return undefined
  }
}
