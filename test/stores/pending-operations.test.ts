import t from 'tap'
import { PendingOperations } from '../../src/stores/pending-operations.ts'

await t.test('settled() resolves when every operation has succeeded or failed', async t => {
  const pending = new PendingOperations()
  const [first, second] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()]
  t.equal(pending.add(first.promise), first.promise)
  const failing = pending.add(second.promise)
  let resolved = false
  const settled = pending.settled().then(() => { resolved = true })
  first.resolve(1)
  await new Promise(resolve => setImmediate(resolve))
  t.equal(resolved, false)
  second.reject(new Error('no'))
  await t.rejects(failing, { message: 'no' })
  await settled
  await pending.settled()
})
