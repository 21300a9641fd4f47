import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { googleSchema, resourceTypes, setBlocks } from '../../../deploy/checks/terraform/google-schema.ts'

const bindings = (type: string, version: string, body = ''): string => `
class X extends cdktn.TerraformResource {
    static tfResourceType = "${type}";
    constructor(scope, id, config) {
        super(scope, id, { terraformResourceType: '${type}', terraformGeneratorMetadata: { providerVersion: '${version}' } });
    }
${body}}
`
const block = (cls: string, name: string): string => `    _${name} = new ${cls}(this, "${name}");
    get ${name}() {
        return this._${name};
    }
    put${name[0]?.toUpperCase()}${name.slice(1)}(value) {
        this._${name}.internalValue = value;
    }
`
const rule = `
class RuleOutputReference extends cdktn.ComplexObject {
${block('Action', 'action')}${block('Condition', 'condition')}}
class Action extends cdktn.ComplexObject {
}
class Condition extends cdktn.ComplexObject {
}
`

async function lib (t: Test, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = t.testdir()
  for (const [path, text] of Object.entries({ 'provider/index.js': bindings('google', '8.7.0'), ...files })) {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}

await t.test('builds the schema of the requested types, including structs in other files and corrections to the bindings', async t => {
  const folder = await lib(t, {
    'storage-bucket/index.js': bindings('google_storage_bucket', '8.7.0', block('RuleOutputReference', 'lifecycle_rule')),
    'storage-bucket/index-structs/structs0.js': rule,
    'storage-bucket/index-structs/structs0.d.ts': 'not read'
  })
  const { version, resource_schemas: resources } = await googleSchema(folder, ['google_storage_bucket'])
  t.equal(version, '8.7.0')
  t.strictSame(Object.keys(resources), ['google_storage_bucket'])
  const inner = resources['google_storage_bucket']?.block.block_types['lifecycle_rule']
  t.equal(inner?.nesting_mode, 'list')
  t.match(inner?.block.block_types, { action: { nesting_mode: 'set', max_items: 1 }, condition: { nesting_mode: 'set', max_items: 1 } })
})

await t.test('rejects unexpected bindings', async t => {
  await t.rejects(googleSchema(await lib(t, {}), ['google_storage_bucket']), { code: 'ENOENT' })
  await t.rejects(
    googleSchema(await lib(t, { 'storage-bucket/index.js': bindings('google_storage_bucket', '6.50.0') }), ['google_storage_bucket']),
    /describes google_storage_bucket of 6\.50\.0/
  )
  await t.rejects(
    googleSchema(await lib(t, { 'storage-bucket/index.js': bindings('google_storage_bucket', '8.7.0') }), ['google_storage_bucket']),
    /have no block lifecycle_rule/
  )
})

await t.test('the table of sets contains only types that are used', async t => {
  for (const [type = ''] of setBlocks) t.ok((resourceTypes as readonly string[]).includes(type))
})
