import t from 'tap'
import { AlertReader, type ReaderLimits } from '../../src/api/alert-reader.ts'
import type { ArchiveReader } from '../../src/stores/archive.ts'
import { gzipFrame } from '../../src/stores/gzip.ts'

type StoredAlert = NonNullable<Awaited<ReturnType<ArchiveReader['findAlert']>>>

const frame = Buffer.alloc(100_000, 'an alert ')
const gz = await gzipFrame(frame)
const turn = async (): Promise<void> => { await new Promise(setImmediate) }

/** An archive of one frame under every id. Each read waits until the test calls `answer`. */
function archiveOf () {
  const pending: Array<(alert?: StoredAlert | Error) => void> = []
  const counts = { reads: 0, verified: 0 }
  const alert: StoredAlert = {
    body: gz,
    compressed: true,
    where: 'here',
    expectedBytes: frame.length,
    async frame () {
      counts.verified++
      return frame
    }
  }
  const archive: Pick<ArchiveReader, 'findAlert' | 'getAlertStart' | 'maxFrameBytes'> = {
    maxFrameBytes: 1_000_000,
    getAlertStart: async () => { throw new Error('not reached') },
    async findAlert (_id, admit) {
      counts.reads++
      const found = await new Promise<StoredAlert | undefined>((resolve, reject) => {
        pending.push(result => { if (result instanceof Error) reject(result); else resolve(result) })
      })
      if (found !== undefined) admit?.(found.body.length)
      return found
    }
  }
  return { archive, alert, counts, answer: (result?: StoredAlert | Error) => { pending.shift()!(result) } }
}

function readerOf (limits: Partial<ReaderLimits> = {}) {
  const source = archiveOf()
  const defaults = { bufferBytes: 1_000_000, cacheBytes: 0, reads: 8, waitingReads: 8 }
  return { ...source, reader: new AlertReader(source.archive, { ...defaults, ...limits }) }
}

await t.test('concurrent requests for an alert share one read and one buffer until the last response is sent', async t => {
  const { reader, counts, answer, alert } = readerOf()
  const first = [reader.open('1', 'identity'), reader.open('1', 'identity')]
  await turn()
  answer(alert)
  const contents = await Promise.all(first.map(({ content }) => content))
  const late = reader.open('1', 'identity')
  t.equal((await late.content)?.body, contents[0]?.body)
  t.equal(contents[1]?.body, contents[0]?.body)
  t.strictSame([counts.reads, reader.bufferedBytes], [1, frame.length])
  for (const { release } of first) release()
  t.equal(reader.bufferedBytes, frame.length, 'the third response still uses the buffer')
  late.release()
  t.equal(reader.bufferedBytes, 0)
  const next = reader.open('1', 'identity')
  await turn()
  t.equal(counts.reads, 2, 'later requests read the archive again')
  answer(alert)
  await next.content
  next.release()
})

await t.test('the codings are separate buffers, and verified gzip is not inflated again while its bytes are the same', async t => {
  const { reader, counts, answer, alert } = readerOf()
  const read = async (coding: 'gzip' | 'identity', stored = alert) => {
    const { content, release } = reader.open('1', coding)
    await turn()
    answer(stored)
    const result = await content
    release()
    return result
  }
  const gzip = await read('gzip')
  t.ok(gzip?.body.equals(gz))
  t.equal(counts.verified, 1)
  t.strictSame(await read('gzip'), gzip)
  t.equal(counts.verified, 1, 'verified before')
  t.ok((await read('identity'))?.body.equals(frame))
  t.equal(counts.verified, 2)
  const changed = Buffer.from(gz)
  changed[5] = 1
  await read('gzip', { ...alert, body: changed })
  t.equal(counts.verified, 3, 'other bytes are verified again')
})

await t.test('sheds requests beyond the memory budget, and admits requests again when memory is free', async t => {
  const { reader, answer, alert } = readerOf({ bufferBytes: 2 * frame.length + 2 * gz.length })
  const open = async (id: string) => {
    const lease = reader.open(id, 'identity')
    await turn()
    answer(alert)
    return lease
  }
  const held = [await open('1'), await open('2')]
  for (const { content } of held) t.ok((await content)?.body.equals(frame))
  const third = await open('3')
  await t.rejects(third.content, { code: 'API_BUFFERS_FULL' })
  third.release()
  t.equal(reader.bufferedBytes, 2 * frame.length)
  held[0]!.release()
  const fourth = await open('4')
  t.ok((await fourth.content)?.body.equals(frame))
  for (const { release } of [held[1]!, fourth]) release()
  t.equal(reader.bufferedBytes, 0)
})

await t.test('an alert that exceeds the budget alone is served while no other alert is held', async t => {
  const { reader, answer, alert } = readerOf({ bufferBytes: 1 })
  const { content, release } = reader.open('1', 'identity')
  await turn()
  answer(alert)
  t.ok((await content)?.body.equals(frame))
  release()
})

