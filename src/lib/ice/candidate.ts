import {isIP} from 'node:net';

export type CandidateType = 'host' | 'srflx' | 'prflx' | 'relay';

/** An ICE candidate (RFC 8839 section 5.1) in the parts that count here. */
export interface Candidate {
  type: CandidateType;
  protocol: 'udp' | 'tcp';
  address: string;
  port: number;
}

/** Foundation, component, transport, priority, address, port and type; extensions follow and are left out. */
const CANDIDATE =
  /^(?:a=)?candidate:([A-Za-z0-9+/]{1,32}) (\d{1,3}) (udp|tcp) (\d{1,10}) ([0-9A-Fa-f.:]{2,45}) (\d{1,5}) typ (host|srflx|prflx|relay)(?: .*)?$/i;
const PRIORITY_LIMIT = 2 ** 32;

/** A candidate line in its parts; undefined for anything else, names instead of addresses (mDNS) included. */
export function parseCandidate(line: string): Candidate | undefined {
  const match = CANDIDATE.exec(line);
  if (match === null) return undefined;
  const [, , , protocol = '', priority, address = '', portText, type = ''] = match;
  const port = Number(portText);
  if (isIP(address) === 0 || port < 1 || port > 65_535 || Number(priority) >= PRIORITY_LIMIT) return undefined;
  return {type: type.toLowerCase() as CandidateType, protocol: protocol.toLowerCase() as 'udp' | 'tcp', address, port};
}

/** The line without extensions, which is what is handed to native code; undefined for what is no candidate over UDP. */
export function plainCandidate(line: string): string | undefined {
  const match = CANDIDATE.exec(line);
  const candidate = parseCandidate(line);
  if (match === null || candidate?.protocol !== 'udp' || candidate.type === 'prflx') return undefined;
  const [, foundation, component, , priority] = match;
  return `a=candidate:${foundation} ${component} UDP ${priority} ${candidate.address} ${candidate.port} typ ${candidate.type}`;
}
