// Compiles what it is sent, one contract at a time; the compiler blocks, hence the threads.
import {createRequire} from 'node:module';
import {parentPort} from 'node:worker_threads';

import type {CompilerInput} from './sources.ts';

interface Solc {
  compile(input: string): string;
  version(): string;
}

const solc = createRequire(import.meta.url)('solc') as Solc;

parentPort?.on('message', (input: CompilerInput) => {
  parentPort?.postMessage({version: solc.version(), output: solc.compile(JSON.stringify(input))});
});
