import {describe, expect, it} from 'vitest';

import {dependencies, startOrder} from '../../../src/lib/service/order.ts';
import {fakeService} from '../../support/fake-service.ts';

describe('startOrder', () => {
  it('keeps the given order where nothing waits', () => {
    const services = ['c', 'a', 'b'].map((name) => fakeService(name));
    expect(startOrder(services).map(({name}) => name)).toEqual(['c', 'a', 'b']);
  });

  it('puts a service after those it waits for', () => {
    const services = [fakeService('a', {after: ['b', 'c']}), fakeService('b', {after: ['c']}), fakeService('c')];
    expect(startOrder(services).map(({name}) => name)).toEqual(['c', 'b', 'a']);
  });

  it('names the circle', () => {
    const services = [fakeService('a', {after: ['b']}), fakeService('b', {after: ['a']})];
    expect(() => startOrder(services)).toThrow('a → b → a');
  });

  it('names a service that waits for one that is not there', () => {
    expect(() => startOrder([fakeService('a', {after: ['gone']})])).toThrow('"a" waits for "gone"');
  });

  it('refuses two of one name', () => {
    expect(() => startOrder([fakeService('a'), fakeService('a')])).toThrow('two services are called "a"');
  });
});

describe('dependencies', () => {
  it('lists the nearest first and each once', () => {
    const services = [
      fakeService('a', {after: ['b', 'c']}),
      fakeService('b', {after: ['d']}),
      fakeService('c', {after: ['d']}),
      fakeService('d'),
      fakeService('e'),
    ];
    expect(dependencies(services[0]!, services).map(({name}) => name)).toEqual(['b', 'c', 'd']);
  });
});
