import t from 'tap'
import { modes } from '../../src/cli/modes.ts'
import { parseCommandLine } from '../../src/config/parse.ts'
import { render } from '../../src/pipeline/index.ts'
import { runCli } from '../support/stack.ts'

const described = (await modes.all()).filter(({ describe }) => describe !== undefined).map(({ mode }) => mode)

await t.test('every mode that runs a graph can describe the graph', async t => {
  t.strictSame(described, [
    'generate', 'sync-schema', 'create-stream', 'play-stream', 'print-stream', 'ingest', 'index', 'verify', 'redrive', 'replay',
    'serve', 'copy', 'export'
  ])
})

for (const name of described) {
  await t.test(`prints the graph of ${name} in every format without connecting to a server`, async t => {
    const mode = await modes.find(name)
    const placeholders = (mode.positionals ?? []).map(each => each.name)
    const expected = await mode.describe!(parseCommandLine(mode, placeholders, {}).config, placeholders)
    t.ok(expected.nodes.length >= 2)
    const env = { ALERT_STREAM_BROKER: '127.0.0.1:9', ALERT_STREAM_SCHEMA_REGISTRY_URL: undefined }
    const formats = ['json', 'mermaid', 'dot'] as const
    const [json, mermaid, dot] = await Promise.all(formats.map(async format => await runCli(['graph', name, '--format', format], { env })))
    for (const printed of [json, mermaid, dot]) t.match(printed, { code: 0, stderr: '' })
    t.strictSame(JSON.parse(json!.stdout), JSON.parse(JSON.stringify(expected)))
    t.equal(mermaid!.stdout, render(expected, 'mermaid'))
    t.equal(dot!.stdout, render(expected, 'dot'))
    for (const { name: node } of expected.nodes) {
      t.ok(mermaid!.stdout.includes(node), `the Mermaid output has node ${node}`)
      t.ok(dot!.stdout.includes(`"${node}"`), `the DOT output has node ${node}`)
    }
  })
}

await t.test('the graph reflects environment variables', async t => {
  const env = { ALERT_STREAM_SRC_TOPIC: 'my-topic', ALERT_STREAM_REPEAT_INTERVAL: '5', ALERT_STREAM_PROFILE: 'dmtn-149' }
  const { stdout } = await runCli(['graph', 'play-stream'], { env })
  t.match(stdout, /my-topic, every 5 s/)
  t.match(stdout, /dmtn-149: 189 bursts in 3 s/)
})

await t.test('naming a mode without a graph is a usage error, and the error lists the modes that have a graph', async t => {
  t.match(await runCli(['graph', 'demo']), {
    code: 2, stdout: '', stderr: /^USAGE_BAD_VALUE: mode demo has no graph \(graph\)\. .*ingest.*\n$/
  })
  t.match(await runCli(['graph', 'ingst']), { code: 2, stderr: /^USAGE_UNKNOWN_MODE: unknown mode 'ingst'\. Did you mean ingest\?\n$/ })
  t.match(await runCli(['graph', 'constructor']), { code: 2, stderr: /^USAGE_UNKNOWN_MODE/ })
  t.match(await runCli(['graph']), { code: 2, stderr: /^USAGE_MISSING: missing argument MODE/ })
  t.match(await runCli(['graph', 'ingest', '--format', 'png']), {
    code: 2, stderr: /^USAGE_BAD_VALUE: --format is 'png', but must be one of mermaid, dot, json/
  })
})
