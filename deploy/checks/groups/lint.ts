// Linters: actionlint for the workflows, hadolint for the Containerfile, checkov for rendered objects, Terraform and the Containerfile.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, type Context, type Group } from '../check.ts'
import { environmentsOf, systemObjects } from '../helm/charts.ts'
import { podsOf } from '../helm/pods.ts'
import { basesOf, loosePins } from '../image/containerfile.ts'

export const lint: Group = {
  name: 'lint',
  about: 'actionlint, hadolint and checkov',
  tools: ['actionlint', 'hadolint', 'checkov', 'helm'],
  checks: async context => await Promise.resolve([
    // shellcheck and pyflakes are not on every machine.
    { title: 'actionlint accepts the workflows', run: async () => { await context.must(await context.tool('actionlint'),
      ['-no-color', '-shellcheck=', '-pyflakes='], { cwd: context.root }) } },
    { title: 'hadolint accepts the Containerfile', run: async () => { await context.must(await context.tool('hadolint'),
      ['--no-color', join(context.root, 'Containerfile')]) } },
    { title: 'the Containerfile pins its base images by full version, and its Node is the tested one', run: async () =>
      { await bases(context) } },
    { title: 'checkov accepts Terraform and the Containerfile', run: async () => {
      await checkov(context, ['--directory', join(context.root, 'deploy/terraform'), '--file', join(context.root, 'Containerfile')])
    } },
    { title: 'checkov accepts the pods of all environments', run: async () =>
      { await checkov(context, ['--directory', await manifests(context)]) } }
  ])
}

async function bases ({ root }: Context): Promise<void> {
  const found = basesOf(await readFile(join(root, 'Containerfile'), 'utf8'))
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string,
    { version: string }> }
  const node = `/node:${packages['node_modules/node']?.version}-`
  const wrong = [...loosePins(found), ...found.filter(base => base.includes('/node:') && !base.includes(node))]
  if (wrong.length > 0) throw new Fault('wrong base images', wrong.join('\n'))
}

/** Skipped checks and their reasons are in deploy/checks/checkov.yaml. */
async function checkov (context: Context, args: readonly string[]): Promise<void> {
  const config = join(context.root, 'deploy/checks/checkov.yaml')
  await context.must(await context.tool('checkov'), ['--config-file', config, ...args], { cwd: context.scratch })
}

async function manifests (context: Context): Promise<string> {
  const folder = join(context.scratch, 'manifests')
  for (const environment of await environmentsOf(context.root)) {
    const objects = (await systemObjects(context, environment)).filter(object => podsOf(object).length > 0 &&
      object.metadata.annotations?.['helm.sh/hook'] !== 'test')
    await mkdir(join(folder, environment), { recursive: true })
    for (const object of objects)
      await writeFile(join(folder, environment, `${object.kind}-${object.metadata.name}.json`), JSON.stringify(object))
  }
  return folder
}
