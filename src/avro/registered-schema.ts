// A schema as registered under a subject, and its lookup by schema id.

export interface RegisteredSchema {
  readonly subject: string
  readonly version: number
  readonly id: number
  /** The text of the schema as the registry returns it. */
  readonly text: string
}

/** Reads the versions of a subject. */
export interface SubjectVersions {
  /** Version numbers in ascending order; empty if the subject does not exist. */
  versions (subject: string): Promise<number[]>
  /** Error: UNKNOWN_SUBJECT. */
  version (subject: string, version: number): Promise<RegisteredSchema>
}

/** The newest version of the subject that has this schema id. */
export async function findBySchemaId (registry: SubjectVersions, subject: string, id: number): Promise<RegisteredSchema | undefined> {
  for (const version of (await registry.versions(subject)).reverse()) {
    const found = await registry.version(subject, version)
    if (found.id === id) return found
  }
  return undefined
}
