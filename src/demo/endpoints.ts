// The addresses that the demo prints when all its servers and modes are running.
import type { Settings } from './settings.ts'
import type { DemoFile } from './state-folder.ts'

export function endpointLines (file: DemoFile, { stateDir, config, intervalSeconds }: Settings): string[] {
  const { topics, security, storageEmulator, s3 } = file
  const storeLog = storageEmulator !== undefined ? [`${stateDir}/gcs/gcs.log`] : s3 !== undefined ? [`${stateDir}/s3/s3.log`] : []
  return [
    '',
    `Kafka      ${file.kafka}   topics ${topics.static}, ${topics.simulated}, ${topics.deadLetters}`,
    ...security === undefined ? [] : [
      `           external clients: SCRAM-SHA-512 over TLS, passwords ${security.passwords}/NAME, CA ${security.ca}`,
      `           internal clients: mTLS at ${security.internal}, ${security.certificates}/NAME.crt and NAME.key`,
      '           users and ACLs: deploy/acls.json'
    ],
    `Registry   ${file.registry}`,
    `API        ${file.api}/v1   documentation ${file.api}/v1/docs`,
    `Archive    ${file.archive.alerts}`,
    ...storageEmulator === undefined ? [] : [`           schemas ${file.archive.schemas}; STORAGE_EMULATOR_HOST=${storageEmulator}`],
    ...s3 === undefined ? [] : [`           schemas ${file.archive.schemas}; --s3-endpoint-url ${s3.endpointUrl}; any credentials`],
    ...file.index === undefined ? [] : [`Index      ${file.index}`],
    ...Object.entries(file.admin).map(([mode, url], index) => `${index === 0 ? 'Metrics   ' : '          '} ${url}/metrics (${mode})`),
    `Logs       ${[`${stateDir}/modes/*/log`, `${stateDir}/kafka/kafka.log`, ...storeLog].join(', ')}`,
    ...intervalSeconds === undefined ? [] : [
      '',
      `A visit is published every ${intervalSeconds} s and reported in one line. Ctrl-C drains and stops everything.`,
      ...config.fresh ? [] : ['Every pass publishes the same alerts, so only the alerts of the first pass are new to the archive.']
    ],
    ''
  ]
}
