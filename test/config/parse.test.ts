import t from 'tap'
import { adminFlags, checkNight, kafkaFlags, registryFlags, topicFlags } from '../../src/config/common.ts'
import { camel, environmentName, flags, type Flags } from '../../src/config/flags.ts'
import { modeHelp } from '../../src/config/help.ts'
import type { CommandLine } from '../../src/config/argv.ts'
import { parseCommandLine, type Environment } from '../../src/config/parse.ts'
import { AlertStreamError, formatError } from '../../src/pipeline/index.ts'

const table = flags({
  'src-topic': { type: 'text', default: 'alerts-static', description: 'A text.' },
  prefix: { type: 'text', default: '', description: 'A text that may be empty.' },
  name: { type: 'text', description: 'No default.', check: value => value === value.toLowerCase() ? undefined : 'in lower case' },
  broker: { type: 'list', default: ['localhost:9092'], aliases: ['kafka-host'], description: 'A list.' },
  topics: { type: 'list', description: 'A list without default.', aliases: ['topic', 'kafka-topics'] },
  'repeat-interval': { type: 'number', default: 37, max: 1e6, description: 'A number.' },
  count: { type: 'integer', min: 1, max: 10, description: 'A whole number.' },
  least: { type: 'integer', min: -1, default: -1, description: 'With a lower bound only.' },
  burst: { type: 'switch', description: 'Off unless given.' },
  checks: { type: 'switch', default: true, description: 'On by default.' },
  format: { type: 'choice', choices: ['text', 'json'], default: 'text', description: 'A choice.' },
  password: { type: 'text', secret: true, environment: ['OLD_PASSWORD'], description: 'A secret.' }
})
const command = { mode: 'try', flags: table, positionals: [{ name: 'FILE', description: 'a file', optional: true }] }

function parse (argv: string[], environment: Environment = {}) {
  return parseCommandLine(command, argv, environment).config
}

function errorOf (argv: string[], environment: Environment = {}, of: CommandLine<Flags> = command): AlertStreamError {
  try {
    parseCommandLine(of, argv, environment)
  } catch (error) {
    if (error instanceof AlertStreamError) return error
    throw error
  }
  throw new Error(`${argv.join(' ')} was accepted`)
}

await t.test('uses the defaults if no flags and no environment variables are set', async t => {
  t.strictSame({ ...parse([]) }, {
    srcTopic: 'alerts-static', prefix: '', name: undefined, broker: ['localhost:9092'], topics: undefined, repeatInterval: 37,
    count: undefined, least: -1, burst: false, checks: true, format: 'text', password: undefined
  })
})

await t.test('reads every flag type, with a space or an equals sign before the value', async t => {
  for (const argv of [
    ['--src-topic', 'a', '--broker', 'b:1,c:2', '--repeat-interval', '2.5', '--count', '7', '--format', 'json', '--burst', '--no-checks'],
    ['--src-topic=a', '--broker=b:1, c:2', '--repeat-interval=2.5', '--count=7', '--format=json', '--burst=on', '--checks=false']
  ]) {
    const expected = { srcTopic: 'a', broker: ['b:1', 'c:2'], repeatInterval: 2.5, count: 7, format: 'json', burst: true, checks: false }
    t.match(parse(argv), expected, argv.join(' '))
  }
})

await t.test('accepts a negative number as the word after a flag, but rejects another flag there', async t => {
  t.equal(parse(['--repeat-interval', '-1']).repeatInterval, -1)
  t.equal(parse(['--repeat-interval', '-0.5']).repeatInterval, -0.5)
  t.equal(parse(['--repeat-interval=-1']).repeatInterval, -1)
  t.equal(parse(['--least', '-1']).least, -1)
  t.match(errorOf(['--src-topic', '--burst']), {
    code: 'USAGE_MISSING', message: '--src-topic needs a value: TEXT', hint: /--src-topic=--burst/
  })
  t.match(errorOf(['--src-topic']), { code: 'USAGE_MISSING', message: '--src-topic needs a value: TEXT' })
  t.equal(parse(['--src-topic=--burst']).srcTopic, '--burst')
})

await t.test('the precedence is flag, variable, default, and an empty variable is ignored', async t => {
  const environment = {
    ALERT_STREAM_SRC_TOPIC: 'from-env', ALERT_STREAM_COUNT: '3', ALERT_STREAM_BURST: 'yes', ALERT_STREAM_CHECKS: '0',
    ALERT_STREAM_BROKER: 'x:1,y:2', ALERT_STREAM_FORMAT: 'json'
  }
  t.match(parse([], environment), { srcTopic: 'from-env', count: 3, burst: true, checks: false, broker: ['x:1', 'y:2'], format: 'json' })
  const argv = ['--src-topic', 'from-flag', '--no-burst', '--broker', 'z:3']
  t.match(parse(argv, environment), { srcTopic: 'from-flag', burst: false, broker: ['z:3'] })
  t.equal(parse([], { ALERT_STREAM_SRC_TOPIC: '' }).srcTopic, 'alerts-static')
})

