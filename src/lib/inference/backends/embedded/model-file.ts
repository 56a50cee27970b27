import {open} from 'node:fs/promises';
import {BackendError} from '../errors.ts';

/** Returns the size of a file that begins like a GGUF. */
export async function checkModelFile(path: string): Promise<number> {
  const missing = (cause: unknown): BackendError =>
    new BackendError({
      code: 'MODEL_FILE_MISSING',
      message: `can't read the model file ${path}`,
      fix: 'Name a readable GGUF file: --model ./file.gguf',
      cause,
    });
  const file = await open(path).catch((error: unknown) => {
    throw missing(error);
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw missing(undefined);
    const {buffer} = await file.read(Buffer.alloc(4), 0, 4, 0);
    if (buffer.toString('latin1') === 'GGUF') return stat.size;
    throw new BackendError({
      code: 'MODEL_FILE_INVALID',
      message: `${path} is not a GGUF model file`,
      fix: 'Name a model in GGUF format: --model ./file.gguf',
    });
  } finally {
    await file.close();
  }
}