await t.test('at most `reads` reads run and `waitingReads` wait; further requests are shed', async t => {
  const { reader, answer, alert, counts } = readerOf({ reads: 2, waitingReads: 3 })
  const leases = Array.from({ length: 6 }, (_, i) => reader.open(String(i), 'gzip'))
  await t.rejects(leases[5]!.content, { code: 'API_QUEUE_FULL' })
  await turn()
  t.equal(counts.reads, 2)
  const same = reader.open('0', 'gzip')
  for (let i = 0; i < 5; i++) {
    answer(alert)
    t.ok((await leases[i]!.content)?.body.equals(gz))
    await turn()
  }
  t.ok((await same.content)?.body.equals(gz), 'a request that joins a read needs no place in the queue')
  for (const { release } of [...leases, same]) release()
  t.equal(reader.bufferedBytes, 0)
})

await t.test('neither a failed read nor a missing alert is remembered', async t => {
  const { reader, answer, alert, counts } = readerOf()
  const failed = reader.open('1', 'gzip')
  const joined = reader.open('1', 'gzip')
  await turn()
  answer(new Error('store'))
  for (const { content } of [failed, joined]) await t.rejects(content, /store/)
  const missing = reader.open('1', 'gzip')
  await turn()
  answer(undefined)
  t.equal(await missing.content, undefined)
  const found = reader.open('1', 'gzip')
  await turn()
  answer(alert)
  t.ok((await found.content)?.body.equals(gz))
  t.equal(counts.reads, 3)
  for (const { release } of [failed, joined, missing]) release()
  t.equal(reader.bufferedBytes, gz.length, 'late releases of earlier requests do not free the buffer of a later one')
  found.release()
  t.equal(reader.bufferedBytes, 0)
})

await t.test('a waiting request whose client has disconnected is not read', async t => {
  const { reader, answer, alert, counts } = readerOf({ reads: 1 })
  const running = reader.open('1', 'gzip')
  const waiting = reader.open('2', 'gzip')
  waiting.release()
  running.release()
  await turn()
  answer(alert)
  await t.rejects(waiting.content, { code: 'API_CLIENT_GONE', hint: 'The client disconnected.' })
  await running.content
  t.strictSame([counts.reads, reader.bufferedBytes], [1, 0])
})

await t.test('a cached alert costs no read, counts no buffer, and its head is known', async t => {
  const { reader, answer, alert, counts } = readerOf({ cacheBytes: 8 * gz.length, bufferBytes: 1 })
  t.equal(reader.knownHead('1', 'gzip'), undefined)
  const first = reader.open('1', 'gzip')
  t.equal(first.ready, undefined)
  await turn()
  answer(alert)
  const content = await first.content
  t.strictSame([reader.bufferedBytes, reader.cachedBytes], [0, gz.length], 'the cache is apart from the budget of responses')
  const second = reader.open('1', 'gzip')
  t.equal(second.ready, content)
  t.equal(await second.content, content)
  for (const { release } of [first, second]) release()
  t.strictSame([counts.reads, reader.cacheLookups], [1, { hits: 1, misses: 1 }])
  t.strictSame(reader.knownHead('1', 'gzip'), { tag: content!.tag, coding: 'gzip', length: gz.length })
  t.match(reader.knownHead('1', 'identity'), { coding: 'identity', length: frame.length })
})

await t.test('an alert that is evicted while it is sent counts towards the budget until the response ends', async t => {
  const { reader, answer, alert, counts } = readerOf({ cacheBytes: 8 * gz.length, bufferBytes: 2 * (frame.length + gz.length) })
  const open = async (id: string) => {
    const lease = reader.open(id, 'gzip')
    await turn()
    answer(alert)
    await lease.content
    return lease
  }
  const sending = await open('0')
  for (let i = 1; i <= 8; i++) (await open(String(i))).release()
  t.strictSame([reader.bufferedBytes, reader.cachedBytes], [gz.length, 8 * gz.length])
  const joined = reader.open('0', 'gzip')
  t.equal(joined.ready, await sending.content, 'a response still shares the buffer')
  sending.release()
  t.equal(reader.bufferedBytes, gz.length)
  joined.release()
  t.equal(reader.bufferedBytes, 0)
  t.equal(counts.reads, 9)
  ;(await open('0')).release()
  t.equal(counts.reads, 10, 'read again')
})

await t.test('the cache keeps neither an alert above an eighth of its size nor a failed read', async t => {
  const { reader, answer, alert } = readerOf({ cacheBytes: 8 * gz.length - 1 })
  const large = reader.open('1', 'gzip')
  await turn()
  answer(alert)
  await large.content
  t.equal(reader.bufferedBytes, gz.length)
  large.release()
  const failed = reader.open('2', 'gzip')
  await turn()
  answer(new Error('store'))
  await t.rejects(failed.content, /store/)
  failed.release()
  t.strictSame([reader.cachedBytes, reader.bufferedBytes], [0, 0])
})
