import t from 'tap'
import { Underway } from '../../src/stores/underway.ts'

await t.test('ended() resolves when every operation has settled, failed ones included', async t => {
  const underway = new Underway()
  const [first, second] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()]
  t.equal(underway.add(first.promise), first.promise)
  const failing = underway.add(second.promise)
  let over = false
  const ended = underway.ended().then(() => { over = true })
  first.resolve(1)
  await new Promise(resolve => setImmediate(resolve))
  t.equal(over, false)
  second.reject(new Error('no'))
  await t.rejects(failing, { message: 'no' })
  await ended
  await underway.ended()
})
