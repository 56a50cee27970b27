import {describe, expect, it} from 'vitest';

import {SIGNAL_KEYS, TURN_KEYS} from '../../../src/lib/config/keys/connection.ts';

const NETWORKS = {
  'turn.allow_peers': TURN_KEYS['turn.allow_peers'],
  'turn.deny_peers': TURN_KEYS['turn.deny_peers'],
  'signal.trusted_proxies': SIGNAL_KEYS['signal.trusted_proxies'],
};

describe('settings of the connection servers', () => {
  it.each(Object.entries(NETWORKS))('%s takes networks and nothing like them', (_name, key) => {
    const networks = ['10.0.0.0/8', '203.0.113.7', '2001:db8::/32', '::/0'];
    expect(key.parse(networks)).toEqual(networks);
    for (const wrong of ['300.0.0.1/8', '10.0.0.0/33', '10.0.0/8', '10.0.0.0/', 'fd00:::/8', '1.2.3.4/8/8']) {
      expect(key.parse([wrong]), wrong).toBeUndefined();
    }
  });

  it('turn.relay_ip_range takes addresses, each with one of its family in public', () => {
    const key = TURN_KEYS['turn.relay_ip_range'];
    const relays = ['10.0.0.5', '10.0.0.5=203.0.113.5', 'fd00::5=2001:db8::5'];
    expect(key.parse(relays)).toEqual(relays);
    for (const wrong of [
      '10.0.0.5=999.1.1.1',
      '10.0.0.5=2001:db8::5',
      '10.0.0.5=1.1.1.1=2.2.2.2',
      '10.0.0.5=',
      '::1::',
    ]) {
      expect(key.parse([wrong]), wrong).toBeUndefined();
    }
  });

  it('turn.allocation_lifetime is one that clients can refresh, and ports come free after', () => {
    const key = TURN_KEYS['turn.allocation_lifetime'];
    expect([key.parse('10s'), key.parse('1h'), key.default]).toEqual([10_000, 3_600_000, 600_000]);
    for (const wrong of ['0', '500ms', '9s', '61m', '30d']) expect(key.parse(wrong), wrong).toBeUndefined();
  });

  it('turn.realm is short in bytes: it is in every refusal, which forged requests get too', () => {
    const key = TURN_KEYS['turn.realm'];
    expect([key.parse('turn.example'), key.parse('x'.repeat(64))]).toEqual(['turn.example', 'x'.repeat(64)]);
    for (const wrong of ['x'.repeat(65), '€'.repeat(22), 'a"b', 'a\\b', 'a\nb'])
      expect(key.parse(wrong)).toBeUndefined();
  });
});
