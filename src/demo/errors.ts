// Error codes of the demo and its smoke test.
import { defineErrors } from '../pipeline/index.ts'

export const demoErrors = defineErrors({
  DEMO_FOLDER: { hint: 'The smoke test deletes everything in its folder. Choose an empty folder with --state-dir, or omit --state-dir.' },
  DEMO_RUNNING: { hint: 'Stop the other demo with Ctrl-C in its terminal, or choose another folder with --state-dir.' },
  DEMO_PART_FAILED: { hint: 'The log file has the details.' },
  SMOKE_FAILED: { hint: 'The log files in the state folder have the details.' }
})
