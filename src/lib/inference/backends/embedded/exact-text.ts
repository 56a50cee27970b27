import type {LlamaModel, Token} from 'node-llama-cpp';

import type {Detokenize} from './text-assembler.ts';

type Library = typeof import('node-llama-cpp');

/** Written as code and paths are, and not as llama.cpp would have an English sentence. */
const UNTIDY = 'cd .. !';

/** Of `tokenizer.ggml.token_type` in the GGUF specification: the first two have no text, the last stands for itself. */
const [UNKNOWN, CONTROL, USER_DEFINED] = [2, 3, 4];

/**
 * The text that the model wrote, as llama.cpp's server gives it too. The library's own way tidies up what many
 * vocabularies write ("cd .." becomes "cd.."); their tokens are read from the file instead, byte by byte.
 */
export async function exactDetokenize(library: Library, model: LlamaModel, modelPath: string): Promise<Detokenize> {
  const byLibrary: Detokenize = (tokens, preceding) => model.detokenize(tokens as Token[], false, preceding as Token[]);
  const isByteLevel = model.fileInfo.metadata.tokenizer?.ggml.model === 'gpt2';
  if (!isByteLevel || model.detokenize(model.tokenize(UNTIDY)).endsWith(UNTIDY)) return byLibrary;

  const {metadata} = await library.readGgufFileInfo(modelPath, {
    ignoreKeys: ['tokenizer.ggml.merges'],
    readTensorInfo: false,
    logWarnings: false,
  });
  const texts: readonly string[] = metadata.tokenizer?.ggml.tokens ?? [];
  const types: readonly number[] = metadata.tokenizer?.ggml.token_type ?? [];
  const decode = byteDecoder();
  const bytesOf = (token: number): Uint8Array => {
    const text = texts[token] ?? '';
    if (types[token] === USER_DEFINED) return Buffer.from(text);
    return types[token] === UNKNOWN || types[token] === CONTROL ? new Uint8Array(0) : decode(text);
  };
  return (tokens) => Buffer.concat(tokens.map(bytesOf)).toString();
}

/** GPT-2's alphabet: bytes that print stand for themselves in Latin-1, the others for characters from U+0100 on. */
function byteDecoder(): (text: string) => Uint8Array {
  const bytes = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte += 1) {
    const prints = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    bytes.set(String.fromCharCode(prints ? byte : next++), byte);
  }
  return (text) => Uint8Array.from([...text].flatMap((each) => bytes.get(each) ?? [...Buffer.from(each)]));
}
