// The variants of the API.

/**
 * `dmtn-210`: an alert is sent as it was in Kafka, and gzip is a content coding that the client accepts or not (DMTN-210).
 * `upstream`: an alert is sent as it is stored (gzip) without Content-Encoding, as lsst-dm/alert_database_server does.
 */
export const compats = ['dmtn-210', 'upstream'] as const
export type Compat = typeof compats[number]
