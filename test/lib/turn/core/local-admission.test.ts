import {describe, expect, it} from 'vitest';

import type {Lease} from '../../../../src/lib/turn/core/io.ts';
import {LocalAdmission} from '../../../../src/lib/turn/core/local-admission.ts';

describe('LocalAdmission', () => {
  it('gives a place back once, however often it is released', async () => {
    const admission = new LocalAdmission({maxAllocations: 2, maxPerUser: 2, perUserPerMinute: 10}, () => 0);
    const [first] = [await admission.admit('ann'), await admission.admit('ann')];
    (first as Lease).release();
    (first as Lease).release();
    expect(admission.held).toBe(1);
    expect(await admission.admit('ann')).toBeTypeOf('object');
    expect(await admission.admit('bob')).toBe('total-quota');
  });

  it('takes nothing from the rate of a user who is refused for another reason', () => {
    const admission = new LocalAdmission({maxAllocations: 10, maxPerUser: 1, perUserPerMinute: 2}, () => 0);
    const lease = admission.tryAdmit('ann') as Lease;
    for (let index = 0; index < 5; index++) expect(admission.tryAdmit('ann')).toBe('user-quota');
    lease.release();
    (admission.tryAdmit('ann') as Lease).release();
    expect(admission.tryAdmit('ann')).toBe('user-rate');
    expect(admission.tryAdmit('bob')).toBeTypeOf('object');
  });

  it('remembers those who hold something among a million who do not', () => {
    const now = {ms: 0};
    const admission = new LocalAdmission({maxAllocations: 1000, maxPerUser: 1, perUserPerMinute: 60_000}, () => now.ms);
    admission.tryAdmit('ann');
    for (let index = 0; index < 50_000; index++) {
      now.ms += 1;
      (admission.tryAdmit(`user ${index}`) as Lease).release();
    }
    expect(admission.remembered).toBeLessThanOrEqual(10_001);
    expect(admission.tryAdmit('ann')).toBe('user-quota');
  });
});
