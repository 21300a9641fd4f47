// Every alert rule by promtool: the rules of prod, which has all of them, are parsed, and deploy/checks/rules.test.yaml makes each one
// fire.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { Fault, type Context, type Group } from '../check.ts'
import { systemObjects } from '../helm/charts.ts'

interface Rule { readonly alert: string, readonly annotations?: unknown }
interface RuleGroup { readonly name: string, readonly rules: readonly Rule[] }
interface Tests { readonly tests: ReadonlyArray<{ readonly alert_rule_test: ReadonlyArray<{ readonly alertname: string }> }> }

export const rules: Group = {
  name: 'rules',
  about: 'alert rules, parsed and unit-tested by promtool',
  tools: ['promtool', 'helm'],
  checks: async context => await Promise.resolve([
    { title: 'promtool parses every rule of prod', run: async () => {
      await context.must(await context.tool('promtool'), ['check', 'rules', '--lint=all', '--lint-fatal', await ruleFile(context, true)])
    } },
    { title: 'promtool: every alert of prod fires in its unit test', run: async () => { await unitTests(context) } }
  ])
}

async function ruleGroups (context: Context): Promise<RuleGroup[]> {
  const objects = (await systemObjects(context, 'prod')).filter(({ kind }) => kind === 'PrometheusRule')
  return objects.flatMap(({ spec }) => (spec as { readonly groups: RuleGroup[] }).groups)
}

/** Unit tests compare labels only, so the file for them has no annotations. */
async function ruleFile (context: Context, annotated: boolean): Promise<string> {
  const groups = (await ruleGroups(context)).map(({ name, rules }) =>
    ({ name, rules: rules.map(({ annotations, ...rule }) => annotated ? { ...rule, annotations } : rule) }))
  const path = join(context.scratch, 'rules.yaml')
  await writeFile(path, JSON.stringify({ groups }))
  return path
}

async function unitTests (context: Context): Promise<void> {
  const text = await readFile(join(context.root, 'deploy/checks/rules.test.yaml'), 'utf8')
  const tested = new Set((parse(text) as Tests).tests.flatMap(({ alert_rule_test: tests }) => tests.map(({ alertname }) => alertname)))
  const missing = (await ruleGroups(context)).flatMap(({ rules }) => rules.map(({ alert }) => alert)).filter(alert => !tested.has(alert))
  if (missing.length > 0) throw new Fault('alerts without a test in deploy/checks/rules.test.yaml', missing.join('\n'))
  await ruleFile(context, false)
  const path = join(context.scratch, 'rules.test.yaml')
  await writeFile(path, text)
  await context.must(await context.tool('promtool'), ['test', 'rules', path])
}
