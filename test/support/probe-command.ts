// A command that does what its first argument says: `node probe-command.ts <what> [word] [flags]`.
// Only for tests of what every command inherits: JSON, errors, exit codes, signals.
import {setTimeout as sleep} from 'node:timers/promises';

import {Args, Flags} from '@oclif/core';
import {handle} from '@oclif/core/handle';

import {BaseCommand} from '../../src/lib/cli/base-command.ts';
import {keyFlag, keyListFlag, keySwitch} from '../../src/lib/cli/flags.ts';
import {EXIT, QuiverError} from '../../src/lib/core/errors.ts';

const CANARY = {headers: {authorization: 'canary-1'}, amount: 5n};

class Probe extends BaseCommand<typeof Probe> {
  static override args = {what: Args.string({required: true}), word: Args.string()};
  static override flags = {
    port: keyFlag('relay.port'),
    bootstrap: keyListFlag('network.bootstrap_nodes'),
    dht: keySwitch('network.enable_dht'),
    count: Flags.integer({min: 1}),
    needs: Flags.string({dependsOn: ['count']}),
  };

  async run(): Promise<object | void> {
    switch (this.args.what) {
      case 'bigint':
        return {wei: 2n ** 70n, nested: [{amount: 1n}]};
      case 'word':
        return {word: this.args.word ?? null};
      case 'settings': {
        const settings = await this.loadSettings();
        const keys = ['relay.port', 'network.bootstrap_nodes', 'network.enable_dht', 'log.level', 'profile'] as const;
        return Object.fromEntries(keys.map((key) => [key, {value: settings.get(key), ...settings.origin(key)}]));
      }
      case 'talk':
        this.note('a note');
        this.log('the result');
        return {interactive: this.interactive};
      case 'events':
        this.event({event: 'token', text: 'a'});
        throw new QuiverError({code: 'CUT', message: 'cut off', fix: 'again'});
      case 'bug':
        throw Object.assign(new Error('went wrong at http://me:canary-2@host'), CANARY);
      case 'refuse':
        throw Object.assign(
          new QuiverError({code: 'NO', message: 'x'.repeat(200), fix: 'ask nicely', exit: EXIT.refused}),
          CANARY,
        );
      case 'hang': {
        const cancelled = sleep(20_000, undefined, {signal: this.abortSignal});
        this.log('hanging');
        return await cancelled;
      }
      case 'endless':
        for (let line = 0; ; line += 1) {
          this.log(`line ${line}`);
          await sleep(5, undefined, {signal: this.abortSignal});
        }
      case 'returns': {
        const cancelled = sleep(20_000, undefined, {signal: this.abortSignal}).catch(() => undefined);
        this.log('hanging');
        return await cancelled;
      }
      case 'stubborn':
        this.abortSignal.addEventListener('abort', () => this.note('asked'));
        this.log('hanging');
        return sleep(20_000);
      case 'open-handle':
        setInterval(() => {}, 1_000);
        throw new QuiverError({code: 'NO', message: 'no', fix: 'no'});
      default:
        this.endWith(EXIT.changesPending);
        return {pending: true};
    }
  }
}

try {
  await Probe.run(process.argv.slice(2), import.meta.url);
} catch (error) {
  await handle(error as Error);
}
