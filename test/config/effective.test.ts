import t from 'tap'
import { readArguments } from '../../src/config/argv.ts'
import { effective } from '../../src/config/effective.ts'
import { parseConfigFile } from '../../src/config/file.ts'
import { flags } from '../../src/config/flags.ts'
import { configOf, settle, type Environment } from '../../src/config/parse.ts'

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
  return settle(command, readArguments(command, argv), environment, parseConfigFile(text, 'a.yaml'))
}

await t.test('the table has every flag, its value and its origin', async t => {
  const all = settings(['--kafka-host', 'a:1,b:2', '--no-burst', '--config=a.yaml'], { ALERT_STREAM_INTERVAL: '5', ALERT_STREAM_PASSWORD: 'hunter2' }, 'topic: x')
  t.strictSame(effective([{ mode: 'try', settings: all }], 'table').trimEnd().split('\n').map(line => line.split(/ {2,}/)), [
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

await t.test('JSON has the same with types', async t => {
  const { modes } = JSON.parse(effective([{ mode: 'try', settings: settings(['--broker', 'a:1'], { ALERT_STREAM_PASSWORD: 'hunter2' }, 'try: { interval: 5 }') }], 'json')) as { modes: Array<{ settings: Array<{ flag: string }> }> }
  t.equal(modes.length, 1)
  const by = Object.fromEntries(modes[0]!.settings.map(({ flag, ...rest }) => [flag, rest]))
  t.strictSame(by, {
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

await t.test('YAML is a configuration file that gives the same values again, whatever is in them', async t => {
  for (const topic of ['plain', 'a: b', '# no comment', '11.10', 'true', 'null', '- x', 'ümlaut "quoted" \'too\'', 'two\nlines', '*alias', ' blanks ', '{x}', '***', '%d', '@x', '`y`', 'x #y', 'a'.repeat(300)]) {
    const before = settings([`--topic=${topic}`, '--broker', 'a:1,b:2,[::1]:9092,*', '--interval=-1', '--no-burst', '--config=b.yaml'], { ALERT_STREAM_PREFIX: '/p' })
    const text = effective([{ mode: 'try', settings: before }], 'yaml')
    const { config: _, ...expected } = configOf<typeof table>(before)
    const { config: __, ...again } = configOf<typeof table>(settings([], {}, text))
    t.strictSame({ ...again }, { ...expected }, text)
  }
  t.match(effective([{ mode: 'try', settings: settings([]) }], 'yaml'), /^ {2}# interval: 37 {2}# default$/m, 'defaults are shown and not set')
})

await t.test('no format shows a secret: neither a secret flag\'s value nor a password in a URL', async t => {
  for (const url of ['http://user:hunter2@host:8081/path', 'http://:hunter2@host', 'https://user:hun@ter2@host']) {
    const all = settings([`--url=${url}`, `--broker=x:1,${url}`], { ALERT_STREAM_PASSWORD: 'hunter2' })
    for (const format of ['table', 'json', 'yaml'] as const) {
      const text = effective([{ mode: 'try', settings: all }], format)
      t.notMatch(text, /hunter2|ter2/, `${format} ${url}`)
      t.match(text, /:\*\*\*@host/)
    }
    t.match(effective([{ mode: 'try', settings: all }], 'yaml'), /^ {2}# url: .*masked$/m, 'a masked value is not set')
  }
  t.match(effective([{ mode: 'try', settings: settings(['--url=http://host:8081/a:b@c']) }], 'table'), /http:\/\/host:8081\/a:b@c/, 'a port is no password')
})
