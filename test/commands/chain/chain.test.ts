import {readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';

import {describe, expect, it} from 'vitest';

import {collect, spawnQuiver, temporaryHome, waitForLine} from '../../support/quiver.ts';

interface Ready {
  event: string;
  services: {kind: string; addresses: string[]; metadata: {block: number; accounts: object[]}}[];
}

describe('chain start', () => {
  it('tells the accounts, never their keys, and goes on after kill -9', async () => {
    await using place = await temporaryHome();
    const env = {...place.env, QUIVER_ADMIN_PORT: '0'};
    const start = async (): Promise<{
      lines: string[];
      ready: Ready;
      kill: (signal: NodeJS.Signals) => Promise<void>;
    }> => {
      const child = spawnQuiver(['chain', 'start', '--port', '0', '--json'], {env, cwd: place.home});
      const lines: string[] = [];
      const line = await waitForLine(child, (text) => {
        lines.push(text);
        return text.includes('"event":"ready"');
      });
      const kill = async (signal: NodeJS.Signals): Promise<void> => {
        const ended = collect(child, 10_000);
        child.kill(signal);
        await ended;
      };
      return {lines, ready: JSON.parse(line) as Ready, kill};
    };
    const first = await start();
    const file = join(place.home, 'data', 'chain', 'local', 'accounts.json');
    expect(first.ready.services[0]!.metadata.accounts).toHaveLength(5);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const keys = (JSON.parse(readFileSync(file, 'utf8')) as {key: string}[]).map(({key}) => key);
    for (const key of keys) expect(first.lines.join()).not.toContain(key);
    expect(first.ready.services[0]).toMatchObject({kind: 'chain.local', metadata: {block: 13}});
    await first.kill('SIGKILL');

    const second = await start();
    expect(second.lines.map((line) => (JSON.parse(line) as Ready).event)).toEqual(['ready']);
    expect(second.ready.services[0]!.metadata.block).toBe(13);
    await second.kill('SIGTERM');
  });
});
