// Lists the keys of the schemas of an archive.
import { allKeySchemes, distinctKeySchemes, parseSchemaId, type KeyScheme } from './layouts.ts'
import type { ObjectStore } from './object-store.ts'

export interface SchemaKey {
  readonly id: number
  readonly key: string
}

/**
 * The schemas of each layout, in the order of their keys. The same id may be in several layouts. Rejects with a STORE_* error.
 * @param ignored called with each key below the prefixes of schemas that is not the key of a schema
 */
export async function * schemaKeys (
  store: Pick<ObjectStore, 'list' | 'url'>, schemes: readonly KeyScheme[] = allKeySchemes, ignored: (key: string) => void = () => {}
): AsyncGenerator<SchemaKey> {
  for (const { schemas } of distinctKeySchemes(store.url, schemes)) {
    for await (const key of store.list(schemas)) {
      const id = key.endsWith('.json') ? parseSchemaId(key.slice(schemas.length, -'.json'.length)) : undefined
      if (id === undefined || key !== `${schemas}${id}.json`) ignored(key)
      else yield { id, key }
    }
  }
}
