import { getHeapSpaceStatistics } from 'node:v8'
import t from 'tap'
import { keepYoungGenerationSmall } from '../../src/program/young-generation.ts'

const youngBytes = (): number => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')!.space_size

/** Allocates 400 MiB in arrays, a tenth of which survive one or more collections of the young generation. */
function churn (): void {
  const survivors: number[][] = []
  for (let count = 0; count < 50_000; count++) {
    const array = new Array<number>(1000).fill(count + 0.5)
    if (count % 10 === 0) survivors[count / 10 % 500] = array
  }
}

await t.test('the young generation does not grow after the call', t => {
  const atStart = youngBytes()
  keepYoungGenerationSmall()
  churn()
  t.ok(youngBytes() <= atStart, `${youngBytes()} bytes, ${atStart} at the start`)
  t.end()
})
