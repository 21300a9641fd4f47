// export: the alerts of a night as container files and as tables, judged by fastavro, pyarrow and duckdb.
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runTool } from '../../src/devstack/tools.ts'
import { decodeId } from '../../src/ids/packed-id.ts'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../../src/stores/index.ts'
import { generatorOf, surveySchema } from '../generator/support.ts'
import { runMode } from '../support/in-process.ts'
import { runCli, tempDir, usePython, useS3 } from '../support/stack.ts'
import { alertPath, storeUrl } from './archive-support.ts'

const python = await usePython(t)
const s3 = await useS3(t)
const versions = ['9.0', '10.0', '11.1'] as const

interface TestArchive {
  readonly root: string
  readonly night: string
  /** In the order of the export. */
  readonly ids: readonly string[]
  add (visit: number, index: number, version: typeof versions[number]): Promise<void>
}

/** An archive with two visits of `count` alerts each. Neighbouring alerts of the second visit have different schemas. */
async function filled (t: Test, count: number): Promise<TestArchive> {
  const root = join(await tempDir(t), 'archive')
  const store = await openStore(storeUrl(root))
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  const makers = new Map(await Promise.all(versions.map(async (version, index) => {
    const schema = await surveySchema(version)
    await archive.putSchema(index + 1, schema.text)
    return [version, { schema, id: index + 1, generator: await generatorOf(version) }] as const
  })))
  const ids: string[] = []
  const add = async (visit: number, index: number, version: typeof versions[number]): Promise<void> => {
    const { schema, id: schemaId, generator } = makers.get(version)!
    const alert = generator.alert(visit, index, 2 * count)
    const frame = schema.encodeFramed(schemaId, alert)
    ids.push(String(Object.values(alert)[0]))
    await archive.putAlert(ids.at(-1)!, await gzipFrame(frame), checksumsOf(frame))
  }
  for (let index = 0; index < count; index++) {
    await add(0, index, '11.1')
    await add(1, index, versions[index % 3]!)
  }
  t.teardown(async () => { await archive.close() })
  return { root, night: decodeId(BigInt(ids[0]!))!.night, get ids () { return ids.toSorted() }, add }
}

async function judge (archive: TestArchive, files: string, format: string): Promise<Record<string, unknown>> {
  const input = JSON.stringify({ archive: archive.root, files, format, night: archive.night })
  const { code, stdout, stderr } = await runTool(python, [join(import.meta.dirname, 'export_judge.py')], { env: process.env, input })
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Record<string, unknown>
}

const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true })).filter(name => /\.(avro|parquet)$/.test(name)).sort()

const argsOf = ({ root, night }: TestArchive, to: string, format: string, ...more: string[]): string[] =>
  ['export', '--night', night, '--format', format, '--to', to, '--alert-store', storeUrl(root), ...more]

for (const format of ['ocf', 'parquet'] as const) {
  await t.test(`${format}: each alert is exported once and completely, and a second export adds nothing`, async t => {
    const archive = await filled(t, 30)
    const to = await tempDir(t)
    const args = argsOf(archive, storeUrl(to), format, '--file-mib', '1', '--visit-alerts', '20')
    const first = await runMode(args)
    t.match(first, { code: 0, stdout: /^export: 60 alerts, \d+ files, \d+ bytes, 0 exported before, 0 damaged\n$/ }, first.stderr)
    const verdict = await judge(archive, to, format)
    t.strictSame(verdict['problems'], [])
    if (format === 'ocf') t.equal(verdict['alerts'], 60)
    else t.match(verdict['rows'], { dia_source: 60, prv_dia_source: Number, prv_dia_forced_source: Number, dia_object: Number })
    t.comment(JSON.stringify(verdict))
    const names = await filesIn(to)
    t.ok(names.length > 4 && names.filter(name => name.includes('-last.')).length === 4, 'two groups for each visit')
    for (const name of names) t.ok((await stat(join(to, name))).size < 1.5 * 1024 * 1024, `${name} is small`)
    const contents = await Promise.all(names.map(async name => await readFile(join(to, name))))

    t.match(await runMode(args), { code: 0, stdout: 'export: 0 alerts, 0 files, 0 bytes, 60 exported before, 0 damaged\n' })
    for (const name of names) if (name.includes('-last.')) await rm(join(to, name))
    t.match(await runMode(args), { code: 0, stdout: /^export: 60 alerts, 4 files, \d+ bytes, 0 exported before/ }, 'after an interruption')
    t.strictSame(await filesIn(to), names)
    t.strictSame(await Promise.all(names.map(async name => await readFile(join(to, name)))), contents, 'with the same bytes')
  })
}

