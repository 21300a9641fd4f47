import t from 'tap'
import { pathToFileURL } from 'node:url'
import { openStore } from '../../src/stores/open-store.ts'
import { useGcs } from '../support/stack.ts'

await t.test('accepts file URLs, and gs URLs with and without a prefix', async t => {
  for (const [given, url] of [
    ['file:///data/alerts', 'file:///data/alerts'],
    ['FILE:///data/with%20space/', 'file:///data/with%20space'],
    ['gs://rubin-alertdb-int-packets', 'gs://rubin-alertdb-int-packets'],
    ['gs://bucket/', 'gs://bucket'],
    ['gs://bucket/some/prefix/', 'gs://bucket/some/prefix'],
    ['s3://rubin-alert-archive', 's3://rubin-alert-archive'],
    ['s3://bucket/some/prefix/', 's3://bucket/some/prefix']
  ] as const) t.equal((await openStore(given, { access: 'read' })).url, url)
})

await t.test('rejects any other URL as a usage error whose hint shows the expected form', async t => {
  const invalid = [
    '', 'data', './data', '/data', 'file:data', 'file:/data', 'file://data/alerts', 'file://', 'file:///a?b', 'file:///a#b', 'file:///a%2fb',
    's3://', 's3:///prefix', 's3://B', 'gs://', 'gs://Bucket!', 'http://x'
  ]
  for (const url of invalid) {
    await t.rejects(openStore(url), { code: 'STORE_URL_INVALID', usage: true, hint: /file:\/\/\/data/ }, JSON.stringify(url))
  }
})

await t.test('opens a file store whose path needs escapes', async t => {
  const root = t.testdir()
  const url = pathToFileURL(`${root}/a b#c`).href
  const store = await openStore(url)
  t.equal(store.url, url)
  t.equal(await store.put('x', Buffer.from('1'), { contentType: 'text/plain', crc32c: 0, sha256: '' }), 'written')
  await store.close()
})

await t.test('opens a bucket with and without a prefix', async t => {
  const { url: emulatorHost, bucket } = await useGcs(t)
  const name = await bucket()
  for (const [given, outcome] of [['', 'written'], ['/', 'identical'], ['/some/prefix/', 'written']] as const) {
    const store = await openStore(`gs://${name}${given}`, { emulatorHost })
    t.equal(await store.put('x', Buffer.from('1'), { contentType: 'text/plain', crc32c: 0, sha256: '' }), outcome)
    await store.close()
  }
})
