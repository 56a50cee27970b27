import {describe, expect, it} from 'vitest';

import {checkText} from '../../../src/lib/cli/dns-check.ts';
import type {Contact, ServiceCheck} from '../../../src/lib/dns/check/report.ts';

const WIDTH = 80;
const PEER = '12D3KooWPnwFSh4CxDFyZKfNnNbzHL61bXP8LzPWBgJLSNJMQeHd';

const down = (label: string, contacts: Contact[], fix: string): ServiceCheck => ({
  label,
  status: 'down',
  contacts,
  fix,
});

describe('what a check prints', () => {
  it('fits into a usual terminal, with what was answered before the address', () => {
    const text = checkText({
      zone: 'quiver.example',
      records: [],
      services: [
        {
          label: 'gateway',
          status: 'up',
          contacts: [
            {
              target: 'https://gateway.quiver.example/healthz',
              result: 'ok',
              latencyMs: 12.3,
              detail: 'certificate of Pebble until 2026-12-01',
            },
          ],
        },
        down('bootstrap12', [{target: `/ip4/203.0.113.100/udp/4001/quic-v1/p2p/${PEER}`, result: 'silent'}], 'Look.'),
        down(
          'turn',
          [{target: 'turn:turn.quiver.example:3478?transport=udp', result: 'failed', detail: 'a\u001B[2Jb\nc'}],
          'Look.',
        ),
        {label: 'relay1', status: 'not deployed', contacts: []},
      ],
    });
    expect(text.split('\n')).toEqual([
      'SERVICE      STATUS        ANSWER   ADDRESS',
      'gateway      up            12.3 ms  https://gateway.quiver.example/healthz',
      '                                      certificate of Pebble until 2026-12-01',
      'bootstrap12  down          none     /ip4/203.0.113.100/udp/4001/quic-v1',
      'turn         down          failed   turn:turn.quiver.example:3478?transport=udp',
      '                                      ab c',
      'relay1       not deployed           nothing is published that could be contacted',
      '',
      '0 of 0 sets are as wanted.',
      '',
      'bootstrap12, turn: Look.',
    ]);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(WIDTH);
  });

  it('says what to do once for all that need it', () => {
    const many = Array.from({length: 2_000}, (_, index) => down(`relay${index + 1}`, [], 'Look at it.'));
    const each = Array.from({length: 200}, (_, index) => down(`bootstrap${index}`, [], `--peer-id bootstrap${index}`));
    const lines = checkText({zone: 'q.example', records: [], services: [...many, ...each]}).split('\n');
    expect(lines).toContain('relay1 and 1999 more: Look at it.');
    expect(lines.at(-1)).toBe('and 151 more');
  });
});
