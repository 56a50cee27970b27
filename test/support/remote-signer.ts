import {spawn} from 'node:child_process';
import path from 'node:path';

import {onTestFinished} from 'vitest';

import {ROOT, waitForLine} from './quiver.ts';

/** Starts the signer process with these keys and gives its URL; it is gone after the test. */
export async function startRemoteSigner(keys: readonly string[], fault = 'none'): Promise<string> {
  const script = path.join(ROOT, 'test', 'support', 'remote-signer-process.ts');
  const child = spawn(process.execPath, [script, fault], {stdio: ['pipe', 'pipe', 'inherit']});
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stdin.end(keys.join('\n'));
  return waitForLine(child, (line) => line.startsWith('http://'));
}
