// An operator that handles at most `concurrency` inputs of a node at once. Further inputs wait in order of arrival.
// It uses a loop, because `mergeMap` of RxJS empties its buffer recursively and overflows the stack with 2,000 queued records.
// If the stream ends early, waiting inputs, and outputs that arrive later, go to `abandon`, so that every envelope settles.
import { Observable, type OperatorFunction } from 'rxjs'

/** Processes one input and returns its outputs. If it throws or rejects, the stream errors. */
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
    const startNow = (item: I): void => {
      looping = true
      try {
        start(item)
      } finally {
        looping = false
      }
    }
    // The teardown is added before subscribing, so that it also runs if the input ends during `subscribe`.
    subscriber.add(() => { while (waiting.length > 0) abandon(waiting.take()) })
    subscriber.add(input.subscribe({
      next: item => {
        try {
          // Only inputs that cannot start at once are queued.
          if (looping || active >= concurrency || waiting.length > 0) waiting.put(item)
          else startNow(item)
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

/** A first-in, first-out queue with constant cost per item, unlike `Array.shift`, which moves all remaining items. */
class Queue<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get length (): number { return this.#items.length - this.#head }

  put (item: T): void {
    this.#items.push(item)
  }

  /** The queue must not be empty. */
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
