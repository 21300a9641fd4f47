// The operator that nodes work in: at most `concurrency` inputs at once, the rest wait in arrival order (bounded by the sources' credits).
// RxJS's `mergeMap` does the same but drains its buffer by recursion: one slow record followed by some 2,000 quick ones ends in a stack
// overflow. This one loops. Nothing is lost when the graph fails: what waits, and what comes out too late, is handed to `abandon`.
import { Observable, type OperatorFunction } from 'rxjs'

/** What a node does with one input: its outputs, at once or later. A throw or rejection is a failure of the graph. */
export type Handler<I, O> = (input: I) => readonly O[] | Promise<readonly O[]>

export function work<I, O> (concurrency: number, handle: Handler<I, O>, abandon: (unsent: I | O) => void): OperatorFunction<I, O> {
  return input => new Observable(subscriber => {
    const waiting = new Queue<I>()
    let active = 0
    let ended = false
    let looping = false

    const send = (outputs: readonly O[]): void => {
      for (const output of outputs) {
        if (subscriber.closed) abandon(output)
        else subscriber.next(output)
      }
    }
    const start = (item: I): void => {
      active++
      const outputs = handle(item)
      if (outputs instanceof Promise) {
        outputs.then(late => {
          send(late)
          active--
          loop()
        }).catch((error: unknown) => subscriber.error(error))
      } else {
        send(outputs)
        active--
      }
    }
    const loop = (): void => {
      if (looping) return
      looping = true
      try {
        while (active < concurrency && waiting.length > 0) start(waiting.take())
      } finally {
        looping = false
      }
      if (ended && active === 0 && waiting.length === 0) subscriber.complete()
    }
    const alone = (item: I): void => {
      looping = true
      try {
        start(item)
      } finally {
        looping = false
      }
    }
    // First of all, so that it also runs when the input ends in the middle of `subscribe`.
    subscriber.add(() => { while (waiting.length > 0) abandon(waiting.take()) })
    subscriber.add(input.subscribe({
      next: item => {
        try {
          // Most find the node idle: they need not queue.
          if (looping || active >= concurrency || waiting.length > 0) waiting.put(item)
          else alone(item)
          loop()
        } catch (error) {
          subscriber.error(error)
        }
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => {
        ended = true
        loop()
      }
    }))
  })
}

/** First in, first out, at constant cost (`Array.shift` moves the rest). */
class Queue<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get length (): number { return this.#items.length - this.#head }

  put (item: T): void {
    this.#items.push(item)
  }

  /** Only where `length` is above 0. */
  take (): T {
    const item = this.#items[this.#head] as T
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}
