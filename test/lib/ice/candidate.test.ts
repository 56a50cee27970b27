import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {parseCandidate, plainCandidate} from '../../../src/lib/ice/candidate.ts';

describe('candidates', () => {
  it.each([
    ['a=candidate:1 1 UDP 2114977791 192.0.2.2 52363 typ host', {type: 'host', address: '192.0.2.2', port: 52_363}],
    [
      'candidate:4 1 udp 1 2001:db8::7 9 typ relay raddr 0.0.0.0 rport 0',
      {type: 'relay', address: '2001:db8::7', port: 9},
    ],
    [
      'candidate:842163049 1 udp 1677729535 203.0.113.7 1 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag ab',
      {type: 'srflx'},
    ],
    ['candidate:1 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active', {type: 'host', protocol: 'tcp'}],
  ])('reads %s', (line, parts) => {
    expect(parseCandidate(line)).toMatchObject(parts);
  });

  it.each([
    'candidate:1 1 UDP 1 5e2b.local 9 typ host',
    'candidate:1 1 UDP 1 999.0.2.2 9 typ host',
    'candidate:1 1 UDP 1 192.0.2.2 70000 typ host',
    'candidate:1 1 UDP 4294967296 192.0.2.2 9 typ host',
    'candidate:1 1 UDP 1 192.0.2.2 9 typ host\r\na=evil',
    '',
  ])('refuses %s', (line) => {
    expect(parseCandidate(line)).toBeUndefined();
    expect(plainCandidate(line)).toBeUndefined();
  });

  it('hands on nothing but the parts it knows', () => {
    expect(plainCandidate('candidate:1 1 udp 7 192.0.2.2 9 typ host ufrag x')).toBe(
      'a=candidate:1 1 UDP 7 192.0.2.2 9 typ host',
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(plainCandidate(`candidate:1 1 udp 7 192.0.2.2 9 typ host ${text}`) ?? '').not.toContain('\n');
      }),
    );
  });
});
