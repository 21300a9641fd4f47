// Modes offer a flag only if it acts, and reject flags that have no effect together.
import t from 'tap'
import { modes } from '../../src/cli/modes.ts'
import { runMode } from '../support/in-process.ts'

const all = await modes.all()

await t.test('only modes that write to a store offer --s3-allow-overwrite', async t => {
  const offering = all.filter(({ flags }) => 's3-allow-overwrite' in flags).map(({ mode }) => mode)
  t.same(offering.toSorted(), ['compact', 'copy', 'create-stream', 'export', 'index', 'ingest', 'redrive', 'verify'])
})

await t.test('list and replay have no flags for schemas', async t => {
  for (const mode of ['list', 'replay']) {
    const { flags } = await modes.find(mode)
    t.same(Object.keys(flags).filter(name => name.includes('schema')), [], mode)
  }
})

await t.test('the variants of a mode name its flags, and every mode that takes a night checks it', async t => {
  for (const { mode, flags, variants = {} } of all) {
    for (const [selector, { only, unused }] of Object.entries(variants)) {
      t.same([selector, ...only, ...unused].filter(name => !(name in flags)), [], `${mode} --${selector}`)
      t.same(only.filter(name => unused.includes(name)), [], `${mode} --${selector}`)
    }
  }
  const nights = all.filter(({ flags }) => 'night' in flags)
  t.same(nights.map(({ mode }) => mode), ['index', 'compact', 'verify', 'list', 'replay', 'copy', 'export'])
  for (const { mode } of nights) {
    t.match(await runMode([mode, '--night', '20230229']), { code: 2, stderr: /^USAGE_BAD_VALUE: --night is '20230229'/ }, mode)
  }
})

await t.test('flags without effect are wrong usage', async t => {
  for (const [args, message] of [
    [['list', '--count', '--json', '--alert-store', 'file:///nowhere'], /^USAGE_BAD_VALUE: give only one of --count and --json/],
    [['inspect', '1', '--omit-bytes'], /^USAGE_BAD_VALUE: --omit-bytes needs --json/],
    [['demo', '--fill-in'], /^USAGE_BAD_VALUE: --fill-in needs --file/],
    [['demo', '--smoke', '--passes', '2'], /^USAGE_BAD_VALUE: --smoke and --passes cannot be used together/],
    [['demo', '--smoke', '--interval', '2'], /^USAGE_BAD_VALUE: --smoke and --interval cannot be used together/],
    [['demo', '--secure', '--broker', 'localhost:1'], /^USAGE_BAD_VALUE: --secure configures a Kafka that the demo starts/]
  ] as const) {
    t.match(await runMode([...args]), { code: 2, stdout: '', stderr: message }, args.join(' '))
  }
})
