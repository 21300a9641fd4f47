// Bindings in the format of both generators, reduced to the parts that are read.
import t from 'tap'
import { readBindings, type BlockSchema } from '../../../deploy/checks/terraform/bindings.ts'

const getter = (property: string, attribute: string, how: string, more = ''): string => `    get ${property}() {
        return ${how.replace('X', `'${attribute}'`)};
    }
${more}`
const settable = (property: string): string => `    set ${property}(value) {
        this._${property} = value;
    }
`
const resettable = (property: string): string => `    reset${property[0]?.toUpperCase()}${property.slice(1)}() {
        this._${property} = undefined;
    }
`
const input = (property: string): string => `    get ${property}Input() {
        return this._${property};
    }
`

const older = `
class BucketConditionOutputReference extends cdktf.ComplexObject {
${getter('age', 'age', 'this.getNumberAttribute(X)', settable('age') + resettable('age') + input('age'))}}
exports.BucketConditionOutputReference = BucketConditionOutputReference;
class BucketRuleOutputReference extends cdktf.ComplexObject {
    constructor(a, b) {
        this._condition = new BucketConditionOutputReference(this, "condition");
    }
${getter('type', 'type', 'this.getStringAttribute(X)', settable('type') + input('type'))}    get condition() {
        return this._condition;
    }
    putCondition(value) {
        this._condition.internalValue = value;
    }
}
class BucketStatusOutputReference extends cdktf.ComplexObject {
${getter('message', 'message', 'this.getStringAttribute(X)')}}
class BucketTimeoutsOutputReference extends cdktf.ComplexObject {
${getter('create', 'create', 'this.getStringAttribute(X)', settable('create') + resettable('create'))}}
class Bucket extends cdktf.TerraformResource {
    constructor(scope, id, config) {
        super(scope, id, {
            terraformResourceType: 'google_bucket',
            terraformGeneratorMetadata: {
                providerVersion: '6.50.0',
            },
        });
        this._rule = new BucketRuleList(this, "rule", true);
        this._status = new BucketStatusList(this, "status", false);
        this._labelsOfGoogle = new cdktf.StringMap(this, "effective_labels");
        this._timeouts = new BucketTimeoutsOutputReference(this, "timeouts");
    }
${getter('name', 'name', 'this.getStringAttribute(X)', settable('name') + input('name'))}${
  getter('project', 'project', 'this.getStringAttribute(X)', settable('project') + resettable('project'))}${
  getter('members', 'members', 'cdktf.Fn.tolist(this.getListAttribute(X))', settable('members'))}${
  getter('prefixes', 'matches_prefix', 'this.getListAttribute(X)', settable('prefixes') + resettable('prefixes'))}${
  getter('enabled', 'enabled', 'this.getBooleanAttribute(X)', settable('enabled') + resettable('enabled'))}${
  getter('labels', 'labels', 'this.getStringMapAttribute(X)', settable('labels') + resettable('labels'))}${
  getter('url', 'url', 'this.getStringAttribute(X)')}    get rule() {
        return this._rule;
    }
    putRule(value) {
        this._rule.internalValue = value;
    }
    resetRule() {
        this._rule.internalValue = undefined;
    }
    get status() {
        return this._status;
    }
    get labelsOfGoogle() {
        return this._labelsOfGoogle;
    }
    get timeouts() {
        return this._timeouts;
    }
    putTimeouts(value) {
        this._timeouts.internalValue = value;
    }
    resetTimeouts() {
        this._timeouts.internalValue = undefined;
    }
}
Bucket.tfResourceType = "google_bucket";
`

await t.test('reads a resource of the older generator', async t => {
  const { type, providerVersion, block } = readBindings(older)
  t.equal(type, 'google_bucket')
  t.equal(providerVersion, '6.50.0')
  t.strictSame(block.attributes, {
    name: { type: 'string', required: true },
    project: { type: 'string', optional: true, computed: true },
    members: { type: ['set', 'string'], required: true },
    matches_prefix: { type: ['list', 'string'], optional: true },
    enabled: { type: 'bool', optional: true },
    labels: { type: ['map', 'string'], optional: true },
    url: { type: 'string', computed: true },
    status: { type: ['list', ['object', { message: 'string' }]], computed: true },
    effective_labels: { type: ['map', 'string'], computed: true }
  })
  const condition: BlockSchema = { attributes: { age: { type: 'number', optional: true } }, block_types: {} }
  t.strictSame(block.block_types, {
    rule: {
      nesting_mode: 'set',
      block: {
        attributes: { type: { type: 'string', required: true } },
        block_types: { condition: { nesting_mode: 'list', max_items: 1, min_items: 1, block: condition } }
      }
    },
    timeouts: { nesting_mode: 'single', block: { attributes: { create: { type: 'string', optional: true } }, block_types: {} } }
  })
})

