import {escapeLabel, MAX_LABEL_BYTES, MAX_NAME_BYTES} from '../model/domain-name.ts';

/** What came over the wire is not a DNS message, or not one that we can use. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** More jumps than a name has labels are a loop. */
const MAX_POINTERS = 128;
const POINTER = 0xc0;

/** Reads a message from front to back; every read past its end throws a WireError. */
export class WireReader {
  readonly bytes: Buffer;
  offset: number;
  /** Where the part at hand ends, e.g. the data of one record. */
  end: number;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.offset = 0;
    this.end = bytes.length;
  }

  get left(): number {
    return this.end - this.offset;
  }

  /** What `read` finds in the next bytes, of which it has to take all; names in them may point before them. */
  part<T>(length: number, read: (reader: this) => T): T {
    const end = this.end;
    if (length > this.left) throw new WireError('the message ends too early');
    this.end = this.offset + length;
    const result = read(this);
    if (this.left > 0) throw new WireError('a part of the message is too long');
    this.end = end;
    return result;
  }

  take(length: number): Buffer {
    if (length > this.left) throw new WireError('the message ends too early');
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }

  u8(): number {
    return this.take(1).readUInt8();
  }

  u16(): number {
    return this.take(2).readUInt16BE();
  }

  u32(): number {
    return this.take(4).readUInt32BE();
  }

  u48(): number {
    return this.take(6).readUIntBE(0, 6);
  }

  /** A character string: a length and as many bytes. */
  string(): Buffer {
    return this.take(this.u8());
  }

  /** In lower case without the final dot; follows compression (RFC 1035 section 4.1.4). */
  name(): string {
    const labels: string[] = [];
    let length = 1;
    let pointers = 0;
    // Where to go on behind the name, once it has jumped elsewhere.
    let behind: number | undefined;
    for (let size = this.u8(); size !== 0; size = this.u8()) {
      if ((size & POINTER) === POINTER) {
        const target = ((size & ~POINTER) << 8) | this.u8();
        behind ??= this.offset;
        pointers += 1;
        if (pointers > MAX_POINTERS) throw new WireError('a name points in circles');
        this.offset = target;
      } else {
        length += size + 1;
        if (size > MAX_LABEL_BYTES || length > MAX_NAME_BYTES) throw new WireError('a name is too long');
        labels.push(escapeLabel(this.take(size)));
      }
    }
    this.offset = behind ?? this.offset;
    return labels.join('.');
  }
}

/** Writes a message; nothing is compressed, as signatures and prerequisites are simpler to get right without. */
export class WireWriter {
  readonly #parts: Buffer[] = [];
  length = 0;

  raw(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes));
    this.length += bytes.length;
    return this;
  }

  u8(value: number): this {
    return this.raw(Buffer.of(value));
  }

  u16(value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(value);
    return this.raw(bytes);
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return this.raw(bytes);
  }

  u48(value: number): this {
    const bytes = Buffer.alloc(6);
    bytes.writeUIntBE(value, 0, 6);
    return this.raw(bytes);
  }

  string(text: string | Uint8Array): this {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    if (bytes.length > MAX_NAME_BYTES) throw new WireError(`a string of ${bytes.length} bytes is too long`);
    return this.u8(bytes.length).raw(bytes);
  }

  /** With or without the final dot. */
  name(name: string): this {
    const labels = name.replace(/\.$/, '').split('.');
    for (const label of labels.filter((each) => each !== '')) {
      const bytes = unescapeLabel(label);
      if (bytes.length > MAX_LABEL_BYTES) throw new WireError(`the label "${label}" is too long`);
      this.u8(bytes.length).raw(bytes);
    }
    return this.u8(0);
  }

  /** What `write` writes, behind its length. */
  sized(write: (inner: WireWriter) => void): this {
    const inner = new WireWriter();
    write(inner);
    return this.u16(inner.length).raw(inner.build());
  }

  build(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function unescapeLabel(label: string): Buffer {
  return Buffer.from(
    label.replaceAll(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(Number(digits))),
    'latin1',
  );
}
