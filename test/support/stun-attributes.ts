// Values of STUN attributes that only clients write, or read, and none of ours does (RFC 8656 section 18).

export function writeChannelNumber(channel: number): Buffer {
  return Buffer.from([channel >> 8, channel & 0xff, 0, 0]);
}

export function writeEvenPort(reserve: boolean): Buffer {
  return Buffer.from([reserve ? 0x80 : 0]);
}

/** RFC 8489 section 14.9. */
export function readUnknownAttributes(value: Uint8Array): number[] {
  const bytes = Buffer.from(value);
  return Array.from({length: bytes.length >> 1}, (_, index) => bytes.readUInt16BE(index * 2));
}
