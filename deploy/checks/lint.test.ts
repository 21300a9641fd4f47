// Linters: actionlint for the workflows, hadolint for the Containerfile, checkov for rendered pods, Terraform and the Containerfile.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { environments, systemObjects } from './helm/charts.ts'
import { podsOf } from './helm/pods.ts'
import { basesOf } from './image/containerfile.ts'
import { must, ROOT, tool } from './tools/toolbox.ts'
import { tempDir } from '../../test/support/stack.ts'

const CONTAINERFILE = join(ROOT, 'Containerfile')
const TERRAFORM = join(ROOT, 'deploy/terraform')
const folder = await tempDir(t)

/** Skipped checks and their reasons are in checkov.yaml. */
async function checkov (...args: readonly string[]): Promise<void> {
  await must(await tool('checkov'), ['--config-file', join(import.meta.dirname, 'checkov.yaml'), ...args], { cwd: folder })
}

await t.test('actionlint accepts the workflows', async () => {
  // shellcheck and pyflakes are not on every machine.
  await must(await tool('actionlint'), ['-no-color', '-shellcheck=', '-pyflakes='], { cwd: ROOT })
})

await t.test('hadolint accepts the Containerfile', async () => { await must(await tool('hadolint'), ['--no-color', CONTAINERFILE]) })

await t.test('the Containerfile pins its base images by full version, and its Node is the tested one', async t => {
  const bases = [...basesOf(await readFile(CONTAINERFILE, 'utf8')).keys()]
  t.same(bases.filter(base => !/:\d+\.\d+(\.\d+)?(-[\w.-]+)?(@sha256:[0-9a-f]{64})?$/.test(base)), [])
  const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, { version: string }> }
  t.match(bases.find(base => base.includes('/node:')), `/node:${lock.packages['node_modules/node']?.version}-`)
})

await t.test('checkov accepts Terraform and the Containerfile', async () => {
  await checkov('--directory', TERRAFORM, '--file', CONTAINERFILE)
})

await t.test('checkov accepts the pods of all environments', async () => {
  for (const environment of environments) {
    await mkdir(join(folder, 'pods', environment), { recursive: true })
    for (const object of await systemObjects(environment)) {
      if (podsOf(object).length === 0 || object.metadata.annotations?.['helm.sh/hook'] === 'test') continue
      await writeFile(join(folder, 'pods', environment, `${object.kind}-${object.metadata.name}.json`), JSON.stringify(object))
    }
  }
  await checkov('--directory', join(folder, 'pods'))
})
