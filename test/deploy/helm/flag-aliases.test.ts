// The charts know the aliases of flags, so that no flag is given under two names.
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse } from 'yaml'
import { modes } from '../../../src/cli/modes.ts'

const template = await readFile(new URL('../../../deploy/helm/alert-stream-common/templates/_extra.tpl', import.meta.url), 'utf8')
const [, table = ''] = /define "alert-stream-common\.flagAliases" -}}\n([^]*?)\n{{- end }}/.exec(template) ?? []

await t.test('the table of flag aliases in the charts matches the modes', async t => {
  const expected: Record<string, string> = {}
  for (const name of ['ingest', 'serve', 'redrive', 'verify', 'copy', 'create-stream', 'play-stream']) {
    const { flags } = await modes.find(name)
    for (const [flag, { aliases = [] }] of Object.entries(flags)) for (const alias of aliases) expected[`--${alias}`] = `--${flag}`
  }
  t.strictSame(parse(table), expected)
})
