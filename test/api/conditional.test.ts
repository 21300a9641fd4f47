import t from 'tap'
import { chooseCoding, entityTag, matchesTag } from '../../src/api/conditional.ts'

await t.test('gzip is sent to those who accept it, and to nobody else', async t => {
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

await t.test('a tag names bytes and coding', async t => {
  const body = Buffer.from('123456789')
  t.equal(entityTag(body, 'identity'), '"e3069283-9"')
  t.equal(entityTag(body, 'gzip'), '"e3069283-9-gzip"')
})

await t.test('If-None-Match is a list, compared weakly', async t => {
  const tag = '"e3069283-9"'
  for (const header of [tag, `W/${tag}`, `"x", ${tag}`, `"a,b",W/${tag},"c"`, '*', ' * ']) t.ok(matchesTag(header, tag), header)
  for (const header of [undefined, '', '"e3069283-9-gzip"', 'e3069283-9', '"x"', '"*"']) t.notOk(matchesTag(header, tag), String(header))
})
