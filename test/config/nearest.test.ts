import t from 'tap'
import { didYouMean, nearest } from '../../src/config/nearest.ts'

await t.test('the nearest word within a third of the letters is meant, and none where all are farther', async t => {
  t.equal(nearest('creat-stream', ['create-stream', 'play-stream']), 'create-stream')
  t.equal(nearest('paly-stream', ['create-stream', 'play-stream']), 'play-stream')
  t.equal(nearest('brokr', ['port', 'broker']), 'broker')
  t.equal(nearest('xyz', ['create-stream']), undefined)
  t.equal(nearest('anything', []), undefined)
  t.equal(didYouMean('brokr', ['broker'], '--'), ': did you mean --broker?')
  t.equal(didYouMean('xyz', ['broker']), '')
})
