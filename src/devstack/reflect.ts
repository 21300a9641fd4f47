// The part of the Reflect metadata API that `tsyringe` (inside @peculiar/x509) asks for when it is loaded: facts that decorators attach to
// classes. ECMAScript has no such API yet; where a real polyfill was loaded before, it stays.

type Metadata = Map<unknown, unknown>
type Holder = typeof Reflect & Record<'getMetadata' | 'getOwnMetadata' | 'defineMetadata' | 'metadata', unknown>

const kept = new WeakMap<object, Metadata>()

function own (key: unknown, target: object): unknown {
  return kept.get(target)?.get(key)
}

function inherited (key: unknown, target: object | null): unknown {
  return target === null ? undefined : own(key, target) ?? inherited(key, Object.getPrototypeOf(target) as object | null)
}

function define (key: unknown, value: unknown, target: object): void {
  const metadata = kept.get(target) ?? new Map<unknown, unknown>()
  kept.set(target, metadata.set(key, value))
}

const holder = Reflect as Holder
holder.getMetadata ??= inherited
holder.getOwnMetadata ??= own
holder.defineMetadata ??= define
holder.metadata ??= (key: unknown, value: unknown) => (target: object) => { define(key, value, target) }
