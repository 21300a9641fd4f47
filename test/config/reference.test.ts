import t from 'tap'
import { readFile } from 'node:fs/promises'
import { modes } from '../../src/cli/modes.ts'
import { environmentName, flags } from '../../src/config/flags.ts'
import { referenceMarkdown, referenceOf, referenceTable } from '../../src/config/reference.ts'

await t.test('docs/configuration.md is current; otherwise run "npm run docs"', async t => {
  const text = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const [, reference] = /<!-- reference: .*-->\n\n([^]*)\n<!-- end of reference -->/.exec(text) ?? []
  t.equal(reference, referenceMarkdown(await modes.all()))
})

await t.test('the Markdown lists every flag of every mode with its variables and description', async t => {
  const all = await modes.all()
  const lines = referenceMarkdown(all).split('\n')
  for (const { mode, flags } of all) {
    t.ok(lines.some(line => line.startsWith(`### alert-stream ${mode}`)), mode)
    for (const [name, spec] of Object.entries(flags)) {
      const description = spec.description.replaceAll('|', '\\|')
      const row = lines.find(line => line.includes(`\`${environmentName(name)}\``) && line.includes(description))
      t.ok(row, `${mode} ${name}`)
      t.equal(row?.includes(`\`--${name}\``), spec.secret !== true, `${mode} ${name}`)
    }
  }
  const broker = lines.filter(line => line.includes('`--broker`') && line.includes('`--kafka-host`'))
  t.equal(broker.length, 1, 'a flag that several modes share is listed once')
  t.match(broker[0], /create-stream.*ingest/)
})

await t.test('the reference has type, range or choices, default, aliases, variables and secrecy of each flag', async t => {
  const described = {
    mode: 'try',
    summary: 'Try',
    positionals: [{ name: 'FILE', description: 'a file' }],
    flags: flags({
      count: { type: 'integer', min: 0, default: 0, aliases: ['number'], description: 'Count.' },
      most: { type: 'number', max: 2.5, description: 'Most.' },
      format: { type: 'choice', choices: ['a', 'b|c'], description: 'Format.', example: 'a' },
      on: { type: 'switch', description: 'On.' },
      password: { type: 'text', secret: true, environment: ['OLD_PASSWORD'], description: 'Secret.' }
    })
  }
  t.strictSame(referenceOf(described), {
    mode: 'try',
    summary: 'Try',
    arguments: [{ name: 'FILE', optional: false, description: 'a file' }],
    flags: [
      {
        flag: 'count', type: 'integer', min: 0, default: 0, aliases: ['number'], variables: ['ALERT_STREAM_COUNT', 'ALERT_STREAM_NUMBER'],
        secret: false, description: 'Count.'
      },
      {
        flag: 'most', type: 'number', max: 2.5, default: null, aliases: [], variables: ['ALERT_STREAM_MOST'], secret: false,
        description: 'Most.'
      },
      {
        flag: 'format', type: 'choice', choices: ['a', 'b|c'], default: null, aliases: [], variables: ['ALERT_STREAM_FORMAT'],
        secret: false, description: 'Format.'
      },
      { flag: 'on', type: 'switch', default: false, aliases: [], variables: ['ALERT_STREAM_ON'], secret: false, description: 'On.' },
      {
        flag: 'password', type: 'text', default: null, aliases: [], variables: ['ALERT_STREAM_PASSWORD', 'OLD_PASSWORD'], secret: true,
        description: 'Secret.'
      }
    ]
  })
  t.equal(referenceTable([described]), [
    'try',
    'FLAG      VALUE  DEFAULT  VARIABLES',
    'count     N      0        ALERT_STREAM_COUNT, ALERT_STREAM_NUMBER',
    'most      X               ALERT_STREAM_MOST',
    'format    a|b|c           ALERT_STREAM_FORMAT',
    'on                        ALERT_STREAM_ON',
    'password  TEXT            ALERT_STREAM_PASSWORD, OLD_PASSWORD',
    ''
  ].join('\n'))
  const escaped = /\| `--format`<br>`ALERT_STREAM_FORMAT` \| `a`, `b\\\|c` \| {2}\| Format\. For example `a`\. \|/
  t.match(referenceMarkdown([described]), escaped, 'a vertical bar is escaped in a table cell')
})
