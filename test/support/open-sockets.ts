import {readdirSync, readFileSync, readlinkSync} from 'node:fs';

export interface OpenSocket {
  protocol: 'tcp' | 'udp';
  /** Local and remote IP address, as the kernel has them. */
  local: string;
  remote: string;
}

/** The TCP and UDP sockets that this process holds now, native code's included; Linux only. */
export function openSockets(): OpenSocket[] {
  const own = new Set<string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
      if (inode !== undefined) own.add(inode);
    } catch {
      // closed meanwhile
    }
  }
  return (['tcp', 'udp'] as const).flatMap((protocol) =>
    [protocol, `${protocol}6`].flatMap((file) =>
      readFileSync(`/proc/self/net/${file}`, 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => own.has(fields[9]!))
        .map((fields) => ({protocol, local: address(fields[1]!), remote: address(fields[2]!)})),
    ),
  );
}

/** `0100007F:1F90` is 127.0.0.1: words of four bytes, each in the order of the machine. */
function address(field: string): string {
  const bytes = Buffer.from(field.split(':')[0]!, 'hex');
  for (let word = 0; word < bytes.length; word += 4) bytes.subarray(word, word + 4).reverse();
  if (bytes.length === 4) return [...bytes].join('.');
  if (bytes.subarray(0, 12).toString('hex') === '00000000000000000000ffff') return [...bytes.subarray(12)].join('.');
  return `[${bytes.toString('hex').replace(/^0{31}1$/, '::1')}]`;
}
