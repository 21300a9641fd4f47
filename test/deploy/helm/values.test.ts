import t from 'tap'
import { changed, leaves, undocumented, UNKNOWN, withoutAliases, withUnknownKeys } from '../../../deploy/checks/helm/values.ts'

await t.test('a comment above a value or its parent documents it', async t => {
  t.strictSame(undocumented(`
# -- The number of them.
replicas: 3
kafka:
  # A comment of another kind.
  port: 9092
  # -- Where it
  # is found.
  host: a
# -- All of it.
resources:
  limits: {memory: 1Gi}
empty: {}
list: [1]
`), ['kafka.port', 'empty', 'list'])
  t.strictSame(undocumented('# nothing\n'), [])
})

await t.test('leaves are all values except objects with entries', async t => {
  t.strictSame(leaves({ a: 1, b: { c: '', d: {}, e: [{ f: 1 }] }, g: null }).map(({ path }) => path.join('.')), ['a', 'b.c', 'b.d', 'b.e',
    'g'])
  for (const value of [true, 1, 'text', '', null, [], [1], {}]) t.notSame(changed(value, 3), value)
})

await t.test('resolves template variables that stand for a part of the values, unless they are ambiguous', async t => {
  t.equal(
    withoutAliases('{{- $k := .Values.kafka }}{{ $k.port }}{{ $.Values.x }}'),
    '{{- $k := .Values.kafka }}{{ .Values.kafka.port }}{{ $.Values.x }}'
  )
  const twice = '{{ $k := .Values.kafka }}{{ $k := .Values.other }}{{ $k.port }}'
  t.equal(withoutAliases(twice), twice)
  const made = '{{ $k := include "x" . }}{{ $k.port }}'
  t.equal(withoutAliases(made), made)
})

await t.test('adds an unknown key to every object with listed keys', async t => {
  const schema = {
    properties: {
      kafka: { properties: { port: {}, labels: { additionalProperties: { properties: { a: {} } } } } },
      users: { items: { $ref: '#/definitions/user' } },
      annotations: { additionalProperties: true },
      either: { oneOf: [{ properties: { x: {} } }, {}] }
    },
    definitions: { user: { properties: { name: {} } } }
  }
  const values = {
    kafka: { port: 1, labels: { one: { a: 1 } } },
    users: [{ name: 'a' }],
    annotations: { any: 'thing' },
    either: { x: 1 },
    global: { image: {} }
  }
  const { pointers, values: spoilt } = withUnknownKeys(values, schema, ['global'])
  t.strictSame([...pointers].sort(), ['', '/either', '/kafka', '/kafka/labels/one', '/users/0'])
  t.match(spoilt, { [UNKNOWN]: true, kafka: { [UNKNOWN]: true, port: 1 }, users: [{ [UNKNOWN]: true }] })
  t.strictSame((spoilt as typeof values).annotations, values.annotations)
  t.strictSame((spoilt as typeof values).global, values.global)
})
