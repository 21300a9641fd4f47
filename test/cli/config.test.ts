import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { modes } from '../../src/cli/modes.ts'
import { runCli, startCli, tempDir, type CliOptions } from '../support/stack.ts'

interface Printed {
  readonly modes: ReadonlyArray<{ readonly mode: string, readonly settings: ReadonlyArray<{ readonly flag: string, readonly value: unknown, readonly from: string, readonly name?: string, readonly where?: string }> }>
}

const folder = await tempDir(t)

async function file (name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

/** What `config` prints of one mode, by flag. */
async function settingsOf (args: readonly string[], options?: CliOptions) {
  const { code, stdout, stderr } = await runCli(['config', ...args, '--format', 'json'], options)
  if (code !== 0) throw new Error(stderr)
  return new Map((JSON.parse(stdout) as Printed).modes[0]!.settings.map(({ flag, ...rest }) => [flag, rest]))
}

await t.test('a mode runs with what the file says; flag and environment go before it', async t => {
  const store = join(folder, 'store')
  await mkdir(store)
  const path = await file('serve.yaml', `listen-port: 1\nbroker: [nobody:1]\nserve:\n  listen-port: 0\n  alert-store: ${pathToFileURL(store).href}\n  path-prefix: /from-file\ningest:\n  what-ingest-checks: 1\n`)
  for (const [args, env, prefix] of [
    [[], { ALERT_STREAM_CONFIG: path }, 'from-file'],
    [['--config', path], { ALERT_STREAM_PATH_PREFIX: '/from-variable', ALERT_STREAM_CONFIG: '/none' }, 'from-variable']
  ] as const) {
    const server = startCli(t, ['serve', ...args], { env })
    await server.waitFor(new RegExp(`^serving http://127\\.0\\.0\\.1:\\d{2,5}/${prefix}/v1\n`))
    t.equal((await server.stop()).code, 0)
  }
})

await t.test('graph shows what the file says of its mode', async t => {
  const path = await file('graph.yaml', 'src-topic: of-the-file\nplay-stream: { repeat-interval: 5 }\n')
  t.match((await runCli(['graph', 'play-stream', '--config', path])).stdout, /of-the-file, every 5 s/)
  t.match(await runCli(['graph', 'play-stream', '--config', await file('graph-bad.yaml', 'play-stream: { repeat-interval: x }\n')]), {
    code: 2, stderr: /^USAGE_BAD_VALUE: repeat-interval is 'x', but must be a number .*\(.*graph-bad\.yaml:1:16\)/
  })
})

await t.test('what is wrong with the file is wrong usage: one line with file, line and column', async t => {
  const cases: Array<[string, string, RegExp]> = [
    ['typo.yaml', 'log-level: warn\nlisten-prot: 1\n', /^USAGE_UNKNOWN_KEY: 'listen-prot' is neither .*did you mean listen-port\? \(.*typo\.yaml:2:1\)\. .*\n$/],
    ['secret.yaml', 'kafka-password: hunter2\n', /^USAGE_BAD_VALUE: kafka-password is a secret, which a configuration file cannot hold \(.*secret\.yaml:1:1\)\. .*kafka-password-file\.\n$/]
  ]
  for (const [name, text, message] of cases) {
    const path = await file(name, text)
    for (const args of [['serve'], ['config', 'serve']]) {
      const { code, stdout, stderr } = await runCli([...args, '--alert-store', pathToFileURL(folder).href, '--config', path])
      t.equal(code, 2, name)
      t.equal(stdout, '', name)
      t.match(stderr, message, `${name} ${args.join(' ')}`)
      t.notMatch(stderr, /hunter2/)
    }
  }
  t.match(await runCli(['serve', '--config', join(folder, 'none.yaml')]), { code: 2, stderr: /^USAGE_CONFIG_FILE: the file that --config names cannot be read \(.*none\.yaml\): ENOENT.*\n$/ })
  t.match(await runCli(['serve'], { env: { ALERT_STREAM_CONFIG: folder } }), { code: 2, stderr: /^USAGE_CONFIG_FILE: the file that ALERT_STREAM_CONFIG names cannot be read .*EISDIR.*\n$/ })
})

await t.test('config prints each value and where it came from; secrets are masked and their files not read', async t => {
  const path = await file('ingest.yaml', 'broker: [a:1, b:2]\nkafka-password-file: /none/password\ningest:\n  batch-size: 7\n  kafka-topics: [x]\n')
  const settings = await settingsOf(['ingest', '--config', path, '--kafka-group', 'g', '--log-level', 'warn', '--no-wait-for-topic'], { env: { ALERTDB_KAFKA_PASSWORD: 'hunter2', ALERT_STREAM_LAYOUT: 'v1' } })
  t.match(Object.fromEntries(settings), {
    broker: { value: ['a:1', 'b:2'], from: 'file', name: 'broker', where: `${path}:1:1` },
    'kafka-password-file': { value: '/none/password', from: 'file', where: `${path}:2:1` },
    'batch-size': { value: 7, from: 'file', where: `${path}:4:3` },
    topic: { value: ['x'], from: 'file', name: 'kafka-topics', where: `${path}:5:3` },
    group: { value: 'g', from: 'flag', name: '--kafka-group' },
    'log-level': { value: 'warn', from: 'flag', name: '--log-level' },
    'wait-for-topic': { value: false, from: 'flag', name: '--no-wait-for-topic' },
    config: { value: path, from: 'flag', name: '--config' },
    layout: { value: 'v1', from: 'environment', name: 'ALERT_STREAM_LAYOUT' },
    'kafka-password': { value: '***', from: 'environment', name: 'ALERTDB_KAFKA_PASSWORD' },
    limit: { value: -1, from: 'default' },
    'alert-store': { value: null, from: 'default' }
  })
})

await t.test('its YAML gives the same values again', async t => {
  const before = await runCli(['config', 'play-stream', '--broker', 'a:1,b:2', '--repeat-interval', '-1', '--format', 'yaml'], { env: { ALERT_STREAM_SRC_TOPIC: '11.10' } })
  t.match(before, { code: 0, stderr: '' })
  const again = await settingsOf(['play-stream', '--config', await file('again.yaml', before.stdout)])
  t.match(Object.fromEntries(again), { broker: { value: ['a:1', 'b:2'] }, 'repeat-interval': { value: -1 }, 'src-topic': { value: '11.10', from: 'file' }, 'dst-topic': { from: 'default' } })
})

await t.test('without a mode every mode is shown, and every section checked', async t => {
  const good = await runCli(['config', '--config', await file('all.yaml', 'broker: [a:1]\nserve: { listen-port: 5 }\n'), '--format', 'json'])
  t.equal(good.code, 0, good.stderr)
  t.strictSame((JSON.parse(good.stdout) as Printed).modes.map(({ mode }) => mode), Object.keys(modes))
  const bad = await file('all-bad.yaml', 'ingest: { batch-size: 1 }\nserve: { listen-port: 5, nonsense: 1 }\n')
  t.equal((await runCli(['config', 'ingest', '--config', bad])).code, 0, 'another mode\'s section is not ingest\'s business')
  t.match(await runCli(['config', '--config', bad]), { code: 2, stderr: /^USAGE_UNKNOWN_KEY: 'nonsense' is not a flag of serve .*all-bad\.yaml:2:26/ })
})

await t.test('config refuses what the mode would refuse, with the same words', async t => {
  for (const args of [['ingest', '--bach-size', '1'], ['ingest', '--kafka-password', 'hunter2'], ['create-stream', 'a', 'b']]) {
    const [itself, described] = [await runCli(args), await runCli(['config', ...args])]
    t.equal(described.code, 2)
    t.equal(described.stderr, itself.stderr)
    t.equal(described.stdout, '')
  }
  t.match(await runCli(['config', 'ingst']), { code: 2, stderr: /^USAGE_UNKNOWN_MODE: .*did you mean ingest\?/ })
  t.match(await runCli(['config', '--broker', 'a:1', 'ingest']), { code: 2, stderr: /^USAGE_UNKNOWN_FLAG: --broker is not a flag of config/ }, 'the mode comes first')
  t.equal((await runCli(['config', 'create-stream'])).code, 0, 'arguments may be left out')
})

await t.test('a variable that no mode reads is warned of, with what was probably meant', async t => {
  const { code, stderr } = await runCli(['config', 'serve'], { env: { ALERT_STREAM_LISTEN_PROT: '1', ALERT_STREAM_BROKER: 'a:1' } })
  t.equal(code, 0)
  t.match(stderr, /no mode reads ALERT_STREAM_LISTEN_PROT: did you mean ALERT_STREAM_LISTEN_PORT\?/)
  t.notMatch(stderr, /ALERT_STREAM_BROKER/, 'another mode\'s variable is no mistake')
})

await t.test('the list has every flag of every mode, for programs and for people', async t => {
  const listed = await runCli(['config', '--list', '--format', 'json'])
  t.match(listed, { code: 0, stderr: '' })
  const all = (JSON.parse(listed.stdout) as { modes: Array<{ mode: string, flags: Array<{ flag: string }> }> }).modes
  t.strictSame(all.map(({ mode }) => mode), Object.keys(modes))
  for (const { mode, flags } of all) {
    const { flags: own } = await modes[mode]!.load()
    t.strictSame(flags.map(({ flag }) => flag), [...Object.keys(own), 'config', 'log-level', 'debug'], mode)
  }
  const one = await runCli(['config', 'serve', '--list'])
  t.match(one, { code: 0, stderr: '', stdout: /^serve\nFLAG.*\nlisten-host / })
  t.match(await runCli(['config', '--list', '--format', 'yaml']), { code: 2, stderr: /^USAGE_BAD_VALUE: --list cannot be printed as yaml/ })
  t.match(await runCli(['config', 'serve', '--format', 'markdown']), { code: 2, stderr: /^USAGE_BAD_VALUE: --format markdown is for --list only/ })
  t.match(await runCli(['config', 'serve', '--list', '--listen-port', '1']), { code: 2, stderr: /^USAGE_UNKNOWN_FLAG/ }, 'a listing has no values')
})
