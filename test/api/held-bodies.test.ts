import { EventEmitter } from 'node:events'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import { HeldBodies } from '../../src/api/held-bodies.ts'

await t.test('bodies count towards the limit until they were sent; a single one may exceed it', async t => {
  const reply = () => Object.assign(new EventEmitter(), { destroyed: false })
  const bodies = new HeldBodies('forms', 1000)
  const sent: Buffer[] = []
  const send = (raw: EventEmitter, bytes: number) => {
    const fake = { raw, header: () => fake, send (body: Buffer) { sent.push(body) } }
    bodies.send(fake as unknown as FastifyReply, Buffer.alloc(bytes))
  }
  const [first, second] = [reply(), reply()]
  send(first, 5000)
  t.throws(() => send(second, 1), { code: 'API_BUFFERS_FULL', message: /5000 bytes of forms are being sent/ })
  first.emit('close')
  send(second, 600)
  send(reply(), 400)
  t.throws(() => send(reply(), 1), { code: 'API_BUFFERS_FULL' })
  second.emit('close')
  send(reply(), 600)
  t.strictSame(sent.map(({ length }) => length), [5000, 600, 400, 600])
})

await t.test('the body for a client that is gone does not count', async t => {
  const bodies = new HeldBodies('forms', 10)
  const fake = { raw: { destroyed: true }, header: () => fake, send () {} }
  for (let n = 0; n < 3; n++) bodies.send(fake as unknown as FastifyReply, Buffer.alloc(8))
  t.pass('no error')
})
