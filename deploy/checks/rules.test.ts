// Every alert rule by promtool: the rules of prod, which has all of them, are parsed, and rules.test.yaml makes each one fire.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { systemObjects } from './helm/charts.ts'
import { must, tool } from './tools/toolbox.ts'
import { tempDir } from '../../test/support/stack.ts'

interface Rule { readonly alert: string, readonly annotations?: unknown }
interface Rules { readonly groups: ReadonlyArray<{ readonly name: string, readonly rules: readonly Rule[] }> }
interface Tests { readonly tests: ReadonlyArray<{ readonly alert_rule_test: ReadonlyArray<{ readonly alertname: string }> }> }

const folder = await tempDir(t)
const groups = (await systemObjects('prod')).filter(({ kind }) => kind === 'PrometheusRule').flatMap(({ spec }) => (spec as Rules).groups)

await t.test('promtool parses every rule of prod', async () => {
  await writeFile(join(folder, 'all.yaml'), JSON.stringify({ groups }))
  await must(await tool('promtool'), ['check', 'rules', '--lint=all', '--lint-fatal', join(folder, 'all.yaml')])
})

await t.test('promtool: every alert of prod fires in its unit test', async t => {
  const text = await readFile(join(import.meta.dirname, 'rules.test.yaml'), 'utf8')
  const tested = (parse(text) as Tests).tests.flatMap(({ alert_rule_test: tests }) => tests.map(({ alertname }) => alertname))
  t.same(groups.flatMap(({ rules }) => rules.map(({ alert }) => alert)).filter(alert => !tested.includes(alert)), [], 'alerts without test')
  // Unit tests compare labels only, so the rules have no annotations here.
  const bare = groups.map(({ name, rules }) => ({ name, rules: rules.map(rule => ({ ...rule, annotations: undefined })) }))
  await writeFile(join(folder, 'rules.yaml'), JSON.stringify({ groups: bare }))
  await writeFile(join(folder, 'test.yaml'), text)
  await must(await tool('promtool'), ['test', 'rules', join(folder, 'test.yaml')])
})
