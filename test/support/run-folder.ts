/** Environment variable by which scripts/test.ts passes the folder of this run's servers and temporary files to the test files. */
export const RUN_FOLDER = 'ALERT_STREAM_TEST_RUN'
