// The demo's smoke test: compares every alert of the simulated topic with its copies in the archive and from the API.
import { readTopic } from '../sources/kafka-topic.ts'
import { createArchive, openStore } from '../stores/index.ts'
import { compareAlerts, type Comparison } from './compare-alerts.ts'
import { demoErrors } from './errors.ts'
import { connectExternally } from './kafka-clients.ts'
import type { PrintLine } from './run-mode.ts'
import type { DemoFile } from './state-folder.ts'

export interface SmokeResult extends Comparison {
  /** Number of alerts that must be published. */
  readonly expected: number
}

/** Compares all published alerts of a running demo with the archived ones. Rejects if the topic or the store cannot be read. */
export async function compareDemo (file: DemoFile): Promise<Comparison> {
  const connection = await connectExternally(file, 'alert-stream-smoke')
  const { s3, storageEmulator } = file
  const store = await openStore(file.archive.alerts, {
    access: 'read', emulatorHost: storageEmulator, ...s3 === undefined ? {} : { s3: { endpoint: s3.endpointUrl, credentials: s3 } }
  })
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  try {
    return await compareAlerts(readTopic({ connection, topic: file.topics.simulated }), archive, file.api)
  } finally {
    await archive.close()
  }
}

/**
 * Prints problems and the result: `smoke: 200 published, 200 archived, 200 served, 0 differ`.
 * Error: SMOKE_FAILED unless all `expected` alerts were published, archived and served without a difference.
 */
export function reportSmoke (result: SmokeResult, stateDir: string, print: PrintLine): void {
  const { expected, published, archived, served, differ, problems } = result
  for (const problem of problems) print(`  ${problem}`)
  print(`smoke: ${published} published, ${archived} archived, ${served} served, ${differ} differ`)
  if ([published, archived, served].every(count => count === expected) && differ === 0) return
  throw demoErrors.SMOKE_FAILED(`not all ${expected} alerts were published, archived and served with equal bytes`, { where: stateDir })
}
