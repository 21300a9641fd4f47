import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { linkFaults } from '../../../deploy/checks/helm/links.ts'
import { tempDir } from '../../support/stack.ts'

await t.test('accepts links within the repository, and rejects links that leave it, are absolute or lead nowhere', async t => {
  const root = join(await tempDir(t), 'repository')
  await mkdir(join(root, 'deploy/chart/charts'), { recursive: true })
  await mkdir(join(root, 'deploy/library'))
  await writeFile(join(root, 'deploy/library/Chart.yaml'), '')
  const link = async (target: string, name: string): Promise<void> => { await symlink(target, join(root, 'deploy/chart/charts', name)) }
  await link('../../library', 'library')
  t.same(await linkFaults(root, 'deploy'), [])
  await link(join(root, 'deploy/library'), 'absolute')
  await link('../../../../repository/deploy/library', 'round')
  await link('../../libary', 'typo')
  t.same((await linkFaults(root, 'deploy')).sort(), [
    `deploy/chart/charts/absolute -> ${root}/deploy/library: is absolute`,
    'deploy/chart/charts/round -> ../../../../repository/deploy/library: leaves the repository',
    'deploy/chart/charts/typo -> ../../libary: leads nowhere'
  ])
})