await t.test('an alias works as a flag and as a variable, and the variable of the name overrides the variable of an alias', async t => {
  t.strictSame(parse(['--kafka-host', 'h:1']).broker, ['h:1'])
  t.strictSame(parse([], { ALERT_STREAM_KAFKA_HOST: 'h:1' }).broker, ['h:1'])
  t.strictSame(parse([], { ALERT_STREAM_KAFKA_HOST: 'h:1', ALERT_STREAM_BROKER: 'b:1' }).broker, ['b:1'])
  t.strictSame(parse(['--topic', 'a', '--kafka-topics=b,c', '--topics', 'd']).topics, ['a', 'b', 'c', 'd'])
})

await t.test('the names of the original programs are aliases of the common flags', async t => {
  const original = { mode: 'x', flags: flags({ ...kafkaFlags, ...registryFlags }) }
  const common = parseCommandLine(original, ['--kafka-host=k:1', '--schema-registry-address', 'http://r'], {}).config
  t.strictSame(common.broker, ['k:1'])
  t.equal(common.schemaRegistryUrl, 'http://r')
})

await t.test('accepts a secret from its environment variables only, and does not print it in the error', async t => {
  t.equal(parse([], { ALERT_STREAM_PASSWORD: 'new', OLD_PASSWORD: 'old' }).password, 'new')
  t.equal(parse([], { OLD_PASSWORD: 'old' }).password, 'old')
  for (const argv of [['--password', 'hunter2'], ['--password=hunter2']]) {
    const error = errorOf(argv)
    t.match(error, { code: 'USAGE_BAD_VALUE', hint: 'Set ALERT_STREAM_PASSWORD instead.' })
    t.notMatch(formatError(error), /hunter2/)
  }
  t.equal(parseCommandLine({ mode: 'x', flags: kafkaFlags }, [], { ALERTDB_KAFKA_PASSWORD: 'p' }).config.kafkaPassword, 'p')
})

await t.test('rejects an unknown flag and suggests the flag with the nearest name', async t => {
  t.equal(formatError(errorOf(['--src-topik', 'a'])), 'USAGE_UNKNOWN_FLAG: unknown flag --src-topik (try). Did you mean --src-topic?')
  t.match(errorOf(['--kafka-hosts', 'a']), { hint: 'Did you mean --kafka-host?' })
  t.match(errorOf(['--zzzzzzzzzz']), { code: 'USAGE_UNKNOWN_FLAG', message: 'unknown flag --zzzzzzzzzz', hint: /--help/ })
  t.match(errorOf(['-x']), { code: 'USAGE_UNKNOWN_FLAG' })
  t.match(errorOf(['--no-src-topic']), { code: 'USAGE_UNKNOWN_FLAG' }, 'only a switch has a --no- form')
})

await t.test('the error for a bad value shows the flag or variable as given, and the valid values', async t => {
  const cases: Array<[string[], Environment, RegExp]> = [
    [['--count', 'many'], {}, /^--count is 'many', but must be a whole number from 1 to 10$/],
    [['--count', '2.5'], {}, /a whole number from 1 to 10/],
    [['--count', '0'], {}, /from 1 to 10/],
    [['--count='], {}, /a whole number/],
    [['--least', '-2'], {}, /a whole number of at least -1/],
    [['--repeat-interval', '1e9'], {}, /a number of at most 1000000/],
    [['--repeat-interval', 'Infinity'], {}, /a number/],
    [['--format', 'xml'], {}, /one of text, json/],
    [['--burst=maybe'], {}, /on or off/],
    [['--no-burst=true'], {}, /^--no-burst takes no value$/],
    [['--broker', ' , '], {}, /a list with at least one item/],
    [['--src-topic='], {}, /a non-empty text/],
    [['--name', 'UPPER'], {}, /in lower case/],
    [[], { ALERT_STREAM_COUNT: 'x' }, /^ALERT_STREAM_COUNT is 'x'/],
    [[], { ALERT_STREAM_KAFKA_HOST: ',' }, /^ALERT_STREAM_KAFKA_HOST is ','/]
  ]
  for (const [argv, environment, message] of cases) {
    const error = errorOf(argv, environment)
    t.match(error, { code: 'USAGE_BAD_VALUE', message, where: 'try' }, `${argv.join(' ')} ${JSON.stringify(environment)}`)
  }
  t.equal(parse(['--prefix=']).prefix, '', 'an empty value is valid for a text flag with an empty default')
})

await t.test('checks the number of positional arguments, and reads words after -- as positional arguments', async t => {
  t.strictSame(parseCommandLine(command, ['visit.avro', '--burst'], {}).positionals, ['visit.avro'])
  t.strictSame(parseCommandLine(command, ['--', '--burst'], {}).positionals, ['--burst'])
  t.match(errorOf(['a', 'b']), { code: 'USAGE_EXTRA_ARGUMENT', message: /'b'/ })
  t.match(errorOf(['--burst', 'true', 'b']), { code: 'USAGE_EXTRA_ARGUMENT' }, 'the word after a switch is a positional argument')
  const required = { ...command, positionals: [{ name: 'FILE', description: 'a file' }] }
  t.throws(() => parseCommandLine(required, [], {}), { code: 'USAGE_MISSING', message: /^missing argument FILE/ })
})