await t.test('a damaged object leaves its group incomplete, and the next run completes it', async t => {
  const archive = await filled(t, 10)
  const to = await tempDir(t)
  const path = alertPath(archive.root, archive.ids[3]!)
  const object = await readFile(path)
  await writeFile(path, object.subarray(0, -9))
  const args = argsOf(archive, storeUrl(to), 'ocf')
  t.match(await runMode(args), {
    code: 1, stdout: /^export: 10 alerts, 3 files, \d+ bytes, 0 exported before, 1 damaged\n$/,
    stderr: /^EXPORT_INCOMPLETE: 1 alert could not be read, so their groups are incomplete/
  })
  await writeFile(path, object)
  t.match(await runMode(args), { code: 0, stdout: /^export: 10 alerts, 1 file, \d+ bytes, 10 exported before, 0 damaged\n$/ })
  t.match(await judge(archive, to, 'ocf'), { alerts: 20, problems: [] })
})

await t.test('an export of other alerts is not mixed with the earlier one', async t => {
  const archive = await filled(t, 5)
  const to = await tempDir(t)
  const args = argsOf(archive, storeUrl(to), 'parquet')
  t.match(await runMode(args), { code: 0 })
  const names = await filesIn(to)
  await archive.add(1, 7, '11.1')
  const stderr = /^EXPORT_CHANGED: the destination has 1 group whose alerts differ from those of the archive/
  t.match(await runMode(args), { code: 1, stdout: '', stderr })
  t.strictSame(await filesIn(to), names, 'nothing is written')
})

await t.test('exports to a bucket', async t => {
  const archive = await filled(t, 5)
  const bucket = await s3.bucket()
  const args = argsOf(archive, `s3://${bucket}/tables`, 'ocf', '--s3-endpoint-url', s3.url)
  const first = await runCli(args, { env: s3.env })
  t.match(first, { code: 0, stdout: /^export: 10 alerts, 4 files/ }, first.stderr)
  t.match(await runCli(args, { env: s3.env }), { code: 0, stdout: /^export: 0 alerts, 0 files, 0 bytes, 10 exported before/ })
})

await t.test('missing flags and a missing archive are errors', async t => {
  for (const [args, error] of [
    [['--format', 'ocf', '--to', 'file:///x'], /^USAGE_MISSING: export needs --night/],
    [['--night', '20260224', '--to', 'file:///x'], /^USAGE_MISSING: export needs --format/],
    [['--night', '20260224', '--format', 'ocf'], /^USAGE_MISSING: export needs --to/],
    [['--night', '2026', '--format', 'ocf', '--to', 'file:///x'], /^USAGE_BAD_VALUE: --night is '2026'/],
    [['--night', '20260224', '--format', 'csv', '--to', 'file:///x'], /^USAGE_BAD_VALUE: --format is 'csv'/]
  ] as const) t.match(await runMode(['export', ...args]), { code: 2, stdout: '', stderr: error }, args.join(' '))
  const to = join(await tempDir(t), 'to')
  const args = ['export', '--night', '20260224', '--format', 'ocf', '--to', storeUrl(to), '--alert-store', 'file:///nowhere']
  t.match(await runMode(args), { code: 1, stderr: /^STORE_MISSING/ })
  await t.rejects(stat(to), { code: 'ENOENT' }, 'the destination is not created')
})
