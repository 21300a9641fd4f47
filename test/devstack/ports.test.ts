import t from 'tap'
import { freePorts, isPortFree } from '../../src/devstack/ports.ts'

await t.test('freePorts returns distinct ports on which no program listens', async t => {
  const ports = await freePorts(20)
  t.equal(new Set(ports).size, 20)
  t.strictSame(await Promise.all(ports.map(isPortFree)), ports.map(() => true))
})
