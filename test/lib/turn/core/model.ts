import {readErrorCode} from '../../../../src/lib/stun/error-code.ts';
import {decodeMessage} from '../../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../../src/lib/stun/types.ts';
import type {Client} from './harness.ts';

export const LIFETIME_MS = 600_000;
export const PERMISSION_MS = 300_000;
export const CHANNEL_MS = 600_000;
export const MAX_PERMISSIONS = 3;
export const MAX_CHANNELS = 2;
export const DENIED = '10.0.0.1';

const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

interface Channel {
  address: string;
  port: number;
  until: number;
}

/** What a client may expect of the server, written down in the plainest way. */
export class ClientModel {
  readonly client: Client;
  /** End of each relayed address, by family; empty: no allocation. */
  relays = new Map<4 | 6, number>();
  permissions = new Map<string, number>();
  channels = new Map<number, Channel>();

  constructor(client: Client) {
    this.client = client;
  }

  get allocated(): boolean {
    return this.relays.size > 0;
  }

  /** Reads answers that came, also late, and gives the code of the last one. */
  hear(nowMs: number): number | undefined {
    let code: number | undefined;
    for (const bytes of this.client.path.sent) {
      const message = decodeMessage(bytes);
      if (message === undefined || message.class === CLASS.indication) continue;
      const error = message.attribute(ATTRIBUTE.errorCode);
      code = error === undefined ? 0 : (readErrorCode(error)?.code ?? -1);
      if (message.method === METHOD.allocate && code === 0) this.#begin(bytes, nowMs);
    }
    this.client.path.sent = [];
    return code;
  }

  end(family?: 4 | 6): void {
    for (const each of [4, 6] as const) {
      if (family !== undefined && each !== family) continue;
      this.relays.delete(each);
      for (const [number, channel] of this.channels) {
        if (familyOf(channel.address) === each) this.channels.delete(number);
      }
    }
    if (!this.allocated) {
      this.permissions.clear();
      this.channels.clear();
    }
  }

  pass(nowMs: number): void {
    for (const [family, until] of this.relays) if (until <= nowMs) this.end(family);
    for (const [number, channel] of this.channels) if (channel.until <= nowMs) this.channels.delete(number);
    for (const [address, until] of this.permissions) {
      const waits = [...this.channels.values()].some((channel) => channel.address === address);
      if (until <= nowMs && !waits) this.permissions.delete(address);
    }
  }

  permit(addresses: readonly string[], nowMs: number): number {
    if (!this.allocated) return 437;
    if (addresses.length === 0) return 400;
    for (const address of addresses) {
      if (!this.relays.has(familyOf(address))) return 443;
      if (address === DENIED) return 403;
    }
    if (new Set([...this.permissions.keys(), ...addresses]).size > MAX_PERMISSIONS) return 508;
    for (const address of addresses) this.permissions.set(address, nowMs + PERMISSION_MS);
    return 0;
  }

  bind(number: number, address: string, port: number, nowMs: number): number {
    if (!this.allocated) return 437;
    const same = ([other, channel]: [number, Channel]): boolean =>
      (other === number) !== (channel.address === address && channel.port === port);
    if ([...this.channels].some(same)) return 400;
    if (!this.relays.has(familyOf(address))) return 443;
    if (address === DENIED) return 403;
    if (!this.channels.has(number) && this.channels.size >= MAX_CHANNELS) return 508;
    if (new Set([...this.permissions.keys(), address]).size > MAX_PERMISSIONS) return 508;
    this.permissions.set(address, nowMs + PERMISSION_MS);
    this.channels.set(number, {address, port, until: nowMs + CHANNEL_MS});
    return 0;
  }

  refresh(seconds: number | undefined, family: 4 | 6 | undefined, nowMs: number): number {
    if (!this.allocated) return 437;
    if (family !== undefined && !this.relays.has(family)) return 443;
    if (seconds === 0) this.end(family);
    else {
      for (const each of this.relays.keys()) {
        if (family === undefined || family === each) this.relays.set(each, nowMs + LIFETIME_MS);
      }
    }
    return 0;
  }

  mayExchange(address: string, nowMs: number): boolean {
    return this.relays.has(familyOf(address)) && (this.permissions.get(address) ?? 0) > nowMs;
  }

  #begin(bytes: Buffer, nowMs: number): void {
    for (let at = 20; at < bytes.length; at += 4 + ((bytes.readUInt16BE(at + 2) + 3) & ~3)) {
      if (bytes.readUInt16BE(at) === ATTRIBUTE.xorRelayedAddress) {
        this.relays.set(bytes[at + 5] === 1 ? 4 : 6, nowMs + LIFETIME_MS);
      }
    }
  }
}
