// list on folders and buckets: alerts of two visits in all layouts.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { spawn } from 'node:child_process'
import t, { type Test } from 'tap'
import { s3Credentials } from '../../src/devstack/index.ts'
import { decodeId, encodeId } from '../../src/ids/packed-id.ts'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../../src/stores/index.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import type { Layout } from '../../src/stores/layouts.ts'
import { runCli, tempDir, useGcs, useS3 } from '../support/stack.ts'
import { linesOf } from './support.ts'

const gcs = await useGcs(t)
const s3 = await useS3(t)
const night = '20260224'
const ids = Array.from({ length: 60 }, (_, n) => String(encodeId({
  tag: n % 10 === 0 ? 4 : 2, night, sequence: 1010 + n % 2, detector: n % 3, counter: n
})))
const unpacked = ['7', '170055', '9223372036854775807']
const inVisit = (sequence: number, detector?: number) => ids.filter(id => {
  const parts = decodeId(BigInt(id))!
  return parts.sequence === sequence && (detector === undefined || parts.detector === detector)
})
const frameOf = (id: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 4, 0xd2]), Buffer.from(id)])

const urls: Readonly<Record<string, (t: Test) => Promise<string>>> = {
  file: async t => pathToFileURL(await tempDir(t)).href,
  gs: async () => `gs://${await gcs.bucket()}/some/prefix`,
  s3: async () => `s3://${await s3.bucket()}/some/prefix`
}
const environment = { env: { STORAGE_EMULATOR_HOST: gcs.url, ...s3.env, ALERT_STREAM_S3_ENDPOINT_URL: s3.url } }

async function fill (url: string, layouts: readonly Layout[]): Promise<void> {
  for (const layout of layouts) {
    const store = await openStore(url, { emulatorHost: gcs.url, s3: { endpoint: s3.url, credentials: s3Credentials } })
    // The archive itself would not write an alert into a second layout.
    const archive = createArchive({ alerts: blind(store), schemas: store, layout })
    for (const id of [...ids, ...unpacked]) await archive.putAlert(id, await gzipFrame(frameOf(id)), checksumsOf(frameOf(id)))
    await archive.close()
  }
}

/** A store whose listings are empty. */
function blind (store: ObjectStore): ObjectStore {
  return {
    url: store.url, put: store.put.bind(store), compare: store.compare.bind(store), get: store.get.bind(store),
    getStart: store.getStart.bind(store), list: async function * () {}, check: store.check.bind(store), close: store.close.bind(store)
  }
}

for (const [kind, urlOf] of Object.entries(urls)) {
  await t.test(`${kind}: lists a night, a visit, a detector and a prefix of the ids, in any layout`, async t => {
    for (const layouts of [['v1'], ['v2'], ['v3'], ['v1', 'v2', 'v3']] as const) {
      const url = await urlOf(t)
      await fill(url, layouts)
      const list = async (...args: string[]): Promise<string[]> => {
        const { code, stdout, stderr } = await runCli(['list', '--alert-store', url, ...args], environment)
        t.equal(code, 0, stderr)
        return linesOf(stdout)
      }
      t.strictSame((await list('--visit', `${night}01010`)).sort(), inVisit(1010).sort(), layouts.join())
      if (layouts.length === 1) continue
      t.strictSame((await list('--night', night)).sort(), [...ids].sort())
      t.strictSame(await list('--night', night, '--count'), ['60'])
      t.strictSame(await list('--night', '20260225', '--count'), ['0'])
      t.strictSame(await list('--night', night, '--detector', '2', '--count'), ['20'])
      t.strictSame((await list('--visit', `${night}01011`, '--detector', '2')).sort(), inVisit(1011, 2).sort())
      t.strictSame((await list('--prefix', '1700')).sort(), [...ids, '170055'].filter(id => id.startsWith('1700')).sort())
      t.strictSame(await list('--prefix', `LSST-AP-DS-${ids[7]}`), [ids[7]])
      t.strictSame(await list(), [...ids, ...unpacked].sort())
      t.strictSame(await list('--layout', 'v1-s3'), [])
      const [line] = await list('--json', '--prefix', ids[7]!)
      t.strictSame(JSON.parse(line!), {
        id: ids[7],
        keys: [
          `v3/alerts/20260224/01011/001/${ids[7]}.avro.gz`, `v2/alerts/${ids[7]!.slice(0, 6)}/${ids[7]}.avro.gz`,
          `/alert_archive/v1/alerts/${ids[7]}.avro.gz`
        ]
      })
    }
  })
}

await t.test('other tags and widths decide what a night is', async t => {
  const url = await urls['file']!(t)
  await fill(url, ['v2'])
  const count = async (...args: string[]) => (await runCli(['list', '--alert-store', url, '--count', ...args])).stdout.trim()
  t.equal(await count('--night', night, '--packed-id-tags', '2'), '54')
  t.equal(await count('--night', night, '--packed-id-tags', '4'), '6')
  t.equal(await count('--night', night, '--packed-id-bits', '7,13,15,8,20'), '0')
})

await t.test('stops when its reader has enough', async t => {
  const url = await urls['file']!(t)
  await fill(url, ['v2'])
  const command = `"${process.execPath}" bin/alert-stream.js list --alert-store "${url}" | head -1`
  const cwd = join(import.meta.dirname, '../..')
  const child = spawn('bash', ['-o', 'pipefail', '-c', command], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = (await child.stdout.toArray()).join('')
  if (child.exitCode === null) await once(child, 'exit')
  t.equal(lines, `${[...ids, ...unpacked].sort()[0]}\n`)
  t.equal(child.exitCode, 0)
})

await t.test('a mistyped flag is wrong usage, and a missing store is a failure', async t => {
  const url = await urls['file']!(t)
  for (const [args, message] of [
    [['--night', '20260230'], /USAGE_BAD_VALUE: --night is .20260230., but must be a date/],
    [['--night', '20091231'], /USAGE_BAD_VALUE: --night/],
    [['--visit', '2026'], /--visit is '2026'/], [['--visit', `${night}99999`], /ID_OUT_OF_RANGE.*99999/],
    [['--night', night, '--visit', `${night}00001`], /only one of/], [['--detector', '3'], /--detector needs/],
    [['--prefix', 'x7'], /--prefix is 'x7'/], [['--prefix', '12345678901234567890'], /1 to 19 digits/],
    [['--prefix', 'LSST-DP1-DS-7'], /1 to 19 digits/], [['--prefix', 'LSST-AP-DS-'], /1 to 19 digits/],
    [['--packed-id-bits', '7,14'], /ID_FORMAT_INVALID/]
  ] as const) {
    const { code, stdout, stderr } = await runCli(['list', '--alert-store', url, ...args])
    t.equal(code, 2, args.join(' '))
    t.equal(stdout, '')
    t.match(stderr, message)
  }
  await writeFile(join(fileURLToPath(url), 'a'), '')
  const missing = await runCli(['list', '--alert-store', `${url}/elsewhere`, '--night', night])
  t.equal(missing.code, 1)
  t.match(missing.stderr, /STORE_MISSING/)
})
