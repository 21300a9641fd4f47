import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { workflowFaults } from '../../deploy/checks/workflows.ts'

const commit = '0123456789abcdef0123456789abcdef01234567'
const workflow = `permissions: {}
jobs:
  a:
    timeout-minutes: 5
    permissions: { contents: read }
    steps:
      - uses: actions/checkout@${commit} # v7.0.1
  b:
    permissions: {}
    uses: ./.github/workflows/ci.yml
`

await t.test('accepts a workflow with pinned actions and explicit permissions, such as those of this repository', async t => {
  t.strictSame(workflowFaults(workflow), [])
  const folder = join(import.meta.dirname, '..', '..', '.github', 'workflows')
  for (const name of await readdir(folder)) t.strictSame(workflowFaults(await readFile(join(folder, name), 'utf8')), [], name)
})

await t.test('reports each fault', async t => {
  const cases: Array<[string, string, RegExp]> = [
    [`@${commit} # v7.0.1`, '@v7', /^- uses: actions\/checkout@v7: not pinned/],
    [`@${commit}`, `@${commit.slice(0, 7)}`, /not pinned by a full commit/],
    [' # v7.0.1', '', /says no version/],
    [' # v7.0.1', ' # main', /says no version/],
    ['permissions: {}\njobs', 'jobs', /^gives all its jobs rights/],
    ['permissions: {}\njobs', 'permissions: write-all\njobs', /^gives all its jobs rights/],
    ['    permissions: { contents: read }\n', '', /^a: does not name its rights/],
    ['    timeout-minutes: 5\n', '', /^a: may run for ever/]
  ]
  for (const [from, to, message] of cases) {
    const faults = workflowFaults(workflow.replace(from, to))
    t.equal(faults.length, 1, faults.join('; '))
    t.match(faults[0], message)
  }
})
