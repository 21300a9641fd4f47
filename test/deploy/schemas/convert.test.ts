import t from 'tap'
import { coreSchemas, crdSchemas, locations, objectMeta, schemaPath } from '../../../deploy/checks/schemas/convert.ts'
import { objectsOf } from '../../../deploy/checks/schemas/files.ts'
import { strict } from '../../../deploy/checks/schemas/strict.ts'

await t.test('objects with listed properties reject others at every level; objects without stay open', async t => {
  t.strictSame(strict({
    type: 'object',
    description: 'gone',
    properties: {
      description: { type: 'string', nullable: true },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      list: { type: 'array', items: { type: 'object', properties: { a: { type: 'string', enum: ['x'], default: 'x' } } } },
      any: { type: 'object', properties: { b: {} }, 'x-kubernetes-preserve-unknown-fields': true },
      port: { 'x-kubernetes-int-or-string': true, pattern: '^[0-9]+$' },
      whole: { type: 'object', properties: { spec: {} }, 'x-kubernetes-embedded-resource': true }
    }
  }), {
    type: 'object',
    properties: {
      description: { type: ['string', 'null'] },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
        list: {
          type: 'array',
          items: { type: 'object', properties: { a: { type: 'string', enum: ['x'], default: 'x' } }, additionalProperties: false }
        },
      any: { type: 'object', properties: { b: {} }, additionalProperties: true },
      port: { oneOf: [{ type: 'string' }, { type: 'integer' }], pattern: '^[0-9]+$' },
      whole: { type: 'object', properties: { apiVersion: {}, kind: {}, metadata: {}, spec: {} }, additionalProperties: false }
    },
    additionalProperties: false
  })
})

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity'
const swagger = {
  definitions: {
    [META]: { type: 'object', properties: { name: { type: 'string' } } },
    [QUANTITY]: { type: 'string' },
    Unused: { type: 'string' },
    Spec: { type: 'object', properties: { cpu: { $ref: `#/definitions/${QUANTITY}` }, again: { $ref: '#/definitions/Spec' } } },
    Pod: {
      type: 'object', required: ['spec'],
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { $ref: `#/definitions/${META}` },
        spec: { $ref: '#/definitions/Spec' }
      },
      'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'Pod' }]
    },
    DeleteOptions: {
      type: 'object',
      'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'DeleteOptions' }, {
        group: 'apps',
        version: 'v1',
        kind: 'DeleteOptions'
      }]
    }
  }
}

await t.test('converts each Kubernetes kind with the definitions it uses, including recursive ones', async t => {
  const [pod, ...others] = coreSchemas(swagger)
  t.strictSame(others, [])
  t.match(pod, { group: '', version: 'v1', kind: 'Pod' })
  const { schema } = pod as NonNullable<typeof pod>
  t.strictSame(schema.required, ['apiVersion', 'kind', 'spec'])
  t.match(schema.properties, { apiVersion: { enum: ['v1'] }, kind: { enum: ['Pod'] } })
  t.equal(schema.additionalProperties, false)
  t.strictSame(Object.keys(schema.definitions as object).sort(), [QUANTITY, META, 'Spec'].sort())
  t.strictSame((schema.definitions as Record<string, unknown>)[QUANTITY], { oneOf: [{ type: 'string' }, { type: 'number' }] })
})

await t.test('converts every served version of a CRD, with the metadata of Kubernetes', async t => {
  const crd = {
    kind: 'CustomResourceDefinition',
    spec: {
      group: 'example.org', names: { kind: 'Thing' },
      versions: [
        {
          name: 'v1',
          served: true,
          schema: {
            openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } } }
          }
        },
        { name: 'v1alpha1', served: false, schema: { openAPIV3Schema: { type: 'object' } } }
      ]
    }
  }
  const [thing, ...others] = crdSchemas(crd, objectMeta(swagger))
  t.strictSame(others, [])
  t.match(thing, {
    group: 'example.org', version: 'v1', kind: 'Thing',
    schema: {
      additionalProperties: false,
      required: ['apiVersion', 'kind', 'metadata'],
      properties: {
        apiVersion: { enum: ['example.org/v1'] },
        metadata: { type: 'object', additionalProperties: false, properties: { name: { type: 'string' } } },
        spec: { additionalProperties: false }
      }
    }
  })
  t.strictSame(crdSchemas({ kind: 'ConfigMap' }), [])
  t.strictSame(crdSchemas(null), [])
})

await t.test('gives kubeconform the locations of the schemas', async t => {
  t.equal(schemaPath({ group: '', kind: 'Service', version: 'v1' }), 'core/service_v1.json')
  t.equal(schemaPath({ group: 'kafka.strimzi.io', kind: 'KafkaUser', version: 'v1beta2' }), 'kafka.strimzi.io/kafkauser_v1beta2.json')
  t.strictSame(locations(['/a']), [
    '-schema-location',
    '/a/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json',
    '-schema-location',
    '/a/core/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json'
  ])
})

await t.test('rejects invalid YAML', async t => {
  t.strictSame(objectsOf('a: 1\n---\n# nothing\n---\nb: 2\n', 'x'), [{ a: 1 }, { b: 2 }])
  t.throws(() => objectsOf('a: 1\na: 2\n', 'here'), /here: Map keys must be unique/)
})
