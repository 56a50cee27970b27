import {splitFields, txtText} from '../model/fields.ts';
import {isPeerId} from '../model/peer-id.ts';
import type {RecordSet} from '../model/record-set.ts';
import type {Finding, LintZone} from './finding.ts';

const MAX_ANSWER_BYTES = 512;
/** Header, question, EDNS. */
const FIXED_BYTES = 27;
/** Pointer, type, class, TTL, length, and the length of the string. */
const RECORD_BYTES = 13;

/** A multiaddr of the kinds that belong into a dnsaddr record, in text. */
const ADDRESS =
  /^\/(?:ip4\/[\d.]+|ip6\/[\da-f:]+|dns[46]?\/[^/=\s]+)\/(?:tcp|udp)\/\d{1,5}(?:\/[^/=\s]+)*\/p2p\/(\w+)$/i;
const LIST = /^\/dnsaddr\/([^/=\s]+)(?:\/p2p\/(\w+))?$/;

/** Faults that make libp2p find nobody, or somebody else: one entry that can't be read spoils the whole answer. */
export function lintDnsaddr(zone: LintZone): Finding[] {
  return zone.sets
    .filter(({name, type}) => type === 'TXT' && name.startsWith('_dnsaddr.'))
    .flatMap((set) => [...answerSize(set), ...set.values.flatMap((value) => entry(set, value, zone))]);
}

function answerSize({name, type, values}: RecordSet): Finding[] {
  const size = values.reduce((sum, value) => sum + RECORD_BYTES + txtText(value).length, FIXED_BYTES + name.length);
  if (size <= MAX_ANSWER_BYTES) return [];
  const message = `the answer has about ${size} bytes, and over UDP ${MAX_ANSWER_BYTES} always fit`;
  return [
    {rule: 'dnsaddr', name, type, message, fix: 'Split it: list names with /dnsaddr/<name>, and addresses there.'},
  ];
}

function entry({name, type}: RecordSet, value: string, {zone, byName}: LintZone): Finding[] {
  const fault = (message: string, fix: string): Finding[] => [{rule: 'dnsaddr', name, type, message, fix}];
  const text = txtText(value);
  if (splitFields(value).length > 1) {
    return fault(
      'an entry is cut into several strings, which libp2p reads as several entries',
      'Keep it under 255 bytes.',
    );
  }
  if (!text.startsWith('dnsaddr=')) return fault(`"${text}" is not an entry`, 'Begin it with dnsaddr=');
  const address = text.slice('dnsaddr='.length);
  const [, list, listedId] = LIST.exec(address) ?? [];
  const peerId = list === undefined ? ADDRESS.exec(address)?.[1] : listedId;
  if (list === undefined && peerId === undefined) {
    return fault(`"${address}" can't be read as an address with a peer id`, 'Write /ip4/…/tcp/4001/p2p/<peer id>.');
  }
  if (peerId !== undefined && !isPeerId(peerId)) {
    return fault(`${peerId} is not a peer id`, 'Copy it from: quiver identity show');
  }
  const isInside = list?.endsWith(`.${zone}`) ?? false;
  if (!isInside || byName.has(`_dnsaddr.${list ?? ''}`)) return [];
  return fault(`leads to ${list ?? ''}, which lists nothing`, `Add _dnsaddr.${list ?? ''}, or take the entry out.`);
}
