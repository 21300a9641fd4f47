// Signatures and credentials of the lean uploads to S3. The S3 server of the other tests accepts any signature, so a server in this process
// records the requests, and this file computes the signatures independently, after the documentation of AWS (Signature Version 4).
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { openStore, type OpenStoreOptions } from '../../src/stores/open-store.ts'
import { S3Connection } from '../../src/stores/s3-connection.ts'
import { temporary } from './bucket-faults.ts'
import { gz, meta } from './contract.ts'

interface Put { readonly url: string, readonly headers: IncomingHttpHeaders, readonly body: Buffer }
type Response = readonly [status: number, code: string, headers?: Readonly<Record<string, string>>]

const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }

async function listening (t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server that accepts every put, except those for which `reject` returns a response. Its probe object exists. */
async function s3Server (t: Test, reject: (put: Put) => Response | undefined = () => undefined) {
  const puts: Put[] = []
  const url = await listening(t, async (request, response) => {
    const body = Buffer.concat(await request.toArray() as Buffer[])
    const { method, url = '', headers } = request
    if (method === 'GET') return void response.end('<ListBucketResult><Name>bucket</Name></ListBucketResult>')
    if (url.includes('if-none-match')) return void response.writeHead(412).end()
    const put = { url, headers, body }
    puts.push(put)
    const [status, code, more] = reject(put) ?? [200, '']
    const etag = `"${createHash('md5').update(body).digest('hex')}"`
    response.writeHead(status, { ...more, ...status === 200 ? { etag } : {} }).end(`<Error><Code>${code}</Code></Error>`)
  })
  const open = async (s3: OpenStoreOptions['s3'] = {}): Promise<ObjectStore> => {
    const store = await openStore('s3://bucket', { s3: { endpoint: url, credentials: keys, ...s3 } })
    t.teardown(async () => store.close())
    return store
  }
  return { puts, open, url }
}

/** The Authorization header of a put. The request has no query. */
function authorizationOf ({ url, headers, body }: Put, region: string): string {
  const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
  const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()
  const signed = /SignedHeaders=([^,]+)/.exec(headers.authorization!)![1]!
  const time = String(headers['x-amz-date'])
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`
  const canonicalHeaders = signed.split(';').map(name => `${name}:${String(headers[name])}\n`).join('')
  const canonical = ['PUT', url, '', canonicalHeaders, signed, sha256(body)].join('\n')
  const key = [time.slice(0, 8), region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${keys.secretAccessKey}`)
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString('hex')
  return `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`
}

await t.test('signs path, headers and body as AWS documents it, also for keys with unusual characters', async t => {
  const { puts, open } = await s3Server(t)
  for (const region of ['us-east-1', 'eu-west-3']) {
    const store = await open({ region })
    for (const key of ['/alert_archive/v1/1.avro.gz', 'a b/!\'()*+&=?#%41/~é€']) t.equal(await store.put(key, gz, meta), 'written')
    t.strictSame(puts.splice(0).map(put => {
      t.equal(put.headers.authorization, authorizationOf(put, region))
      t.match(put.headers.authorization, /=content-type;host;if-none-match;x-amz-checksum-crc32c;.*x-amz-meta-sha256-frame;/)
      return put.url
    }), ['/bucket//alert_archive/v1/1.avro.gz', '/bucket/a%20b/%21%27%28%29%2A%2B%26%3D%3F%23%2541/~%C3%A9%E2%82%AC'])
  }
})

await t.test('credentials that are rejected before they expire are fetched again, and the upload is sent once more', async t => {
  let issued = 0
  const metadata = await listening(t, (_, response) => {
    const Expiration = new Date(Date.now() + 3_600_000).toISOString()
    response.end(JSON.stringify({ AccessKeyId: `key-${++issued}`, SecretAccessKey: 'secret', Token: `token-${issued}`, Expiration }))
  })
  const unset = { AWS_ACCESS_KEY_ID: undefined, AWS_PROFILE: undefined }
  const variables = { AWS_CONTAINER_CREDENTIALS_FULL_URI: metadata, HOME: '/nonexistent', ...unset }
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name]
    t.teardown(() => { if (before === undefined) delete process.env[name]; else process.env[name] = before })
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  let expired = 'none'
  const { puts, url } = await s3Server(t, ({ headers }) => headers['x-amz-security-token'] === expired ? [400, 'ExpiredToken'] : undefined)
  const store = await openStore('s3://bucket', { s3: { endpoint: url } })
  t.teardown(async () => store.close())
  t.equal(await store.put('a', gz, meta), 'written')
  expired = 'token-1'
  t.equal(await store.put('b', gz, meta), 'written')
  t.strictSame(puts.map(({ headers }) => headers['x-amz-security-token']), ['token-1', 'token-1', 'token-2'])
})

await t.test('after a put was rejected because of its time, the next put is signed with the time of the service', async t => {
  const serverTime = new Date(Date.now() + 7_200_000)
  const isLate = ({ headers }: Put): boolean => String(headers['x-amz-date']) < serverTime.toISOString().replace(/[-:]/g, '').slice(0, 11)
  const { open } = await s3Server(t, put => isLate(put) ? [403, 'RequestTimeTooSkewed', { date: serverTime.toUTCString() }] : undefined)
  const store = await open()
  await t.rejects(store.put('a', gz, meta), { ...temporary, code: 'STORE_UNAVAILABLE', message: /RequestTimeTooSkewed/ })
  t.equal(await store.put('a', gz, meta), 'written')
})

await t.test('finds the host of a bucket as the SDK does, and leaves directory buckets, which need sessions, to the SDK', async t => {
  const target = async (bucket: string, settings: object) => await new S3Connection({ credentials: keys, ...settings }, 1000).target(bucket)
  const region = 'eu-west-1'
  t.equal((await target('alerts', { region }))?.url.href, 'https://alerts.s3.eu-west-1.amazonaws.com/')
  t.equal((await target('with.dots', { region }))?.url.href, 'https://s3.eu-west-1.amazonaws.com/with.dots')
  t.equal((await target('alerts', { region, pathStyle: true }))?.url.href, 'https://s3.eu-west-1.amazonaws.com/alerts')
  t.equal((await target('alerts', { endpoint: 'https://ceph:8443/base' }))?.url.href, 'https://ceph:8443/base/alerts')
  t.equal(await target('alerts--euw1-az1--x-s3', { region }), undefined)
})