await t.test('reads the provider\'s flags from the newer generator', async t => {
  const { block } = readBindings(`
class Address extends cdktn.TerraformResource {
    static tfResourceType = "google_address";
    constructor(scope, id, config) {
        super(scope, id, { terraformResourceType: 'google_address', terraformGeneratorMetadata: { providerVersion: '8.7.0' } });
    }
    // address - computed: true, optional: true, required: false
    _address;
${getter('address', 'address', 'this.getStringAttribute(X)', settable('address') + resettable('address'))}${
  ''}    // region - computed: false, optional: false, required: true
    _region;
${getter('region', 'region', 'this.getStringAttribute(X)', settable('region'))}${
  ''}    // users - computed: true, optional: false, required: false
${getter('users', 'users', 'cdktn.Fn.tolist(this.getListAttribute(X))')}}
`)
  t.strictSame(block.attributes, {
    address: { type: 'string', computed: true, optional: true },
    region: { type: 'string', required: true },
    users: { type: ['set', 'string'], computed: true }
  })
})

await t.test('finds classes of a resource in other files', async t => {
  const source = `
class Cluster extends cdktn.TerraformResource {
    static tfResourceType = "google_cluster";
    constructor(scope, id, config) {
        super(scope, id, { terraformResourceType: 'google_cluster', terraformGeneratorMetadata: { providerVersion: '8.7.0' } });
    }
    _pool = new index_1.ClusterPoolOutputReference(this, "pool");
    get pool() {
        return this._pool;
    }
    putPool(value) {
        this._pool.internalValue = value;
    }
    resetPool() {
        this._pool.internalValue = undefined;
    }
}
`
  const structs = `
class ClusterPoolOutputReference extends cdktn.ComplexObject {
${getter('size', 'size', 'this.getNumberAttribute(X)', settable('size'))}}
`
  t.strictSame(readBindings(source, [structs]).block.block_types, {
    pool: { nesting_mode: 'list', max_items: 1, block: { attributes: { size: { type: 'number', required: true } }, block_types: {} } }
  })
  t.throws(() => readBindings(source), /no class ClusterPoolOutputReference/)
})

await t.test('reads the configuration of a provider', async t => {
  const { type, block } = readBindings(`
class GoogleProvider extends cdktf.TerraformProvider {
    constructor(scope, id, config = {}) {
        super(scope, id, { terraformResourceType: 'google', terraformGeneratorMetadata: { providerVersion: '6.50.0' } });
    }
    synthesizeAttributes() {
        return {
            project: cdktf.stringToTerraform(this._project),
            user_project_override: cdktf.booleanToTerraform(this._userProjectOverride),
            default_labels: cdktf.hashMapper(cdktf.stringToTerraform)(this._defaultLabels),
            scopes: cdktf.listMapper(cdktf.stringToTerraform, false)(this._scopes),
            alias: cdktf.stringToTerraform(this._alias),
            batching: googleProviderBatchingToTerraform(this._batching),
        };
    }
}
GoogleProvider.tfResourceType = "google";
`)
  t.equal(type, 'google')
  t.strictSame(block, {
    attributes: {
      project: { type: 'string', optional: true },
      user_project_override: { type: 'bool', optional: true },
      default_labels: { type: ['map', 'string'], optional: true },
      scopes: { type: ['list', 'string'], optional: true }
    },
    block_types: {}
  })
})

await t.test('rejects unknown syntax instead of guessing', async t => {
  t.throws(
    () => readBindings(older.replace('this.getBooleanAttribute(\'enabled\')', 'this.getTruthAttribute(\'enabled\')')),
    /Bucket\.enabled is written in a way that is not known/
  )
  t.throws(() => readBindings('module.exports = {}'), /no bindings of a resource/)
})
