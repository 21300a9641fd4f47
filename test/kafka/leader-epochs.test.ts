import t from 'tap'
import { LeaderEpochs } from '../../src/kafka/leader-epochs.ts'

/** Records 0 to 9 were read in epoch 2, records 10 to 19 in epoch 5. */
function read (): LeaderEpochs {
  const epochs = new LeaderEpochs(0n)
  for (let offset = 0n; offset < 20n; offset++) epochs.append(offset < 10n ? 2 : 5, offset)
  return epochs
}

await t.test('returns the epoch of the last record before an offset', async t => {
  const epochs = read()
  t.strictSame([0n, 1n, 10n, 11n, 20n].map(offset => epochs.before(offset)), [-1, 2, 2, 5, 5])
  t.strictSame([19n, 20n].map(offset => new LeaderEpochs(20n, 7).before(offset)), [-1, 7], 'the epoch of the record before the start')
  t.equal(new LeaderEpochs(20n).before(20n), -1)
})

await t.test('the divergence is the end of the epoch in the log of the broker', async t => {
  t.equal(read().divergence({ epoch: 5, endOffset: 14n }, 20n), 14n)
  t.equal(read().divergence({ epoch: 2, endOffset: 7n }, 20n), 7n)
})

await t.test('the divergence is at most where the first epoch began that the broker does not have', async t => {
  t.equal(read().divergence({ epoch: 2, endOffset: 30n }, 20n), 10n)
  t.equal(read().divergence({ epoch: 1, endOffset: 30n }, 20n), 0n)
  t.equal(new LeaderEpochs(20n, 7).divergence({ epoch: 6, endOffset: 30n }, 20n), 19n, 'the last record is gone')
})

await t.test('after a truncation, the last epoch is that of the broker', async t => {
  const epochs = read()
  epochs.truncate(8n, 2)
  t.strictSame([epochs.before(8n), epochs.before(20n)], [2, 2])
  const started = new LeaderEpochs(20n, 7)
  started.truncate(12n, 6)
  t.equal(started.before(12n), 6)
})

await t.test('keeps a bounded number of epochs', async t => {
  const epochs = new LeaderEpochs(0n)
  for (let epoch = 0; epoch < 1000; epoch++) epochs.append(epoch, BigInt(epoch))
  t.equal(epochs.before(1000n), 999)
  t.equal(epochs.before(800n), -1)
})
