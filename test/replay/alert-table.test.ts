import t from 'tap'
import { AlertTable, type TableAlert } from '../../src/replay/alert-table.ts'
import { randomFor } from '../support/rounds.ts'

const alert = (id: bigint, timestamp: bigint, topic = 'a', partition = 0, offset = 0n): TableAlert =>
  ({ id, position: { topic, partition, offset, timestamp }, bytes: 10 })

const tooMany = (max: number): Error => new Error(`more than ${max}`)

function tableOf (alerts: readonly TableAlert[]): AlertTable {
  const table = new AlertTable(1_000_000, tooMany)
  for (const each of alerts) table.add(each)
  return table
}

const ordered = (table: AlertTable): TableAlert[] => [...table.inOrder()].map(row => table.get(row))

await t.test('sorts by timestamp, topic, partition, offset and id, with alerts without a position last', t => {
  const expected = [
    alert(9n, -5n), alert(8n, 0n), alert(7n, 1n, 'a', 1, 2n ** 40n), alert(6n, 1n, 'a', 2, 3n), alert(5n, 1n, 'a', 2, 4n),
    alert(4n, 1n, 'a', 2, 2n ** 33n), alert(1n, 1n, 'b', 0, 0n), alert(3n, 1n, 'b', 0, 0n), alert(2n, 2n ** 62n),
    { id: 1n, position: undefined, bytes: 1 }, { id: 2n ** 62n, position: undefined, bytes: 2 }
  ]
  t.strictSame(ordered(tableOf(expected.toReversed())), expected)
  t.end()
})

await t.test('returns one of equal alerts', t => {
  t.strictSame(ordered(tableOf([alert(1n, 1n), alert(2n, 1n), alert(1n, 1n)])), [alert(1n, 1n), alert(2n, 1n)])
  t.end()
})

await t.test('sorts like BigInt comparisons, also when the arrays have grown', t => {
  const random = randomFor(t.name)
  const big = (): bigint => BigInt(random.between(-(2 ** 31), 2 ** 31)) << BigInt(random.between(0, 31))
  const alerts = Array.from({ length: 150_000 }, (_, index) =>
    alert(BigInt(index), big(), random.pick(['x', 'y', 'a']), random.between(0, 3), BigInt.asUintN(62, big())))
  const key = ({ id, position }: TableAlert) => [position!.timestamp, position!.topic, position!.partition, position!.offset, id]
  const expected = alerts.toSorted((a, b) => {
    const [left, right] = [key(a), key(b)]
    const at = left.findIndex((value, index) => value !== right[index])
    return left[at]! < right[at]! ? -1 : 1
  })
  t.strictSame(ordered(tableOf(alerts)).map(({ id }) => id), expected.map(({ id }) => id))
  t.end()
})

await t.test('finds the alert with an id unless there are none or several', t => {
  const find = tableOf([alert(5n, 1n), alert(2n, 2n), alert(3n, 3n), alert(2n, 4n)]).finder()
  t.strictSame([1n, 2n, 3n, 4n, 5n, 6n].map(find), [undefined, undefined, alert(3n, 3n), undefined, alert(5n, 1n), undefined])
  t.equal(tableOf([]).finder()(1n), undefined)
  t.end()
})

await t.test('rejects more alerts than its maximum', t => {
  const table = new AlertTable(2, tooMany)
  table.add(alert(1n, 1n))
  table.add(alert(2n, 1n))
  t.throws(() => { table.add(alert(3n, 1n)) }, { message: 'more than 2' })
  t.end()
})
