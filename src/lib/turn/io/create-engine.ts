import {DgramEngine} from './dgram/engine.ts';
import type {EngineOptions, UdpEngine} from './engine.ts';

/** The engine that was asked for, or `dgram`, which runs everywhere, with a line in the log that says why. */
export async function createEngine(name: 'dgram' | 'batch', options: EngineOptions): Promise<UdpEngine> {
  if (name === 'batch') {
    try {
      const {createBatchEngine} = await import('./batch/engine.ts');
      return await createBatchEngine(options);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      options.log('warn', `the batch engine can't run here, dgram takes its place: ${reason}`);
    }
  }
  return new DgramEngine(options);
}
