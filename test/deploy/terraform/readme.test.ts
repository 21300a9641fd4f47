import t from 'tap'
import { withTables, type Described } from '../../../deploy/checks/terraform/readme.ts'

const frame = (text: string): string =>
  `# alertdb\n\nText.\n\n<!-- made by \`npm run check:deploy -- --write\`: begin -->\n${text}<!-- end -->\n`
const module: Described = {
  variables: {
    purge: { type: 'bool', description: 'Delete alerts | or not.', default: false },
    name: { type: 'string', description: 'Its name.', required: true },
    zone: {
      type: ['object', { name: 'string', create: 'bool', hosts: ['list', 'string'] }, ['create']],
      description: 'A zone.\nOr none.',
      default: null
    }
  },
  outputs: { bucket: { description: 'The bucket.' } }
}

await t.test('writes the tables of inputs and outputs between the markers', async t => {
  const made = withTables(frame('old\n'), module)
  t.match(made, '| `name` | Its name. | `string` | required |\n| `purge` | Delete alerts \\| or not. | `bool` | `false` |\n')
  t.match(made, '| `zone` | A zone. Or none. | `object({ name = string, create = optional(bool), hosts = list(string) })` | `null` |')
  t.match(made, '| `bucket` | The bucket. |')
  t.match(made, '# alertdb\n\nText.\n\n')
  t.notMatch(made, 'old')
  t.equal(withTables(made, module), made, 'what is current stays as it is')
})

await t.test('rejects variables and READMEs that it cannot document', async t => {
  t.throws(() => withTables('# alertdb\n', module), /no place for the tables/)
  t.throws(() => withTables(frame(''), { ...module, outputs: { bucket: {} } }), /bucket has no description/)
  t.throws(() => withTables(frame(''), { ...module, variables: { name: { type: 'string', description: ' ' } } }), /name has no description/)
})
