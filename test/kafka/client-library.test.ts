// Each case is a process of its own, because a process loads the client library only once.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const root = join(import.meta.dirname, '..', '..')
const throughOurs = 'await import(\'./src/kafka/client-library.ts\')'
const direct = 'await import(\'@platformatic/kafka\')'

/** Runs the code with `ajv` (the class of ajv that the library uses), `compiled()` (validators compiled so far) and `messages(library)`. */
async function inProcess (code: string): Promise<unknown> {
  const script = `
    import { createRequire } from 'node:module'
    const { Ajv2020: ajv } = createRequire(import.meta.resolve('@platformatic/kafka'))('ajv/dist/2020.js')
    const base = Object.getPrototypeOf(ajv.prototype)
    const { compile } = base
    let count = 0
    base.compile = function (...args) { count++; return compile.apply(this, args) }
    const compiled = () => count
    const messageOf = action => { try { action(); return 'accepted' } catch (error) { return error.message } }
    const messages = async ({ Admin, Consumer, Producer }) => {
      const good = { clientId: 'test', bootstrapBrokers: ['localhost:1'], groupId: 'group', strict: true }
      const bad = [{ ...good, bootstrapBrokers: 'localhost:1' }, { ...good, timeout: -1 }, { ...good, sasl: { mechanism: 'none' } }, good]
      const found = [Admin, Consumer, Producer].flatMap(Client => bad.map(options => messageOf(() => new Client(options))))
      const admin = new Admin(good)
      found.push(await admin.createTopics({ topics: 1 }).catch(error => error.message))
      await admin.close()
      return found
    }
    ${code}`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { cwd: root })
  return JSON.parse(stdout)
}
const print = (value: string): string => `console.log(JSON.stringify(${value}))`

await t.test('no validator is compiled before its first use', async t => {
  const eager = await inProcess(`${direct}\n${print('compiled()')}`) as number
  t.ok(eager > 20, `the library still compiles its validators when it is imported: ${eager}`)
  const [atImport, withAdmin] = await inProcess(`
    const { Admin } = ${throughOurs}
    const atImport = compiled()
    new Admin({ clientId: 'test', bootstrapBrokers: ['localhost:1'], strict: true })
    ${print('[atImport, compiled()]')}`) as [number, number]
  t.equal(atImport, 0, 'the library calls ajv in another way than src/kafka/deferred-validators.ts expects: adapt or delete that file')
  t.ok(withAdmin > 0 && withAdmin < eager / 4, `${withAdmin} of ${eager}`)
})

await t.test('deferred validators accept and reject the same options, with the same messages', async t => {
  const expected = await inProcess(print(`await messages(${direct})`)) as string[]
  t.ok(expected.includes('accepted') && new Set(expected).size >= 4, expected.join('\n'))
  t.strictSame(await inProcess(print(`await messages(${throughOurs})`)), expected)
})

await t.test('other users of ajv are not affected once the library is loaded', async t => {
  t.strictSame(await inProcess(`
    ${throughOurs}
    const before = compiled()
    const validate = new ajv().compile({ type: 'string' })
    ${print('[Object.hasOwn(ajv.prototype, \'compile\'), compiled() > before, validate(1), validate.errors[0].keyword]')}`),
  [false, true, false, 'type'])
})

await t.test('without the deferral, the library works as before', async t => {
  const expected = await inProcess(print(`await messages(${direct})`))
  t.strictSame(await inProcess(`${direct}\n${print(`await messages(${throughOurs})`)}`), expected, 'the library was loaded before')
  t.strictSame(await inProcess(`
    Object.defineProperty(ajv.prototype, 'compile', { value: base.compile, configurable: true })
    ${print(`await messages(${throughOurs})`)}`), expected, 'ajv has changed')
})
