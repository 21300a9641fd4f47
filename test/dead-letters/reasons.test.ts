import { readFile } from 'node:fs/promises'
import t from 'tap'
import { frameErrors, resolutionErrors, schemaErrors } from '../../src/avro/errors.ts'
import { redrivenHeader, reportHeaders } from '../../src/dead-letters/dead-letter.ts'
import { deadLetterPrefix } from '../../src/dead-letters/dead-letter-json.ts'
import { reasonsMarkdown } from '../../src/dead-letters/reasons.ts'
import { declaredErrors } from '../../src/pipeline/index.ts'
import { deadLetterRecord } from './records.ts'

const text = await readFile(new URL('../../docs/dead-letters.md', import.meta.url), 'utf8')
const reasons = [...reasonsMarkdown().matchAll(/^\| `(\w+)`/gm)].map(([, code = '']) => code)

await t.test('docs/dead-letters.md is up to date with the table of reasons; otherwise run "npm run docs"', async t => {
  const [, generated] = /<!-- made by .*-->\n([^]*)<!-- end of what is made -->/.exec(text) ?? []
  t.equal(generated?.trim(), reasonsMarkdown().trim())
})

await t.test('every reason is a declared error that can lead to a dead letter', async t => {
  t.ok(reasons.length > 10, `${reasons.length} reasons`)
  for (const code of reasons.filter(code => code !== 'UNEXPECTED')) {
    const spec = declaredErrors().get(code)
    t.ok(spec, `${code} is declared`)
    t.notOk(spec?.retryable === true || spec?.fatal === true, `${code} concerns the record`)
  }
})

await t.test('every error of frames, schemas and resolution is a reason', async t => {
  const codes = [frameErrors, schemaErrors, resolutionErrors].flatMap(table => Object.keys(table))
  t.strictSame(codes.filter(code => !reasons.includes(code)), [])
})

await t.test('docs/dead-letters.md names every header and both prefixes of a store', async t => {
  const expanded = text.replaceAll(/`-(partition|offset|timestamp)`/g, '`dead-letter-$1`')
  const names = reportHeaders({ ...deadLetterRecord(), omittedBytes: 1 }).map(([name]) => name.toString())
  t.equal(names.length, 10)
  for (const name of [...names, redrivenHeader]) t.ok(expanded.includes(`\`${name}\``), name)
  for (const prefix of [deadLetterPrefix, 'dead-letters-redriven/v1/']) t.ok(text.includes(prefix), prefix)
})
