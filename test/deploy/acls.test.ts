import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { faultsOf } from '../../deploy/checks/acls.ts'

const rule = { resource: { type: 'topic', name: 'a', patternType: 'literal' }, operations: ['Read'], host: '*' }
const user = { name: 'ann', authentication: 'tls', about: 'a user', acls: [rule] }
const table = { superUsers: [{ name: 'root', authentication: 'tls', about: 'a super user' }], users: [user] }
const withRule = (more: object, resource: object = {}): typeof table =>
  ({ ...table, users: [{ ...user, acls: [{ ...rule, ...more, resource: { ...rule.resource, ...resource } }] }] })

await t.test('the deployed table has no faults', async t => {
  t.strictSame(faultsOf(table), [])
  t.strictSame(faultsOf(JSON.parse(await readFile(join(import.meta.dirname, '../../deploy/acls.json'), 'utf8')) as typeof table), [])
})

await t.test('reports each fault', async t => {
  const cases: Array<[typeof table, RegExp]> = [
    [{ ...table, superUsers: [] }, /^no super user/],
    [{ ...table, users: [] }, /^there are no users/],
    [{ ...table, users: [user, user] }, /^ann: twice/],
    [{ ...table, users: [{ ...user, name: 'Ann_1' }] }, /^Ann_1: not a name that Kubernetes takes/],
    [{ ...table, users: [{ ...user, authentication: 'plain' }] }, /^ann: authentication plain/],
    [{ ...table, users: [{ ...user, about: '' }] }, /^ann: nothing says/],
    [{ ...table, users: [{ ...user, acls: [] }] }, /^ann: no rule/],
    [withRule({ operations: [] }), /no operation$/],
    [withRule({ operations: ['read'] }), /no operation of Kafka: read/],
    [withRule({ operations: ['Read', 'Read'] }), /twice/],
    [withRule({ operations: ['All'] }), /everything on a topic/],
    [withRule({ host: undefined }), /host undefined/],
    [withRule({}, { type: 'cluster' }), /a rule for cluster/],
    [withRule({}, { patternType: 'prefixed' }), /patternType prefixed/],
    [withRule({}, { name: '' }), /no name/],
    [withRule({ operations: ['Write'] }, { name: '*' }), /more than reading/],
    [withRule({}, { type: 'group', name: '*' }), /more than reading/],
    [withRule({ operations: ['Write'] }, { name: 'al', patternType: 'prefix' }), /more than reading/]
  ]
  for (const [wrong, fault] of cases) {
    const found = faultsOf(wrong)
    t.equal(found.length, 1, found.join('; '))
    t.match(found[0], fault)
  }
  t.strictSame(faultsOf(withRule({}, { name: '*' })), [], 'reading every topic is a rule of the design')
})
