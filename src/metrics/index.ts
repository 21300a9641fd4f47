// What the program tells Prometheus: a catalogue of its metrics, ways to collect them, and their text.
export { catalogue,   } from './catalogue.ts'
export { exposition } from './exposition.ts'
export { family, single, type Family } from './family.ts'
export { graphFamilies, stateFamily } from './graph.ts'
