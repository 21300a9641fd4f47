import t from 'tap'
import { didYouMean } from '../../src/config/nearest.ts'

await t.test('suggests the nearest name if at most a third of the word differs, otherwise nothing', async t => {
  t.equal(didYouMean('creat-stream', ['create-stream', 'play-stream']), 'Did you mean create-stream?')
  t.equal(didYouMean('paly-stream', ['create-stream', 'play-stream']), 'Did you mean play-stream?')
  t.equal(didYouMean('brokr', ['port', 'broker'], '--'), 'Did you mean --broker?')
  t.equal(didYouMean('xyz', ['create-stream']), undefined)
  t.equal(didYouMean('anything', []), undefined)
})
