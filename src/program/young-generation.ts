// Limits the young generation of V8's heap. By default it grows to 100 MiB and more, which a mode does not need if it allocates few objects
// per record and frees its large buffers itself. NODE_OPTIONS=--max-semi-space-size has the same effect, but must be set before the start.
import { setFlagsFromString } from 'node:v8'

/** Keeps the young generation at its present size. V8 reads this flag each time it wants to grow the young generation. */
export function keepYoungGenerationSmall (): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
