import t from 'tap'
import { pathToFileURL } from 'node:url'
import { openStore, parseStoreUrl } from '../../src/stores/open-store.ts'
import { useGcs } from '../support/stack.ts'

await t.test('URLs of both kinds are read', async t => {
  t.same(parseStoreUrl('file:///data/alerts'), { kind: 'file', root: '/data/alerts' })
  t.same(parseStoreUrl('file:///data/with%20space'), { kind: 'file', root: '/data/with space' })
  t.same(parseStoreUrl('gs://rubin-alertdb-int-packets'), { kind: 'gs', bucket: 'rubin-alertdb-int-packets', prefix: '' })
  t.same(parseStoreUrl('gs://bucket/'), { kind: 'gs', bucket: 'bucket', prefix: '' })
  t.same(parseStoreUrl('gs://bucket/some/prefix/'), { kind: 'gs', bucket: 'bucket', prefix: 'some/prefix/' })
})

await t.test('anything else is refused with the form that is expected', async t => {
  for (const url of ['', 'data', './data', '/data', 'file:data', 'file:/data', 'file://data/alerts', 'file://', 'file:///a?b', 'file:///a#b', 'file:///a%2fb', 's3://bucket', 'gs://', 'gs://Bucket!', 'http://x']) {
    t.throws(() => parseStoreUrl(url), { code: 'STORE_URL_INVALID', hint: /file:\/\/\/data/ }, JSON.stringify(url))
  }
})

await t.test('a file store opens by URL, also where the path needs escapes', async t => {
  const root = t.testdir()
  const url = pathToFileURL(`${root}/a b#c`).href
  const store = await openStore(url)
  t.equal(store.url, url)
  t.equal(await store.put('x', Buffer.from('1'), { contentType: 'text/plain', crc32c: 0 }), 'written')
  await store.close()
})

await t.test('a bucket opens by URL, with and without a prefix, and names itself by it', async t => {
  const { url: emulatorHost, bucket } = await useGcs(t)
  const name = await bucket()
  for (const [given, url] of [['', ''], ['/', ''], ['/some/prefix/', '/some/prefix']] as const) {
    const store = await openStore(`gs://${name}${given}`, { emulatorHost })
    t.equal(store.url, `gs://${name}${url}`)
    t.equal(await store.put('x', Buffer.from('1'), { contentType: 'text/plain', crc32c: 0 }), given === '/' ? 'identical' : 'written')
    await store.close()
  }
})
