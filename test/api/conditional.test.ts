import t from 'tap'
import fastify from 'fastify'
import { chooseCoding, entityTag, sendImmutable } from '../../src/api/conditional.ts'

await t.test('chooses gzip only for clients that accept gzip at least as much as identity', async t => {
  const expected: [string | undefined, string | undefined][] = [
    [undefined, 'identity'],
    ['', 'identity'],
    ['gzip', 'gzip'],
    ['GZip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip, deflate, br', 'gzip'],
    ['deflate, br', 'identity'],
    ['*', 'gzip'],
    ['gzip;q=0', 'identity'],
    ['gzip;q=0.000, *', 'identity'],
    ['gzip ; q=0', 'identity'],
    ['gzip;Q=0', 'identity'],
    ['*;q=0, gzip', 'gzip'],
    ['gzip;q=0.001', 'gzip'],
    ['gzip;q=0.5, identity;q=0.8', 'identity'],
    ['gzip;q=0.8, identity;q=0.5', 'gzip'],
    ['identity, gzip;q=1.0', 'gzip'],
    ['identity, *;q=0.5', 'identity'],
    ['identity;q=0, gzip;q=0.1', 'gzip'],
    ['identity', 'identity'],
    [',, gzip ,', 'gzip'],
    ['gzip;q=2', 'identity'],
    ['gzip;q=abc', 'identity'],
    ['gzipped', 'identity'],
    ['identity;q=0', undefined],
    ['*;q=0', undefined],
    ['br, *;q=0', undefined],
    ['gzip;q=0, identity;q=0', undefined],
    ['identity;q=0, *', 'gzip']
  ]
  for (const [header, coding] of expected) t.equal(chooseCoding(header), coding, JSON.stringify(header))
})

await t.test('an entity tag consists of 16 bytes of the SHA-256, and for gzip the suffix -gzip', async t => {
  const hash = '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225'
  t.equal(entityTag(hash, 'identity'), '"15e2b0d3c33891ebb0f1ef609ec41942"')
  t.equal(entityTag(hash, 'gzip'), '"15e2b0d3c33891ebb0f1ef609ec41942-gzip"')
})

await t.test('sends 304 if the If-None-Match list contains the tag, by weak comparison', async t => {
  const tag = '"e3069283-9"'
  const app = fastify()
  t.teardown(() => app.close())
  app.get('/', async (request, reply) => sendImmutable(request, reply, Buffer.from('123456789'), tag))
  const statusFor = async (header: string | undefined) =>
    (await app.inject({ url: '/', headers: header === undefined ? {} : { 'if-none-match': header } })).statusCode
  const matching = [tag, `W/${tag}`, `"x", ${tag}`, `"a,b",W/${tag},"c"`, '*', ' * ']
  for (const header of matching) t.equal(await statusFor(header), 304, header)
  const other = [undefined, '', '"e3069283-9-gzip"', 'e3069283-9', '"x"', '"*"']
  for (const header of other) t.equal(await statusFor(header), 200, String(header))
})
