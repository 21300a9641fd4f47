// Kafka and a schema registry, started and stopped together, with their data under one state folder.
import { join } from 'node:path'
import type { KafkaSecurity } from './kafka-security.ts'
import { startKafka, type KafkaServer } from './kafka-server.ts'
import type { ServerOptions } from './launch.ts'
import { checkPrerequisites } from './prerequisites.ts'
import { startRegistry, type RegistryServer } from './registry-server.ts'
import { downloadsMissing, ensureKafka, ensureRegistry } from './server-downloads.ts'

export interface StackOptions extends Omit<ServerOptions, 'dataDir' | 'port'> {
  /** Folder that holds the data folders `kafka/` and `registry/`. */
  readonly stateDir: string
  /** TLS, SCRAM and ACLs of Kafka; default: plaintext without authentication. */
  readonly security?: KafkaSecurity
}

export interface Stack {
  readonly kafka: KafkaServer
  readonly registry: RegistryServer
  stop (graceMs?: number): Promise<void>
  kill (): Promise<void>
  /** Lets this program exit while both servers keep running. */
  unref (): void
}

/** Starts both servers in parallel. If one server fails, stops the other and throws the error. Errors: those of `startKafka`. */
export async function startStack (options: StackOptions): Promise<Stack> {
  // Only the downloads below get `progress`. With it, `startKafka` and `startRegistry` would report the cached downloads again.
  const { stateDir, progress: _, ...shared } = options
  await checkPrerequisites({ java: true, maven: await downloadsMissing(options.cacheDir) }, options.env)
  // Both servers are downloaded before one starts, so that a failed download leaves no server running.
  await ensureKafka(options)
  await ensureRegistry(options)
  const started = await Promise.allSettled([
    startKafka({ ...shared, dataDir: join(stateDir, 'kafka') }), startRegistry({ ...shared, dataDir: join(stateDir, 'registry') })
  ])
  const [kafka, registry] = started
  if (kafka.status === 'fulfilled' && registry.status === 'fulfilled') return combine(kafka.value, registry.value)
  await Promise.all(started.map(async result => { if (result.status === 'fulfilled') await result.value.kill() }))
  throw kafka.status === 'rejected' ? kafka.reason : (registry as PromiseRejectedResult).reason
}

function combine (kafka: KafkaServer, registry: RegistryServer): Stack {
  return {
    kafka,
    registry,
    stop: async graceMs => { await Promise.all([kafka.stop(graceMs), registry.stop(graceMs)]) },
    kill: async () => { await Promise.all([kafka.kill(), registry.kill()]) },
    unref: () => {
      kafka.unref()
      registry.unref()
    }
  }
}
