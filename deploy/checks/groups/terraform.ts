// Terraform on a copy of deploy/terraform: format, validation and tests of every module and environment. The google provider is in no
// package registry, so a stand-in that knows its schema takes its place.
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, type Check, type Context, type Group } from '../check.ts'
import { googleSchema } from '../terraform/google-schema.ts'
import { GOOGLE } from '../tools/pins.ts'

export const terraform: Group = {
  name: 'terraform',
  about: 'tofu fmt, validate and test, with a stand-in for the google provider',
  tools: ['tofu', 'google-provider', 'google-bindings'],
  full: true,
  parallel: 2,
  checks: async context => {
    const deploy = join(context.scratch, 'deploy')
    for (const name of ['terraform', 'environments']) await cp(join(context.root, 'deploy', name), join(deploy, name), { recursive: true })
    const folders = (await Promise.all(['modules', 'environments'].map(async kind =>
      (await readdir(join(deploy, 'terraform', kind))).map(name => `${kind}/${name}`)))).flat()
    const env = await environment(context)
    const tofu = async (folder: string, ...args: readonly string[]): Promise<string> =>
      await context.must(await context.tool('tofu'), args, { cwd: join(deploy, 'terraform', folder), env })
    return [
      { title: 'tofu fmt accepts deploy/terraform', run: async () => { await tofu('.', 'fmt', '-check', '-recursive') } },
      ...folders.map((folder): Check => ({
        title: `tofu validates and tests ${folder}`,
        run: async () => {
          await tofu(folder, 'init', '-backend=false', '-input=false', '-no-color')
          await tofu(folder, 'validate', '-no-color')
          const output = await tofu(folder, 'test', '-no-color')
          if (!/[1-9]\d* passed, 0 failed/.test(output)) throw new Fault('no test passed', output)
        }
      }))
    ]
  }
}

/** Lays out the stand-in as a mirror of the registry. Variables of the user's own runs are left out. */
async function environment (context: Context): Promise<Context['env']> {
  const mirror = join(context.scratch, 'mirror')
  const folder = join(mirror, `registry.opentofu.org/hashicorp/google/${GOOGLE}/linux_amd64`)
  await mkdir(folder, { recursive: true })
  // Copies, because the program looks for the schema in its own folder.
  await cp(await context.tool('google-provider'), join(folder, `terraform-provider-google_v${GOOGLE}`))
  await writeFile(join(folder, 'schema.json'), JSON.stringify(await googleSchema(await context.tool('google-bindings'))))
  const config = join(context.scratch, 'tofurc')
  await writeFile(config,
    `disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n`)
  const kept = Object.entries(context.env).filter(([name]) => !/^(TF_|TOFU_|GOOGLE_)/.test(name))
  return { ...Object.fromEntries(kept), TF_CLI_CONFIG_FILE: config, TF_IN_AUTOMATION: 'true' }
}
