import { readFile } from 'node:fs/promises'
import t from 'tap'
import { frameErrors, resolutionErrors, schemaErrors } from '../../src/avro/errors.ts'
import { deadLetterHeaders, redrivenHeader } from '../../src/dead-letters/dead-letter.ts'
import { letterPrefix } from '../../src/dead-letters/dead-letter-json.ts'
import { deadLetterReasons, reasonsMarkdown } from '../../src/dead-letters/reasons.ts'
import { declaredErrors } from '../../src/pipeline/index.ts'
import { markPrefix } from '../../src/dead-letters/store-source.ts'

const text = await readFile(new URL('../../docs/dead-letters.md', import.meta.url), 'utf8')

await t.test('docs/dead-letters.md has the table of reasons as the code has it; else run "npm run docs"', async t => {
  const [, made] = /<!-- made by .*-->\n([^]*)<!-- end of what is made -->/.exec(text) ?? []
  t.equal(made?.trim(), reasonsMarkdown().trim())
})

await t.test('each reason is a declared error that is a record\'s own fault, and every error of frames, schemas and resolution is a reason', async t => {
  for (const code of Object.keys(deadLetterReasons)) {
    const spec = declaredErrors().get(code)
    t.ok(spec, `${code} is declared`)
    t.notOk(spec?.retryable === true || spec?.fatal === true, `${code} goes to the dead letters`)
  }
  const all = [frameErrors, schemaErrors, resolutionErrors].flatMap(table => Object.keys(table))
  t.strictSame(all.filter(code => !Object.hasOwn(deadLetterReasons, code)), [])
})

await t.test('it names every header and both folders of a store', async t => {
  const shortened = text.replaceAll(/`-(partition|offset|timestamp)`/g, '`dead-letter-$1`')
  for (const name of [...Object.values(deadLetterHeaders), redrivenHeader]) t.ok(shortened.includes(`\`${name}\``), name)
  for (const prefix of [letterPrefix, markPrefix]) t.ok(text.includes(prefix), prefix)
})
