import {defineConfig} from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // @oclif/test reads what a command prints; Vitest's own interception would leave it an empty string.
    disableConsoleIntercept: true,
    env: {OCLIF_COLUMNS: '120', NO_COLOR: '1'},
    pool: 'forks',
    maxWorkers: 2,
    // A machine that CI shares with others stalls now and then; what fails twice is broken.
    retry: process.env['CI'] === undefined ? 0 : 1,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
