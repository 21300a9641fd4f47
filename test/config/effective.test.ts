import t from 'tap'
import { readArguments } from '../../src/config/argv.ts'
import { effective } from '../../src/config/effective.ts'
import { parseConfigFile } from '../../src/config/parse-file.ts'
import { flags } from '../../src/config/flags.ts'
import { configOf, settingsOf, type Environment } from '../../src/config/parse.ts'

const table = flags({
  broker: { type: 'list', default: ['localhost:9092'], aliases: ['kafka-host'], description: 'A list.' },
  topic: { type: 'text', description: 'A text.' },
  prefix: { type: 'text', default: '', description: 'A text that may be empty.' },
  url: { type: 'text', description: 'A URL.' },
  interval: { type: 'number', default: 37, description: 'A number.' },
  burst: { type: 'switch', default: true, description: 'A switch.' },
  password: { type: 'text', secret: true, description: 'A secret.' },
  config: { type: 'text', description: 'The file.' }
})
const command = { mode: 'try', flags: table }

function settings (argv: string[], environment: Environment = {}, text = '') {
  return settingsOf(command, readArguments(command, argv), environment, parseConfigFile(text, 'a.yaml'))
}

await t.test('the table output shows every flag with its value and source', async t => {
  const environment = { ALERT_STREAM_INTERVAL: '5', ALERT_STREAM_PASSWORD: 'hunter2' }
  const all = settings(['--kafka-host', 'a:1,b:2', '--no-burst', '--config=a.yaml'], environment, 'topic: x')
  const lines = effective([{ mode: 'try', settings: all }], 'table').trimEnd().split('\n')
  t.strictSame(lines.map(line => line.split(/ {2,}/)), [
    ['FLAG', 'VALUE', 'FROM'],
    ['broker', 'a:1,b:2', 'flag --kafka-host'],
    ['topic', 'x', 'topic in a.yaml:1:1'],
    ['prefix', '\'\'', 'default'],
    ['url', '-', 'default'],
    ['interval', '5', 'environment ALERT_STREAM_INTERVAL'],
    ['burst', 'false', 'flag --no-burst'],
    ['password', '***', 'environment ALERT_STREAM_PASSWORD'],
    ['config', 'a.yaml', 'flag --config']
  ])
})

await t.test('every format shows what a mode chose where a value leaves the choice open', async t => {
  const [broker, topic] = settings(['--broker', 'auto'])
  const chosen = [{ ...broker!, resolved: 'libdeflate' }, { ...topic!, resolved: '4' }]
  const output = (format: 'table' | 'json' | 'yaml') => effective([{ mode: 'try', settings: chosen }], format)
  t.strictSame(output('table').trimEnd().split('\n').slice(1).map(line => line.split(/ {2,}/)), [
    ['broker', 'auto: libdeflate', 'flag --broker'], ['topic', '4', 'default']
  ])
  const inJson = [{ value: ['auto'], resolved: 'libdeflate' }, { value: null, resolved: '4' }]
  t.match(JSON.parse(output('json')), { modes: [{ settings: inJson }] })
  t.match(output('yaml'), /  broker: \[auto\]  # flag --broker: libdeflate\n  # topic:  # default: 4\n/)
})

await t.test('the JSON output has typed values', async t => {
  const all = settings(['--broker', 'a:1'], { ALERT_STREAM_PASSWORD: 'hunter2' }, 'try: { interval: 5 }')
  const text = effective([{ mode: 'try', settings: all }], 'json')
  const { modes } = JSON.parse(text) as { modes: Array<{ settings: Array<{ flag: string }> }> }
  t.equal(modes.length, 1)
  t.strictSame(Object.fromEntries(modes[0]!.settings.map(({ flag, ...rest }) => [flag, rest])), {
    broker: { value: ['a:1'], from: 'flag', name: '--broker' },
    topic: { value: null, from: 'default' },
    prefix: { value: '', from: 'default' },
    url: { value: null, from: 'default' },
    interval: { value: 5, from: 'file', name: 'interval', where: 'a.yaml:1:8' },
    burst: { value: true, from: 'default' },
    password: { value: '***', from: 'environment', name: 'ALERT_STREAM_PASSWORD', secret: true },
    config: { value: null, from: 'default' }
  })
})

await t.test('the YAML output is a configuration file that sets the same values, including values that need quotes', async t => {
  for (const topic of [
    'plain', 'a: b', '# no comment', '11.10', 'true', 'null', '- x', 'ümlaut "quoted" \'too\'', 'two\nlines', '*alias', ' blanks ', '{x}',
    '***', '%d', '@x', '`y`', 'x #y', 'a'.repeat(300)
  ]) {
    const argv = [`--topic=${topic}`, '--broker', 'a:1,b:2,[::1]:9092,*', '--interval=-1', '--no-burst', '--config=b.yaml']
    const before = settings(argv, { ALERT_STREAM_PREFIX: '/p' })
    const text = effective([{ mode: 'try', settings: before }], 'yaml')
    const { config: _, ...expected } = configOf<typeof table>(before)
    const { config: __, ...again } = configOf<typeof table>(settings([], {}, text))
    t.strictSame({ ...again }, { ...expected }, text)
  }
  t.match(effective([{ mode: 'try', settings: settings([]) }], 'yaml'), /^ {2}# interval: 37 {2}# default$/m, 'defaults are commented out')
})

await t.test('every format masks secret flags and passwords in URLs', async t => {
  for (const url of ['http://user:hunter2@host:8081/path', 'http://:hunter2@host', 'https://user:hun@ter2@host']) {
    const all = settings([`--url=${url}`, `--broker=x:1,${url}`], { ALERT_STREAM_PASSWORD: 'hunter2' })
    for (const format of ['table', 'json', 'yaml'] as const) {
      const text = effective([{ mode: 'try', settings: all }], format)
      t.notMatch(text, /hunter2|ter2/, `${format} ${url}`)
      t.match(text, /:\*\*\*@host/)
    }
    t.match(effective([{ mode: 'try', settings: all }], 'yaml'), /^ {2}# url: .*masked$/m, 'a masked value is commented out')
  }
  const port = effective([{ mode: 'try', settings: settings(['--url=http://host:8081/a:b@c']) }], 'table')
  t.match(port, /http:\/\/host:8081\/a:b@c/, 'a port is not a password')
})
