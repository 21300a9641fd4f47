// Terraform on a copy of deploy/terraform: format, validation and tests of every module and environment. The google provider is in no
// package registry, so a stand-in that knows its schema takes its place.
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { googleSchema } from '../terraform/google-schema.ts'
import { must, ROOT, tool } from '../tools/toolbox.ts'
import { tempDir } from '../../../test/support/stack.ts'

/** The version of the google provider that the stand-in describes. */
const GOOGLE = '8.7.0'

const scratch = await tempDir(t)
const terraform = join(scratch, 'deploy/terraform')
for (const name of ['terraform', 'environments']) await cp(join(ROOT, 'deploy', name), join(scratch, 'deploy', name), { recursive: true })

// The stand-in is laid out as a mirror of the registry: a copy, because the program looks for the schema in its own folder.
const mirror = join(scratch, 'mirror')
const provider = join(mirror, `registry.opentofu.org/hashicorp/google/${GOOGLE}/linux_amd64`)
await mkdir(provider, { recursive: true })
await cp(await tool('google-provider'), join(provider, `terraform-provider-google_v${GOOGLE}`))
const files = (await readdir(terraform, { recursive: true })).filter(name => name.endsWith('.tf'))
const sources = await Promise.all(files.map(async name => await readFile(join(terraform, name), 'utf8')))
const types = new Set([...sources.join('\n').matchAll(/^resource "google_(\w+)"/gm)].map(([, type = '']) => type))
await writeFile(join(provider, 'schema.json'), JSON.stringify(await googleSchema(await tool('google-bindings'), [...types])))
const config = join(scratch, 'tofurc')
await writeFile(config, `disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`)
// Variables of the user's own runs are left out.
const kept = Object.entries(process.env).filter(([name]) => !/^(TF_|TOFU_|GOOGLE_)/.test(name))
const env = { ...Object.fromEntries(kept), TF_CLI_CONFIG_FILE: config, TF_IN_AUTOMATION: 'true' }

async function tofu (folder: string, ...args: readonly string[]): Promise<string> {
  return await must(await tool('tofu'), args, { cwd: join(terraform, folder), env })
}

await t.test('tofu fmt accepts deploy/terraform', async () => { await tofu('.', 'fmt', '-check', '-recursive') })

for (const kind of ['modules', 'environments']) {
  for (const name of await readdir(join(terraform, kind))) {
    await t.test(`tofu validates and tests ${kind}/${name}`, async t => {
      await tofu(`${kind}/${name}`, 'init', '-backend=false', '-input=false', '-no-color')
      await tofu(`${kind}/${name}`, 'validate', '-no-color')
      t.match(await tofu(`${kind}/${name}`, 'test', '-no-color'), /[1-9]\d* passed, 0 failed/)
    })
  }
}
