// The program's Prometheus metrics: how modes collect them, and how they are exported.
export { exposition } from './exposition.ts'
export { family, single, type Family } from './family.ts'
export { graphFamilies, stateFamily } from './graph-metrics.ts'