await t.test('derives the configuration key and the environment variable from the flag name', async t => {
  t.equal(camel('tls-server-ca-crt-location'), 'tlsServerCaCrtLocation')
  t.equal(environmentName('dst-topic-retention-ms'), 'ALERT_STREAM_DST_TOPIC_RETENTION_MS')
})

await t.test('the help text shows every flag with its placeholder, default and aliases', async t => {
  const all = flags({ ...table, ...adminFlags, ...topicFlags('dst-topic', 'the topic', 8, -1, -1) })
  const text = modeHelp({
    mode: 'try', flags: all, positionals: [{ name: 'FILE', description: 'a file' }], summary: 'Try', about: 'Long. '.repeat(40),
    examples: ['alert-stream try x']
  })
  const flat = text.replace(/\s+/g, ' ')
  for (const [name, spec] of Object.entries(all)) {
    t.ok(flat.includes('secret' in spec ? environmentName(name) : `--${name}`), name)
    t.ok(flat.includes(spec.description), spec.description)
  }
  t.match(text, /--repeat-interval X\n {8}A number\. \(default 37\)/)
  t.match(text, /--format text\|json\n/)
  t.match(text, /--broker A,B\n {8}A list\. \(default localhost:9092; alias --kafka-host\)/)
  t.match(text, /ALERT_STREAM_PASSWORD \(environment variable only\)\n {8}A secret\. \(alias OLD_PASSWORD\)/)
  t.notMatch(text, /--password/)
  t.match(text, /Usage: alert-stream try FILE \[flags\]/)
  t.ok(text.split('\n').every(line => line.length <= 100), 'no line of the help text has more than 100 characters')
})

await t.test('rejects a flag that has no effect in the variant of the mode, and the help text names the variants', async t => {
  const of = { ...command, variants: { name: { only: ['burst', 'count'], unused: ['broker', 'topics'] } } }
  const given = (argv: string[], environment: Environment = {}) => parseCommandLine(of, argv, environment).config
  t.match(given(['--name', 'a', '--burst', '--count', '3']), { name: 'a', burst: true, count: 3 })
  t.match(given(['--broker', 'b:1']), { name: undefined, broker: ['b:1'] })
  for (const [argv, environment, message] of [
    [['--name', 'a', '--kafka-host', 'b:1'], {}, /^--kafka-host has no effect with --name$/],
    [['--topics', 'b'], { ALERT_STREAM_NAME: 'a' }, /^--topics has no effect with --name$/],
    [['--burst'], {}, /^--burst needs --name$/]
  ] as const) {
    t.match(errorOf([...argv], environment, of), { code: 'USAGE_BAD_VALUE', usage: true, message }, argv.join(' '))
  }
  const shared = { ALERT_STREAM_BROKER: 'b:1', ALERT_STREAM_COUNT: '3' }
  t.match(given(['--name', 'a'], shared), { broker: ['b:1'] }, 'variables are common to several commands')
  t.match(given([], shared), { count: 3 })
  const help = modeHelp({ ...of, summary: 'Try' })
  t.match(help, /A list\. \(not with --name; default localhost:9092/)
  t.match(help, /Off unless given\. \(only with --name\)/)
})

await t.test('checks each item of a list', async t => {
  const nights = { mode: 'try', flags: flags({ night: { type: 'list', check: checkNight, description: 'Nights.' } }) }
  t.strictSame(parseCommandLine(nights, ['--night', '20240229,20100101'], {}).config, { night: ['20240229', '20100101'] })
  for (const wrong of ['20230229', '2024-02-2', '20091231', '20241301', '2024022']) {
    const message = `--night is '${wrong}', but must be a date from 2010-01-01 as YYYYMMDD`
    t.match(errorOf(['--night', `20240229,${wrong},20240301`], {}, nights), { code: 'USAGE_BAD_VALUE', message })
  }
})

await t.test('duplicate items are removed from a list', async t => {
  t.strictSame(parse(['--topic', 'a,b,a', '--topic', 'b,c']).topics, ['a', 'b', 'c'])
})

await t.test('rejects a schema registry URL that is not HTTP or has a password, and does not print the password', async t => {
  const registry = { mode: 'm', flags: registryFlags }
  for (const url of ['http://registry:8081', 'https://[::1]/apis/ccompat/v7/']) {
    t.equal(parseCommandLine(registry, ['--schema-registry-url', url], {}).config.schemaRegistryUrl, url)
  }
  for (const [url, expected] of [
    ['registry:8081', 'an http:// or https:// URL'], ['nothing', 'an http:// or https:// URL'],
    ['http://user:hunter2@registry', 'a URL without user and password']
  ] as const) {
    const error = errorOf(['--schema-registry-url', url], {}, registry)
    t.match(error, { code: 'USAGE_BAD_VALUE' })
    t.ok(error.message.endsWith(`must be ${expected}`), error.message)
    t.notMatch(formatError(error), /hunter2/)
  }
})
