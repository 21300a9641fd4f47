// Error codes of the demo and its smoke test.
import { defineErrors } from '../pipeline/index.ts'

export const demoErrors = defineErrors({
  DEMO_FOLDER: { hint: 'The smoke test deletes everything in its folder: choose an empty one with --state-dir, or omit --state-dir.' },
  DEMO_RUNNING: { hint: 'Stop that demo with Ctrl-C in its terminal, or choose another folder with --state-dir.' },
  DEMO_PART_FAILED: { hint: 'See its log file for details.' },
  SMOKE_FAILED: { hint: 'The state folder is kept; its log files have the details.' }
})
