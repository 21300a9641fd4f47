// The alerts of a replay in memory: id, position in Kafka and size, in typed arrays of 40 bytes per alert. A night of 1e7 alerts takes 400
// MB, and 200 MB more while it is sorted. The arrays grow in place, so adding alerts copies nothing.
import type { KafkaRecord } from '../kafka/record.ts'

/** Where an archived alert was in Kafka. */
export type AlertPosition = Pick<KafkaRecord, 'topic' | 'partition' | 'offset' | 'timestamp'>

export interface TableAlert {
  readonly id: bigint
  /** Undefined if the archive does not know it. */
  readonly position: AlertPosition | undefined
  /** Length of the frame in bytes; an estimate if the archive does not know it. */
  readonly bytes: number
}

/** Number of alerts by which the arrays grow. */
const step = 65_536
/** In the place of the topic of alerts without a position. */
const noTopic = 0xffffffff

/** A column of 64-bit integers. The halves are compared, because each access to a BigInt64Array allocates a bigint. */
class LongColumn {
  readonly #buffer: ArrayBuffer
  readonly #values: BigInt64Array
  readonly #high: Int32Array
  readonly #low: Uint32Array

  constructor (max: number) {
    this.#buffer = new ArrayBuffer(0, { maxByteLength: 8 * max })
    this.#values = new BigInt64Array(this.#buffer)
    this.#high = new Int32Array(this.#buffer)
    this.#low = new Uint32Array(this.#buffer)
  }

  resize (rows: number): void {
    this.#buffer.resize(8 * rows)
  }

  get (row: number): bigint {
    return this.#values[row]!
  }

  set (row: number, value: bigint): void {
    this.#values[row] = value
  }

  compare (a: number, b: number): number {
    // Little-endian, as on every platform of Node.
    return this.#high[2 * a + 1]! - this.#high[2 * b + 1]! || this.#low[2 * a]! - this.#low[2 * b]!
  }
}

class IntegerColumn {
  readonly #buffer: ArrayBuffer
  readonly #values: Uint32Array

  constructor (max: number) {
    this.#buffer = new ArrayBuffer(0, { maxByteLength: 4 * max })
    this.#values = new Uint32Array(this.#buffer)
  }

  resize (rows: number): void {
    this.#buffer.resize(4 * rows)
  }

  get (row: number): number {
    return this.#values[row]!
  }

  set (row: number, value: number): void {
    this.#values[row] = value
  }
}

export class AlertTable {
  readonly #max: number
  readonly #tooMany: (max: number) => Error
  readonly #ids: LongColumn
  readonly #timestamps: LongColumn
  readonly #offsets: LongColumn
  readonly #partitions: IntegerColumn
  readonly #topics: IntegerColumn
  readonly #bytes: IntegerColumn
  readonly #topicNames: string[] = []
  readonly #topicNumbers = new Map<string, number>()
  #capacity = 0
  #length = 0

  /**
   * @param max maximum number of alerts. Memory is only reserved for them, and used as alerts are added
   * @param tooMany returns the error of `add` if the table is full
   */
  constructor (max: number, tooMany: (max: number) => Error) {
    // Whole steps.
    const rows = Math.ceil(max / step) * step
    this.#max = max
    this.#tooMany = tooMany
    this.#ids = new LongColumn(rows)
    this.#timestamps = new LongColumn(rows)
    this.#offsets = new LongColumn(rows)
    this.#partitions = new IntegerColumn(rows)
    this.#topics = new IntegerColumn(rows)
    this.#bytes = new IntegerColumn(rows)
  }

  get length (): number { return this.#length }

  /** Throws the error of `tooMany` if the table is full. */
  add ({ id, position, bytes }: TableAlert): void {
    if (this.#length === this.#max) throw this.#tooMany(this.#max)
    if (this.#length === this.#capacity) this.#grow()
    const row = this.#length++
    this.#ids.set(row, id)
    this.#bytes.set(row, bytes)
    this.#topics.set(row, position === undefined ? noTopic : this.#topicNumber(position.topic))
    if (position === undefined) return
    this.#timestamps.set(row, position.timestamp)
    this.#partitions.set(row, position.partition)
    this.#offsets.set(row, position.offset)
  }

  get (row: number): TableAlert {
    const topic = this.#topics.get(row)
    return {
      id: this.#ids.get(row),
      bytes: this.#bytes.get(row),
      position: topic === noTopic
        ? undefined
        : {
            topic: this.#topicNames[topic]!, partition: this.#partitions.get(row), offset: this.#offsets.get(row),
            timestamp: this.#timestamps.get(row)
          }
    }
  }

  /**
   * The rows in the order of timestamp, topic, partition, offset and id. Alerts without a position are last. Of equal alerts, only one is
   * returned.
   */
  inOrder (): Uint32Array {
    const rank = new Map([...this.#topicNames].sort().map((name, index) => [this.#topicNumbers.get(name)!, index]))
    const ranks = Uint32Array.from(this.#topicNames, (_, topic) => rank.get(topic)!)
    const rankOf = (row: number): number => ranks[this.#topics.get(row)] ?? noTopic
    const compare = (a: number, b: number): number => {
      const [topicA, topicB] = [rankOf(a), rankOf(b)]
      if (topicA === noTopic || topicB === noTopic) return topicA - topicB || this.#ids.compare(a, b)
      return this.#timestamps.compare(a, b) || topicA - topicB || this.#partitions.get(a) - this.#partitions.get(b) ||
        this.#offsets.compare(a, b) || this.#ids.compare(a, b)
    }
    const order = this.#rows().sort(compare)
    let kept = 0
    for (const row of order) {
      if (kept === 0 || compare(order[kept - 1]!, row) !== 0) order[kept++] = row
    }
    return order.subarray(0, kept)
  }

  /** Returns a function that finds the alert with an id, or undefined unless exactly one alert has this id. */
  finder (): (id: bigint) => TableAlert | undefined {
    const order = this.#rows().sort((a, b) => this.#ids.compare(a, b))
    const idAt = (index: number): bigint | undefined => index < order.length ? this.#ids.get(order[index]!) : undefined
    return id => {
      let [low, high] = [0, order.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if (idAt(middle)! < id) low = middle + 1
        else high = middle
      }
      return idAt(low) === id && idAt(low + 1) !== id ? this.get(order[low]!) : undefined
    }
  }

  #rows (): Uint32Array {
    return Uint32Array.from({ length: this.#length }, (_, row) => row)
  }

  #grow (): void {
    this.#capacity += step
    for (const column of [this.#ids, this.#timestamps, this.#offsets, this.#partitions, this.#topics, this.#bytes]) {
      column.resize(this.#capacity)
    }
  }

  #topicNumber (topic: string): number {
    let number = this.#topicNumbers.get(topic)
    if (number === undefined) {
      number = this.#topicNames.push(topic) - 1
      this.#topicNumbers.set(topic, number)
    }
    return number
  }
}
