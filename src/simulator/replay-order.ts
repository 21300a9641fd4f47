// The place of an alert in a topic, which is the same in every pass, and how often it is played where a visit is to have more alerts than that.
import type { TopicSnapshot } from '../kafka/admin.ts'
import type { KafkaRecord } from '../kafka/record.ts'

/** The place of each record in a topic, partition after partition. */
export function places ({ start, end }: TopicSnapshot): (record: KafkaRecord) => number {
  let before = 0
  const bases = end.map((each, partition) => {
    const base = before
    before += Number(each - (start[partition] ?? 0n))
    return base
  })
  return ({ partition, offset }) => (bases[partition] ?? 0) + Number(offset - (start[partition] ?? 0n))
}

/** How often an alert is played in a row: over all places, `expected` in all; once where that is no more than the topic holds. */
export function copies (place: number, held: number, expected: number): number {
  return expected <= held ? 1 : Math.floor((place + 1) * expected / held) - Math.floor(place * expected / held)
}
