// Tests docs/formats.md: the Python example runs unchanged against a server, and the tables name all forms, parameters and errors.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { alertForms } from '../../src/api/alert-form-table.ts'
import { formatErrors } from '../../src/formats/errors.ts'
import { lightCurveColumns } from '../../src/formats/light-curve.ts'
import { maxPictureSide, orientations, stretches } from '../../src/formats/stamp.ts'
import { alertsOf, formsOf, type TestAlert } from '../formats/support.ts'
import { tempDir, usePython } from '../support/stack.ts'

const text = await readFile(new URL('../../docs/formats.md', import.meta.url), 'utf8')

await t.test('the example opens an alert in every form', async t => {
  const [, example = ''] = /```python\n(# open_alert\.py\n[^]*?)```/.exec(text) ?? []
  const alerts = await alertsOf('11.1', 12)
  const alert = alerts.find(({ value }) => value['prvDiaForcedSources'] !== null)!
  const { app } = await formsOf(t, alerts)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const folder = await tempDir(t)
  await writeFile(join(folder, 'open_alert.py'), example)
  const { stdout } = await promisify(execFile)(await usePython(t), ['open_alert.py', url, alert.id], { cwd: folder })
  const source = alert.value['diaSource'] as Record<string, unknown>
  const length = (name: string) => (alert.value[name] as readonly unknown[] | null)?.length ?? 0
  const rows = 1 + length('prvDiaSources')
  t.strictSame(stdout.trimEnd().split('\n').map(line => line.replace(/\d+ columns$/, 'N columns')), [
    `flux ${String(source['psfFlux'])}`, `object ${String(source['diaObjectId'])}`,
    `id ${alert.id} reliability {'float': ${String(source['reliability'])}}`,
    'ALERT 1 rows, N columns', `DIASOURCE ${rows} rows, N columns`, `FORCEDPHOT ${length('prvDiaForcedSources')} rows, N columns`,
    'unit nJy', 'science image (30, 30)', `points ${rows + length('prvDiaForcedSources')}`, lightCurveColumns.join()
  ])
  const png = await readFile(join(folder, 'science.png'))
  t.strictSame([png.toString('latin1', 1, 4), png.readUInt32BE(16)], ['PNG', 240])
})

await t.test('the example of Herald\'s routes reads an alert by its links', async t => {
  const [, example = ''] = /```python\n(# herald_client\.py\n[^]*?)```/.exec(text) ?? []
  const [, message = ''] = /prints\n`(415: [^`]*)`/.exec(text) ?? []
  const [alert] = await alertsOf('11.1', 1) as [TestAlert]
  const { app } = await formsOf(t, [alert])
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const folder = await tempDir(t)
  await writeFile(join(folder, 'herald_client.py'), example)
  const run = promisify(execFile)(await usePython(t), ['herald_client.py', url, alert.id], { cwd: folder })
  const { stdout, stderr } = await run.catch((error: unknown) => error as { stdout: string, stderr: string })
  const source = alert.value['diaSource'] as Record<string, unknown>
  t.strictSame(stdout.trimEnd().split('\n'), [
    '#this application/x-avro-ocf', '#this application/fits', '#cutout application/fits', '#detached-header application/json',
    `flux ${String(source['psfFlux'])}`, 'cutouts DIFFIM SCIENCE TEMPLATE', `object ${String(source['diaObjectId'])}`
  ])
  t.equal(stderr.trimEnd(), message)
})

await t.test('the tables name all forms, media types, parameters and error codes', async t => {
  for (const { name, mediaTypes: [type, ...others] } of alertForms) {
    t.match(text, new RegExp(`^\\| \`${name}\` \\| \`${type.replace('+', '\\+')}\` \\|`, 'm'))
    for (const other of others) t.ok(text.includes(`\`${other}\``), other)
  }
  for (const word of [...stretches, ...orientations, ...Object.keys(formatErrors), 'DATUM_INVALID', 'kind', 'trigger']) {
    t.ok(text.includes(`\`${word}\``), word)
  }
  t.match(text, new RegExp(`at most ${maxPictureSide}\\.`))
})
