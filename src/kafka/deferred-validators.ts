// Defers the compilation of the client library's option validators to their first use. The library compiles all of its validators with
// ajv when it is imported, which takes 0.5 s of CPU time and 15 MiB, but uses them only with its option `strict`. Only `client-library.ts`
// imports this file. If a later version of the library compiles its validators in another way, nothing is deferred.
import { createRequire } from 'node:module'

type Validator = (...args: unknown[]) => unknown
interface Ajv {
  compile (...args: unknown[]): Validator
}

const prototype = ajvPrototype()
if (prototype !== undefined) {
  const { compile } = prototype
  prototype.compile = function (...args) {
    return compiledAtFirstUse(() => compile.apply(this, args))
  }
}

/** Ends the deferral: from now on, ajv compiles validators at once. */
export function endDeferral (): void {
  // Without its own property, the class inherits `compile` again.
  if (prototype !== undefined) delete (prototype as Partial<Ajv>).compile
}

/** The prototype of the ajv class that the client library uses, or undefined if the library no longer uses this class. */
function ajvPrototype (): Ajv | undefined {
  try {
    const requireOfLibrary = createRequire(import.meta.resolve('@platformatic/kafka'))
    const { prototype } = (requireOfLibrary('ajv/dist/2020.js') as { readonly Ajv2020: { readonly prototype: Ajv } }).Ajv2020
    return typeof prototype.compile === 'function' && !Object.hasOwn(prototype, 'compile') ? prototype : undefined
  } catch {
    return undefined
  }
}

/** A function that behaves like the validator that `compile` returns, with all of its properties. */
function compiledAtFirstUse (compile: () => Validator): Validator {
  let compiled: Validator | undefined
  const validator = (): Validator => compiled ??= compile()
  return new Proxy<Validator>(() => undefined, {
    apply: (_target, self, args) => Reflect.apply(validator(), self, args),
    get: (_target, name) => Reflect.get(validator(), name) as unknown
  })
}
