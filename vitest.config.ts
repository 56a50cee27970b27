import path from 'node:path';

import {defineConfig} from 'vitest/config';

import {LongestFirst} from './test/support/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // @oclif/test reads what a command prints; Vitest's own interception would leave it an empty string.
    disableConsoleIntercept: true,
    env: {
      OCLIF_COLUMNS: '120',
      NO_COLOR: '1',
      // Code is compiled once for all processes that tests start, not once for each new home.
      NODE_COMPILE_CACHE: path.join(import.meta.dirname, 'build', 'compile-cache'),
    },
    pool: 'forks',
    // One more than the cores of the smallest machine: about a third of the tests' time is spent waiting.
    maxWorkers: 3,
    sequence: {sequencer: LongestFirst},
    // Whole processes on a machine that others use too; they take a few seconds on a free one.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: {poll: {timeout: 30_000}},
  },
});
