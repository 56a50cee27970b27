import {Engine, EngineError, Run} from './engine.ts';
import {Outbox} from './outbox.ts';
import type {EngineFailure, FromEngine, ToEngine} from './protocol.ts';
import {skipBinaryProbe} from './skip-binary-probe.ts';

/**
 * Entry of the engine process: native code that crashes here takes nothing else along. It ends with its parent, and
 * only then: signals sent to the whole process group are the parent's to handle, which may want to finish answers first.
 */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
// There is nothing to save, and an orderly exit would wait for the native threads.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

const outbox = new Outbox((message: FromEngine) => process.send?.(message));
const runs = new Map<number, Run>();
let engine: Engine | undefined;

process.on('message', (message: ToEngine) => {
  if (message.type === 'load') void load(message.modelPath, message.slots);
  else if (message.type === 'ping') outbox.send({type: 'pong', id: message.id});
  else if (message.type === 'credit') runs.get(message.id)?.grant(message.tokens);
  else if (message.type === 'cancel') runs.get(message.id)?.cancel();
  else void work(message);
});

async function load(modelPath: string, slots: number): Promise<void> {
  let noBinary = true;
  try {
    const library = await import('node-llama-cpp');
    noBinary = false;
    engine = await skipBinaryProbe(() => Engine.load(library, modelPath, slots)).catch((error: unknown) => {
      noBinary = error instanceof library.NoBinaryFoundError;
      throw error;
    });
    outbox.send({type: 'loaded', model: engine.info});
  } catch (error) {
    outbox.send({type: 'notLoaded', message: error instanceof Error ? error.message : String(error), noBinary});
  }
}

async function work(message: Extract<ToEngine, {type: 'chat' | 'embed'}>): Promise<void> {
  const {id} = message;
  const run = new Run();
  runs.set(id, run);
  try {
    if (engine === undefined) throw new Error('no model is loaded');
    if (message.type === 'embed') {
      outbox.send({type: 'vectors', id, vectors: await engine.embed(message.inputs, run)});
      return;
    }
    const [finish, usage] = await engine.chat(id, message, run, (delta) => outbox.add(delta));
    outbox.send({type: 'end', id, finish, usage});
  } catch (error) {
    outbox.send({type: 'failed', id, failure: failureOf(error)});
  } finally {
    runs.delete(id);
  }
}

function failureOf(error: unknown): EngineFailure {
  if (error instanceof EngineError) return error.failure;
  return {reason: 'failed', message: error instanceof Error ? error.message : String(error)};
}
