import t from 'tap'
import { readFile } from 'node:fs/promises'
import { allModes } from '../../src/cli/find-mode.ts'
import { environmentName, flags } from '../../src/config/flags.ts'
import { referenceMarkdown, referenceOf, referenceTable } from '../../src/config/reference.ts'

await t.test('docs/configuration.md holds the flags as they are now; else run "npm run docs"', async t => {
  const text = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const [, reference] = /<!-- reference: .*-->\n\n([^]*)\n<!-- end of reference -->/.exec(text) ?? []
  t.equal(reference, referenceMarkdown(await allModes()))
})

await t.test('the Markdown has every flag of every mode: its variables, what it takes, its default, its description', async t => {
  const modes = await allModes()
  const lines = referenceMarkdown(modes).split('\n')
  for (const { mode, flags } of modes) {
    t.ok(lines.some(line => line.startsWith(`### alert-stream ${mode}`)), mode)
    for (const [name, spec] of Object.entries(flags)) {
      const row = lines.find(line => line.includes(`\`${environmentName(name)}\``) && line.includes(spec.description.replaceAll('|', '\\|')))
      t.ok(row, `${mode} ${name}`)
      t.equal(row?.includes(`\`--${name}\``), spec.secret !== true, `${mode} ${name}`)
    }
  }
  const broker = lines.filter(line => line.includes('`--broker`') && line.includes('`--kafka-host`'))
  t.equal(broker.length, 1, 'a flag that several modes share stands once')
  t.match(broker[0], /create-stream.*ingest/)
})

await t.test('as data: type, range or choices, default, aliases, variables, whether it is a secret', async t => {
  const described = {
    mode: 'try',
    summary: 'Tries.',
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
    summary: 'Tries.',
    arguments: [{ name: 'FILE', optional: false, description: 'a file' }],
    flags: [
      { flag: 'count', type: 'integer', min: 0, default: 0, aliases: ['number'], variables: ['ALERT_STREAM_COUNT', 'ALERT_STREAM_NUMBER'], secret: false, description: 'Count.' },
      { flag: 'most', type: 'number', max: 2.5, default: null, aliases: [], variables: ['ALERT_STREAM_MOST'], secret: false, description: 'Most.' },
      { flag: 'format', type: 'choice', choices: ['a', 'b|c'], default: null, aliases: [], variables: ['ALERT_STREAM_FORMAT'], secret: false, description: 'Format.' },
      { flag: 'on', type: 'switch', default: false, aliases: [], variables: ['ALERT_STREAM_ON'], secret: false, description: 'On.' },
      { flag: 'password', type: 'text', default: null, aliases: [], variables: ['ALERT_STREAM_PASSWORD', 'OLD_PASSWORD'], secret: true, description: 'Secret.' }
    ]
  })
  t.equal(referenceTable([described]), [
    'try',
    'FLAG      TAKES  DEFAULT  VARIABLES',
    'count     N      0        ALERT_STREAM_COUNT, ALERT_STREAM_NUMBER',
    'most      X               ALERT_STREAM_MOST',
    'format    a|b|c           ALERT_STREAM_FORMAT',
    'on                        ALERT_STREAM_ON',
    'password  TEXT            ALERT_STREAM_PASSWORD, OLD_PASSWORD',
    ''
  ].join('\n'))
  t.match(referenceMarkdown([described]), /\| `--format`<br>`ALERT_STREAM_FORMAT` \| `a`, `b\\\|c` \| {2}\| Format\. For example `a`\. \|/, 'a bar does not end a cell')
})
