import {writeFileSync} from 'node:fs';

/** Bytes that GPT-2's byte-level BPE shows as themselves; every other byte b is shown as 256 + its rank. */
const isPlain = (byte: number): boolean =>
  (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
const byteSymbols: string[] = [];
for (let byte = 0, next = 256; byte < 256; byte++)
  byteSymbols.push(String.fromCodePoint(isPlain(byte) ? byte : next++));
const symbolsOf = (text: string): string => [...Buffer.from(text)].map((byte) => byteSymbols[byte]).join('');

const SPECIALS = ['<|end|>', '<|system|>', '<|user|>', '<|assistant|>'];
const CHAT_TEMPLATE =
  "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

export interface TinyGgufOptions {
  name?: string;
  /**
   * What the model says, one token each, all distinct: a text, or one byte. It starts over after the last one, unless
   * that is `<|end|>`. Without a script the answer is a fixed noise that depends on the whole prompt.
   */
  script?: readonly (string | number)[];
  contextTokens?: number;
  /** How much likelier the scripted token is than any other: logit difference. */
  certainty?: number;
  blocks?: number;
}

type Value =
  | {type: 'u32'; value: number}
  | {type: 'f32'; value: number}
  | {type: 'str'; value: string}
  | {type: 'strs'; value: readonly string[]}
  | {type: 'i32s'; value: readonly number[]};

function littleEndian(size: 4 | 8, value: number, float = false): Buffer {
  const buffer = Buffer.alloc(size);
  if (float) buffer.writeFloatLE(value);
  else if (size === 8) buffer.writeBigUInt64LE(BigInt(value));
  else buffer.writeInt32LE(value);
  return buffer;
}
const ggufString = (text: string): Buffer =>
  Buffer.concat([littleEndian(8, Buffer.byteLength(text)), Buffer.from(text)]);

function ggufValue(entry: Value): Buffer {
  if (entry.type === 'u32') return Buffer.concat([littleEndian(4, 4), littleEndian(4, entry.value)]);
  if (entry.type === 'f32') return Buffer.concat([littleEndian(4, 6), littleEndian(4, entry.value, true)]);
  if (entry.type === 'str') return Buffer.concat([littleEndian(4, 8), ggufString(entry.value)]);
  const items = entry.type === 'strs' ? entry.value.map(ggufString) : entry.value.map((item) => littleEndian(4, item));
  const itemType = littleEndian(4, entry.type === 'strs' ? 8 : 5);
  return Buffer.concat([littleEndian(4, 9), itemType, littleEndian(8, items.length), ...items]);
}

/** Mulberry32: the same weights everywhere. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/**
 * Writes a llama-architecture GGUF (F32, byte-level BPE) of about 1 MB whose answers are known in advance: embeddings
 * are one-hot, so that the output matrix is a table of which token follows which.
 */
export function writeTinyGguf(path: string, options: TinyGgufOptions = {}): void {
  const {script, contextTokens = 512, certainty = 40, blocks = 1} = options;
  const isWord = (item: string): boolean => Buffer.byteLength(item) > 1 && !SPECIALS.includes(item);
  const words = (script ?? []).filter((item) => typeof item === 'string').filter(isWord);
  const tokens = [...byteSymbols, symbolsOf('th'), ...words.map(symbolsOf), ...SPECIALS];
  const width = Math.ceil(tokens.length / 32) * 32;
  const specialId = (name: string): number => tokens.length - SPECIALS.length + SPECIALS.indexOf(name);
  const idOf = (item: string | number): number => {
    if (typeof item === 'number') return item;
    if (SPECIALS.includes(item)) return specialId(item);
    return isWord(item) ? 257 + words.indexOf(item) : item.charCodeAt(0);
  };

  const random = noise(7);
  const matrix = (rows: number, columns: number, scale: number): Float32Array =>
    Float32Array.from({length: rows * columns}, () => (scale === 0 ? 0 : random() * scale));
  const embedding = matrix(tokens.length, width, 0);
  for (let id = 0; id < tokens.length; id++) embedding[id * width + id] = 1;
  const output = matrix(tokens.length, width, script ? 0 : 0.3);
  // Noise shall not end an answer by chance.
  output.fill(0, (tokens.length - SPECIALS.length) * width);
  if (script) {
    // The root-mean-square norm turns a one-hot vector into one of height sqrt(width).
    const weight = certainty / Math.sqrt(width);
    const ids = script.map(idOf);
    for (let from = 0; from < tokens.length; from++) output[(ids[0] ?? 0) * width + from] = weight;
    for (let index = 0; index + 1 < ids.length; index++) {
      output[(ids[0] ?? 0) * width + (ids[index] ?? 0)] = 0;
      output[(ids[index + 1] ?? 0) * width + (ids[index] ?? 0)] = weight;
    }
  }
  const scale = script ? 0 : 0.2;
  const tensors: {name: string; shape: number[]; data: Float32Array}[] = [
    {name: 'token_embd.weight', shape: [width, tokens.length], data: embedding},
    {name: 'output.weight', shape: [width, tokens.length], data: output},
    {name: 'output_norm.weight', shape: [width], data: new Float32Array(width).fill(1)},
  ];
  for (let block = 0; block < blocks; block++) {
    for (const part of ['attn_norm', 'ffn_norm'])
      tensors.push({name: `blk.${block}.${part}.weight`, shape: [width], data: new Float32Array(width).fill(1)});
    for (const part of ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'])
      tensors.push({name: `blk.${block}.${part}.weight`, shape: [width, width], data: matrix(width, width, scale)});
  }

  const metadata = new Map<string, Value>([
    ['general.architecture', {type: 'str', value: 'llama'}],
    ['general.name', {type: 'str', value: options.name ?? 'tiny-test'}],
    ['general.file_type', {type: 'u32', value: 0}],
    ['llama.block_count', {type: 'u32', value: blocks}],
    ['llama.context_length', {type: 'u32', value: contextTokens}],
    ['llama.embedding_length', {type: 'u32', value: width}],
    ['llama.feed_forward_length', {type: 'u32', value: width}],
    ['llama.attention.head_count', {type: 'u32', value: 4}],
    ['llama.attention.head_count_kv', {type: 'u32', value: 4}],
    ['llama.attention.layer_norm_rms_epsilon', {type: 'f32', value: 1e-5}],
    ['llama.rope.dimension_count', {type: 'u32', value: width / 4}],
    ['llama.rope.freq_base', {type: 'f32', value: 10_000}],
    ['llama.vocab_size', {type: 'u32', value: tokens.length}],
    ['tokenizer.ggml.model', {type: 'str', value: 'gpt2'}],
    ['tokenizer.ggml.pre', {type: 'str', value: 'gpt-2'}],
    ['tokenizer.ggml.tokens', {type: 'strs', value: tokens}],
    ['tokenizer.ggml.token_type', {type: 'i32s', value: tokens.map((token) => (SPECIALS.includes(token) ? 3 : 1))}],
    ['tokenizer.ggml.merges', {type: 'strs', value: ['t h']}],
    ['tokenizer.ggml.eos_token_id', {type: 'u32', value: specialId('<|end|>')}],
    ['tokenizer.chat_template', {type: 'str', value: CHAT_TEMPLATE}],
  ]);

  const header = [
    Buffer.from('GGUF'),
    littleEndian(4, 3),
    littleEndian(8, tensors.length),
    littleEndian(8, metadata.size),
  ];
  for (const [key, value] of metadata) header.push(ggufString(key), ggufValue(value));
  let offset = 0;
  for (const {name, shape, data} of tensors) {
    header.push(ggufString(name), littleEndian(4, shape.length), ...shape.map((size) => littleEndian(8, size)));
    header.push(littleEndian(4, 0), littleEndian(8, offset));
    offset += Math.ceil(data.byteLength / 32) * 32;
  }
  const pad = (buffer: Buffer): Buffer => Buffer.concat([buffer, Buffer.alloc((32 - (buffer.length % 32)) % 32)]);
  const body = tensors.map(({data}) => pad(Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
  writeFileSync(path, Buffer.concat([pad(Buffer.concat(header)), ...body]));
}
