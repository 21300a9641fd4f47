// The program's Prometheus metrics: how modes collect them. exposition.ts exports them, and is not part
// of this file because only processes with an admin port need prom-client.
export { family, single, type Family } from './family.ts'
export { graphFamilies, stateFamily } from './graph-metrics.ts'
