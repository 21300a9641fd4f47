// Codes of the demo's own.
import { defineErrors } from '../pipeline/index.ts'

export const demoErrors = defineErrors({
  DEMO_FOLDER: { hint: 'The smoke test empties its folder: give it an empty one with --state-dir, or none.' }
})
